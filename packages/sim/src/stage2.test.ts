// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ram } from "./ram.ts";
import { decodeHgatp, readStage2, STAGE2_LEVELS, walkStage2 } from "./stage2.ts";

const FLAGS = { r: 2n, w: 4n, x: 8n } as const;
const RWX = 0xdfn;

/** Builds tables by hand: every table page is taken from the end of RAM downwards. */
class Builder {
  readonly ram = new Ram(0x80000000, 64 << 20);
  readonly root = 0x80004000;
  readonly mode: number;
  #next = 0x80010000;

  constructor(mode: number) {
    this.mode = mode;
  }

  get table() {
    return { mode: this.mode, root: this.root, vmid: 1 };
  }

  /** Maps one leaf of 4096 * 512 ** level bytes with the given low ten bits. */
  map(gpa: bigint, hpa: number, level: number, flags: bigint): void {
    let at = this.root;
    for (let here = (STAGE2_LEVELS[this.mode] as number) - 1; ; here--) {
      const top = here === (STAGE2_LEVELS[this.mode] as number) - 1;
      const entry = at + 8 * Number((gpa >> BigInt(12 + 9 * here)) & (top ? 0x7ffn : 0x1ffn));
      if (here === level) return this.ram.write64(entry, (BigInt(hpa / 4096) << 10n) | flags);
      let pte = this.ram.read64(entry);
      if (pte === 0n) {
        pte = (BigInt(this.#next / 4096) << 10n) | 1n;
        this.#next += 4096;
        this.ram.write64(entry, pte);
      }
      at = Number(pte >> 10n) * 4096;
    }
  }
}

describe("stage-2 walker", () => {
  it.each([8, 9, 10])("translates pages of every size in mode %i and nothing beyond", (mode) => {
    const builder = new Builder(mode);
    builder.map(0x8000_0000n, 0x81000000, 0, RWX);
    builder.map(0x8020_0000n, 0x82000000, 1, RWX);
    builder.map(0xc000_0000n, 0x80000000 + 0x40000000, 2, RWX);
    const { ram, table } = builder;
    expect(walkStage2(ram, table, 0x8000_0123n, "load")?.hpa).toBe(0x81000123);
    expect(walkStage2(ram, table, 0x803f_ffffn, "store")?.hpa).toBe(0x821fffff);
    expect(walkStage2(ram, table, 0xdeadbeefn, "fetch")?.hpa).toBe(0xc0000000 + 0x1eadbeef);
    for (const gpa of [0x8000_1000n, 0x8040_0000n, 0n, 1n << 41n, (1n << 64n) - 1n]) {
      expect(walkStage2(ram, table, gpa, "load")).toBeNull();
    }
    const bits = 12 + 9 * (STAGE2_LEVELS[mode] as number) + 2;
    builder.map((1n << BigInt(bits)) - 4096n, 0x81001000, 0, RWX);
    expect(walkStage2(ram, table, (1n << BigInt(bits)) - 1n, "load")?.hpa).toBe(0x81001fff);
    expect(walkStage2(ram, table, 1n << BigInt(bits), "load")).toBeNull();
  });

  it("refuses each malformed entry", () => {
    const bad = [0xden, 0xcfn, 0xd5n, RWX & ~64n, RWX | (1n << 54n), RWX | (1n << 63n), RWX | (1n << 61n)];
    for (const flags of bad) {
      const builder = new Builder(8);
      builder.map(0x8000_0000n, 0x81000000, 0, flags);
      expect(walkStage2(builder.ram, builder.table, 0x8000_0000n, "load"), flags.toString(16)).toBeNull();
    }
    const builder = new Builder(8);
    builder.map(0x8000_0000n, 0x81001000, 1, RWX);
    expect(walkStage2(builder.ram, builder.table, 0x8000_0000n, "load")).toBeNull();
    expect(readStage2(builder.ram, builder.table).broken[0]).toMatch(/misaligned/);
    builder.ram.write64(builder.root, (BigInt(builder.root / 4096) << 10n) | 1n);
    expect(readStage2(builder.ram, builder.table).broken.some((text) => /twice/.test(text))).toBe(true);
  });

  it("agrees with a plain map for random mappings, kinds of access and permissions", () => {
    const mapping = fc.record({
      page: fc.integer({ min: 0, max: 1023 }),
      to: fc.integer({ min: 0, max: 4095 }),
      perms: fc.integer({ min: 1, max: 7 }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(mapping, { selector: (each) => each.page, maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 1023 })),
        (mappings, probes) => {
          const builder = new Builder(9);
          const model = new Map<number, { to: number; flags: bigint }>();
          for (const { page, to, perms } of mappings) {
            const flags = (BigInt(perms) << 1n) | 0xd1n;
            builder.map(0x8000_0000n + BigInt(page * 4096), 0x81000000 + to * 4096, 0, flags);
            model.set(page, { to, flags });
          }
          for (const page of [...probes, ...model.keys()]) {
            for (const [kind, bit] of [
              ["load", FLAGS.r],
              ["store", FLAGS.w],
              ["fetch", FLAGS.x],
            ] as const) {
              const expected = model.get(page);
              const writeOnly = expected && (expected.flags & 6n) === 4n;
              const allowed = expected && !writeOnly && (expected.flags & bit) !== 0n;
              const got = walkStage2(builder.ram, builder.table, 0x8000_0000n + BigInt(page * 4096 + 5), kind);
              expect(got?.hpa ?? null).toBe(allowed ? 0x81000000 + expected.to * 4096 + 5 : null);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("takes hgatp apart", () => {
    expect(decodeHgatp((9n << 60n) | (5n << 44n) | 0x80004n)).toEqual({ mode: 9, vmid: 5, root: 0x80004000 });
  });
});
