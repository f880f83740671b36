// SPDX-License-Identifier: Apache-2.0
// Boots the real image under QEMU with small guests and checks what they say: `tsx tests/qemu/run.ts`.
//   --only TEXT   scenarios whose name contains TEXT     --list   names only     --no-debian   without the Debian boots
//   --bare        each payload in S-mode under OpenSBI instead: shows whether the payload itself is right
import { buildHypervisor } from "@typeone/toolchain";
import { aiaDebianScenarios, aiaScenarios } from "./aia.ts";
import { channelScenarios } from "./channel/scenarios.ts";
import { runChannelScenario } from "./channel/scenario.ts";
import { debianScenarios } from "./debian.ts";
import { diskScenarios } from "./disks/scenarios.ts";
import { faultScenarios } from "./faults.ts";
import { refusalScenarios } from "./refusals.ts";
import { nameOf, runBare, runScenario, type Scenario } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { uBootScenarios } from "./u-boot.ts";

interface Job {
  readonly name: string;
  readonly run: () => Promise<void>;
}

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

function chosen(): readonly Scenario[] {
  const all = [...SCENARIOS, ...faultScenarios, ...refusalScenarios, ...aiaScenarios];
  return process.argv.includes("--no-debian")
    ? all
    : [...all, ...debianScenarios, ...aiaDebianScenarios, ...uBootScenarios, ...diskScenarios];
}

function bareJobs(): Job[] {
  const guests = SCENARIOS.flatMap((scenario) => scenario.guests.map((guest) => ({ scenario, guest })));
  const able = guests.filter(({ guest }) => guest.ends !== "never");
  return able.map(({ scenario, guest }) => ({
    name: `bare ${scenario.name}: ${nameOf(guest)}`,
    run: () => runBare(scenario, guest),
  }));
}

async function bootJobs(): Promise<Job[]> {
  const { elf, image } = await buildHypervisor();
  const boots = chosen().map((scenario) => ({
    name: scenario.name,
    run: () => runScenario(scenario, scenario.flat ? image : elf),
  }));
  const channel = channelScenarios.map((scenario) => ({
    name: scenario.name,
    run: () => runChannelScenario(scenario, elf),
  }));
  return [...boots, ...channel];
}

async function main(): Promise<number> {
  if (process.argv.includes("--list")) {
    for (const scenario of [...chosen(), ...channelScenarios]) console.log(scenario.name);
    return 0;
  }
  const only = option("--only") ?? "";
  const jobs = process.argv.includes("--bare") ? bareJobs() : await bootJobs();
  let passed = 0;
  let failed = 0;
  for (const job of jobs.filter(({ name }) => name.includes(only))) {
    const start = Date.now();
    const error = await job.run().then(
      () => undefined,
      (reason: unknown) => (reason instanceof Error ? reason.message : String(reason)),
    );
    const seconds = ((Date.now() - start) / 1000).toFixed(1).padStart(6);
    console.log(`${error === undefined ? "ok  " : "FAIL"} ${seconds} s  ${job.name}`);
    if (error === undefined) passed++;
    else failed++;
    if (error !== undefined) console.log(error.replace(/^/gm, "      │ "));
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

process.exitCode = await main();
