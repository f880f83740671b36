// SPDX-License-Identifier: Apache-2.0
// Harts as the scheduler sees them: time, a timer and a kick each, and the atomics. A test drives them through
// `interrupts` and `next`, which do what the loop of a hart does (core/guest/run.ts) with registers reduced to a name.
import { Interleaver, type Task, type Value } from "./interleave.ts";

const SBI_IPI = 0x735049;
const SBI_TIME = 0x54494d45;
const NEVER = 0xffff_ffff_ffff_ffffn;
const ENTRY = "core/sched/sched.testing.ts";
const ATOMICS = { atomicOr: 0, atomicAnd: 0, atomicAdd: 0, atomicSwap: 0, atomicCompareSwap: 0, atomicLoad: 0 };

/** The part of all time in `ran` that an entity had, in percent. */
export function percent(ran: Map<number, bigint>, entity: number): number {
  const all = [...ran.values()].reduce((a, b) => a + b, 0n);
  return (100 * Number(ran.get(entity) ?? 0n)) / Number(all);
}

interface ModelHart {
  /** A kick that it has not noticed. */
  kicked: boolean;
  deadline: bigint;
  /** The entity whose registers it has. */
  loaded: number;
  /** The entity that it would enter, 0 when idle. */
  current: number;
  timerInterrupts: number;
  kicks: number;
}

export interface EntityFields {
  policy?: number;
  priority?: number;
  weight?: number;
  affinity?: bigint;
  slice?: bigint;
  period?: bigint;
  budget?: bigint;
}

export class HartModel {
  time = 1000n;
  readonly harts: ModelHart[] = [];
  /** Words that atomicOr touched, in order: wake-ups, among others. */
  readonly ored: number[] = [];
  core!: Interleaver;

  static async create(harts: number): Promise<HartModel> {
    const self = new HartModel();
    for (let i = 0; i < harts; i++) {
      self.harts.push({ kicked: false, deadline: NEVER, loaded: 0, current: 0, timerInterrupts: 0, kicks: 0 });
    }
    self.core = await Interleaver.load(ENTRY, self.hardware(), { ...ATOMICS, sbi: 0n });
    self.reset();
    return self;
  }

  /** The entity's fields. */
  field(entity: number, name: string): number {
    return this.view().getUint32(entity + this.constant(name), true);
  }

  wide(entity: number, name: string): bigint {
    return this.view().getBigUint64(entity + this.constant(name), true);
  }

  /** A new entity, stopped; fails the test if the scheduler refuses it. */
  entity(fields: EntityFields = {}): number {
    const entity = this.bare(fields);
    const status = this.core.call(0, "schedAdd", entity);
    if (status !== 0) throw new Error(`schedAdd answered ${status}`);
    return entity;
  }

  start(entity: number): void {
    const status = this.core.call(0, "schedStart", entity);
    if (status !== 0) throw new Error(`schedStart answered ${status}`);
  }

  /** The entity that runs on the hart waits; nothing has woken it. */
  wait(hart: number): void {
    if (this.core.call(hart, "schedBlock", this.at(hart).current) !== 1) throw new Error("it was woken and goes on");
    this.next(hart);
  }

  /** A new entity that the scheduler does not know yet. */
  bare(fields: EntityFields): number {
    const entity = Number(this.core.call(0, "testEntity"));
    this.setFields(entity, fields);
    return entity;
  }

  setFields(entity: number, fields: EntityFields): void {
    const view = this.view();
    for (const [name, value] of Object.entries(fields) as [string, Value][]) {
      const at = entity + this.constant(name.toUpperCase());
      if (typeof value === "bigint") view.setBigUint64(at, value, true);
      else view.setUint32(at, value, true);
    }
  }

  /** Serves a kick and a due timer of the hart, as its trap would. */
  interrupts(hart: number): void {
    const model = this.at(hart);
    if (model.kicked) {
      model.kicked = false;
      model.kicks += 1;
    }
    if (model.deadline <= this.time) {
      model.timerInterrupts += 1;
      this.core.call(hart, "timersExpire", this.time);
    }
  }

  /** Entities that were woken since the last call, in order; they must be among `entities`. */
  woken(entities: readonly number[]): number[] {
    const wake = this.constant("WAKE");
    return this.ored.splice(0).flatMap((at) => (entities.includes(at - wake) ? [at - wake] : []));
  }

