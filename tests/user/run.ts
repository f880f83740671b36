// SPDX-License-Identifier: Apache-2.0
// Uses `typeone` as a person does, on the real image under QEMU, in terminals: `tsx tests/user/run.ts`.
//   --only TEXT   cases whose name contains TEXT     --list   names only     --hypervisor FILE   instead of building one
//   --record      runs the tour of the README and writes what it showed into it
import path from "node:path";
import { buildHypervisor } from "@typeone/toolchain";
import { guestCases } from "./guests.ts";
import { killCases } from "./kills.ts";
import { fileCases, lookingCases } from "./looking.ts";
import { recordTour, tourCase } from "./tour.ts";
import { type Case, World } from "./world.ts";

/** In this order: those without a host, those that share one, the last of which ends it. */
const CASES: readonly Case[] = [...fileCases, ...guestCases, ...lookingCases, ...killCases, tourCase];

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

async function within(limitSeconds: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it did not end within ${limitSeconds} s`)), limitSeconds * 1000);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** undefined, or why it failed. */
async function attempt(world: World, one: Case): Promise<string | undefined> {
  try {
    await within(one.limitSeconds, one.run(world));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await world.box.closeTerminals();
  }
}

async function runAll(world: World, cases: readonly Case[]): Promise<number> {
  let [passed, failed] = [0, 0];
  for (const one of cases) {
    const start = Date.now();
    const error = await attempt(world, one);
    const seconds = ((Date.now() - start) / 1000).toFixed(1).padStart(6);
    console.log(`${error === undefined ? "ok  " : "FAIL"} ${seconds} s  ${one.name}`);
    if (error === undefined) passed++;
    else failed++;
    if (error !== undefined) console.log(error.replace(/^/gm, "      │ "));
  }
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function main(): Promise<number> {
  if (process.argv.includes("--list")) {
    for (const { name } of CASES) console.log(name);
    return 0;
  }
  const given = option("--hypervisor");
  const world = new World(given === undefined ? (await buildHypervisor()).elf : path.resolve(given));
  process.once("exit", () => world.box.destroy());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(130));
  if (process.argv.includes("--record")) {
    await recordTour(world);
    return 0;
  }
  const only = option("--only") ?? "";
  return runAll(
    world,
    CASES.filter(({ name }) => name.includes(only)),
  );
}

process.exit(await main());
