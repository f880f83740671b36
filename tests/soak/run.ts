// SPDX-License-Identifier: Apache-2.0
// `npm run soak -- lifecycle` and `-- kill`: guests come and go for a long time, and toolstacks die, while two neighbours
// run; afterwards every counter of the hypervisor must be what it was. `npm test` runs short ones. `-- io`: disks and
// networks of two Debian guests under load, and disks that fail.
import { createProgress, ensureTools, getDebianImage, silentProgress } from "@typeone/host";
import { buildHypervisor } from "@typeone/toolchain";
import { defineCommand, runMain } from "citty";
import { drift, type Holdings, holdingsOf, hostInfo } from "./counters.ts";
import { cycles, type CyclesResult } from "./cycles.ts";
import { io, type IoResult } from "./io/io.ts";
import { IoHost } from "./io/io-host.ts";
import { tableOf } from "./io/totals.ts";
import { kill, type KillResult } from "./kill.ts";
import { many } from "./many.ts";
import { type Progress, progressOn } from "./progress.ts";
import { SoakedHost } from "./soaked-host.ts";
import { transitions, type TransitionsResult } from "./transitions.ts";

interface Work<T> {
  readonly harts: number;
  readonly json: boolean;
  run(host: SoakedHost, progress: Progress): Promise<T>;
  report(result: T): void;
}

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`--${name} must be a number, not ${JSON.stringify(text)}`);
}

/** Boots, works, compares the counters, ends the machine. */
async function soak<T>(work: Work<T>): Promise<void> {
  await ensureTools(silentProgress);
  const { elf } = await buildHypervisor();
  const host = await SoakedHost.start({ hypervisor: elf, harts: work.harts });
  try {
    const before = holdingsOf(await hostInfo(host));
    const result = await work.run(host, progressOn(process.stderr));
    const differences = await drift(host, before);
    const ok = differences.length === 0;
    if (work.json) console.log(JSON.stringify({ ok, result, differences, counters: before }, undefined, 2));
    else {
      work.report(result);
      reportCounters(before, differences);
    }
    if (!ok) process.exitCode = 1;
  } finally {
    await host.stop();
  }
}

function reportCounters(before: Holdings, differences: readonly string[]): void {
  console.log(`counters before: ${JSON.stringify(before)}`);
  console.log(differences.length === 0 ? "every counter is what it was" : `differs: ${differences.join("; ")}`);
}

const listOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ") || "none";

function reportLifecycle(result: { readonly cycled: CyclesResult; readonly moved: TransitionsResult }): void {
  const { cycled, moved } = result;
  console.log(
    `${cycled.cycles} cycles in ${cycled.seconds.toFixed(0)} s; neighbours beat ${cycled.beats.join(" and ")} times`,
  );
  console.log(`${moved.created} guests in ${moved.seconds.toFixed(0)} s of random transitions`);
  console.log(`  done: ${listOf(moved.done)}`);
  console.log(`  refused: ${listOf(moved.refused)}`);
  console.log(`  neighbours beat ${moved.beats.join(" and ")} times`);
}

function reportKill({ deaths, whole, garbage }: KillResult): void {
  console.log(`${deaths} deaths during a create (${whole} left a whole guest), ${garbage} pieces of garbage`);
}

const common = {
  harts: { type: "string", default: "2", description: "harts of the host" },
  json: { type: "boolean", description: "the result as JSON on standard output" },
} as const;

const lifecycle = defineCommand({
  meta: { name: "lifecycle", description: "create, boot, destroy; then random transitions; then count" },
  args: {
    cycles: { type: "string", default: "1000", description: "create, boot to first output, destroy: how often" },
    minutes: { type: "string", default: "10", description: "how long random transitions go on" },
    seed: { type: "string", default: "1", description: "of the random transitions" },
    ...common,
  },
  run: ({ args }) =>
    soak({
      harts: numberOf("harts", args.harts),
      json: args.json === true,
      run: async (host, progress) => {
        const cycled = await cycles(host, numberOf("cycles", args.cycles), progress);
        const [minutes, seed] = [numberOf("minutes", args.minutes), numberOf("seed", args.seed)];
        return { cycled, moved: await transitions(host, { minutes, seed, progress }) };
      },
      report: reportLifecycle,
    }),
});

const killed = defineCommand({
  meta: { name: "kill", description: "the toolstack dies at each step of a create; garbage on the channel" },
  args: {
    garbage: { type: "string", default: "200", description: "pieces of garbage" },
    ...common,
  },
  run: ({ args }) =>
    soak({
      harts: numberOf("harts", args.harts),
      json: args.json === true,
      run: (host, progress) => kill(host, progress, numberOf("garbage", args.garbage)),
      report: reportKill,
    }),
});

const short = defineCommand({
  meta: { name: "short", description: "a little of everything, as part of npm test" },
  args: common,
  run: ({ args }) =>
    soak({
      harts: numberOf("harts", args.harts),
      json: args.json === true,
      run: async (host, progress) => ({
        cycled: await cycles(host, 50, progress),
        moved: await transitions(host, { minutes: 0.25, seed: Date.now() >>> 0, progress }),
        killed: await kill(host, progress, 20),
        full: await many(host, progress),
      }),
      report: (result) => {
        console.log(`${result.full.guests} guests at once; one more: ${result.full.refusal}`);
        reportLifecycle(result);
        reportKill(result.killed);
      },
    }),
});

function reportIo({ seed, seconds, rounds, rows, tcp, faults, problems }: IoResult): void {
  console.log(`${rounds} rounds in ${seconds.toFixed(0)} s, seed ${seed}`);
  for (const line of tableOf(rows)) console.log(line);
  for (const [index, { sent, retransmitted }] of tcp.entries())
    console.log(`guest ${index + 1}: ${sent} TCP segments sent, ${retransmitted} of them again`);
  for (const { name, seen } of faults) console.log(`${name}: ${seen}`);
  console.log(problems.length === 0 ? "all is well" : `wrong: ${problems.join("\nwrong: ")}`);
}

const inputOutput = defineCommand({
  meta: { name: "io", description: "disks and networks of two Debian guests, then disks that fail" },
  args: {
    minutes: { type: "string", default: "10", description: "how long both guests work" },
    seed: { type: "string", description: "of what is written and sent; a random one when absent" },
    json: common.json,
  },
  async run({ args }) {
    await ensureTools(silentProgress);
    const seed = args.seed === undefined ? Math.floor(Math.random() * 1e6) : numberOf("seed", args.seed);
    const minutes = numberOf("minutes", args.minutes);
    const image = await getDebianImage({ progress: createProgress(), kind: "tools" });
    const progress = progressOn(process.stderr);
    progress(`seed ${seed}; building`);
    const { elf } = await buildHypervisor();
    progress("booting two guests");
    const host = await IoHost.start(elf, image);
    try {
      progress("both guests are up");
      const result = await io(host, { minutes, seed, progress });
      if (args.json === true) console.log(JSON.stringify(result, undefined, 2));
      else reportIo(result);
      if (result.problems.length > 0) process.exitCode = 1;
    } finally {
      await host.stop();
    }
  },
});

const commands = { lifecycle, kill: killed, short, io: inputOutput };
await runMain(defineCommand({ meta: { name: "npm run soak --", description: "long runs" }, subCommands: commands }));
