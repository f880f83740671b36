// SPDX-License-Identifier: Apache-2.0
// Adds records up: per vCPU how often it exited and for what, how long that took, interrupts and wake-ups; per hart where
// its time went. Holds sums only, so it may run for days. Called with records in the order of each hart's ring.
import { trace } from "@typeone/spec";
import type { TraceRecord } from "./record.ts";
import { whoIs } from "./names.ts";

/** Bucket 0 counts durations of 0 ticks, bucket n those from 2^(n-1) to below 2^n. */
export const BUCKETS = 33;

export interface ExitTotal {
  count: number;
  ticks: number;
  longest: number;
  readonly buckets: number[];
}

export interface VcpuTotal {
  readonly guest: number;
  readonly vcpu: number;
  /** By exit kind; kinds that never came are absent. */
  readonly exits: Map<number, ExitTotal>;
  exitCount: number;
  exitTicks: number;
  /** Times it came onto a hart, and times it became ready. */
  switches: number;
  wakes: number;
  /** By line: soft, timer, external. */
  readonly injections: number[];
}

export interface HartTotal {
  readonly hart: number;
  records: number;
  lost: number;
  switches: number;
  /** Ticks between its first and its last record, and of these in the hypervisor and idle. */
  ticks: number;
  hypervisorTicks: number;
  idleTicks: number;
  workerTicks: number;
}

export interface GuestTotal {
  readonly guest: number;
  consoleOut: number;
  consoleIn: number;
  /** Latest state that the trace told, or -1. */
  state: number;
}

interface HartWalk {
  readonly total: HartTotal;
  first: bigint;
  last: bigint;
  /** Since when the hypervisor has the hart, as far as scheduling tells; -1: a guest may have it. */
  since: bigint;
  idle: boolean;
}

export function bucketOf(ticks: number): number {
  return ticks === 0 ? 0 : 32 - Math.clz32(ticks);
}

export class TraceModel {
  /** Ticks per second. */
  readonly frequency: number;
  readonly #vcpus = new Map<number, VcpuTotal>();
  readonly #guests = new Map<number, GuestTotal>();
  readonly #harts = new Map<number, HartWalk>();

  constructor(frequency: number) {
    if (!(frequency > 0)) throw new RangeError(`a timebase of ${frequency} ticks a second cannot be`);
    this.frequency = frequency;
  }

