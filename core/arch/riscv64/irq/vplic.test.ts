// SPDX-License-Identifier: Apache-2.0
// The guest's PLIC against a plain model that scans everything on every question: all registers, all contexts, all
// sources, and the accesses that a hostile guest makes (hostile rows B03 and D01).
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const HANDLED = 0;
const UNHANDLED = 1;
const PENDING = 0x1000;
const ENABLE = 0x2000;
const CONTEXT = 0x200000;
const SIZE = 0x4000000;

let unit: UnitModule;
let access: number;
let plic: number;
/** Bytes behind the PLIC that it must never touch. */
const GUARD = 256;

beforeAll(async () => {
  unit = await loadUnit("core/arch/riscv64/irq/vplic.ts");
  access = unit.scratch(4096);
  plic = access + 1024;
});

const call = (name: string, ...args: (number | bigint)[]) => Number(unit.exports[name]!(...args));
const setup = (contexts: number, sources: number): number => {
  unit.bytes().fill(0xa5, plic, plic + call("vplicBytes", contexts) + GUARD);
  return call("vplicInit", plic, contexts, sources);
};
const guardIntact = (contexts: number): boolean => {
  const end = plic + call("vplicBytes", contexts);
  return unit
    .bytes()
    .subarray(end, end + GUARD)
    .every((byte) => byte === 0xa5);
};

/** One guest access; answers the status and, for a load, the value. */
function perform(write: boolean, offset: bigint, value = 0, width = 4): { status: number; value: bigint } {
  const view = unit.view();
  view.setBigUint64(access, offset, true);
  view.setBigUint64(access + 8, write ? BigInt(value >>> 0) : 0xdead_beef_dead_beefn, true);
  view.setUint32(access + 16, width, true);
  view.setUint32(access + 20, write ? 1 : 0, true);
  const before = unit.bytes().slice(plic, plic + 256);
  const peeked = BigInt(unit.exports["vplicPeek"]!(plic, offset, width)!);
  if (Buffer.compare(unit.bytes().subarray(plic, plic + 256), before) !== 0) throw new Error("a peek changed the PLIC");
  const status = call("vplicAccess", plic, access);
  // A load that can be peeked at is the same load; only a claim that takes something, or a refusal, cannot.
  const loaded = unit.view().getBigUint64(access + 8, true);
  if (!write && status === HANDLED && (peeked === -1n ? loaded === 0n : loaded !== peeked)) {
    throw new Error(`peeked ${peeked} but loaded ${loaded} at ${offset}`);
  }
  return { status, value: loaded };
}
const read = (offset: number): number => {
  const answer = perform(false, BigInt(offset));
  expect(answer.status).toBe(HANDLED);
  return Number(answer.value);
};
const write = (offset: number, value: number): void => {
  expect(perform(true, BigInt(offset), value).status).toBe(HANDLED);
};
const threshold = (context: number) => CONTEXT + context * 0x1000;
const claim = (context: number) => threshold(context) + 4;
const takeChanged = (contexts: number): number => {
  const at = plic + 72; // Vplic.changed
  const changed = unit.view().getUint32(at, true);
  unit.view().setUint32(at, 0, true);
  expect(changed >>> contexts).toBe(0);
  return changed;
};

/** What the specification says, with no thought of speed. */
class Model {
  readonly contexts: number;
  readonly sources: number;
  priority: number[];
  pending: boolean[];
  claimed: boolean[];
  level: boolean[];
  enable: boolean[][];
  threshold: number[];

