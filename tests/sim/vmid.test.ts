// SPDX-License-Identifier: Apache-2.0
// VMIDs wrap with more guests than ids (row F05). The simulated translation caches never forget by themselves, so a
// fence that is missing shows as a stale translation at once.
import { describe, expect, it } from "vitest";
import { load, program, store, pause, enableInterrupts, ecall, EID, csrRead, CSR } from "@typeone/sim";
import { domain, machineWith, memoryOf, readTree, waitFor } from "./support.ts";

const GUESTS = 7;

/** Writes its own mark, sleeps, and checks it each time it wakes. */
function marker(index: number, state: { rounds: number[]; bad: string[] }) {
  return program({
    *boot(cpu) {
      yield* enableInterrupts(cpu, 1n << 5n);
      const { base } = memoryOf(yield* readTree(cpu));
      const at = base + 0x1800000n;
      for (let round = 0; ; round++) {
        for (let page = 0n; page < 4n; page++) yield* store(at + page * 0x1000n, 8, BigInt(index * 1000 + round));
        yield* ecall(EID.time, 0n, (yield* csrRead(CSR.time)) + BigInt(300 + 40 * index));
        yield* waitFor(() => cpu.taken(5) > round);
        yield* pause();
        for (let page = 0n; page < 4n; page++) {
          const { value } = yield* load(at + page * 0x1000n, 8);
          if (value !== BigInt(index * 1000 + round)) state.bad.push(`guest ${index} read ${value}`);
        }
        state.rounds[index] = round + 1;
      }
    },
    *onInterrupt() {
      yield* ecall(EID.time, 0n, (1n << 64n) - 1n);
    },
  });
}

describe("VMIDs", () => {
  it.each([0, 1, 2, 14])("%i bits, seven guests on two harts", async (vmidBits) => {
    for (let seed = 1; seed <= 3; seed++) {
      const state = { rounds: new Array<number>(GUESTS).fill(0), bad: [] as string[] };
      const domains = Array.from({ length: GUESTS }, (_, index) => domain(`g${index}`, marker(index, state)));
      const machine = await machineWith(domains, { harts: 2, vmidBits, seed, interleave: seed === 3 ? 0.02 : 0 });
      machine.runUntil(() => state.rounds.every((rounds) => rounds >= 12), { maxSteps: 200_000 });
      expect(state.bad).toEqual([]);
      const used = new Set([...machine.roots.values()].map((hgatp) => (hgatp >> 44n) & 0x3fffn));
      for (const vmid of used) expect(vmid < 1n << BigInt(vmidBits)).toBe(true);
      machine.check();
    }
  });
});
