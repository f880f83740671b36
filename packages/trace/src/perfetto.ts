// SPDX-License-Identifier: Apache-2.0
// The trace as a file that Perfetto opens (https://ui.perfetto.dev): Chrome's JSON trace event format, written piece by
// piece. A guest is a process, a vCPU one of its threads; the harts are threads of a process of their own. Slices of one
// thread nest: a vCPU's time on a hart, in it its exits; a hart's occupant, in it the hypervisor's own work.
import { trace } from "@typeone/spec";
import {
  EXIT_NAMES,
  type GuestNames,
  guestName,
  LEFT_NAMES,
  LINE_NAMES,
  nameIn,
  STATE_NAMES,
  type Who,
  whoIs,
  whoName,
} from "./names.ts";
import type { TraceRecord } from "./record.ts";

/** Process of the harts; guests are the processes of their numbers, which are smaller. */
export const HARTS_PROCESS = 1000;
const hartThread = (hart: number): number => 100_000 + hart;
const vcpuThread = (guest: number, vcpu: number): number => guest * 256 + vcpu + 1;

type Value = string | number | { readonly [name: string]: Value };
type Event = Readonly<Record<string, Value>>;

export interface PerfettoOptions {
  /** Ticks per second. */
  readonly frequency: number;
  /** Takes each piece of text in order; may answer a promise to be waited for. */
  readonly write: (text: string) => void | Promise<void>;
  readonly guestNames?: GuestNames;
}

interface Occupant {
  readonly who: Who;
  readonly since: bigint;
}

interface HartState {
  occupant: Occupant | null;
  last: bigint;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

export class PerfettoWriter {
  readonly #options: PerfettoOptions;
  readonly #frequency: bigint;
  readonly #harts = new Map<number, HartState>();
  readonly #named = new Set<string>();
  #pending: string[] = [];
  #begun = false;

  constructor(options: PerfettoOptions) {
    if (!Number.isSafeInteger(options.frequency) || options.frequency <= 0)
      throw new RangeError(`a timebase of ${options.frequency} ticks a second cannot be`);
    this.#options = options;
    this.#frequency = BigInt(options.frequency);
  }

  /** Adds records of one hart, in its order; `lost` were missed before them. */
  async add(hart: number, records: readonly TraceRecord[], lost = 0): Promise<void> {
    const state = this.#hart(hart);
    if (lost > 0) this.#gap(hart, state, lost);
    for (const record of records) this.#one(hart, state, record);
    await this.#flush();
  }

  /** Closes what is open and ends the file. */
  async end(): Promise<void> {
    for (const [hart, state] of this.#harts) this.#leave(hart, state, state.last);
    this.#pending.push(this.#begun ? "\n]}\n" : '{"displayTimeUnit":"ns","traceEvents":[]}\n');
    this.#begun = true;
    await this.#flush();
  }

  #hart(hart: number): HartState {
    let state = this.#harts.get(hart);
    if (!state) {
      this.#harts.set(hart, (state = { occupant: null, last: -1n }));
      this.#name("process", HARTS_PROCESS, 0, "harts");
      this.#name("thread", HARTS_PROCESS, hartThread(hart), `hart ${hart}`);
    }
    return state;
  }

  #one(hart: number, state: HartState, record: TraceRecord): void {
    const from = record.time - BigInt(record.duration);
    if (state.last < 0n) state.last = from;
    if (record.kind === trace.TRACE_EXIT || record.kind === trace.TRACE_ENTER) this.#seen(hart, state, record, from);
    this.#record(hart, state, record, from);
    state.last = record.time;
  }

