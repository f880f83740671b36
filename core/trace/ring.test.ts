// SPDX-License-Identifier: Apache-2.0
// A reader gets what was written or nothing: never a record that the writer changed meanwhile, at any position and
// pace; and every hart does as traceEnable says once it looks.
import { trace } from "@typeone/spec";
import { loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const CAPACITY = 512;

class Rig {
  time = 1000n;
  current = 0;
  /** Called in each fence of a reader. */
  onFence: () => void = () => {};
  readonly noted: number[] = [];
  unit!: UnitModule;
  room = 0;

  static async create(harts = 1, traced = harts): Promise<Rig> {
    const rig = new Rig();
    const word = (at: number): number => rig.unit.view().getUint32(at, true);
    const change = (at: number, to: (old: number) => number): number => {
      const old = word(at);
      rig.unit.view().setUint32(at, to(old) >>> 0, true);
      return old;
    };
    rig.unit = await loadUnit("core/trace/trace.testing.ts", {
      hw: {
        hart: () => Number(rig.unit.exports["testHart"]?.(rig.current)),
        csrRead: () => rig.time++,
        fence: () => rig.onFence(),
        noteExits: (on: number) => void rig.noted.push(on),
        extendLinear: (bytes: number) => (rig.unit.memory.grow(Math.ceil(bytes / 65536) + 1), 1),
        atomicLoad: word,
        atomicAdd: (at: number, by: number) => change(at, (old) => old + by),
        atomicOr: (at: number, bits: number) => change(at, (old) => old | bits),
        atomicSwap: (at: number, to: number) => change(at, () => to),
      },
    });
    rig.call("testSetup", harts, traced);
    rig.room = rig.call("testRoom", 2 * CAPACITY * 32);
    return rig;
  }

  call(name: string, ...args: (number | bigint)[]): number {
    return Number(this.unit.exports[name]?.(...args) ?? 0) >>> 0;
  }

  write(count: number): void {
    for (let i = 0; i < count; i++) this.call("testWrite", BigInt(this.call("traceWritten", this.current)));
  }

  /** The values of `a` of what traceRead gives; each record must be whole. */
  read(position: number, max: number): number[] {
    const count = this.call("traceRead", 0, position, this.room, max);
    return Array.from({ length: count }, (_, i) => {
      const at = this.room + i * 32;
      const a = this.unit.view().getBigUint64(at + trace.TRACE_A, true);
      expect(this.unit.view().getBigUint64(at + trace.TRACE_B, true)).toBe(BigInt.asUintN(64, ~a));
      return Number(a);
    });
  }
}

const from = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);

describe("a record", () => {
  it("has its fields where the table says", async () => {
    const { unit } = await Rig.create();
    const at = (name: string): number =>
      Number((unit.exports as unknown as Record<string, { value: number }>)[name]?.value);
    for (const name of ["TIME", "A", "B", "DURATION", "KIND", "SUB", "GUEST", "VCPU"] as const)
      expect(at(name), name).toBe(trace[`TRACE_${name}`]);
    expect(at("RECORD_BYTES")).toBe(trace.TRACE_RECORD_BYTES);
    expect(trace.TRACE_ALL).toBe((1 << trace.TRACE_KINDS) - 2);
  });
});

