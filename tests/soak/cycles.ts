// SPDX-License-Identifier: Apache-2.0
// Create, boot to the first output, destroy: over and over, while the neighbours' hearts beat.
import type { Progress } from "./progress.ts";
import { NEIGHBOURS, type SoakedHost } from "./soaked-host.ts";

const PAYLOADS = ["hello", "smp", "heartbeat"] as const;
const FIRST_OUTPUT: Readonly<Record<(typeof PAYLOADS)[number], RegExp>> = {
  hello: /hello from a guest/,
  smp: /\w/,
  heartbeat: /BEAT 1 /,
};

export interface CyclesResult {
  readonly cycles: number;
  readonly seconds: number;
  readonly beats: readonly number[];
}

export async function cycles(host: SoakedHost, count: number, progress: Progress): Promise<CyclesResult> {
  const began = Date.now();
  const before = await Promise.all(NEIGHBOURS.map((name) => host.beats(name)));
  for (let cycle = 1; cycle <= count; cycle++) {
    const payload = PAYLOADS[cycle % PAYLOADS.length] as (typeof PAYLOADS)[number];
    const cpus = payload === "smp" ? 2 : 1;
    const handle = await host.create({ name: `cycle${cycle}`, payload, cpus, args: "beats=0" });
    await host.until(
      `the first output of cycle ${cycle} (${payload})`,
      () => host.console(handle),
      (text) => FIRST_OUTPUT[payload].test(text),
    );
    await host.act(handle, "Destroy");
    await host.gone(handle);
    if (cycle % 25 === 0) progress(`${cycle} of ${count} cycles`);
  }
  const after = await Promise.all(NEIGHBOURS.map((name) => host.beats(name)));
  const beats = after.map((now, i) => now - (before[i] ?? 0));
  if (count > 0 && beats.some((number) => number <= 0))
    throw new Error(`a neighbour's heart stood still: ${beats.join(", ")} beats`);
  return { cycles: count, seconds: (Date.now() - began) / 1000, beats };
}
