// SPDX-License-Identifier: Apache-2.0
// A guest's interrupt file in memory against a plain model that keeps two arrays of booleans: every register, every
// identity, claims and thresholds, and values that a hostile guest writes.
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const DELIVERY = 0x70;
const THRESHOLD = 0x72;
const EIP = 0x80;
const EIE = 0xc0;
const BYTES = 96;
const ALL = (1n << 64n) - 1n;

let unit: UnitModule;
let file: number;

beforeAll(async () => {
  unit = await loadUnit("core/arch/riscv64/irq/vfile.ts");
  file = unit.scratch(256);
});

const call = (name: string, ...args: (number | bigint)[]) => Number(unit.exports[name]!(...args));
const read = (register: number) => BigInt.asUintN(64, BigInt(unit.exports["vfileRead"]!(file, BigInt(register))!));
const write = (register: number, value: bigint) => void unit.exports["vfileWrite"]!(file, BigInt(register), value);
const has = (register: number) => call("vfileHas", BigInt(register)) !== 0;

class Model {
  readonly identities: number;
  readonly pending = new Array<boolean>(256).fill(false);
  readonly enabled = new Array<boolean>(256).fill(false);
  delivery = 0n;
  threshold = 0n;

  constructor(words: number) {
    this.identities = words * 64;
  }

  top(): number {
    for (let id = 1; id < this.identities; id++)
      if (this.pending[id] && this.enabled[id] && (this.threshold === 0n || id < this.threshold)) return id;
    return 0;
  }

  output(): number {
    return this.delivery === 1n && this.top() !== 0 ? 1 : 0;
  }

  set(id: number): void {
    if (id >= 1 && id < this.identities) this.pending[id] = true;
  }

  claim(id: number): void {
    if (id < this.identities) this.pending[id] = false;
  }

  /** Identities behind an even register of the arrays. */
  row(register: number): { bits: boolean[]; first: number } {
    const inEie = register >= EIE;
    return { bits: inEie ? this.enabled : this.pending, first: (register - (inEie ? EIE : EIP)) * 32 };
  }

  read(register: number): bigint {
    if (register === DELIVERY) return this.delivery;
    if (register === THRESHOLD) return this.threshold;
    if (register < EIP) return 0n;
    const { bits, first } = this.row(register);
    let value = 0n;
    for (let bit = 0; bit < 64; bit++)
      if (first + bit < this.identities && bits[first + bit]) value |= 1n << BigInt(bit);
    return value;
  }

  write(register: number, value: bigint): void {
    if (register === DELIVERY) this.delivery = value & 1n;
    else if (register === THRESHOLD) this.threshold = value & BigInt(this.identities - 1);
    if (register < EIP) return;
    const { bits, first } = this.row(register);
    for (let bit = 0; bit < 64; bit++) {
      const id = first + bit;
      if (id >= 1 && id < this.identities) bits[id] = ((value >> BigInt(bit)) & 1n) === 1n;
    }
  }
}

const registers = [DELIVERY, 0x71, THRESHOLD, 0x73, 0x7f, ...Array.from({ length: 64 }, (_, i) => EIP + 2 * i)];

describe("which registers there are", () => {
  it("has delivery, threshold and their neighbours, and of the arrays the even numbers only (aia §3.8)", () => {
    for (let register = 0; register < 0x1200; register++) {
      const inside = register >= DELIVERY && register <= 0xff;
      expect(has(register), register.toString(16)).toBe(inside && (register < EIP || register % 2 === 0));
    }
    expect(call("vfileHas", ALL)).toBe(0);
    expect(call("vfileHas", (1n << 32n) + 0x80n)).toBe(0);
  });
});

describe("against the model", () => {
  const value = fc.oneof(fc.bigInt({ min: 0n, max: ALL }), fc.constantFrom(0n, 1n, ALL, 2n, 255n, 256n));
  const step = fc.oneof(
    fc.record({ kind: fc.constant("write"), register: fc.constantFrom(...registers), value }),
    fc.record({ kind: fc.constant("set"), id: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constant(0xffff_ffff)) }),
    fc.record({ kind: fc.constant("claim"), id: fc.integer({ min: 0, max: 2047 }) }),
    fc.record({ kind: fc.constant("serve") }),
  );
  it.each([1, 2, 4])("agrees in every register and in its output after every step, %i words", (words) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        unit.bytes().fill(0xa5, file, file + 256);
        call("vfileInit", file, words);
        const model = new Model(words);
        for (const each of steps as { kind: string; register: number; value: bigint; id: number }[]) {
          if (each.kind === "write") {
            write(each.register, each.value);
            model.write(each.register, each.value);
          } else if (each.kind === "set") {
            call("vfileSet", file, each.id);
            model.set(each.id);
          } else {
            const id = each.kind === "serve" ? model.top() : each.id;
            call("vfileClaim", file, id);
            model.claim(id);
          }
          expect(call("vfileTop", file)).toBe(model.top());
          expect(call("vfileOutput", file)).toBe(model.output());
        }
        for (const register of registers) expect(read(register)).toBe(model.read(register));
        expect(
          unit
            .bytes()
            .subarray(file + BYTES, file + 256)
            .every((byte) => byte === 0xa5),
        ).toBe(true);
      }),
      { numRuns: 150 },
    );
  });
});

describe("examples", () => {
  it("serves the lowest identity first, below the threshold, and only while delivery is on", () => {
    call("vfileInit", file, 4);
    for (const id of [200, 63, 64, 5]) call("vfileSet", file, id);
    write(EIE, 1n << 63n);
    write(EIE + 2, 1n);
    expect(call("vfileTop", file)).toBe(63);
    expect(call("vfileOutput", file)).toBe(0);
    write(DELIVERY, 1n);
    expect(call("vfileOutput", file)).toBe(1);
    call("vfileClaim", file, 63);
    expect(call("vfileTop", file)).toBe(64);
    write(THRESHOLD, 64n);
    expect(call("vfileOutput", file)).toBe(0);
    write(THRESHOLD, 65n);
    expect(call("vfileOutput", file)).toBe(1);
  });
});