  constructor(contexts: number, sources: number) {
    this.contexts = contexts;
    this.sources = sources;
    this.priority = Array<number>(sources + 1).fill(0);
    this.pending = Array<boolean>(sources + 1).fill(false);
    this.claimed = Array<boolean>(sources + 1).fill(false);
    this.level = Array<boolean>(sources + 1).fill(false);
    this.enable = Array.from({ length: contexts }, () => Array<boolean>(sources + 1).fill(false));
    this.threshold = Array<number>(contexts).fill(0);
  }
  gateways(): void {
    for (let irq = 1; irq <= this.sources; irq++) {
      if (this.level[irq] && !this.claimed[irq]) this.pending[irq] = true;
    }
  }
  best(context: number): number {
    let best = 0;
    for (let irq = 1; irq <= this.sources; irq++) {
      if (!this.pending[irq] || !this.enable[context]![irq]) continue;
      if (this.priority[irq]! > (best ? this.priority[best]! : 0)) best = irq;
    }
    return best;
  }
  output(context: number): number {
    const best = this.best(context);
    return best && this.priority[best]! > this.threshold[context]! ? 1 : 0;
  }
  word(bits: readonly boolean[], word: number): number {
    let value = 0;
    for (let bit = 0; bit < 32; bit++) if (bits[word * 32 + bit]) value |= 1 << bit;
    return value >>> 0;
  }
  read(offset: number): number {
    if (offset >= CONTEXT) {
      const context = Math.floor((offset - CONTEXT) / 0x1000);
      const register = (offset - CONTEXT) % 0x1000;
      if (context >= this.contexts || register > 4) return 0;
      if (register === 0) return this.threshold[context]!;
      const irq = this.best(context);
      if (irq) {
        this.pending[irq] = false;
        this.claimed[irq] = true;
      }
      return irq;
    }
    if (offset >= ENABLE) {
      const context = Math.floor((offset - ENABLE) / 0x80);
      return context < this.contexts ? this.word(this.enable[context]!, ((offset - ENABLE) % 0x80) / 4) : 0;
    }
    if (offset >= PENDING) return this.word(this.pending, (offset - PENDING) / 4);
    return this.priority[offset / 4] ?? 0;
  }
  write(offset: number, value: number): void {
    if (offset >= CONTEXT) {
      const context = Math.floor((offset - CONTEXT) / 0x1000);
      const register = (offset - CONTEXT) % 0x1000;
      if (context >= this.contexts || register > 4) return;
      if (register === 0) this.threshold[context] = value & 7;
      else if (value >= 1 && value <= this.sources && this.enable[context]![value]) this.claimed[value] = false;
    } else if (offset >= ENABLE) {
      const context = Math.floor((offset - ENABLE) / 0x80);
      const first = (((offset - ENABLE) % 0x80) / 4) * 32;
      if (context >= this.contexts) return;
      for (let bit = 0; bit < 32; bit++) {
        const irq = first + bit;
        if (irq >= 1 && irq <= this.sources) this.enable[context]![irq] = ((value >>> bit) & 1) !== 0;
      }
    } else if (offset < PENDING && offset >= 4 && offset / 4 <= this.sources) {
      this.priority[offset / 4] = value & 7;
    }
    this.gateways();
  }
  line(irq: number, level: boolean): void {
    if (irq < 1 || irq > this.sources) return;
    this.level[irq] = level;
    this.gateways();
  }
}

type Op =
  | { kind: "line"; irq: number; level: boolean }
  | { kind: "read"; at: number }
  | { kind: "write"; at: number; value: number };

