// SPDX-License-Identifier: Apache-2.0
// Hostile row D09, one call after the other: entities of every policy come, start, stop, wait, wake and go at random on
// several harts, and after each call every entity is in exactly one place, with every count right.
import { checkPlaces, HartModel, type EntityFields } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";

const HARTS = 3;
const STOPPED = 0;
const BLOCKED = 3;
const LONG = 240_000;

beforeAll(async () => void (await HartModel.create(1)), LONG);

const fields: fc.Arbitrary<EntityFields> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ priority: fc.nat(7), affinity: fc.bigInt({ min: 1n, max: 7n }), weight: fc.nat(400) }),
  },
  { weight: 1, arbitrary: fc.record({ policy: fc.constant(2), affinity: fc.bigInt({ min: 1n, max: 7n }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      policy: fc.constant(1),
      period: fc.bigInt({ min: 1000n, max: 5000n }),
      budget: fc.bigInt({ min: 1n, max: 900n }),
    }),
  },
);

const KINDS = ["start", "stop", "wake", "wait", "next", "yield", "pass", "remove"] as const;
type Action = { kind: "add"; fields: EntityFields } | { kind: (typeof KINDS)[number]; which: number; hart: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("add" as const), fields }) },
  { weight: 9, arbitrary: fc.record({ kind: fc.constantFrom(...KINDS), which: fc.nat(), hart: fc.nat(HARTS - 1) }) },
);

class Storm {
  readonly model: HartModel;
  readonly members: number[] = [];
  removed = 0;

  constructor(model: HartModel) {
    this.model = model;
  }

  act(step: Action): void {
    if (step.kind === "add") {
      if (this.members.length >= 12) return;
      const entity = this.model.bare(step.fields);
      if (this.call(0, "schedAdd", entity) === 0) this.members.push(entity);
      return;
    }
    const { hart, kind } = step;
    const entity = this.members[step.which % (this.members.length || 1)];
    const current = this.model.at(hart).current;
    if (kind === "pass") {
      this.model.time += BigInt(step.which % 3000);
      this.model.interrupts(hart);
    } else if (kind === "next") {
      this.model.interrupts(hart);
      this.model.next(hart);
    } else if (kind === "yield") this.call(hart, "schedYield");
    else if (kind === "wait") {
      if (current !== 0 && this.state(current) !== BLOCKED) this.call(hart, "schedBlock", current);
    } else if (entity !== undefined) this.change(kind, hart, entity);
  }

  private change(kind: "start" | "stop" | "wake" | "remove", hart: number, entity: number): void {
    const before = this.state(entity);
    if (kind === "start") expect(this.call(hart, "schedStart", entity)).toBe(before === STOPPED ? 0 : -5);
    else if (kind === "stop") {
      this.call(hart, "schedStop", entity);
      expect(this.state(entity)).toBe(STOPPED);
    } else if (kind === "wake") {
      this.call(hart, "schedWake", entity);
      expect(this.state(entity)).not.toBe(BLOCKED);
    } else if (this.call(hart, "schedRemove", entity) === 0) {
      expect(before).toBe(STOPPED);
      this.members.splice(this.members.indexOf(entity), 1);
      this.removed += 1;
      for (const other of this.model.harts) if (other.loaded === entity) other.loaded = 0;
    }
  }

  /** Between a stop and its hart's schedNext an entity is stopped and still there; that alone is allowed. */
  check(): void {
    for (let hart = 0; hart < HARTS; hart++) {
      const current = this.model.at(hart).current;
      if (current !== 0 && this.state(current) !== 2) this.model.next(hart);
    }
    checkPlaces(this.model, this.members);
  }

  private state(entity: number): number {
    return this.model.field(entity, "STATE");
  }

  private call(hart: number, name: string, ...args: number[]): number {
    return Number(this.model.core.call(hart, name, ...args));
  }
}

test(
  "entities come, change and go: every one in one place, every count right",
  async () => {
    let removed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 50, maxLength: 250 }), async (steps) => {
        const storm = new Storm(await HartModel.create(HARTS));
        for (const step of steps) {
          storm.act(step);
          storm.check();
        }
        removed += storm.removed;
      }),
      { numRuns: 60 },
    );
    expect(removed).toBeGreaterThan(100);
  },
  LONG,
);
