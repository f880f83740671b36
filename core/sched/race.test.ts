// SPDX-License-Identifier: Apache-2.0
// No lost wake-up and no broken list, whatever the order in which harts take their steps: every order with up to three
// changes of turn for single races, and orders drawn from seeds for storms on several harts (hostile rows D05, D09).
import { HartModel, HartRace, numbers } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

const BLOCKED = 3;
const LONG = 280_000;

beforeAll(async () => void (await HartModel.create(1)), LONG);

/** All orders of two calls that change turn at most `switches` times, at any steps below `length`. */
function* orders(switches: number, length: number, from = 0): Generator<number[]> {
  yield [];
  if (switches === 0) return;
  for (let at = from; at < length; at++) for (const rest of orders(switches - 1, length, at + 1)) yield [at, ...rest];
}

/** Chooses by a list of steps at which the turn changes. */
function following(order: number[], first: number): (count: number) => number {
  let step = 0;
  let turn = first;
  return (count) => {
    // One that waits for a lock must let its holder go on in the end.
    if (order.includes(step++) || (step > 64 && step % 16 === 0)) turn += 1;
    return turn % count;
  };
}

describe("D05: a wake-up against a wait", () => {
  test.each([0, 1])(
    "in every order with three changes of turn, the waker's hart first: %i",
    async (first) => {
      const model = await HartModel.create(2);
      const entity = model.entity({ affinity: 1n });
      model.core.call(1, "schedStart", entity);
      let blockedFirst = 0;
      let count = 0;
      for (const order of orders(3, 24)) {
        count += 1;
        model.at(0).kicked = false;
        expect(model.next(0)).toBe(entity);
        const wait = model.core.start(0, "schedBlock", entity);
        const wake = model.core.start(1, "schedWake", entity);
        model.together([wait, wake], following(order, first));
        if (wait.result === 1) {
          blockedFirst += 1;
          expect(model.field(entity, "STATE")).not.toBe(BLOCKED);
          expect(model.next(0)).toBe(entity);
        }
        // Nothing is left over: with no further event the next wait does wait, and the next wake-up ends it.
        if (model.core.call(0, "schedBlock", entity) === 0) expect(model.core.call(0, "schedBlock", entity)).toBe(1);
        expect(model.next(0)).toBe(0);
        model.core.call(1, "schedWake", entity);
        expect(model.at(0).kicked).toBe(true);
      }
      expect(count).toBeGreaterThan(2000);
      expect(blockedFirst).toBeGreaterThan(100);
      expect(blockedFirst).toBeLessThan(count);
    },
    LONG,
  );

  test(
    "an idle hart that looks for work against a wake-up: one of the two harts runs it",
    async () => {
      const model = await HartModel.create(3);
      const [busy, other] = [model.entity({ affinity: 1n }), model.entity({ affinity: 3n })];
      model.core.call(0, "schedStart", busy);
      expect(model.next(0)).toBe(busy);
      model.core.call(0, "schedStart", other);
      for (const order of orders(2, 40)) {
        model.interrupts(1);
        if (model.next(1) === other) expect(model.core.call(1, "schedBlock", other)).toBe(1);
        else expect(model.next(0)).toBe(other);
        const idle = model.core.start(1, "schedNext");
        const wake = model.core.start(2, "schedWake", other);
        model.together([idle, wake], following(order, 0));
        model.at(1).current = Number(idle.result);
        if (idle.result !== other) expect(model.at(1).kicked).toBe(true);
      }
    },
    LONG,
  );
});

test(
  "D06: a higher priority that wakes while a hart chooses is chosen, or that hart is told to choose again",
  async () => {
    const model = await HartModel.create(2);
    const busy = model.entity({ affinity: 1n, priority: 1 });
    const urgent = model.entity({ affinity: 1n, priority: 5 });
    for (const entity of [busy, urgent]) model.core.call(0, "schedStart", entity);
    let chosen = 0;
    let count = 0;
    for (const order of orders(2, 30)) {
      count += 1;
      while (model.next(0) === urgent) expect(model.core.call(0, "schedBlock", urgent)).toBe(1);
      model.at(0).kicked = false;
      const choose = model.core.start(0, "schedNext");
      const wake = model.core.start(1, "schedWake", urgent);
      model.together([choose, wake], following(order, 0));
      model.at(0).current = Number(choose.result);
      if (choose.result === urgent) chosen += 1;
      else expect([model.core.call(0, "needsReschedule"), model.at(0).kicked]).toEqual([1, true]);
    }
    expect(chosen).toBeGreaterThan(0);
    expect(chosen).toBeLessThan(count);
  },
  LONG,
);

interface Storm {
  seed: number;
  harts: number;
  entities: number;
  mixed: boolean;
}

async function storm({ seed, harts, entities, mixed }: Storm): Promise<number> {
  const random = numbers(seed);
  const model = await HartModel.create(harts);
  model.core.call(0, "schedConfigure", 400n, random(2) * 5);
  const race = new HartRace(model, random);
  if (mixed && harts > 1 && random(2)) race.events.set(model.entity({ policy: 2 }), 0);
  for (let i = 0; i < entities; i++) {
    const periodic = mixed && random(4) === 0;
    const affinity = random(2) ? 0n : BigInt(1 + random((1 << harts) - 1));
    const entity = model.bare(
      periodic
        ? { policy: 1, period: BigInt(1000 + random(3000)), budget: BigInt(50 + random(200)) }
        : { priority: mixed ? random(8) : 0, affinity, weight: 1 + random(1000) },
    );
    if (model.core.call(0, "schedAdd", entity) === 0) race.events.set(entity, 0);
  }
  for (let i = 0; i < 2; i++) {
    const [worker, counter] = [Number(model.core.call(0, "testWorker")), Number(model.core.call(0, "testCounter"))];
    expect(model.core.call(0, "workerInit", worker, model.core.call(0, "testCountDown"), counter, random(8))).toBe(0);
    race.workers.set(worker, counter);
  }
  for (const entity of race.events.keys()) model.core.call(0, "schedStart", entity);
  race.run(4000);
  return race.runs.length;
}

describe("D09: storms of wake, wait, stop and start on several harts", () => {
  const arbitrary = fc.record({
    seed: fc.integer({ min: 1, max: 0x7fff_ffff }),
    harts: fc.integer({ min: 1, max: 4 }),
    entities: fc.integer({ min: 1, max: 7 }),
    mixed: fc.boolean(),
  });

  test(
    "come to rest with no event unseen and every entity in one place",
    async () => {
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(arbitrary, async (parameters) => {
          runs += await storm(parameters);
        }),
        { numRuns: Number(process.env["STORMS"] ?? 40) },
      );
      expect(runs).toBeGreaterThan(1000);
    },
    LONG,
  );
});
