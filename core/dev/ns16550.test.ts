// SPDX-License-Identifier: Apache-2.0
// The UART against a plain model of a 16550A, the rules drivers depend on one by one, and hostile accesses (hostile rows
// B03 and E12).
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const [RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR] = [0, 1, 2, 3, 4, 5, 6, 7] as const;
const [THR, FCR] = [0, 2] as const;
const DLAB = 0x80;
const LOOP = 0x10;
const [RDI, THRI, RLSI, MSI] = [1, 2, 4, 8] as const;
const TX = 32;
const RX = 32;

let unit: UnitModule;
let access: number;
let uart: number;
let tx: number;
let rx: number;

beforeAll(async () => {
  unit = await loadUnit("core/dev/ns16550.ts");
  access = unit.scratch(65536);
  uart = access + 256;
  tx = access + 1024;
  rx = access + 1088;
});

const call = (name: string, ...args: (number | bigint)[]) => Number(unit.exports[name]!(...args));
function ring(at: number, data: number, capacity: number): void {
  const view = unit.view();
  [data, capacity, 0, 0, 0].forEach((value, index) => view.setUint32(at + index * 4, value, true));
}
const field = (at: number, index: number) => unit.view().getUint32(at + index * 4, true);
const setField = (at: number, index: number, value: number) => unit.view().setUint32(at + index * 4, value, true);
const [DATA, CAPACITY, WRITTEN, READ, DROPPED] = [0, 1, 2, 3, 4] as const;

function setup(txCapacity = TX, rxCapacity = RX): number {
  unit.bytes().fill(0xa5, access, access + 16384);
  ring(tx, access + 4096, txCapacity);
  ring(rx, access + 8192, rxCapacity);
  return call("ns16550Init", uart, tx, rx);
}
function put(byte: number): void {
  if (field(rx, WRITTEN) - field(rx, READ) === field(rx, CAPACITY))
    return setField(rx, DROPPED, field(rx, DROPPED) + 1);
  unit.bytes()[field(rx, DATA) + (field(rx, WRITTEN) % field(rx, CAPACITY))] = byte;
  setField(rx, WRITTEN, field(rx, WRITTEN) + 1);
}
function receive(...bytes: number[]): void {
  bytes.forEach(put);
  call("ns16550Receive", uart);
}
function drain(limit = Infinity): number[] {
  const taken: number[] = [];
  while (taken.length < limit && field(tx, WRITTEN) !== field(tx, READ)) {
    taken.push(unit.bytes()[field(tx, DATA) + (field(tx, READ) % field(tx, CAPACITY))]!);
    setField(tx, READ, field(tx, READ) + 1);
  }
  call("ns16550Drained", uart);
  return taken;
}
function perform(write: number, offset: bigint, value: bigint, width: number): { status: number; value: bigint } {
  const view = unit.view();
  view.setBigUint64(access, offset, true);
  view.setBigUint64(access + 8, value, true);
  view.setUint32(access + 16, width, true);
  view.setUint32(access + 20, write, true);
  const status = call("ns16550Access", uart, access);
  return { status, value: unit.view().getBigUint64(access + 8, true) };
}
function read(register: number, width = 1): number {
  const answer = perform(0, BigInt(register), 0xdead_beef_dead_beefn, width);
  expect(answer.status).toBe(0);
  return Number(answer.value);
}
const write = (register: number, value: number, width = 1) =>
  expect(perform(1, BigInt(register), BigInt(value), width).status).toBe(0);
const level = () => field(uart, 0);

/** A 16550A whose transmitter takes no time, written from the data sheet. */
class Model {
  ier = 0;
  lcr = 0;
  mcr = 0;
  scratch = 0;
  divisor = [0, 0];
  fifo = false;
  trigger = 1;
  overrun = false;
  deltas = 0;
  thrEmptyWaits = true;
  stopped = false;
  rx: number[] = [];
  tx: number[] = [];
  refusedTx = 0;
  refusedRx = 0;

