// SPDX-License-Identifier: Apache-2.0
// Several harts of a HartModel at once, in an order drawn from a seed: each serves interrupts, asks the scheduler, and
// enters entities that wait, send events to each other, stop and start each other. Afterwards everything must come to
// rest with no event unseen and every entity in exactly one place.
import type { HartModel } from "./hart-model.ts";
import type { Task, Value } from "./interleave.ts";

const STATE = { stopped: 0, ready: 1, running: 2, blocked: 3 };
type Steps<Result> = Generator<Task | undefined, Result, undefined>;

/** A small generator of numbers; the same seed gives the same race. */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export class HartRace {
  readonly events = new Map<number, number>();
  /** Workers and where each counts its work. */
  readonly workers = new Map<number, number>();
  readonly runs: number[] = [];
  private readonly model: HartModel;
  private readonly random: (below: number) => number;
  /** Which hart has the registers of an entity. */
  private readonly held = new Map<number, number>();
  private readonly idle: boolean[] = [];
  private settling = false;
  /** How many calls to start each entity began and ended, and the entities that stopped since. */
  private readonly starts = new Map<number, { begun: number; ended: number }>();
  private readonly off = new Set<number>();

  constructor(model: HartModel, random: (below: number) => number) {
    this.model = model;
    this.random = random;
  }

  /** `steps` steps of storm, then until nothing moves any more; throws where something is wrong. */
  run(steps: number): void {
    const loops = this.model.harts.map((_, hart) => ({ steps: this.loop(hart), task: undefined as Task | undefined }));
    let left = steps;
    let quiet = 0;
    for (let total = 0; quiet < 4 * loops.length; total++) {
      if (total > steps + 200_000) throw new Error("the harts never come to rest");
      if (left-- === 0) this.settle();
      this.model.time += BigInt(this.random(4));
      const hart = this.random(loops.length);
      const loop = loops[hart];
      if (loop === undefined) continue;
      if (loop.task === undefined || this.model.core.step(loop.task)) {
        loop.task = loop.steps.next().value as Task | undefined;
      }
      const resting = loops.every((other, index) => other.task === undefined && this.idle[index]);
      quiet = left < 0 && resting && this.asleep() ? quiet + 1 : 0;
    }
    this.check();
  }

  /** The storm is over: everybody runs again and waits as soon as it can. */
  private settle(): void {
    this.settling = true;
  }

  /** With all harts idle, jumps to the next timer; true if there is none and no kick is under way. */
  private asleep(): boolean {
    if (this.model.harts.some((hart) => hart.kicked)) return false;
    const next = this.model.harts.map((hart) => hart.deadline).reduce((a, b) => (a < b ? a : b));
    if (next === 0xffff_ffff_ffff_ffffn) return [...this.events.keys()].every((entity) => this.isStarted(entity));
    if (next > this.model.time) this.model.time = next;
    return false;
  }

  private *loop(hart: number): Steps<void> {
    const model = this.model.at(hart);
    while (true) {
      model.kicked = false;
      if (model.deadline <= this.model.time) yield* this.call(hart, "timersExpire", this.model.time);
      const entity = yield* this.choose(hart);
      if (entity === 0) {
        if (this.settling && (yield* this.restart(hart))) continue;
        if (!this.settling && this.random(8) !== 0) {
          yield* this.disturb(hart);
          continue;
        }
        this.idle[hart] = true;
        while (!model.kicked && model.deadline > this.model.time && !this.mustRestart()) yield undefined;
        this.idle[hart] = false;
      } else yield* this.act(hart, entity);
    }
  }

  /** As run.ts: schedNext until there is an entity to enter, workers on the way, registers moved. */
  private *choose(hart: number): Steps<number> {
    const model = this.model.at(hart);
    while (model.current === 0 || (yield* this.call(hart, "needsReschedule")) !== 0) {
      const next = Number(yield* this.call(hart, "schedNext"));
      if (this.workers.has(next)) {
        model.current = 0;
        yield* this.call(hart, "workerRun", next);
        continue;
      }
      if (model.loaded !== 0 && model.loaded !== next) yield* this.leave(hart, model.loaded);
      model.current = next;
      if (next !== 0) this.enter(hart, next);
      else if ((yield* this.call(hart, "needsReschedule")) === 0) return 0;
    }
    return model.current;
  }

  private enter(hart: number, entity: number): void {
    const other = this.held.get(entity);
    if (other !== undefined && other !== hart) throw new Error(`two harts have entity ${entity}`);
    if (this.off.has(entity)) throw new Error(`entity ${entity} runs, but it was stopped`);
    if ((this.model.wide(entity, "AFFINITY") & (1n << BigInt(hart))) === 0n)
      throw new Error(`${entity} is not for hart ${hart}`);
    this.held.set(entity, hart);
    this.model.at(hart).loaded = entity;
    this.events.set(entity, 0);
    this.runs.push(entity);
  }

  private *leave(hart: number, entity: number): Steps<void> {
    this.held.delete(entity);
    this.model.at(hart).loaded = 0;
    yield* this.call(hart, "schedUnloaded", entity);
    // As run.ts: a request that came just before would have kicked a hart that no longer has it.
    if (this.events.get(entity) !== 0) yield* this.call(hart, "schedWake", entity);
  }

  /** What an entity does before its next exit, and that exit. */
  private *act(hart: number, entity: number): Steps<void> {
    const kind = this.settling ? 0 : this.random(12);
    const target = [...this.events.keys()][this.random(this.events.size)] ?? entity;
    if (kind < 4) yield* this.call(hart, "schedBlock", entity);
    else if (kind < 7) yield* this.send(hart, target);
    else if (kind === 7) yield* this.call(hart, "schedYield");
    else if (kind === 8) yield* this.stop(hart, target);
    else if (kind === 9) yield* this.start(hart, target);
    else if (kind === 10) yield* this.post(hart);
    else for (let i = this.random(30); i > 0 && !this.model.at(hart).kicked; i--) yield undefined;
  }

  /** A device's interrupt on an idle hart. */
  private *disturb(hart: number): Steps<void> {
    const target = [...this.events.keys()][this.random(this.events.size)];
    if (target !== undefined && this.random(3) !== 0) yield* this.send(hart, target);
    else if (target !== undefined) yield* this.start(hart, target);
    yield* this.post(hart);
  }

  private *send(hart: number, target: number): Steps<void> {
    this.events.set(target, (this.events.get(target) ?? 0) + 1);
    yield* this.call(hart, "testRequest", target);
  }

  private *start(hart: number, target: number): Steps<void> {
    const starts = this.startsOf(target);
    starts.begun += 1;
    this.off.delete(target);
    yield* this.call(hart, "schedStart", target);
    starts.ended += 1;
  }

  private *stop(hart: number, target: number): Steps<void> {
    const starts = this.startsOf(target);
    const before = starts.ended;
    const status = yield* this.call(hart, "schedStop", target);
    if (status === 0 && starts.begun === before) this.off.add(target);
  }

  private startsOf(entity: number): { begun: number; ended: number } {
    const starts = this.starts.get(entity) ?? { begun: 0, ended: 0 };
    this.starts.set(entity, starts);
    return starts;
  }

  /** Work for a worker. */
  private *post(hart: number): Steps<void> {
    const [worker, counter] = [...this.workers][this.random(this.workers.size || 1)] ?? [];
    if (worker === undefined || counter === undefined) return;
    this.model.view().setUint32(counter, this.model.view().getUint32(counter, true) + 1 + this.random(3), true);
    yield* this.call(hart, "workerWake", worker);
  }

  private mustRestart(): boolean {
    return this.settling && this.stopped() !== undefined;
  }

  private stopped(): number | undefined {
    return [...this.events.keys()].find((entity) => !this.isStarted(entity));
  }

  /** Starts one stopped entity; true if there was one. */
  private *restart(hart: number): Steps<boolean> {
    const stopped = this.stopped();
    if (stopped === undefined) return false;
    yield* this.start(hart, stopped);
    return true;
  }

  private isStarted(entity: number): boolean {
    return this.model.field(entity, "STATE") !== STATE.stopped;
  }

  private *call(hart: number, name: string, ...args: Value[]): Steps<Value> {
    const task = this.model.core.start(hart, name, ...args);
    while (!task.done) yield task;
    return task.result;
  }

  private check(): void {
    for (const [entity, events] of this.events) {
      if (events !== 0) throw new Error(`lost wake-up: entity ${entity} has ${events} events and sleeps`);
      if (this.model.field(entity, "STATE") !== STATE.blocked) throw new Error(`entity ${entity} does not sleep`);
      if (this.model.field(entity, "RESIDENCE") !== 0) throw new Error(`entity ${entity} is still in a hart`);
    }
    for (const [worker, counter] of this.workers) {
      if (this.model.view().getUint32(counter, true) !== 0) throw new Error(`lost work of worker ${worker}`);
    }
    checkPlaces(this.model, [...this.events.keys(), ...this.workers.keys()]);
  }
}

