// SPDX-License-Identifier: Apache-2.0
// The three policies on one hart (the pinned one on two): who runs, for how long, and when a timer is set.
// What several harts do is in sched.test.ts, interleavings in race.test.ts.
import { HartModel, percent } from "@typeone/sim";
import { beforeAll, describe, expect, test } from "vitest";

const MONOTONIC = 1;
const PINNED = 2;
const NEVER = 0xffff_ffff_ffff_ffffn;

beforeAll(async () => void (await HartModel.create(1)), 240_000);

/** Harts whose ticks are microseconds: slices of 10 ms. */
async function machine(harts = 1, floorPercent = 5): Promise<HartModel> {
  const model = await HartModel.create(harts);
  expect(model.core.call(0, "schedConfigure", 10_000n, floorPercent)).toBe(0);
  return model;
}

describe("fixed priority", () => {
  test("one entity alone never sees a timer", async () => {
    const model = await machine();
    const only = model.entity();
    model.start(only);
    const ran = model.runBusy(0, 10_000_000n);
    expect(percent(ran, only)).toBe(100);
    expect(model.at(0).timerInterrupts).toBe(0);
    expect(model.at(0).deadline).toBe(NEVER);
    expect(model.core.call(0, "aloneOnHart", 0)).toBe(1);
  });

  test("a second one arms the slice, and leaving disarms it", async () => {
    const model = await machine();
    const [a, b] = [model.entity(), model.entity()];
    model.start(a);
    model.next(0);
    model.time += 3000n;
    model.start(b);
    expect(model.next(0)).toBe(a);
    expect(model.at(0).deadline).toBe(11_000n);
    expect(model.core.call(0, "aloneOnHart", 0)).toBe(0);
    model.time = 11_000n;
    model.interrupts(0);
    expect(model.next(0)).toBe(b);
    model.wait(0);
    expect(model.at(0).current).toBe(a);
    expect(model.at(0).deadline).toBe(NEVER);
  });

  test.each([
    [[256, 256], "equal"],
    [[256, 512, 1024], "1 : 2 : 4"],
    [[1, 9], "light"],
    [[1000, 10_000, 333, 77], "odd"],
  ])("weights %j share a hart in proportion (%s)", async (weights) => {
    const model = await machine();
    const entities = weights.map((weight) => model.entity({ weight }));
    for (const entity of entities) model.start(entity);
    const ran = model.runBusy(0, 40_000_000n);
    const total = weights.reduce((a, b) => a + b, 0);
    entities.forEach((entity, i) => {
      expect(Math.abs(percent(ran, entity) - (100 * (weights[i] ?? 0)) / total)).toBeLessThan(2);
      expect(model.wide(entity, "RUN_TIME")).toBeGreaterThan(0n);
    });
  });

  test("one that ran alone for long does not owe that to a newcomer", async () => {
    const model = await machine();
    const [old, fresh] = [model.entity(), model.entity()];
    model.start(old);
    model.runBusy(0, 5_000_000n);
    model.start(fresh);
    const ran = model.runBusy(0, 6_000_000n);
    expect(Math.abs(percent(ran, old) - 50)).toBeLessThan(2);
  });

  test("one that slept for long has no credit to starve others with", async () => {
    const model = await machine();
    const [busy, sleeper] = [model.entity(), model.entity()];
    model.start(sleeper);
    model.next(0);
    model.wait(0);
    model.start(busy);
    model.runBusy(0, 5_000_000n);
    model.core.call(0, "schedWake", sleeper);
    const ran = model.runBusy(0, 6_000_000n);
    expect(Math.abs(percent(ran, busy) - 50)).toBeLessThan(2);
  });

  test("a higher priority takes the hart at once, a lower one does not", async () => {
    const model = await machine(1, 0);
    const [low, middle, high] = [0, 3, 7].map((priority) => model.entity({ priority })) as [number, number, number];
    model.start(middle);
    expect(model.next(0)).toBe(middle);
    model.start(low);
    expect(model.next(0)).toBe(middle);
    model.start(high);
    expect(model.next(0)).toBe(high);
    expect(percent(model.runBusy(0, 5_000_000n), high)).toBe(100);
    model.wait(0);
    expect(model.at(0).current).toBe(middle);
  });

  test.each([1, 5, 20, 50])("D06: one that never yields leaves lower priorities %i percent", async (floor) => {
    const model = await machine(1, floor);
    const high = [model.entity({ priority: 7 }), model.entity({ priority: 7 })];
    const low = [0, 2, 5, 5].map((priority) => model.entity({ priority }));
    for (const entity of [...high, ...low]) model.start(entity);
    const ran = model.runBusy(0, 80_000_000n);
    const shares = low.map((entity) => percent(ran, entity));
    expect(Math.abs(shares.reduce((a, b) => a + b, 0) - floor)).toBeLessThan(1);
    for (const share of shares) expect(share).toBeGreaterThan(floor / 8);
  });

  test("a floor turn is not cut short by wake-ups of high priorities", async () => {
    const model = await machine();
    const [high, other, low] = [7, 7, 0].map((priority) => model.entity({ priority })) as [number, number, number];
    model.start(other);
    model.next(0);
    model.wait(0);
    model.start(high);
    model.start(low);
    let ran = 0n;
    while (model.time < 4_000_000n) {
      const entity = model.next(0);
      if (entity === other) model.wait(0);
      if (entity === low) ran += 100n;
      model.time += 100n;
      model.interrupts(0);
      model.core.call(0, "schedWake", other);
    }
    expect(Number(ran) / 4_000_000).toBeGreaterThan(0.045);
  });

  test("yield lets the equal go first and costs nothing else", async () => {
    const model = await machine();
    const [a, b] = [model.entity(), model.entity()];
    model.start(a);
    model.start(b);
    const first = model.next(0);
    model.time += 10n;
    model.core.call(0, "schedYield");
    expect(model.next(0)).toBe(first === a ? b : a);
    model.core.call(0, "schedYield");
    expect(model.next(0)).toBe(first);
  });

  test("an entity that wakes all the time does not get more than its share", async () => {
    const model = await machine();
    const [waker, busy] = [model.entity(), model.entity()];
    model.start(waker);
    model.start(busy);
    const ran = new Map<number, bigint>();
    while (model.time < 2_000_000n) {
      model.interrupts(0);
      const entity = model.next(0);
      ran.set(entity, (ran.get(entity) ?? 0n) + 70n);
      model.time += 70n;
      if (entity === waker) {
        model.core.call(0, "schedWake", waker);
        expect(model.core.call(0, "schedBlock", waker)).toBe(0);
      }
    }
    expect(Math.abs(percent(ran, busy) - 50)).toBeLessThan(2);
  });
});

