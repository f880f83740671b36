// SPDX-License-Identifier: Apache-2.0
// Ticks and nanoseconds against exact integer arithmetic.
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

let unit: UnitModule;
beforeAll(async () => {
  unit = await loadUnit("core/host/clock.ts");
});
const u64 = (value: unknown) => BigInt.asUintN(64, value as bigint);
const frequencies = fc.oneof(
  fc.constantFrom(1n, 32_768n, 1_000_000n, 10_000_000n, 1_000_000_000n, 4_000_000_000n),
  fc.bigInt({ min: 1n, max: 1n << 33n }),
);
const spans = fc.bigInt({ min: 0n, max: 1n << 62n });
const BILLION = 1_000_000_000n;
const NEVER = (1n << 64n) - 1n;

it("is exact, and a deadline in ticks is never early", () => {
  fc.assert(
    fc.property(frequencies, spans, (frequency, ns) => {
      unit.exports["setClock"]!(frequency);
      expect(u64(unit.exports["ticksPerSecond"]!())).toBe(frequency);
      const exact = (ns * frequency + BILLION - 1n) / BILLION;
      const ticks = u64(unit.exports["ticksAt"]!(ns));
      if (ticks === NEVER) {
        expect(ns / BILLION).toBeGreaterThanOrEqual(NEVER / frequency);
        return;
      }
      expect(ticks).toBe(exact);
      const back = (ticks * BILLION) / frequency;
      expect(back).toBeGreaterThanOrEqual(ns);
      if (back <= NEVER) expect(u64(unit.exports["nanoseconds"]!(ticks))).toBe(back);
    }),
    { numRuns: 2000 },
  );
});

it("says never for what does not fit, and keeps its frequency when told 0", () => {
  unit.exports["setClock"]!(4_000_000_000n);
  unit.exports["setClock"]!(0n);
  expect(u64(unit.exports["ticksPerSecond"]!())).toBe(4_000_000_000n);
  expect(u64(unit.exports["ticksAt"]!(NEVER))).toBe(NEVER);
  expect(u64(unit.exports["ticksAt"]!(BILLION))).toBe(4_000_000_000n);
});