  get loop(): boolean {
    return (this.mcr & LOOP) !== 0;
  }
  get ready(): boolean {
    return this.loop || !this.stopped;
  }
  lines(): number {
    if (!this.loop) return 0xb0;
    const out = (bit: number, line: number) => (this.mcr & bit ? line : 0);
    return out(1, 0x20) | out(2, 0x10) | out(4, 0x40) | out(8, 0x80);
  }
  identity(): number {
    if (this.overrun && this.ier & RLSI) return 6;
    if (this.rx.length >= this.trigger && this.ier & RDI) return 4;
    if (this.rx.length > 0 && this.ier & RDI) return 0xc;
    if (this.thrEmptyWaits && this.ier & THRI) return 2;
    if (this.deltas && this.ier & MSI) return 0;
    return 1;
  }
  level(): number {
    return this.identity() === 1 ? 0 : 1;
  }
  quietStatus(): number {
    return this.ready && !this.overrun ? 0x60 | (this.rx.length ? 1 : 0) : -1;
  }
  receive(byte: number): void {
    if (this.rx.length < RX) this.rx.push(byte);
    else {
      this.refusedRx += 1;
      this.overrun = true;
    }
  }
  room(): void {
    if (TX - this.tx.length < 16) {
      this.stopped = true;
      this.thrEmptyWaits = false;
    }
  }
  drain(count: number): number[] {
    const taken = this.tx.splice(0, count);
    if (this.stopped && TX - this.tx.length >= 16) {
      this.stopped = false;
      this.thrEmptyWaits = true;
    }
    return taken;
  }
  read(register: number): number {
    const dlab = this.lcr & DLAB;
    if (register === RBR) return dlab ? this.divisor[0]! : (this.rx.shift() ?? 0);
    if (register === IER) return dlab ? this.divisor[1]! : this.ier;
    if (register === IIR) {
      const identity = this.identity();
      if (identity === 2) this.thrEmptyWaits = false;
      return identity | (this.fifo ? 0xc0 : 0);
    }
    if (register === LCR) return this.lcr;
    if (register === MCR) return this.mcr;
    if (register === LSR) {
      const status = (this.rx.length ? 1 : 0) | (this.overrun ? 2 : 0) | (this.ready ? 0x60 : 0);
      this.overrun = false;
      return status;
    }
    if (register === MSR) {
      const status = this.lines() | this.deltas;
      this.deltas = 0;
      return status;
    }
    return this.scratch;
  }
  write(register: number, value: number): void {
    const dlab = this.lcr & DLAB;
    if (register === THR && dlab) this.divisor[0] = value;
    else if (register === THR) {
      this.thrEmptyWaits = true;
      if (this.loop) this.receive(value);
      else {
        if (this.tx.length < TX) this.tx.push(value);
        else this.refusedTx += 1;
        this.room();
      }
    } else if (register === IER && dlab) this.divisor[1] = value;
    else if (register === IER) {
      if (value & THRI && !(this.ier & THRI)) this.thrEmptyWaits = this.ready;
      this.ier = value & 15;
    } else if (register === FCR) {
      const on = (value & 1) !== 0;
      const toggled = on !== this.fifo;
      if (toggled || (on && value & 2)) this.rx = [];
      if (toggled || (on && value & 4)) this.thrEmptyWaits = this.ready;
      this.fifo = on;
      this.trigger = on ? [1, 4, 8, 14][value >> 6]! : 1;
    } else if (register === LCR) this.lcr = value;
    else if (register === MCR) {
      const before = this.lines();
      this.mcr = value & 0x1f;
      if (!this.ready) this.thrEmptyWaits = false;
      const after = this.lines();
      for (const [line, delta] of [
        [0x10, 1],
        [0x20, 2],
        [0x80, 8],
      ] as const) {
        if ((before ^ after) & line) this.deltas |= delta;
      }
      if (before & 0x40 && !(after & 0x40)) this.deltas |= 4;
    } else if (register === SCR) this.scratch = value;
  }
}

