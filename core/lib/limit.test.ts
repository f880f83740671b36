// SPDX-License-Identifier: Apache-2.0
// The token bucket against its promise: over any stretch of time no more than a full bucket and what that time earns,
// and no less than what was earned if it was asked for.
import { loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";

let unit: UnitModule;
let limit: number;

beforeAll(async () => {
  unit = await loadUnit("core/lib/limit.ts");
  limit = unit.scratch(64);
});

const call = (name: string, ...args: (number | bigint)[]) => unit.exports[name]!(...args) as number & bigint;

it("grants a full bucket, then what time earns", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.bigInt({ min: 1n, max: 1000n }),
      fc.array(fc.bigInt({ min: 0n, max: 3000n }), { maxLength: 200 }),
      (capacity, ticks, steps) => {
        const start = 1n << 40n;
        call("limitInit", limit, capacity, ticks, start);
        let now = start;
        let granted = 0;
        let tokens = capacity * Number(ticks);
        let refused = 0;
        for (const step of steps) {
          now += step;
          tokens = Math.min(capacity * Number(ticks) + Number(ticks) - 1, tokens + Number(step));
          if (call("limitTake", limit, now)) {
            granted += 1;
            tokens -= Number(ticks);
          } else refused += 1;
          expect(tokens).toBeGreaterThanOrEqual(0);
          expect(granted).toBeLessThanOrEqual(capacity + Number((now - start) / ticks));
        }
        expect(unit.view().getUint32(limit + 24, true)).toBe(refused);
        if (refused > 0 && granted < steps.length) expect(granted).toBeGreaterThanOrEqual(capacity);
      },
    ),
  );
});

it("says when enough will be there, and it is", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.bigInt({ min: 1n, max: 1000n }),
      fc.integer({ min: 1, max: 200 }),
      (capacity, ticks, wanted) => {
        call("limitInit", limit, capacity, ticks, 5000n);
        call("limitSpend", limit, capacity);
        expect(Number(call("limitAvailable", limit, 5000n))).toBe(0);
        const when = call("limitWhen", limit, wanted) as bigint;
        expect(Number(call("limitAvailable", limit, when))).toBe(Math.min(wanted, capacity));
        call("limitInit", limit, capacity, ticks, 5000n);
        call("limitSpend", limit, capacity);
        expect(Number(call("limitAvailable", limit, when - 1n))).toBeLessThan(Math.min(wanted, capacity));
      },
    ),
  );
});

it("never runs backwards, and without a rate never refuses", () => {
  call("limitInit", limit, 3, 10n, 1000n);
  call("limitSpend", limit, 3);
  expect(call("limitTake", limit, 10n)).toBe(0);
  call("limitInit", limit, 3, 0n, 0n);
  for (let i = 0; i < 10; i++) expect(call("limitTake", limit, 0n)).toBe(1);
});
