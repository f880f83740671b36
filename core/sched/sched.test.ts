// SPDX-License-Identifier: Apache-2.0
// What several harts do one after the other, and what the scheduler refuses. The policies are in policy.test.ts,
// interleavings in race.test.ts.
import { HartModel, percent } from "@typeone/sim";
import { beforeAll, describe, expect, test } from "vitest";

const READY = 1;
const RUNNING = 2;
const BLOCKED = 3;
const MONOTONIC = 1;
const NEVER = 0xffff_ffff_ffff_ffffn;

beforeAll(async () => void (await HartModel.create(1)), 240_000);

/** Harts whose ticks are microseconds: slices of 10 ms. */
async function machine(harts = 1, floorPercent = 5): Promise<HartModel> {
  const model = await HartModel.create(harts);
  expect(model.core.call(0, "schedConfigure", 10_000n, floorPercent)).toBe(0);
  return model;
}

describe("several harts", () => {
  test("new entities spread, and a wake-up finds the idle hart", async () => {
    const model = await machine(4);
    const entities = [0, 1, 2, 3].map(() => model.entity());
    expect(entities.map((entity) => model.field(entity, "HOME")).sort()).toEqual([0, 1, 2, 3]);
    for (let hart = 0; hart < 4; hart++) model.next(hart);
    for (const entity of entities) model.start(entity);
    for (let hart = 0; hart < 4; hart++) {
      if (hart !== 0) expect(model.at(hart).kicked).toBe(true);
      model.interrupts(hart);
      expect(model.next(hart)).not.toBe(0);
    }
  });

  test("an idle hart pulls what waits elsewhere, within affinity", async () => {
    const model = await machine(2);
    const [a, b] = [model.entity({ affinity: 1n }), model.entity({ affinity: 1n })];
    const free = model.entity({ affinity: 3n });
    for (const entity of [a, b, free]) model.start(entity);
    model.next(0);
    expect(model.next(1)).toBe(free);
    model.wait(1);
    expect(model.at(1).current).toBe(0);
    expect([READY, RUNNING]).toContain(model.field(a, "STATE"));
    expect([READY, RUNNING]).toContain(model.field(b, "STATE"));
  });

  test("registers that are still in a hart keep their entity there", async () => {
    const model = await machine(2, 0);
    const [low, high] = [model.entity({ priority: 1 }), model.entity({ priority: 2, affinity: 1n })];
    expect(model.field(low, "HOME")).toBe(0);
    model.start(low);
    model.next(0);
    model.start(high);
    expect(Number(model.core.call(0, "schedNext"))).toBe(high);
    expect(model.next(1)).toBe(0);
    model.core.call(0, "schedUnloaded", low);
    expect(model.at(1).kicked).toBe(true);
    model.interrupts(1);
    expect(model.next(1)).toBe(low);
  });

  test("registers that begin anew on the same hart stay there", async () => {
    const model = await machine(2);
    const entity = model.entity();
    model.start(entity);
    expect(model.next(0)).toBe(entity);
    model.core.call(0, "schedUnloaded", entity);
    expect(model.field(entity, "RESIDENCE")).toBe(1);
    model.wait(0);
    expect(model.field(entity, "RESIDENCE")).toBe(0);
  });

  test("what waits for a hart that never starts goes elsewhere", async () => {
    const model = await machine(2);
    const entities = [model.entity(), model.entity()];
    for (const entity of entities) model.start(entity);
    model.core.call(0, "schedForgetHart", 1);
    for (const entity of entities) expect(model.field(entity, "HOME")).toBe(0);
    model.start(model.entity());
    expect(percent(model.runBusy(0, 3_000_000n), entities[1] ?? 0)).toBeGreaterThan(30);
  });

  test("stop: at once where it does not run, Busy until its hart has let go", async () => {
    const model = await machine(2);
    const far = model.entity({ affinity: 2n });
    model.start(far);
    model.interrupts(1);
    expect(model.next(1)).toBe(far);
    expect(model.core.call(0, "schedStop", far)).toBe(-5);
    expect(model.at(1).kicked).toBe(true);
    expect(model.core.call(0, "schedRemove", far)).toBe(-5);
    model.interrupts(1);
    expect(model.next(1)).toBe(0);
    expect(model.core.call(0, "schedStop", far)).toBe(0);
    expect(model.core.call(0, "schedRemove", far)).toBe(0);
    expect(model.core.call(0, "schedRemove", far)).toBe(-3);
    expect(model.field(far, "STATE")).not.toBe(BLOCKED);
  });

  test("waiting untrapped is for harts that nobody needs", async () => {
    const model = await machine(2);
    const entities = [model.entity({ affinity: 1n }), model.entity({ affinity: 2n })];
    for (const entity of entities) model.start(entity);
    for (const hart of [0, 1]) model.next(hart);
    expect(model.core.call(1, "aloneOnHart", 1)).toBe(1);
    model.start(model.entity({ affinity: 1n }));
    expect(model.at(1).kicked).toBe(true);
    expect(model.core.call(1, "aloneOnHart", 1)).toBe(0);
  });
});

describe("what is out of range is refused", () => {
  test.each([
    [{ priority: 8 }, -4],
    [{ weight: 10_001 }, -4],
    [{ policy: 3 }, -4],
    [{ slice: 1n << 41n }, -4],
    [{ policy: MONOTONIC, period: 999n, budget: 1n }, -4],
    [{ policy: MONOTONIC, period: 1000n, budget: 0n }, -4],
    [{ policy: MONOTONIC, period: 1000n, budget: 1001n }, -4],
    [{ policy: MONOTONIC, period: NEVER, budget: NEVER }, -4],
    [{ policy: MONOTONIC, period: 1n << 60n, budget: 1n << 60n }, -8],
    [{ affinity: 1n << 5n }, -3],
    [{ affinity: 1n << 40n }, -3],
  ])("%o answers %i", async (fields, status) => {
    const model = await machine(2);
    expect(model.core.call(0, "schedAdd", model.bare(fields))).toBe(status);
  });
});