describe("reading a ring", () => {
  it("gives records in order, across its end, and no more than asked for", async () => {
    const rig = await Rig.create();
    rig.write(CAPACITY - 3);
    expect(rig.read(0, 5)).toEqual(from(0, 5));
    rig.write(10);
    const written = CAPACITY + 7;
    expect(rig.read(written - 20, 100)).toEqual(from(written - 20, 20));
    expect(rig.read(written, 100)).toEqual([]);
  });

  it("gives nothing that is gone or to come, and says where to go on", async () => {
    const rig = await Rig.create();
    rig.write(2000);
    for (const position of [0, 2000 - CAPACITY, 2001, 0xffff_0000]) {
      expect(rig.read(position, 10), `${position}`).toEqual([]);
      const next = rig.call("traceFrom", 0, position);
      expect(next).toBe(2000 - 384);
      expect(rig.read(next, 1)).toEqual([next]);
    }
    expect(rig.call("traceFrom", 0, 1999)).toBe(1999);
    expect(rig.call("traceFrom", 0, 2000)).toBe(2000);
  });

  it("knows no hart beyond the last, and none without a ring", async () => {
    const rig = await Rig.create(2, 1);
    for (const hart of [1, 2, 15, 16, 0xffff_ffff]) {
      expect(rig.call("traceWritten", hart)).toBe(0);
      expect(rig.call("traceFrom", hart, 7)).toBe(0);
      expect(rig.call("traceRead", hart, 0, rig.room, 10)).toBe(0);
    }
  });

  it("never gives a record that is overwritten meanwhile (any position, any pace)", async () => {
    const rig = await Rig.create();
    let whole = 0;
    fc.assert(
      fc.property(
        fc.nat(700),
        fc.nat(600),
        fc.nat(600),
        fc.array(fc.nat(300), { maxLength: 2 }),
        (more, back, max, pace) => {
          rig.write(more);
          const begin = rig.call("traceWritten", 0);
          const position = Math.max(0, begin - back);
          rig.onFence = () => {
            rig.write(pace.shift() ?? 0);
            rig.call("testBegin");
          };
          const before = begin - position;
          const got = rig.read(position, max);
          rig.onFence = () => {};
          const gone = rig.call("traceWritten", 0) - position >= CAPACITY;
          expect(got).toEqual(gone ? [] : from(position, Math.min(before, max)));
          whole += got.length;
        },
      ),
      { numRuns: 300 },
    );
    expect(whole).toBeGreaterThan(1000);
  });
});

describe("a record that is being written", () => {
  it("stands where the oldest was, which is gone from then on", async () => {
    const rig = await Rig.create();
    rig.write(CAPACITY);
    expect(rig.read(1, 1)).toEqual([1]);
    rig.onFence = () => {
      rig.onFence = () => {};
      rig.write(1);
      rig.call("testBegin");
    };
    expect(rig.read(1, 1)).toEqual([]);
    expect(rig.read(2, 1)).toEqual([2]);
  });
});

describe("switching", () => {
  it("each hart follows when it looks, sets its trap vector for exits only, and arms only then", async () => {
    const rig = await Rig.create(2);
    const hart = rig.call("testHart", 0);
    const at = (name: string): number =>
      Number((rig.unit.exports as unknown as Record<string, { value: number }>)[name]?.value);
    const field = (name: string): number => rig.unit.view().getUint32(hart + at(name), true);
    rig.call("traceEnable", 0xffff_ffff);
    expect(rig.call("traceMask")).toBe(trace.TRACE_ALL);
    expect(field("TRACING_AT")).toBe(0);
    rig.call("traceFollow", hart);
    rig.call("traceFollow", hart);
    rig.call("traceArm", hart);
    expect([field("TRACING_AT"), field("RESCHEDULE_AT"), rig.noted]).toEqual([trace.TRACE_ALL, 2, [1]]);
    expect(rig.call("mustReschedule", hart)).toBe(0);
    rig.call("traceEnable", 1 << trace.TRACE_SWITCH);
    rig.call("traceFollow", hart);
    rig.unit.view().setUint32(hart + at("RESCHEDULE_AT"), 0, true);
    rig.call("traceArm", hart);
    expect([field("TRACING_AT"), field("RESCHEDULE_AT"), rig.noted]).toEqual([1 << trace.TRACE_SWITCH, 0, [1, 0]]);
  });

  it("a hart without a ring is never traced", async () => {
    const rig = await Rig.create(2, 1);
    rig.call("traceEnable", trace.TRACE_ALL);
    rig.call("traceFollow", rig.call("testHart", 1));
    expect(rig.noted).toEqual([]);
  });
});
