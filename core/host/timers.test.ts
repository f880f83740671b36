// SPDX-License-Identifier: Apache-2.0
// Timers against a plain list: they fire in order, once, and never after they were cancelled, also when a cancel on one
// hart meets the expiry on another (hostile rows C06, C07).
import { HartModel } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";

const WAKE = 1;
const NEVER = 0xffff_ffff_ffff_ffffn;
const LONG = 120_000;

beforeAll(async () => void (await HartModel.create(1)), 240_000);

interface Fixture {
  timer: number;
  /** The stopped entity that it wakes. */
  entity: number;
}

function fixture(model: HartModel): Fixture {
  const timer = Number(model.core.call(0, "testTimer"));
  const entity = model.entity();
  model.core.call(0, "timerInit", timer, WAKE, entity);
  return { timer, entity };
}

describe("one hart", () => {
  test("the host timer is set to the first deadline, and off when there is none", async () => {
    const model = await HartModel.create(1);
    const [a, b] = [fixture(model), fixture(model)];
    model.core.call(0, "timerArm", a.timer, 0, 5000n);
    expect(model.at(0).deadline).toBe(5000n);
    model.core.call(0, "timerArm", b.timer, 0, 3000n);
    expect(model.at(0).deadline).toBe(3000n);
    model.core.call(0, "timerArm", b.timer, 0, 9000n);
    expect(model.at(0).deadline).toBe(5000n);
    model.core.call(0, "timerCancel", a.timer);
    expect(model.at(0).deadline).toBe(9000n);
    model.core.call(0, "timerCancel", b.timer);
    expect(model.at(0).deadline).toBe(NEVER);
  });

  test("C06: deadlines in the past, now, and at the end of time expire once or never", async () => {
    const model = await HartModel.create(1);
    const timers = [0n, 1n, 999n, 1000n, NEVER - 1n, NEVER].map((deadline) => ({ ...fixture(model), deadline }));
    const entities = timers.map(({ entity }) => entity);
    for (const { timer, deadline } of timers) model.core.call(0, "timerArm", timer, 0, deadline);
    model.woken(entities);
    model.interrupts(0);
    expect(model.woken(entities)).toEqual(entities.slice(0, 4));
    expect(model.at(0).deadline).toBe(NEVER - 1n);
    model.interrupts(0);
    expect(model.woken(entities)).toEqual([]);
    expect(model.at(0).timerInterrupts).toBe(1);
  });

  test("C06: re-arming in the past as fast as it goes takes one interrupt each and leaves the other timer alone", async () => {
    const model = await HartModel.create(1);
    const [storm, other] = [fixture(model), fixture(model)];
    model.core.call(0, "timerArm", other.timer, 0, 2000n);
    for (let i = 0; i < 500; i++) {
      model.core.call(0, "timerArm", storm.timer, 0, 0n);
      model.core.call(0, "timerArm", storm.timer, 0, model.time);
      model.interrupts(0);
      model.time += 1n;
    }
    const entities = [storm.entity, other.entity];
    expect(model.woken(entities)).toEqual(Array(500).fill(storm.entity));
    expect(model.at(0).timerInterrupts).toBe(500);
    expect(model.at(0).deadline).toBe(2000n);
  });
});

type Step =
  | { kind: "arm"; which: number; hart: number; in: number }
  | { kind: "cancel"; which: number; hart: number }
  | { kind: "pass"; time: number };

const HARTS = 3;
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("arm" as const),
    which: fc.nat(5),
    hart: fc.nat(HARTS - 1),
    in: fc.integer({ min: -20, max: 60 }),
  }),
  fc.record({ kind: fc.constant("cancel" as const), which: fc.nat(5), hart: fc.nat(HARTS - 1) }),
  fc.record({ kind: fc.constant("pass" as const), time: fc.nat(30) }),
);

/** What is armed, by timer: its hart, deadline and place in the order of arming. */
type Armed = Map<number, { hart: number; deadline: bigint; order: number }>;

function due(armed: Armed, hart: number, time: bigint): number[] {
  return [...armed]
    .filter(([, timer]) => timer.hart === hart && timer.deadline <= time)
    .sort(([, a], [, b]) => (a.deadline === b.deadline ? a.order - b.order : a.deadline < b.deadline ? -1 : 1))
    .map(([which]) => which);
}

test(
  "several harts arm, move and cancel: each list fires like a plain sorted list",
  async () => {
    const model = await HartModel.create(HARTS);
    const timers = Array.from({ length: 6 }, () => fixture(model));
    const entities = timers.map(({ entity }) => entity);
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const armed: Armed = new Map();
        for (const { timer } of timers) model.core.call(0, "timerCancel", timer);
        const actions = steps.map((action, order) => ({ action, order }));
        for (const { action, order } of actions) {
          if (action.kind === "arm") {
            const deadline = model.time + BigInt(action.in);
            const caller = (action.hart + order) % HARTS;
            model.core.call(caller, "timerArm", timers[action.which]?.timer ?? 0, action.hart, deadline);
            armed.set(action.which, { hart: action.hart, deadline, order });
          } else if (action.kind === "cancel") {
            model.core.call(action.hart, "timerCancel", timers[action.which]?.timer ?? 0);
            armed.delete(action.which);
          } else model.time += BigInt(action.time);
          for (let hart = 0; hart < HARTS; hart++) {
            const expected = due(armed, hart, model.time);
            model.woken(entities);
            // A kicked hart goes through schedNext, which sets its timer.
            if (model.at(hart).kicked) model.next(hart);
            model.interrupts(hart);
            expect(model.woken(entities)).toEqual(expected.map((which) => entities[which]));
            for (const which of expected) armed.delete(which);
            const left = [...armed.values()].filter((timer) => timer.hart === hart).map((timer) => timer.deadline);
            const first = left.reduce((a, b) => (a < b ? a : b), NEVER);
            expect(model.core.call(0, "timersNext", hart)).toBe(BigInt.asIntN(64, first));
            expect(model.at(hart).deadline <= first).toBe(true);
          }
        }
      }),
      { numRuns: 60 },
    );
  },
  LONG,
);

test(
  "C07: once a cancel has returned, the expiry on another hart neither runs nor begins",
  async () => {
    const model = await HartModel.create(2);
    const { timer, entity } = fixture(model);
    let fired = 0;
    let count = 0;
    for (let first = 0; first < 24; first++) {
      for (let second = first; second < 40; second++) {
        count += 1;
        model.core.call(0, "timerArm", timer, 0, model.time);
        model.woken([entity]);
        const expiry = model.core.start(0, "timersExpire", model.time);
        const cancel = model.core.start(1, "timerCancel", timer);
        for (let i = 0; i < first; i++) model.core.step(expiry);
        for (let i = first; i < second; i++) model.core.step(cancel);
        while (!cancel.done) {
          model.core.step(expiry);
          model.core.step(cancel);
        }
        fired += model.woken([entity]).length;
        while (!expiry.done) model.core.step(expiry);
        expect(model.woken([entity])).toEqual([]);
        expect(model.field(timer, "ARMED")).toBe(0);
      }
    }
    expect(fired).toBeGreaterThan(0);
    expect(fired).toBeLessThan(count);
  },
  LONG,
);