const hot = [1, 2, 3, 31, 32, 33, 63, 64, 65, 95, 96, 126, 127];
const anyIrq = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...hot) }, { weight: 1, arbitrary: fc.nat(300) });
const anyContext = fc.oneof({ weight: 6, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(20000) });
const anyWord = fc.nat(0xffffffff);
const wordOffset = fc.nat(SIZE / 4 - 1).map((word) => word * 4);
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("line" as const), irq: anyIrq, level: fc.boolean() }) },
  { weight: 5, arbitrary: anyContext.map((c): Op => ({ kind: "read", at: claim(c) % SIZE })) },
  {
    weight: 5,
    arbitrary: fc.tuple(anyContext, anyIrq).map(([c, irq]): Op => ({ kind: "write", at: claim(c) % SIZE, value: irq })),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(anyIrq, fc.nat(15)).map(([irq, value]): Op => ({ kind: "write", at: irq * 4, value })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(anyContext, fc.nat(9))
      .map(([c, value]): Op => ({ kind: "write", at: threshold(c) % SIZE, value })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(anyContext, fc.nat(31), fc.oneof(anyWord, fc.constantFrom(0xffffffff, 0)))
      .map(([c, word, value]): Op => ({ kind: "write", at: (ENABLE + c * 0x80 + (word & 7) * 4) % CONTEXT, value })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(wordOffset, fc.boolean(), anyWord)
      .map(([at, w, value]): Op => (w ? { kind: "write", at, value } : { kind: "read", at })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(7), anyWord)
      .map(([word, value]): Op => ({ kind: "write", at: PENDING + word * 4, value })),
  },
);

describe("PLIC against a model", () => {
  it("agrees in every value, output and change after every step", () => {
    const shape = fc.record({
      contexts: fc.integer({ min: 1, max: 4 }),
      sources: fc.constantFrom(3, 31, 32, 64, 100, 127),
    });
    fc.assert(
      fc.property(shape, fc.array(anyOp, { minLength: 1, maxLength: 120 }), ({ contexts, sources }, ops) => {
        expect(setup(contexts, sources)).toBe(0);
        const model = new Model(contexts, sources);
        // Everything enabled half-way up, so that most steps matter; the ops then change it.
        for (const irq of hot) {
          write(irq * 4, irq % 8);
          model.write(irq * 4, irq % 8);
        }
        for (let c = 0; c < contexts; c++) {
          for (let word = 0; word < 4; word++) {
            write(ENABLE + c * 0x80 + word * 4, 0xffffffff);
            model.write(ENABLE + c * 0x80 + word * 4, 0xffffffff);
          }
        }
        let outputs = Array.from({ length: contexts }, (_, c) => model.output(c));
        takeChanged(contexts);
        for (const op of ops) {
          if (op.kind === "line") {
            unit.exports["vplicSetLine"]!(plic, op.irq, op.level ? 1 : 0);
            model.line(op.irq, op.level);
          } else if (op.kind === "write") {
            write(op.at, op.value);
            model.write(op.at, op.value);
          } else expect(read(op.at)).toBe(model.read(op.at));
          const next = Array.from({ length: contexts }, (_, c) => model.output(c));
          expect(next.map((_, c) => call("vplicOutput", plic, c))).toEqual(next);
          const moved = next.reduce((mask, output, c) => mask | (output !== outputs[c] ? 1 << c : 0), 0);
          expect(takeChanged(contexts)).toBe(moved);
          outputs = next;
        }
        for (let at = 0; at < ENABLE + contexts * 0x80; at += 4) {
          if (at === 0x200) at = PENDING;
          if (at === PENDING + 0x40) at = ENABLE;
          expect(read(at)).toBe(model.read(at));
        }
        expect(guardIntact(contexts)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe("PLIC rules one by one", () => {
  it("claims the highest priority, and of equals the lowest number", () => {
    setup(1, 127);
    for (const [irq, priority] of [
      [9, 2],
      [70, 5],
      [71, 5],
      [3, 1],
    ] as const) {
      write(irq * 4, priority);
      unit.exports["vplicSetLine"]!(plic, irq, 1);
    }
    for (let word = 0; word < 4; word++) write(ENABLE + word * 4, 0xffffffff);
    expect([read(claim(0)), read(claim(0)), read(claim(0)), read(claim(0)), read(claim(0))]).toEqual([70, 71, 9, 3, 0]);
  });

  it("claims below the threshold though the output is low", () => {
    setup(1, 8);
    write(4, 3);
    write(ENABLE, 2);
    write(threshold(0), 3);
    unit.exports["vplicSetLine"]!(plic, 1, 1);
    expect(call("vplicOutput", plic, 0)).toBe(0);
    write(threshold(0), 2);
    expect(call("vplicOutput", plic, 0)).toBe(1);
    write(threshold(0), 7);
    expect(read(claim(0))).toBe(1);
  });

  it("raises a level again when it is completed while still high, and only then (D02)", () => {
    setup(1, 8);
    write(4, 1);
    write(ENABLE, 2);
    unit.exports["vplicSetLine"]!(plic, 1, 1);
    expect(read(claim(0))).toBe(1);
    for (let again = 0; again < 1000; again++) {
      unit.exports["vplicSetLine"]!(plic, 1, 0);
      unit.exports["vplicSetLine"]!(plic, 1, 1);
    }
    expect(call("vplicOutput", plic, 0)).toBe(0);
    expect(read(PENDING)).toBe(0);
    write(claim(0), 1);
    expect(call("vplicOutput", plic, 0)).toBe(1);
    expect(read(claim(0))).toBe(1);
    unit.exports["vplicSetLine"]!(plic, 1, 0);
    write(claim(0), 1);
    expect(call("vplicOutput", plic, 0)).toBe(0);
  });

  it("ignores the completion of a source that the context does not enable", () => {
    setup(2, 8);
    write(4, 1);
    write(ENABLE, 2);
    unit.exports["vplicSetLine"]!(plic, 1, 1);
    expect(read(claim(0))).toBe(1);
    write(claim(1), 1);
    expect(read(PENDING)).toBe(0);
    write(ENABLE, 0);
    write(claim(0), 1);
    expect(read(PENDING)).toBe(0);
    write(ENABLE, 2);
    write(claim(0), 1);
    expect(read(PENDING)).toBe(2);
  });

  it("drops outputs on reset and tells which fell", () => {
    setup(3, 8);
    write(4, 1);
    write(ENABLE + 0x80, 2);
    unit.exports["vplicSetLine"]!(plic, 1, 1);
    expect(takeChanged(3)).toBe(0b010);
    unit.exports["vplicReset"]!(plic);
    expect(takeChanged(3)).toBe(0b010);
    expect([read(4), read(ENABLE + 0x80), read(PENDING), call("vplicOutput", plic, 1)]).toEqual([0, 0, 0, 0]);
  });

  it("refuses more contexts or sources than it has room for", () => {
    expect(setup(32, 127)).toBe(0);
    expect(guardIntact(32)).toBe(true);
    expect(setup(33, 127)).toBe(-8);
    expect(setup(1, 128)).toBe(-8);
  });
});

describe("PLIC and hostile accesses", () => {
  it("refuses every width but 4 and every unaligned word, and changes nothing (B03)", () => {
    setup(1, 127);
    write(4, 1);
    write(ENABLE, 2);
    unit.exports["vplicSetLine"]!(plic, 1, 1);
    const before = unit.bytes().slice(plic, plic + call("vplicBytes", 1));
    for (const base of [0, PENDING, ENABLE, threshold(0), claim(0) + 4]) {
      for (let offset = base; offset < base + 16; offset++) {
        for (const width of [1, 2, 4, 8]) {
          if (width === 4 && offset % 4 === 0) continue;
          for (const store of [true, false]) {
            expect(perform(store, BigInt(offset), 0xffffffff, width).status).toBe(UNHANDLED);
          }
        }
      }
    }
    expect(unit.bytes().slice(plic, plic + before.length)).toEqual(before);
  });

  it("keeps inside its own bytes wherever it is touched, also far outside its region (D01)", () => {
    const offset = fc.oneof(fc.bigInt({ min: 0n, max: BigInt(SIZE) }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }));
    fc.assert(
      fc.property(offset, fc.nat(0xffffffff), (at, value) => {
        setup(2, 127);
        const answer = perform(true, at & ~3n, value);
        expect(answer.status).toBe(HANDLED);
        expect(perform(false, at & ~3n).value <= 0xffffffffn).toBe(true);
        expect(guardIntact(2)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads 0 and ignores writes in words that name nothing", () => {
    setup(2, 40);
    const before = unit.bytes().slice(plic, plic + call("vplicBytes", 2));
    const nothing = [0, 41 * 4, 0xffc, PENDING, PENDING + 16, ENABLE + 16, ENABLE + 0x100, ENABLE + 0x1000 * 0x80];
    nothing.push(threshold(0) + 8, threshold(1) + 0xffc, threshold(2), claim(2), claim(15871), SIZE - 4);
    for (const at of nothing) {
      write(at, 0xffffffff);
      expect(read(at)).toBe(0);
    }
    expect(unit.bytes().slice(plic, plic + before.length)).toEqual(before);
  });

  it("ignores lines that do not exist", () => {
    setup(1, 8);
    write(ENABLE, 0xffffffff);
    const before = unit.bytes().slice(plic, plic + call("vplicBytes", 1));
    for (const irq of [0, 9, 127, 128, 1024, 0x7fffffff, 0xffffffff]) unit.exports["vplicSetLine"]!(plic, irq, 1);
    expect(unit.bytes().slice(plic, plic + before.length)).toEqual(before);
  });
});