  /** The end of an exit: chooses anew if something asked for it; answers the entity to enter. */
  next(hart: number): number {
    const model = this.at(hart);
    while (model.current === 0 || this.core.call(hart, "needsReschedule") !== 0) {
      this.enter(hart, Number(this.core.call(hart, "schedNext")));
      if (model.current === 0 && this.core.call(hart, "needsReschedule") === 0) break;
    }
    return model.current;
  }

  /** The registers follow the choice. */
  private enter(hart: number, entity: number): void {
    const model = this.at(hart);
    if (model.loaded !== 0 && model.loaded !== entity) this.core.call(hart, "schedUnloaded", model.loaded);
    model.loaded = entity;
    model.current = entity;
  }

  /** Lets `hart` run busy entities until `end`, jumping from timer to timer; answers how long each ran. */
  runBusy(hart: number, end: bigint): Map<number, bigint> {
    const ran = new Map<number, bigint>();
    while (this.time < end) {
      this.interrupts(hart);
      const entity = this.next(hart);
      const deadline = this.at(hart).deadline;
      const until = deadline < end ? (deadline > this.time ? deadline : this.time) : end;
      if (entity !== 0) ran.set(entity, (ran.get(entity) ?? 0n) + until - this.time);
      this.time = until;
    }
    return ran;
  }

  /** Runs calls of several harts at once: `choose` picks whose turn it is, until all have ended. */
  together(tasks: Task[], choose: (count: number) => number): void {
    let left = tasks.filter((task) => !task.done);
    for (let steps = 0; left.length > 0; steps++) {
      if (steps > 100_000) throw new Error(`no end: ${left.map((task) => task.name).join(", ")}`);
      const task = left[choose(left.length)];
      if (task === undefined) throw new Error("choose answered an index that is not there");
      this.core.step(task);
      left = left.filter((other) => !other.done);
    }
  }

  at(hart: number): ModelHart {
    const model = this.harts[hart];
    if (model === undefined) throw new Error(`no hart ${hart}`);
    return model;
  }

  constant(name: string): number {
    const value = this.core.constants[name];
    if (value === undefined) throw new Error(`the module exports no constant ${name}`);
    return value;
  }

  view(): DataView {
    return new DataView(this.core.memory.buffer);
  }

  private reset(): void {
    const status = this.core.call(0, "testSetup", this.harts.length);
    if (status !== 0) throw new Error(`testSetup answered ${status}`);
    this.pointers = this.harts.map((_, index) => Number(this.core.call(0, "testHart", index)));
  }

  private pointers: number[] = [];

  private hardware(): Record<string, (...args: Value[]) => Value | void> {
    const change = (at: Value, f: (old: number) => number): number => {
      const view = this.view();
      const old = view.getUint32(Number(at), true);
      view.setUint32(Number(at), f(old) >>> 0, true);
      return old;
    };
    return {
      hart: () => this.pointers[this.core.hart] ?? 0,
      csrRead: () => this.time,
      extendLinear: (bytes) => (this.core.memory.grow(Math.ceil(Number(bytes) / 65536)), 1),
      csrWrite: () => {
        throw new Error("these harts have no Sstc");
      },
      atomicOr: (at, bits) => {
        this.ored.push(Number(at));
        return change(at, (old) => old | Number(bits));
      },
      atomicAnd: (at, bits) => change(at, (old) => old & Number(bits)),
      atomicAdd: (at, value) => change(at, (old) => old + Number(value)),
      atomicSwap: (at, value) => change(at, () => Number(value)),
      atomicCompareSwap: (at, expected, value) =>
        change(at, (old) => (old === Number(expected) >>> 0 ? Number(value) : old)),
      atomicLoad: (at) => this.view().getUint32(Number(at), true),
      sbi: (extension, _function, a0, a1) => this.sbi(Number(extension), BigInt(a0 ?? 0), Number(a1)),
    };
  }

  private sbi(extension: number, a0: bigint, a1: number): bigint {
    if (extension === SBI_TIME) this.at(this.core.hart).deadline = BigInt.asUintN(64, a0);
    else if (extension === SBI_IPI && a0 === 1n) this.at(a1 - 100).kicked = true;
    else throw new Error(`unexpected firmware call ${extension.toString(16)}`);
    return 0n;
  }
}
