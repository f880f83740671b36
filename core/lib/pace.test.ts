// SPDX-License-Identifier: Apache-2.0
// Rates against plain arithmetic: over any time, no more than the rate and a tenth of a second of it, and one request.
import fc from "fast-check";
import { loadUnit, type UnitModule } from "@typeone/sim";
import { beforeAll, expect, it } from "vitest";

let unit: UnitModule;
let pace: number;
const big = (name: string, ...args: (number | bigint)[]): bigint =>
  BigInt.asUintN(64, BigInt(unit.exports[name]!(...args) ?? 0));

beforeAll(async () => {
  unit = await loadUnit("core/lib/pace.ts", {});
  pace = unit.scratch(64);
}, 120_000);

it("lets through what the rate allows, at the time that it says, at any frequency", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 1n, max: 1n << 40n }),
      fc.constantFrom(1_000n, 10_000_000n, 1_000_000_000n),
      fc.array(fc.tuple(fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }), fc.bigInt({ min: 0n, max: 1n << 30n })), {
        maxLength: 30,
      }),
      (rate, ticks, steps) => {
        big("paceInit", pace, rate, ticks);
        let now = 1n << 20n;
        const begin = now;
        let spent = 0n;
        for (const [units, wait] of steps) {
          now += wait;
          const when = big("paceWhen", pace, now);
          if (when > 1n << 62n) return;
          if (when !== 0n) {
            expect(when).toBeGreaterThan(now);
            expect(big("paceWhen", pace, when - 1n)).toBe(when);
            expect(big("paceWhen", pace, when)).toBe(0n);
            now = when;
          }
          // Before the last one: the rate since the beginning, and a tenth of a second ahead, give or take a tick for each.
          const allowed = ((now - begin + ticks / 10n + BigInt(steps.length) * 2n) * rate) / ticks + 1n;
          expect(spent).toBeLessThanOrEqual(allowed);
          big("paceSpend", pace, units, now);
          spent += units;
        }
      },
    ),
  );
});

it("lets everything through without a rate", () => {
  big("paceInit", pace, 0n, 10n);
  big("paceSpend", pace, 1_000_000n, 5n);
  expect(big("paceWhen", pace, 5n)).toBe(0n);
});

it("owes for ever rather than nothing when centuries are owed", () => {
  big("paceInit", pace, 1n, 1_000_000_000n);
  for (let i = 0; i < 8; i++) {
    big("paceSpend", pace, (1n << 32n) - 1n, 5n);
    expect(big("paceWhen", pace, 5n)).toBeGreaterThan(1n << 60n);
  }
});
