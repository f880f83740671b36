// SPDX-License-Identifier: Apache-2.0
// The trace of the whole core: guests run with it on, the rings are read from linear memory, and what the records say is
// what happened: every exit once and of its kind, time that only grows, switches that fit together.
import type { Machine } from "@typeone/sim";
import {
  type Cpu,
  CSR,
  csrRead,
  ecall,
  EID,
  enableInterrupts,
  load,
  loadCore,
  program,
  quietInterrupt,
  store,
} from "@typeone/sim";
import {
  decodeRecords,
  PerfettoWriter,
  RECORD_BYTES,
  STATE_NAMES,
  TraceModel,
  type TraceRecord,
  whoIs,
} from "@typeone/trace";
import { trace } from "@typeone/spec";
import { describe, expect, it } from "vitest";
import { checkTraceEvents } from "../../packages/trace/src/perfetto.testing.ts";
import { allSaid, deviceAt, domain, machineWith, readTree, reboot, sleep, waitFor } from "./support.ts";

const CAPACITY = 512;
const HEADER = 8;
const NEVER = (1n << 64n) - 1n;

/** Follows all rings while the machine runs, so that nothing is overwritten before it is seen. */
class RingWatch {
  readonly records: TraceRecord[][];
  readonly #seen: number[];
  readonly #machine: Machine;
  readonly #offset: number;

  private constructor(machine: Machine, offset: number) {
    this.#machine = machine;
    this.#offset = offset;
    this.records = machine.harts.map(() => []);
    this.#seen = machine.harts.map(() => 0);
  }

  static async of(machine: Machine): Promise<RingWatch> {
    const { offsets } = await loadCore();
    const offset = offsets["HART_TRACE"];
    if (offset === undefined) throw new Error("the core does not tell where a hart's ring is");
    return new RingWatch(machine, offset);
  }