  /** This vCPU is on the hart: nobody else can be, whatever switches we did not see. */
  #seen(hart: number, state: HartState, { guest, vcpu }: TraceRecord, from: bigint): void {
    const there = state.occupant?.who;
    if (there?.kind === "vcpu" && there.guest === guest && there.vcpu === vcpu) return;
    this.#leave(hart, state, state.last);
    state.occupant = { who: { kind: "vcpu", guest, vcpu }, since: from > state.last ? from : state.last };
  }

  #record(hart: number, state: HartState, record: TraceRecord, from: bigint): void {
    switch (record.kind) {
      case trace.TRACE_EXIT:
        this.#slice(this.#vcpu(record), nameIn(EXIT_NAMES, record.sub), [from, record.time], exitDetail(record, hart));
        break;
      case trace.TRACE_SWITCH:
        this.#switch(hart, state, record);
        break;
      case trace.TRACE_WORKER:
        this.#slice(onHart(hart), whoName(whoIs(record.a)), [from, record.time], { guest: record.guest });
        break;
      case trace.TRACE_WAKE:
        this.#wake(hart, record);
        break;
      case trace.TRACE_INJECT:
        this.#instant(this.#vcpu(record), `inject ${nameIn(LINE_NAMES, record.sub)}`, record.time, { hart });
        break;
      case trace.TRACE_CONSOLE:
        this.#instant(this.#guest(record.guest), `console ${record.sub === 0 ? "out" : "in"}`, record.time, {
          bytes: Number(record.a),
        });
        break;
      case trace.TRACE_LIFECYCLE:
        this.#instant(this.#guest(record.guest), nameIn(STATE_NAMES, record.sub), record.time, {});
        break;
    }
  }

  #switch(hart: number, state: HartState, record: TraceRecord): void {
    const leaving = whoIs(record.b);
    if (leaving.kind !== "nobody") state.occupant ??= { who: leaving, since: state.last };
    this.#leave(hart, state, record.time, nameIn(LEFT_NAMES, record.sub));
    const who = whoIs(record.a);
    state.occupant = who.kind === "nobody" ? null : { who, since: record.time };
  }

  /** The occupant's slices end: on the hart, and on the vCPU's own thread. */
  #leave(hart: number, state: HartState, at: bigint, why?: string): void {
    const { occupant } = state;
    state.occupant = null;
    if (!occupant) return;
    const args: Event = why === undefined ? {} : { then: why };
    this.#slice(onHart(hart), whoName(occupant.who, this.#options.guestNames), [occupant.since, at], args);
    if (occupant.who.kind === "vcpu") this.#slice(this.#vcpu(occupant.who), `hart ${hart}`, [occupant.since, at], args);
  }

  #wake(hart: number, record: TraceRecord): void {
    const who = whoIs(record.a);
    const args = { by: `hart ${hart}`, on: `hart ${record.b}` };
    if (who.kind === "vcpu") this.#instant(this.#vcpu(who), "wake", record.time, args);
    else this.#instant(onHart(hart), `wake ${whoName(who)}`, record.time, args);
  }

  #gap(hart: number, state: HartState, lost: number): void {
    this.#leave(hart, state, state.last);
    if (state.last >= 0n) this.#instant(onHart(hart), "records lost", state.last, { records: lost });
  }

  /** Where a guest's own events stand: on its first vCPU. */
  #guest(guest: number): { pid: number; tid: number } {
    if (guest === 0) {
      this.#name("thread", HARTS_PROCESS, hartThread(255), "host");
      return onHart(255);
    }
    return this.#vcpu({ guest, vcpu: 0 });
  }

  #vcpu({ guest, vcpu }: { readonly guest: number; readonly vcpu: number }): { pid: number; tid: number } {
    this.#name("process", guest, 0, guestName(guest, this.#options.guestNames));
    const tid = vcpuThread(guest, vcpu);
    this.#name("thread", guest, tid, `vCPU ${vcpu}`);
    return { pid: guest, tid };
  }

  /** Says once what a process or thread is called. */
  #name(what: "process" | "thread", pid: number, tid: number, name: string): void {
    const key = `${what} ${pid} ${tid}`;
    if (this.#named.has(key)) return;
    this.#named.add(key);
    this.#event({ ph: "M", name: `${what}_name`, pid, tid, args: { name } });
  }

  #slice(place: { pid: number; tid: number }, name: string, [from, to]: readonly [bigint, bigint], args: Event): void {
    const [start, end] = [this.#nanoseconds(from), this.#nanoseconds(to)];
    this.#event({ ph: "X", name, ...place, ts: microseconds(start), dur: microseconds(end - start), args });
  }

  #instant(place: { pid: number; tid: number }, name: string, at: bigint, args: Event): void {
    this.#event({ ph: "i", s: "t", name, ...place, ts: microseconds(this.#nanoseconds(at)), args });
  }

  #nanoseconds(ticks: bigint): bigint {
    return (ticks * 1_000_000_000n) / this.#frequency;
  }

  #event(event: Event): void {
    this.#pending.push(this.#begun ? ",\n" : '{"displayTimeUnit":"ns","traceEvents":[\n', JSON.stringify(event));
    this.#begun = true;
  }

  async #flush(): Promise<void> {
    const text = this.#pending.join("");
    this.#pending = [];
    if (text !== "") await this.#options.write(text);
  }
}

const onHart = (hart: number): { pid: number; tid: number } => ({ pid: HARTS_PROCESS, tid: hartThread(hart) });

/** With three decimals, exactly, as long as the machine runs less than 104 days. */
const microseconds = (ns: bigint): number => Number(ns) / 1000;

function exitDetail(record: TraceRecord, hart: number): Event {
  const place = { hart, pc: hex(record.a) };
  if (record.sub > trace.EXIT_SBI_OTHER) return { ...place, detail: hex(record.b) };
  return { ...place, extension: hex(record.b & 0xffff_ffffn), function: Number(record.b >> 32n) };
}