type Op =
  | { kind: "read"; register: number; width: number }
  | { kind: "write"; register: number; value: number; width: number }
  | { kind: "receive"; bytes: number[] }
  | { kind: "drain"; count: number };

const anyByte = fc.nat(255);
const placed = fc
  .tuple(fc.nat(7), fc.constantFrom(1, 1, 1, 2, 4, 8))
  .map(([register, width]) => ({ register: register - (register % width), width }));
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: placed.map((at): Op => ({ kind: "read", ...at })) },
  {
    weight: 3,
    arbitrary: fc.tuple(placed, fc.nat(0xffff)).map(([at, value]): Op => ({ kind: "write", ...at, value })),
  },
  { weight: 6, arbitrary: anyByte.map((value): Op => ({ kind: "write", register: THR, value, width: 1 })) },
  { weight: 3, arbitrary: fc.nat(15).map((value): Op => ({ kind: "write", register: IER, value, width: 1 })) },
  // DLAB and loopback now and then, not half of the time.
  {
    weight: 4,
    arbitrary: fc
      .constantFrom(
        [LCR, 3],
        [LCR, 3],
        [MCR, 11],
        [MCR, 0],
        [MCR, 0x1f],
        [FCR, 0xc1],
        [FCR, 0x81],
        [FCR, 0x41],
        [FCR, 0],
      )
      .map(([register, value]): Op => ({ kind: "write", register: register!, value: value!, width: 1 })),
  },
  { weight: 4, arbitrary: fc.array(anyByte, { maxLength: 20 }).map((bytes): Op => ({ kind: "receive", bytes })) },
  { weight: 2, arbitrary: fc.nat(20).map((count): Op => ({ kind: "drain", count })) },
);

describe("UART against a model", () => {
  it("agrees in every value, byte and interrupt level", () => {
    fc.assert(
      fc.property(fc.array(anyOp, { minLength: 1, maxLength: 200 }), (ops) => {
        expect(setup()).toBe(0);
        const model = new Model();
        for (const op of ops) {
          if (op.kind === "read") expect(read(op.register, op.width)).toBe(model.read(op.register));
          else if (op.kind === "write") {
            write(op.register, op.value, op.width);
            model.write(op.register, op.value & 0xff);
          } else if (op.kind === "receive") {
            receive(...op.bytes);
            op.bytes.forEach((byte) => model.receive(byte));
          } else expect(drain(op.count)).toEqual(model.drain(op.count));
          expect(level()).toBe(model.level());
          expect(call("ns16550Peek", uart, 5n, 1)).toBe(model.quietStatus());
        }
        expect(drain()).toEqual(model.drain(TX));
        expect([field(tx, DROPPED), field(rx, DROPPED)]).toEqual([model.refusedTx, model.refusedRx]);
      }),
      { numRuns: 1500 },
    );
  });
});