describe("rate-monotonic", () => {
  test("each period gives the budget and not more; the rest of the hart goes to others", async () => {
    const model = await machine();
    const periodic = model.entity({ policy: MONOTONIC, period: 10_000n, budget: 3_000n });
    const other = model.entity({ priority: 7 });
    model.start(periodic);
    model.start(other);
    model.next(0);
    for (let period = 0; period < 200; period++) {
      const ran = model.runBusy(0, model.time + 10_000n);
      expect(ran.get(periodic)).toBe(3_000n);
      expect(ran.get(other)).toBe(7_000n);
    }
  });

  test("the shortest period goes first", async () => {
    const model = await machine();
    const long = model.entity({ policy: MONOTONIC, period: 50_000n, budget: 20_000n });
    const short = model.entity({ policy: MONOTONIC, period: 10_000n, budget: 2_000n });
    model.start(long);
    expect(model.next(0)).toBe(long);
    model.time += 100n;
    model.start(short);
    expect(model.next(0)).toBe(short);
    const ran = model.runBusy(0, model.time + 5_000_000n);
    expect(Math.abs(percent(ran, long) - (100 * 20) / 30)).toBeLessThan(1);
    expect(ran.get(short)).toBe(1_000_000n);
    expect(ran.get(long)).toBe(2_000_000n);
  });

  test("blocking and waking within a period does not bring new budget", async () => {
    const model = await machine();
    const periodic = model.entity({ policy: MONOTONIC, period: 10_000n, budget: 1_000n });
    model.start(periodic);
    let ran = 0n;
    while (model.time < 1_000_000n) {
      model.interrupts(0);
      if (model.next(0) === periodic) {
        ran += 50n;
        model.time += 50n;
        model.interrupts(0);
        if (model.next(0) === periodic) model.wait(0);
      } else model.time += 50n;
      model.core.call(0, "schedWake", periodic);
    }
    expect(Number(ran)).toBeLessThanOrEqual(100 * 1_000 + 1_000);
    expect(Number(ran)).toBeGreaterThan(95 * 1_000);
  });

  test("a hart admits 95 percent, and what is refused changes nothing", async () => {
    const model = await machine();
    model.entity({ policy: MONOTONIC, period: 10_000n, budget: 9_000n });
    const late = model.bare({ policy: MONOTONIC, period: 10_000n, budget: 600n });
    expect(model.core.call(0, "schedAdd", late)).toBe(-8);
    model.setFields(late, { budget: 500n });
    expect(model.core.call(0, "schedAdd", late)).toBe(0);
    expect(model.core.call(0, "schedRemove", late)).toBe(0);
    expect(model.core.call(0, "schedAdd", late)).toBe(0);
  });
});

describe("pinned", () => {
  test("owns its hart: no timer, nobody beside it", async () => {
    const model = await machine(2);
    const before = [model.entity(), model.entity(), model.entity()];
    for (const entity of before) model.start(entity);
    model.next(0);
    model.next(1);
    const pinned = model.entity({ policy: PINNED, affinity: 2n });
    model.start(pinned);
    for (const hart of [1, 0]) {
      model.interrupts(hart);
      model.next(hart);
    }
    expect(model.at(1).current).toBe(pinned);
    expect(model.core.call(1, "aloneOnHart", 1)).toBe(1);
    for (const entity of before) expect(model.field(entity, "HOME")).toBe(0);
    const late = model.entity();
    model.start(late);
    expect(model.field(late, "HOME")).toBe(0);
    const interrupts = model.at(1).timerInterrupts;
    expect(percent(model.runBusy(1, 10_000_000n), pinned)).toBe(100);
    expect(model.at(1).timerInterrupts).toBe(interrupts);
    expect(model.at(1).deadline).toBe(NEVER);
  });

  test("is refused where somebody would be left without a hart", async () => {
    const model = await machine(2);
    model.entity({ affinity: 1n });
    const pinned = model.bare({ policy: PINNED, affinity: 1n });
    expect(model.core.call(0, "schedAdd", pinned)).toBe(-5);
    model.setFields(pinned, { affinity: 3n });
    expect(model.core.call(0, "schedAdd", pinned)).toBe(0);
    expect(model.field(pinned, "HOME")).toBe(1);
    expect(model.core.call(0, "schedAdd", model.bare({ affinity: 2n }))).toBe(-5);
    expect(model.core.call(0, "schedRemove", pinned)).toBe(0);
    expect(model.core.call(0, "schedAdd", model.bare({ affinity: 2n }))).toBe(0);
  });
});
