// SPDX-License-Identifier: Apache-2.0
// The load/store decoder against three oracles: an encoder written from the specification's tables, GNU objdump over
// every 16-bit word and many 32-bit words, and the rules for htinst (hostile rows B02, B05 and B09 at unit level).
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const OK = 0;
const NOT_FOUND = -3;
const UNSUPPORTED = -6;

interface Decoded {
  width: number;
  register: number;
  isStore: number;
  signExtend: number;
  length: number;
}

let unit: UnitModule;
let decoded: number;
beforeAll(async () => {
  unit = await loadUnit("core/arch/riscv64/decode.ts");
  decoded = unit.scratch(4096);
});

function result(status: number): Decoded | number {
  if (status !== OK) return status;
  const [width, register, isStore, signExtend, length] = new Uint32Array(unit.memory.buffer, decoded, 5);
  return { width: width!, register: register!, isStore: isStore!, signExtend: signExtend!, length: length! };
}
const raw = (word: number) => result(Number(unit.exports["decodeRaw"]!(word, decoded)));
const transformed = (htinst: bigint) => result(Number(unit.exports["decodeTransformed"]!(htinst, decoded)));

const TABLE = [
  { name: "lb", funct3: 0, isStore: 0, width: 1, signExtend: 1 },
  { name: "lh", funct3: 1, isStore: 0, width: 2, signExtend: 1 },
  { name: "lw", funct3: 2, isStore: 0, width: 4, signExtend: 1 },
  { name: "ld", funct3: 3, isStore: 0, width: 8, signExtend: 1 },
  { name: "lbu", funct3: 4, isStore: 0, width: 1, signExtend: 0 },
  { name: "lhu", funct3: 5, isStore: 0, width: 2, signExtend: 0 },
  { name: "lwu", funct3: 6, isStore: 0, width: 4, signExtend: 0 },
  { name: "sb", funct3: 0, isStore: 1, width: 1, signExtend: 0 },
  { name: "sh", funct3: 1, isStore: 1, width: 2, signExtend: 0 },
  { name: "sw", funct3: 2, isStore: 1, width: 4, signExtend: 0 },
  { name: "sd", funct3: 3, isStore: 1, width: 8, signExtend: 0 },
] as const;
type Form = (typeof TABLE)[number];
const byName = (name: string): Form | undefined => TABLE.find((form) => form.name === name);
const expected = (form: Form, register: number, length: number): Decoded => ({
  width: form.width,
  register,
  isStore: form.isStore,
  signExtend: form.signExtend,
  length,
});

/** The 32-bit encoding of a form. */
function encode(form: Form, register: number, base: number, immediate: number): number {
  const imm = immediate & 0xfff;
  if (!form.isStore) return ((imm << 20) | (base << 15) | (form.funct3 << 12) | (register << 7) | 0x03) >>> 0;
  const high = (imm >> 5) << 25;
  return (high | (register << 20) | (base << 15) | (form.funct3 << 12) | ((imm & 31) << 7) | 0x23) >>> 0;
}
/** What hardware writes to htinst for it: address fields cleared, bit 1 clear if it was compressed. */
function transform(form: Form, register: number, length: number): bigint {
  return BigInt((encode(form, register, 0, 0) & (length === 2 ? ~2 : ~0)) >>> 0);
}

const anyForm = fc.constantFrom(...TABLE);
const anyRegister = fc.nat(31);

describe("32-bit loads and stores", () => {
  it("decode as they were encoded, whatever base and offset", () => {
    fc.assert(
      fc.property(anyForm, anyRegister, anyRegister, fc.nat(0xfff), (form, register, base, immediate) => {
        expect(raw(encode(form, register, base, immediate))).toEqual(expected(form, register, 4));
      }),
    );
  });
});

describe("htinst", () => {
  it("decodes every standard transformation of an integer load or store", () => {
    for (const form of TABLE) {
      for (let register = 0; register < 32; register++) {
        for (const length of [2, 4]) {
          expect(transformed(transform(form, register, length))).toEqual(expected(form, register, length));
        }
      }
    }
  });

  it("asks for the instruction when it is zero, and refuses pseudo-instructions (B05)", () => {
    expect(transformed(0n)).toBe(NOT_FOUND);
    for (const pseudo of [0x2000n, 0x2020n, 0x3000n, 0x3020n, 2n, 0xffff_ffff_ffff_fffen]) {
      expect(transformed(pseudo)).toBe(UNSUPPORTED);
    }
  });

  it("refuses any bit that a standard transformation leaves zero, so Addr.Offset too", () => {
    fc.assert(
      fc.property(anyForm, anyRegister, fc.constantFrom(2, 4), fc.nat(63), (form, register, length, bit) => {
        const htinst = transform(form, register, length);
        const kept = form.isStore ? 0x1f0707fn : 0x7fffn;
        fc.pre(((kept >> BigInt(bit)) & 1n) === 0n);
        expect(transformed(htinst | (1n << BigInt(bit)))).toBe(UNSUPPORTED);
      }),
    );
  });

  it("gives for a random value only what transforming the answer gives back", () => {
    const opcodes = fc.constantFrom(0x01n, 0x03n, 0x21n, 0x23n, 0x07n, 0x27n, 0x2dn, 0x2fn, 0x73n, 0x0fn);
    const value = fc.oneof(
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      fc.tuple(fc.nat(0x1ffffff), opcodes).map(([high, opcode]) => (BigInt(high) << 7n) | opcode),
      fc.tuple(fc.nat(0xff), opcodes).map(([high, opcode]) => (BigInt(high) << 7n) | opcode),
      fc.tuple(fc.nat(31), fc.nat(7), opcodes).map(([r, f, op]) => (BigInt(r) << 20n) | (BigInt(f) << 12n) | op),
    );
    fc.assert(
      fc.property(value, (htinst) => {
        const answer = transformed(htinst);
        const match = TABLE.flatMap((form) => [2, 4].map((length) => ({ form, length })));
        const register = Number((htinst >> ((htinst & 0x20n) !== 0n ? 20n : 7n)) & 31n);
        const fit = match.find(({ form, length }) => transform(form, register, length) === htinst);
        const refused = htinst === 0n ? NOT_FOUND : UNSUPPORTED;
        expect(answer).toEqual(fit ? expected(fit.form, register, fit.length) : refused);
      }),
      { numRuns: 5000 },
    );
  });
});

