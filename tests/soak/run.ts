// SPDX-License-Identifier: Apache-2.0
// `npm run soak -- lifecycle`: guests come and go for a long time while two neighbours run; afterwards every counter of
// the hypervisor must be what it was. Minutes long, so no part of npm test (which runs a short one).
import { ensureTools, silentProgress } from "@typeone/host";
import { buildHypervisor } from "@typeone/toolchain";
import { defineCommand, runMain } from "citty";
import { drift, holdingsOf, hostInfo } from "./counters.ts";
import { cycles } from "./cycles.ts";
import { progressOn } from "./progress.ts";
import { SoakedHost } from "./soaked-host.ts";
import { transitions } from "./transitions.ts";

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new RangeError(`--${name} must be a number, not ${JSON.stringify(text)}`);
}

const lifecycle = defineCommand({
  meta: { name: "lifecycle", description: "create, boot, destroy; then random transitions; then count" },
  args: {
    cycles: { type: "string", default: "1000", description: "create, boot to first output, destroy: how often" },
    minutes: { type: "string", default: "10", description: "how long random transitions go on" },
    seed: { type: "string", default: "1", description: "of the random transitions" },
    harts: { type: "string", default: "2", description: "harts of the host" },
    json: { type: "boolean", description: "the result as JSON on standard output" },
  },
  async run({ args }) {
    const progress = progressOn(process.stderr);
    await ensureTools(silentProgress);
    const { elf } = await buildHypervisor();
    const host = await SoakedHost.start({ hypervisor: elf, harts: wholeNumber("harts", args.harts) });
    try {
      const before = holdingsOf(await hostInfo(host));
      const cycled = await cycles(host, wholeNumber("cycles", args.cycles), progress);
      const minutes = wholeNumber("minutes", args.minutes);
      const moved = await transitions(host, { minutes, seed: wholeNumber("seed", args.seed), progress });
      const differences = await drift(host, before);
      const result = {
        ok: differences.length === 0,
        cycles: cycled,
        transitions: moved,
        differences,
        counters: before,
      };
      if (args.json) console.log(JSON.stringify(result, undefined, 2));
      else report(result);
      if (differences.length > 0) process.exitCode = 1;
    } finally {
      await host.stop();
    }
  },
});

function report(result: {
  readonly ok: boolean;
  readonly cycles: Awaited<ReturnType<typeof cycles>>;
  readonly transitions: Awaited<ReturnType<typeof transitions>>;
  readonly differences: readonly string[];
  readonly counters: object;
}): void {
  const { cycles: cycled, transitions: moved } = result;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(", ");
  console.log(
    `${cycled.cycles} cycles in ${cycled.seconds.toFixed(0)} s; neighbours beat ${cycled.beats.join(" and ")} times`,
  );
  console.log(`${moved.created} guests in ${moved.seconds.toFixed(0)} s of random transitions`);
  console.log(`  done: ${list(moved.done)}`);
  console.log(`  refused: ${list(moved.refused) || "none"}`);
  console.log(`  neighbours beat ${moved.beats.join(" and ")} times`);
  console.log(`counters before: ${JSON.stringify(result.counters)}`);
  console.log(result.ok ? "every counter is what it was" : `differs: ${result.differences.join("; ")}`);
}

await runMain(
  defineCommand({ meta: { name: "npm run soak --", description: "long runs" }, subCommands: { lifecycle } }),
);
