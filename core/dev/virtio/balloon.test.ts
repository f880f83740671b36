// SPDX-License-Identifier: Apache-2.0
// The balloon: every page number is checked and counted, statistics come when they are asked for, and a reset empties it.
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ALL_FEATURES, bringUp, PIECE, PIECES, RAM_BASE, REG, SplitRing, STATUS, VirtioBench } from "@typeone/sim";

const TYPE_BALLOON = 5;
const F_STATS = 2n;
const [INFLATE, DEFLATE, STATS] = [0, 1, 2] as const;
const AT = RAM_BASE + 0x2_0000n;
const FIRST = Number(RAM_BASE >> 12n);
const PAGES = (PIECE * PIECES) / 4096;

let bench: VirtioBench;
let device: number;
let rings: SplitRing[];
beforeAll(async () => {
  bench = await VirtioBench.load();
}, 120_000);
beforeEach(() => {
  bench.begin();
  device = bench.call("testDevice", bench.guest, TYPE_BALLOON, 3, 0n);
  expect(bench.call("balloonCreate", device)).toBe(0);
  bench.call("virtioWake", device);
  rings = [0, 1, 2].map((i) => {
    const at = RAM_BASE + BigInt(i) * 0x1000n;
    return new SplitRing(bench, 16, at, at + 0x200n, at + 0x300n);
  });
  expect(bringUp(bench, device, rings, ALL_FEATURES | F_STATS)).toBe(0xf);
});

const count = (name: string) =>
  Number(bench.unit.view().getBigUint64(bench.field(device, "MODEL") + bench.named(name), true));
const pages = (queue: number, numbers: readonly number[]) => {
  numbers.forEach((number, i) => bench.write(AT + BigInt(i * 4), 4, number));
  rings[queue]!.offer([{ gpa: AT, length: numbers.length * 4, write: false }]);
  bench.store(device, REG.notify, queue);
  expect(rings[queue]!.collect()).toHaveLength(1);
};
const stats = (...all: readonly (readonly [number, bigint])[]) => {
  all.forEach(([tag, value], i) => {
    bench.write(AT + BigInt(i * 10), 2, tag);
    bench.write(AT + BigInt(i * 10 + 2), 8, value);
  });
  rings[STATS]!.offer([{ gpa: AT, length: all.length * 10, write: false }]);
  bench.store(device, REG.notify, STATS);
};
const stat = (tag: number) => BigInt.asUintN(64, BigInt(bench.unit.exports["balloonStat"]!(device, tag)!));

describe("pages", () => {
  it("are counted in and out, and those that the guest does not have are refused", () => {
    const number = fc.oneof(
      fc.integer({ min: FIRST, max: FIRST + PAGES - 1 }),
      fc.constantFrom(0, FIRST - 1, FIRST + PAGES, 0xffff_ffff, 0x8000_0000),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(INFLATE, DEFLATE), fc.array(number, { minLength: 1, maxLength: 200 })), {
          maxLength: 6,
        }),
        (steps) => {
          let inflated = count("INFLATED");
          let refused = count("REFUSED");
          for (const [queue, numbers] of steps) {
            const good = numbers.filter((n) => n >= FIRST && n < FIRST + PAGES).length;
            refused += numbers.length - good;
            inflated = queue === INFLATE ? Math.min(PAGES, inflated + good) : Math.max(0, inflated - good);
            pages(queue, numbers);
            expect([count("INFLATED"), count("REFUSED")]).toEqual([inflated, refused]);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it("of a list as long as RAM are not all looked at", () => {
    bench.copies = 0;
    rings[INFLATE]!.offer([{ gpa: RAM_BASE, length: PIECE * PIECES, write: false }]);
    bench.store(device, REG.notify, INFLATE);
    expect(rings[INFLATE]!.collect()).toHaveLength(1);
    expect(bench.copies).toBeLessThan(40);
    expect(bench.load(device, REG.status)).toBe(0xf);
  });
});

describe("statistics", () => {
  it("come back when they are asked for, and junk in them is ignored", () => {
    stats([4, 1234n], [5, (1n << 64n) - 2n], [16, 7n], [0xffff, 7n]);
    expect(rings[STATS]!.collect()).toEqual([]);
    expect([stat(4), stat(5), stat(3), stat(16)]).toEqual([
      1234n,
      (1n << 64n) - 2n,
      (1n << 64n) - 1n,
      (1n << 64n) - 1n,
    ]);
    bench.call("balloonAsk", device);
    expect(rings[STATS]!.collect()).toHaveLength(1);
    stats([4, 99n]);
    expect(stat(4)).toBe(99n);
    // A driver that has two out gets the older back.
    stats([4, 100n]);
    expect(rings[STATS]!.collect()).toHaveLength(1);
    expect(stat(4)).toBe(100n);
  });

  it("do not hold a reset up", () => {
    stats([4, 1n]);
    pages(INFLATE, [FIRST]);
    expect(bench.store(device, REG.status, 0)).toBe(0);
    expect([bench.load(device, REG.status), count("INFLATED"), stat(4)]).toEqual([0, 0, (1n << 64n) - 1n]);
    bench.call("balloonAsk", device);
    expect(bench.call("virtioQuiet", device)).toBe(1);
  });
});

describe("the configuration", () => {
  it("says what the host would like, and takes what the guest has given", () => {
    bench.call("balloonTarget", device, 300);
    expect([bench.load(device, REG.config), bench.load(device, REG.generation)]).toEqual([300, 1]);
    expect(bench.load(device, REG.interruptStatus)).toBe(2);
    bench.store(device, REG.config + 4, 250);
    bench.store(device, REG.config, 7);
    expect([bench.load(device, REG.config), bench.load(device, REG.config + 4)]).toEqual([300, 250]);
    expect(bench.load(device, REG.config + 8)).toBe(0);
    expect(bench.load(device, REG.status) & STATUS.needsReset).toBe(0);
  });
});