/** Every entity in exactly the one place that its state names, and every count right; no call is under way. */
export function checkPlaces(model: HartModel, entities: readonly number[]): void {
  const places = new Map<number, string[]>();
  const put = (entity: number, place: string): void => void places.set(entity, [...(places.get(entity) ?? []), place]);
  model.harts.forEach((_, hart) => {
    const queue = Number(model.core.call(0, "testQueue", hart));
    const current = model.field(Number(model.core.call(0, "testHart", hart)), "CURRENT");
    if (current !== 0) put(current, `hart ${hart} running`);
    let ready = 0;
    const walk = (first: number, kind: string): void => {
      let previous = 0;
      for (let at = first; at !== 0; at = model.field(at, "NEXT")) {
        if (model.field(at, "PREVIOUS") !== previous) throw new Error(`broken link at ${at}`);
        put(at, `hart ${hart} ${kind}`);
        if (kind === "ready") ready += 1;
        previous = at;
        if (ready > 1000) throw new Error("a list does not end");
      }
    };
    for (let priority = 0; priority < 8; priority++)
      walk(Number(model.core.call(0, "testLevel", hart, priority)), "ready");
    walk(model.field(queue, "PERIODIC"), "ready");
    walk(model.field(queue, "PINNED"), "ready");
    walk(model.field(queue, "THROTTLED"), "throttled");
    if (ready !== model.field(queue, "READY"))
      throw new Error(`hart ${hart} counts ${model.field(queue, "READY")} ready, has ${ready}`);
    const members = entities.filter((entity) => model.field(entity, "HOME") === hart).length;
    if (members !== model.field(queue, "MEMBERS")) throw new Error(`hart ${hart} miscounts its members`);
  });
  for (const entity of entities) {
    const state = model.field(entity, "STATE");
    const home = `hart ${model.field(entity, "HOME")}`;
    const expected =
      state === STATE.running
        ? [`${home} running`]
        : state === STATE.ready
          ? [`${home} ${model.field(entity, "PLACE") === 2 ? "throttled" : "ready"}`]
          : [];
    const actual = places.get(entity) ?? [];
    if (actual.join() !== expected.join())
      throw new Error(`entity ${entity}, state ${state}: ${actual.join()} is not ${expected.join()}`);
  }
}