  /** By guest, then vCPU. */
  get vcpus(): readonly VcpuTotal[] {
    return [...this.#vcpus.values()].sort((a, b) => a.guest - b.guest || a.vcpu - b.vcpu);
  }

  get guests(): readonly GuestTotal[] {
    return [...this.#guests.values()].sort((a, b) => a.guest - b.guest);
  }

  get harts(): readonly HartTotal[] {
    return [...this.#harts.values()].map(({ total }) => total).sort((a, b) => a.hart - b.hart);
  }

  /** Seconds that the records of the longest traced hart span. */
  get seconds(): number {
    return Math.max(0, ...this.harts.map((hart) => hart.ticks)) / this.frequency;
  }

  /** Exits of one kind, of all vCPUs or of one guest's. */
  exits(kind: number, guest?: number): ExitTotal {
    const sum: ExitTotal = { count: 0, ticks: 0, longest: 0, buckets: Array<number>(BUCKETS).fill(0) };
    for (const vcpu of this.#vcpus.values()) {
      const part = guest === undefined || vcpu.guest === guest ? vcpu.exits.get(kind) : undefined;
      if (!part) continue;
      sum.count += part.count;
      sum.ticks += part.ticks;
      sum.longest = Math.max(sum.longest, part.longest);
      part.buckets.forEach((count, index) => (sum.buckets[index] = (sum.buckets[index] ?? 0) + count));
    }
    return sum;
  }

  /** Adds records of one hart; `lost` came before them. */
  add(hart: number, records: readonly TraceRecord[], lost = 0): void {
    const walk = this.#walk(hart);
    walk.total.lost += lost;
    if (lost > 0) {
      walk.since = -1n;
      walk.idle = false;
    }
    for (const record of records) this.#one(walk, record);
  }

  #one(walk: HartWalk, record: TraceRecord): void {
    const { total } = walk;
    total.records++;
    if (walk.first < 0n) walk.first = record.time - BigInt(record.duration);
    this.#time(walk, record);
    walk.last = record.time;
    total.ticks = Number(walk.last - walk.first);
    switch (record.kind) {
      case trace.TRACE_EXIT:
        this.#exit(record);
        break;
      case trace.TRACE_SWITCH:
        total.switches++;
        if (whoIs(record.a).kind === "vcpu") this.#vcpu(record).switches++;
        break;
      case trace.TRACE_WAKE:
        if (whoIs(record.a).kind === "vcpu") this.#vcpu(record).wakes++;
        break;
      case trace.TRACE_INJECT: {
        const { injections } = this.#vcpu(record);
        injections[record.sub] = (injections[record.sub] ?? 0) + 1;
        break;
      }
      case trace.TRACE_CONSOLE:
        if (record.sub === 0) this.#guest(record.guest).consoleOut += Number(record.a);
        else this.#guest(record.guest).consoleIn += Number(record.a);
        break;
      case trace.TRACE_LIFECYCLE:
        this.#guest(record.guest).state = record.sub;
        break;
      case trace.TRACE_WORKER:
        total.workerTicks += record.duration;
        break;
    }
  }

  /** Where the hart's time went: an exit's own duration, and from an exit through the scheduler to an entry. */
  #time(walk: HartWalk, record: TraceRecord): void {
    const { total } = walk;
    if (record.kind === trace.TRACE_EXIT) {
      total.hypervisorTicks += record.duration;
      walk.since = record.time;
      walk.idle = false;
    } else if (record.kind === trace.TRACE_SWITCH || record.kind === trace.TRACE_ENTER) {
      if (walk.since >= 0n) {
        const ticks = Number(record.time - walk.since);
        if (walk.idle) total.idleTicks += ticks;
        else total.hypervisorTicks += ticks;
      }
      const entered = record.kind === trace.TRACE_ENTER;
      walk.since = entered ? -1n : record.time;
      walk.idle = !entered && record.a === 0n;
    }
  }

  #exit(record: TraceRecord): void {
    const vcpu = this.#vcpu(record);
    vcpu.exitCount++;
    vcpu.exitTicks += record.duration;
    let exits = vcpu.exits.get(record.sub);
    if (!exits) vcpu.exits.set(record.sub, (exits = this.#noExits()));
    exits.count++;
    exits.ticks += record.duration;
    exits.longest = Math.max(exits.longest, record.duration);
    const bucket = bucketOf(record.duration);
    exits.buckets[bucket] = (exits.buckets[bucket] ?? 0) + 1;
  }

  #noExits(): ExitTotal {
    return { count: 0, ticks: 0, longest: 0, buckets: Array<number>(BUCKETS).fill(0) };
  }

  #vcpu({ guest, vcpu }: TraceRecord): VcpuTotal {
    const key = (guest << 8) | vcpu;
    let total = this.#vcpus.get(key);
    if (!total) {
      total = {
        guest,
        vcpu,
        exits: new Map(),
        exitCount: 0,
        exitTicks: 0,
        switches: 0,
        wakes: 0,
        injections: [0, 0, 0],
      };
      this.#vcpus.set(key, total);
    }
    return total;
  }

  #guest(guest: number): GuestTotal {
    let total = this.#guests.get(guest);
    if (!total) this.#guests.set(guest, (total = { guest, consoleOut: 0, consoleIn: 0, state: -1 }));
    return total;
  }

  #walk(hart: number): HartWalk {
    let walk = this.#harts.get(hart);
    if (!walk) {
      const total = {
        hart,
        records: 0,
        lost: 0,
        switches: 0,
        ticks: 0,
        hypervisorTicks: 0,
        idleTicks: 0,
        workerTicks: 0,
      };
      this.#harts.set(hart, (walk = { total, first: -1n, last: 0n, since: -1n, idle: false }));
    }
    return walk;
  }
}