  poll(): void {
    const view = this.#machine.gate.view();
    for (const { index, record } of this.#machine.harts) {
      const ring = record === 0 ? 0 : view.getUint32(record + this.#offset, true);
      if (ring === 0) continue;
      const written = view.getUint32(ring, true);
      expect(written - (this.#seen[index] ?? 0)).toBeLessThan(CAPACITY);
      for (let at = this.#seen[index] ?? 0; at < written; at++) {
        const from = ring + HEADER + (at % CAPACITY) * RECORD_BYTES;
        this.records[index]?.push(...decodeRecords(new Uint8Array(view.buffer, from, RECORD_BYTES)));
      }
      this.#seen[index] = written;
    }
  }

  /** All harts' records of a kind. */
  of(kind: number): TraceRecord[] {
    return this.records.flat().filter((record) => record.kind === kind);
  }
}

const traced = (mask: number) => ({ chosen: { "typeone,trace": mask } });

/** Makes exits of several kinds, a software interrupt to itself, a device access; then sleeps. */
const busy = program({
  *boot(cpu: Cpu) {
    const tree = yield* readTree(cpu);
    const uart = deviceAt(tree, "ns16550a");
    yield* enableInterrupts(cpu, (1n << 1n) | (1n << 5n));
    for (let round = 1; round <= 5; round++) {
      yield* ecall(EID.base, 0n);
      yield* ecall(EID.ipi, 0n, 1n, 0n);
      yield* waitFor(() => cpu.taken(1) >= round);
      yield* store(uart, 1, 0x41n);
      yield* load(uart + 5n, 1);
      yield* ecall(EID.time, 0n, (yield* csrRead(CSR.time)) + 300n);
      yield* waitFor(() => cpu.taken(5) >= round);
    }
    cpu.guest.log.push("done");
    yield* sleep();
  },
  *onInterrupt(cpu, code) {
    if (code === 5) yield* ecall(EID.time, 0n, NEVER);
    else yield* quietInterrupt(cpu, code);
  },
});

async function runTraced(mask: number, options: { harts: number; sstc: boolean; seed?: number }) {
  const domains = [domain("one", busy), domain("two", busy), domain("three", busy)];
  const machine = await machineWith(domains, { interleave: 0.02, ...options, ...traced(mask) });
  const watch = await RingWatch.of(machine);
  machine.runUntil(() => (watch.poll(), allSaid(machine, "done")), { maxSteps: 60_000 });
  machine.run(() => (watch.poll(), false), { maxSteps: 2000 });
  watch.poll();
  machine.check();
  return { machine, watch };
}

describe("a traced machine", () => {
  const cells = [1, 2].flatMap((harts) =>
    [true, false].flatMap((sstc) => [1, 2, 3].map((seed) => ({ harts, sstc, seed }))),
  );

  it.each(cells)("tells what happened: $harts harts, Sstc $sstc, seed $seed", async ({ harts, sstc, seed }) => {
    const { machine, watch } = await runTraced(trace.TRACE_ALL, { harts, sstc, seed });
    for (const records of watch.records) {
      const times = records.map(({ time }) => time);
      expect(times).toEqual([...times].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    }
    const model = new TraceModel(10_000_000);
    watch.records.forEach((records, hart) => model.add(hart, records));
    // Every exit that the machine made, once.
    const made = [...machine.vcpus.values()].reduce((sum, vcpu) => sum + vcpu.exits, 0);
    expect(watch.of(trace.TRACE_EXIT)).toHaveLength(made);
    for (const guest of [1, 2, 3]) {
      expect(model.exits(trace.EXIT_SBI_BASE, guest).count).toBe(5);
      expect(model.exits(trace.EXIT_SBI_IPI, guest).count).toBe(5);
      expect(model.exits(trace.EXIT_SBI_TIMER, guest).count).toBe(10);
      expect(model.exits(trace.EXIT_MMIO_STORE, guest).count).toBe(5);
      expect(model.exits(trace.EXIT_MMIO_LOAD, guest).count).toBe(5);
      const lines = model.vcpus.find((vcpu) => vcpu.guest === guest)?.injections ?? [];
      expect(lines[trace.TRACE_LINE_SOFT]).toBe(5);
      // With Sstc hardware injects the timer and nobody sees it.
      expect(lines[trace.TRACE_LINE_TIMER]).toBe(sstc ? 0 : 5);
      expect(model.guests.find((each) => each.guest === guest)?.consoleOut).toBe(5);
    }
  });

  it.each(cells)("switches fit together: $harts harts, Sstc $sstc, seed $seed", async ({ harts, sstc, seed }) => {
    const { watch } = await runTraced(trace.TRACE_ALL, { harts, sstc, seed });
    for (const records of watch.records) {
      let current: bigint | null = null;
      for (const record of records) {
        if (record.kind === trace.TRACE_SWITCH) {
          if (current !== null) expect(record.b).toBe(current);
          expect(record.a).not.toBe(record.b);
          current = record.a;
        } else if (record.kind === trace.TRACE_EXIT || record.kind === trace.TRACE_ENTER) {
          // Nobody exits or is entered but who came last.
          if (current !== null)
            expect(whoIs(current)).toEqual({ kind: "vcpu", guest: record.guest, vcpu: record.vcpu });
        } else if (record.kind === trace.TRACE_WORKER) {
          if (current !== null) expect(record.a).toBe(current);
        }
      }
    }
    // A vCPU that left because it waits is woken before it comes back.
    const all = watch.records.flat().sort((a, b) => Number(a.time - b.time));
    expect(all.filter(({ kind }) => kind === trace.TRACE_WAKE).length).toBeGreaterThan(10);
  });

  it("tells the states of a guest that restarts", async () => {
    const twice = program({
      *boot(cpu) {
        if (cpu.guest.boots < 2) yield* reboot();
        cpu.guest.log.push("done");
        yield* sleep();
      },
    });
    const machine = await machineWith([domain("one", twice)], traced(1 << trace.TRACE_LIFECYCLE));
    const watch = await RingWatch.of(machine);
    machine.runUntil(() => (watch.poll(), allSaid(machine, "done")));
    const states = watch.of(trace.TRACE_LIFECYCLE).map(({ guest, sub }) => `${guest} ${STATE_NAMES[sub]}`);
    expect(states).toEqual(["1 loading", "1 running", "1 restarting", "1 loading", "1 running"]);
  });

  it("makes a file that keeps to Perfetto's format", async () => {
    const { watch } = await runTraced(trace.TRACE_ALL, { harts: 2, sstc: false });
    let text = "";
    const write = (part: string): void => void (text += part);
    const writer = new PerfettoWriter({ frequency: 10_000_000, write });
    for (const [hart, records] of watch.records.entries()) await writer.add(hart, records);
    await writer.end();
    const events = checkTraceEvents(text);
    expect(events.filter(({ name }) => name === "sbi-base")).toHaveLength(15);
    expect(new Set(events.filter(({ name }) => name === "process_name").map(({ args }) => args?.["name"]))).toEqual(
      new Set(["harts", "guest 1", "guest 2", "guest 3"]),
    );
  });
});

describe("the mask", () => {
  it("off, nothing is written and no exit is noted", async () => {
    const { machine, watch } = await runTraced(0, { harts: 2, sstc: true });
    expect(watch.records.flat()).toEqual([]);
    expect(machine.harts.some(({ notesExits }) => notesExits)).toBe(false);
  });

  it.each([
    trace.TRACE_EXIT,
    trace.TRACE_ENTER,
    trace.TRACE_SWITCH,
    trace.TRACE_WAKE,
    trace.TRACE_INJECT,
    trace.TRACE_CONSOLE,
    trace.TRACE_WORKER,
  ])("of kind %i alone gives that kind alone", async (kind) => {
    const { machine, watch } = await runTraced(1 << kind, { harts: 2, sstc: false });
    const records = watch.records.flat();
    expect(records.length).toBeGreaterThan(0);
    expect(records.every((record) => record.kind === kind)).toBe(true);
    const atExits = kind === trace.TRACE_EXIT || kind === trace.TRACE_INJECT;
    expect(machine.harts.every(({ notesExits }) => notesExits === atExits)).toBe(true);
  });
});