describe("what drivers depend on", () => {
  it("survives the probe that Linux makes of a 16550A", () => {
    setup();
    write(IER, 0);
    expect(read(IER) & 15).toBe(0);
    write(IER, 15);
    expect(read(IER) & 15).toBe(15);
    write(IER, 0);
    write(MCR, LOOP | 0x0a);
    expect(read(MSR) & 0xf0).toBe(0x90);
    write(MCR, 0x0b);
    expect(read(MSR) & 0xf0).toBe(0xb0);
    write(FCR, 1);
    expect(read(IIR) >> 6).toBe(3);
    write(FCR, 0);
    expect(read(IIR)).toBe(1);
    expect(read(LSR)).toBe(0x60);
  });

  it("raises THRE when it is enabled while empty, takes it back on IIR, and gives it again after a byte", () => {
    setup();
    expect(level()).toBe(0);
    write(IER, THRI);
    expect(level()).toBe(1);
    expect(read(IIR)).toBe(2);
    expect([level(), read(IIR)]).toEqual([0, 1]);
    write(IER, THRI);
    expect(level()).toBe(0);
    write(THR, 65);
    expect([level(), read(IIR), level()]).toEqual([1, 2, 0]);
    write(IER, 0);
    write(IER, THRI);
    expect(level()).toBe(1);
  });

  it("does not take THRE back when IIR reported something better", () => {
    setup();
    write(IER, THRI | RDI);
    receive(1);
    expect(read(IIR)).toBe(4);
    expect(read(RBR)).toBe(1);
    expect([level(), read(IIR), read(IIR)]).toEqual([1, 2, 1]);
  });

  it("indicates data by trigger level, and what lies below it as a time-out", () => {
    for (const [code, trigger] of [
      [0x00, 1],
      [0x40, 4],
      [0x80, 8],
      [0xc0, 14],
    ] as const) {
      setup();
      write(FCR, 1 | code);
      write(IER, RDI);
      const seen: number[] = [];
      for (let i = 1; i <= 16; i++) {
        receive(i);
        seen.push(read(IIR) & 15);
      }
      expect(seen).toEqual(Array.from({ length: 16 }, (_, i) => (i + 1 >= trigger ? 4 : 12)));
      for (let i = 1; i <= 16; i++) expect([level(), read(RBR)]).toEqual([1, i]);
      expect([level(), read(LSR) & 1, read(RBR)]).toEqual([0, 0, 0]);
    }
  });

  it("reports lost input as an overrun, once, above everything else", () => {
    setup();
    write(IER, 15);
    receive(...Array.from({ length: RX + 3 }, (_, i) => i));
    expect(read(IIR)).toBe(6);
    expect(read(LSR)).toBe(0x63);
    expect([read(IIR), read(LSR)]).toEqual([4, 0x61]);
    expect(field(rx, DROPPED)).toBe(3);
  });

  it("loses nothing of a driver that writes a FIFO whenever THRE is set", () => {
    const steps = fc.array(fc.record({ burst: fc.integer({ min: 1, max: 16 }), drained: fc.nat(9) }), {
      maxLength: 100,
    });
    fc.assert(
      fc.property(steps, (all) => {
        setup();
        write(IER, THRI);
        const sent: number[] = [];
        const arrived: number[] = [];
        for (const { burst, drained } of all) {
          if (read(LSR) & 0x20) {
            for (let i = 0; i < burst; i++) {
              sent.push(sent.length & 255);
              write(THR, sent.at(-1)!);
            }
          } else expect(level()).toBe(0);
          const stopped = (read(LSR) & 0x20) === 0;
          arrived.push(...drain(drained));
          // Coming back to life is announced, so an interrupt-driven driver goes on.
          if (stopped && read(LSR) & 0x20) expect([level(), read(IIR)]).toEqual([1, 2]);
        }
        arrived.push(...drain());
        expect(arrived).toEqual(sent);
        expect(field(tx, DROPPED)).toBe(0);
      }),
    );
  });

  it("counts what a driver that looks at nothing loses", () => {
    setup();
    for (let i = 0; i < TX + 100; i++) write(THR, i & 255);
    expect(field(tx, DROPPED)).toBe(100);
    expect(read(LSR) & 0x60).toBe(0);
    expect(drain().length).toBe(TX);
    expect(read(LSR) & 0x60).toBe(0x60);
  });

  it("keeps output that FCR would clear: it counts as sent", () => {
    setup();
    write(FCR, 1);
    write(THR, 65);
    write(FCR, 7);
    write(FCR, 0);
    expect(drain()).toEqual([65]);
  });

  it("forgets its registers on reset but not what is in the rings", () => {
    setup();
    write(IER, 15);
    write(LCR, 0x83);
    write(THR, 9);
    write(LCR, 3);
    write(MCR, 0x1f);
    write(MCR, 0);
    write(THR, 65);
    receive(66);
    call("ns16550Reset", uart);
    expect(level()).toBe(0);
    expect([IER, LCR, MCR, SCR].map((register) => read(register))).toEqual([0, 0, 0, 0]);
    expect([read(MSR), read(LSR)]).toEqual([0xb0, 0x61]);
    expect(drain()).toEqual([65]);
  });

  it("stays quiet about THRE when it is reset with a full transmitter", () => {
    setup();
    for (let i = 0; i < TX; i++) write(THR, i);
    call("ns16550Reset", uart);
    expect(read(LSR)).toBe(0);
    write(IER, THRI);
    expect(level()).toBe(0);
    drain(16);
    expect([level(), read(LSR)]).toEqual([1, 0x60]);
  });

  it("transmits in loopback though the output is stopped, and does not call that empty afterwards", () => {
    setup();
    write(IER, THRI);
    for (let i = 0; i < TX; i++) write(THR, i);
    expect([level(), read(LSR)]).toEqual([0, 0]);
    write(MCR, LOOP);
    expect(read(LSR)).toBe(0x60);
    write(THR, 7);
    expect([level(), read(LSR), read(RBR)]).toEqual([1, 0x61, 7]);
    write(MCR, 0);
    expect([level(), read(LSR), field(tx, DROPPED)]).toEqual([0, 0, 0]);
    expect(drain()).toEqual(Array.from({ length: TX }, (_, i) => i));
    expect([level(), read(IIR)]).toEqual([1, 2]);
  });

  it("refuses rings it cannot work with", () => {
    expect(setup(8, RX)).toBe(-1);
    expect(setup(16, 0)).toBe(-1);
    expect(setup(16, 1)).toBe(0);
  });
});