/** Zcb (@spec unpriv §27.5), which the assembler at hand does not know. */
function zcb(word: number): Decoded | number {
  const register = 8 + ((word >> 2) & 7);
  const bits = word.toString(2).padStart(16, "0");
  const patterns: [RegExp, string][] = [
    [/^100000.{8}00$/, "lbu"],
    [/^100001...0.{4}00$/, "lhu"],
    [/^100001...1.{4}00$/, "lh"],
    [/^100010.{8}00$/, "sb"],
    [/^100011...0.{4}00$/, "sh"],
  ];
  const name = patterns.find(([pattern]) => pattern.test(bits))?.[1];
  return name ? expected(byName(name)!, register, 2) : UNSUPPORTED;
}

/** Disassembles words with GNU objdump: mnemonic and operands by word. */
function disassemble(words: readonly number[], bytes: 2 | 4): { mnemonic: string; operands: string }[] {
  const folder = mkdtempSync(path.join(tmpdir(), "decode-"));
  try {
    const source = path.join(folder, "words.s");
    const object = path.join(folder, "words.o");
    writeFileSync(source, words.map((word) => `.insn ${bytes}, ${word >>> 0}\n`).join(""));
    execFileSync("riscv64-linux-gnu-as", ["-march=rv64gc", source, "-o", object]);
    const text = execFileSync("riscv64-linux-gnu-objdump", ["-d", "-M", "no-aliases,numeric", object], {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    const lines = text.split("\n").filter((line) => /^\s+[0-9a-f]+:\t/.test(line));
    return lines.map((line) => {
      const [, , mnemonic, operands] = line.split("\t");
      return { mnemonic: mnemonic!.trim(), operands: operands ?? "" };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function byObjdump({ mnemonic, operands }: { mnemonic: string; operands: string }): Decoded | number {
  const compressed = /^c\.(lw|ld|sw|sd)(sp)?$/.exec(mnemonic);
  const form = byName(compressed ? compressed[1]! : mnemonic);
  if (!form) return UNSUPPORTED;
  return expected(form, Number(/^x(\d+),/.exec(operands)![1]), compressed ? 2 : 4);
}

const hasBinutils = (() => {
  try {
    execFileSync("riscv64-linux-gnu-as", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasBinutils)("against GNU binutils", () => {
  it("agrees on every compressed word", () => {
    const words = Array.from({ length: 0x10000 }, (_, word) => word).filter((word) => (word & 3) !== 3);
    const oracle = disassemble(words, 2);
    expect(oracle.length).toBe(words.length);
    const wrong: string[] = [];
    let loads = 0;
    words.forEach((word, at) => {
      const want = (word & 3) === 0 && word >> 13 === 4 ? zcb(word) : byObjdump(oracle[at]!);
      const have = raw(word | 0xabcd0000);
      if (typeof want !== "number") loads += 1;
      if (JSON.stringify(have) !== JSON.stringify(want)) wrong.push(`${word.toString(16)} ${oracle[at]!.mnemonic}`);
    });
    expect(wrong).toEqual([]);
    // 6 forms of 2,048 words, 2 of 1,984; of Zcb two of 256 and three of 128.
    expect(loads).toBe(6 * 2048 + 2 * 1984 + 2 * 256 + 3 * 128);
  });

  it("agrees on 32-bit words of every opcode", () => {
    const words: number[] = [];
    for (let opcode = 3; opcode < 128; opcode += 4) {
      if ((opcode & 31) === 31) continue; // 48 bits and longer: checked below.
      for (let i = 0; i < 600; i++) words.push(((Math.imul(i + 1, 0x9e3779b1) & ~0x7f) | opcode) >>> 0);
    }
    const oracle = disassemble(words, 4);
    expect(oracle.length).toBe(words.length);
    const wrong = words.filter((word, at) => JSON.stringify(raw(word)) !== JSON.stringify(byObjdump(oracle[at]!)));
    expect(wrong).toEqual([]);
  });
});

describe("what is not an integer load or store", () => {
  it("is Unsupported: AMO, LR/SC, F/D, vector, cbo, long encodings, all ones (B02)", () => {
    const refused = {
      "amoadd.w x5,x6,(x7)": 0x0063a2af,
      "lr.d x5,(x7)": 0x1003b2af,
      "sc.d x5,x6,(x7)": 0x1863b2af,
      "flw f0,0(x5)": 0x0002a007,
      "fsd f0,0(x5)": 0x0002b027,
      "vle8.v v0,(x5)": 0x02028007,
      "cbo.zero (x5)": 0x0042a00f,
      "prefetch.r 0(x5)": 0x0012e013,
      "load with funct3 7": 0x0002f003,
      "store with funct3 4": 0x0002c023,
      "hlv.w": 0x6802c073,
      "48-bit": 0x0000001f,
      "all ones": 0xffffffff,
      "c.lwsp x0": 0x4002,
      zero: 0,
    };
    for (const [name, word] of Object.entries(refused)) expect(raw(word), name).toBe(UNSUPPORTED);
  });
});