describe("UART and hostile accesses", () => {
  it("answers every width at every offset of its region, or refuses it (B03, E12)", () => {
    for (const width of [1, 2, 4, 8]) {
      for (const direction of [0, 1]) {
        for (let offset = 0; offset < 0x200; offset++) {
          setup();
          const good = offset < 8 && offset % width === 0;
          expect(call("ns16550Peek", uart, BigInt(offset), width)).toBe(offset === 5 && width === 1 ? 0x60 : -1);
          const answer = perform(direction, BigInt(offset), 0xffff_ffff_ffff_ff5an, width);
          expect(answer.status).toBe(good ? 0 : 1);
          if (good && !direction) expect(answer.value <= 0xffn).toBe(true);
          if (!good) expect([read(SCR), read(LCR), read(IER), drain()]).toEqual([0, 0, 0, []]);
        }
      }
    }
    for (const offset of [1n << 32n, (1n << 32n) + 5n, (1n << 64n) - 8n])
      expect(perform(0, offset, 0n, 1).status).toBe(1);
  });

  it("writes nothing outside itself and its rings, whatever is done to it (E12)", () => {
    setup();
    let seed = 1;
    const next = () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 16;
    for (let step = 0; step < 50_000; step++) {
      perform(next() & 1, BigInt(next() % 16), BigInt(next() & 0xff), [1, 2, 4, 8][next() & 3]!);
      if (step % 7 === 0) receive(next() & 255);
      if (step % 50 === 0) drain(next() % TX);
    }
    const bytes = unit.bytes();
    const untouched = (from: number, to: number) =>
      bytes.subarray(access + from, access + to).every((byte) => byte === 0xa5);
    expect([untouched(24, 256), untouched(256 + 88, 1024), untouched(1024 + 20, 1088), untouched(1108, 4096)]).toEqual([
      true,
      true,
      true,
      true,
    ]);
    expect([untouched(4096 + TX, 8192), untouched(8192 + RX, 16384)]).toEqual([true, true]);
  });
});
