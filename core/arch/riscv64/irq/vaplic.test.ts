// SPDX-License-Identifier: Apache-2.0
// A guest's APLIC against a plain model of a domain that sends messages: every register, every source mode, wires that
// move, and the accesses that a hostile guest makes. @spec aia §4.5 to §4.9
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const HANDLED = 0;
const UNHANDLED = 1;
const BYTES = 40 + 64 + 256;
const DETACHED = 1;
const LEVEL_HIGH = 6;
const TARGET_BITS = 0xfffc07ff;

let unit: UnitModule;
let access: number;
let aplic: number;

beforeAll(async () => {
  unit = await loadUnit("core/arch/riscv64/irq/vaplic.ts");
  access = unit.scratch(1024);
  aplic = access + 128;
});

const call = (name: string, ...args: (number | bigint)[]) => Number(unit.exports[name]!(...args));

function perform(store: boolean, offset: number, value = 0, width = 4): { status: number; value: number } {
  const view = unit.view();
  view.setBigUint64(access, BigInt(offset), true);
  view.setBigUint64(access + 8, BigInt(value >>> 0), true);
  view.setUint32(access + 16, width, true);
  view.setUint32(access + 20, store ? 1 : 0, true);
  const status = call("vaplicAccess", aplic, access);
  return { status, value: Number(unit.view().getBigUint64(access + 8, true)) };
}
const read = (offset: number) => perform(false, offset).value;
const write = (offset: number, value: number) => expect(perform(true, offset, value).status).toBe(HANDLED);
const line = (source: number, level: number) => call("vaplicSetLine", aplic, source, level);
const takeAll = (): number[] => {
  const taken: number[] = [];
  for (let target = call("vaplicTake", aplic); target >= 0; target = call("vaplicTake", aplic)) taken.push(target);
  return taken;
};

interface Source {
  mode: number;
  target: number;
  wire: number;
  pending: boolean;
  enabled: boolean;
}

class Model {
  readonly count: number;
  readonly sources: Source[];
  open = false;
  extra: number[] = [];
  generated = 0;

  constructor(count: number) {
    this.count = count;
    this.sources = Array.from({ length: 64 }, () => ({ mode: 0, target: 0, wire: 0, pending: false, enabled: false }));
  }

  at(index: number): Source | undefined {
    return index >= 1 && index <= this.count ? this.sources[index] : undefined;
  }

  rectified(source: Source): number {
    if (source.mode < 4) return 0;
    return source.mode === 4 || source.mode === 6 ? source.wire : 1 - source.wire;
  }

  change(source: Source, how: () => void): void {
    const before = this.rectified(source);
    how();
    const after = this.rectified(source);
    if (after === 1 && before === 0) source.pending = true;
    if (after === 0 && source.mode >= LEVEL_HIGH) source.pending = false;
  }

  line(index: number, level: number): void {
    const source = this.at(index);
    if (source) this.change(source, () => (source.wire = level));
  }

  setPending(index: number): void {
    const source = this.at(index);
    if (!source || source.mode === 0) return;
    if (source.mode < LEVEL_HIGH || this.rectified(source) === 1) source.pending = true;
  }

  configure(index: number, value: number): void {
    const source = this.at(index);
    if (!source) return;
    const low = value & 7;
    const mode = value & 0x400 || low === 2 || low === 3 ? 0 : low;
    this.change(source, () => (source.mode = mode));
    if (mode === 0) Object.assign(source, { pending: false, enabled: false, target: 0 });
  }

  word(index: number, test: (source: Source) => boolean): number {
    let value = 0;
    for (let bit = 0; bit < 32; bit++) {
      const source = this.at(index * 32 + bit);
      if (source && test(source)) value |= 1 << bit;
    }
    return value >>> 0;
  }

  each(index: number, value: number, act: (index: number) => void): void {
    for (let bit = 0; bit < 32; bit++) if ((value >>> bit) & 1) act(index * 32 + bit);
  }

  enable(index: number, on: boolean): void {
    const source = this.at(index);
    if (source && (!on || source.mode !== 0)) source.enabled = on;
  }

  clear(index: number): void {
    const source = this.at(index);
    if (source) source.pending = false;
  }

  read(offset: number): number {
    if (offset === 0) return (0x80000004 | (this.open ? 0x100 : 0)) >>> 0;
    if (offset < 0x1000) return this.at(offset / 4)?.mode ?? 0;
    if (offset >= 0x1c00 && offset < 0x1c08) return this.word((offset - 0x1c00) / 4, (source) => source.pending);
    if (offset >= 0x1d00 && offset < 0x1d08)
      return this.word((offset - 0x1d00) / 4, (source) => this.rectified(source) === 1);
    if (offset >= 0x1e00 && offset < 0x1e08) return this.word((offset - 0x1e00) / 4, (source) => source.enabled);
    if (offset === 0x3000) return this.generated;
    if (offset > 0x3000 && offset < 0x3100) return this.at((offset - 0x3000) / 4)?.target ?? 0;
    return 0;
  }

  write(offset: number, value: number): void {
    const swapped = Buffer.from(Uint32Array.of(value).buffer).readUInt32BE();
    if (offset === 0) this.open = (value & 0x100) !== 0;
    else if (offset < 0x1000) this.configure(offset / 4, value);
    else if (offset === 0x1c00 || offset === 0x1c04) this.each((offset - 0x1c00) / 4, value, (i) => this.setPending(i));
    else if (offset === 0x1cdc || offset === 0x2000) this.setPending(value);
    else if (offset === 0x2004) this.setPending(swapped);
    else if (offset === 0x1d00 || offset === 0x1d04) this.each((offset - 0x1d00) / 4, value, (i) => this.clear(i));
    else if (offset === 0x1ddc) this.clear(value);
    else if (offset === 0x1e00 || offset === 0x1e04)
      this.each((offset - 0x1e00) / 4, value, (i) => this.enable(i, true));
    else if (offset === 0x1edc) this.enable(value, true);
    else if (offset === 0x1f00 || offset === 0x1f04)
      this.each((offset - 0x1f00) / 4, value, (i) => this.enable(i, false));
    else if (offset === 0x1fdc) this.enable(value, false);
    else if (offset === 0x3000) this.extra.push((this.generated = (value & TARGET_BITS) >>> 0));
    else if (offset > 0x3000 && offset < 0x3100) {
      const source = this.at((offset - 0x3000) / 4);
      if (source && source.mode !== 0) source.target = (value & TARGET_BITS) >>> 0;
    }
  }

  takeAll(): number[] {
    const taken = this.extra.splice(0);
    if (!this.open) return taken;
    for (const source of this.sources.filter((each) => each.pending && each.enabled)) {
      source.pending = false;
      taken.push(source.target);
    }
    return taken;
  }
}

const interesting = [
  0, 4, 8, 40, 44, 0x80, 0x8c, 0xfc, 0x100, 0xffc, 0x1bc0, 0x1bc4, 0x1bc8, 0x1c00, 0x1c04, 0x1c08, 0x1cd8, 0x1cdc,
  0x1d00, 0x1d04, 0x1d08, 0x1ddc, 0x1e00, 0x1e04, 0x1e08, 0x1edc, 0x1f00, 0x1f04, 0x1f7c, 0x1fdc, 0x2000, 0x2004,
  0x2008, 0x2ffc, 0x3000, 0x3004, 0x3028, 0x302c, 0x308c, 0x30fc, 0x3100, 0x3ffc, 0x4000, 0x4004, 0x4018, 0x401c,
  0x7ffc,
];

describe("against the model", () => {
  const offset = fc.oneof(
    fc.constantFrom(...interesting),
    fc.nat({ max: 0x1fff }).map((word) => word * 4),
  );
  const value = fc.oneof(
    fc.integer({ min: 0, max: 40 }),
    fc.nat({ max: 0xffff_ffff }),
    fc.constantFrom(0x100, 0xffff_ffff, 0x400, 10 << 24, 63, 64),
  );
  // Sources that are used much, so that wires, modes and bits of one source meet.
  const source = fc.oneof(fc.constantFrom(1, 10, 11, 32, 35), fc.nat({ max: 70 }));
  const step = fc.oneof(
    fc.record({ kind: fc.constant("write"), offset, value }),
    fc.record({ kind: fc.constant("mode"), source, value: fc.nat({ max: 7 }) }),
    fc.record({ kind: fc.constant("enable"), source }),
    fc.record({ kind: fc.constant("pend"), source }),
    fc.record({ kind: fc.constant("line"), source, value: fc.nat({ max: 1 }) }),
    fc.record({ kind: fc.constant("open"), value: fc.nat({ max: 1 }) }),
  );
  it.each([11, 35, 63])("agrees in every register and every message, %i sources", (sources) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        unit.bytes().fill(0xa5, aplic, aplic + BYTES + 64);
        expect(call("vaplicInit", aplic, sources)).toBe(0);
        const model = new Model(sources);
        const both = (at: number, what: number) => {
          write(at, what);
          model.write(at, what >>> 0);
        };
        for (const each of steps as { kind: string; offset: number; value: number; source: number }[]) {
          if (each.kind === "write") both(each.offset, each.value);
          else if (each.kind === "mode" && each.source >= 1) both(4 * each.source, each.value);
          else if (each.kind === "enable") both(0x1edc, each.source);
          else if (each.kind === "pend") both(0x1cdc, each.source);
          else if (each.kind === "open") both(0, each.value << 8);
          else if (each.kind === "line") {
            line(each.source, each.value);
            model.line(each.source, each.value);
          }
          expect(takeAll()).toEqual(model.takeAll());
        }
        for (const at of [...interesting, ...Array.from({ length: 64 }, (_, i) => 4 * i)])
          expect(read(at), at.toString(16)).toBe(model.read(at));
        expect(
          unit
            .bytes()
            .subarray(aplic + BYTES, aplic + BYTES + 64)
            .every((byte) => byte === 0xa5),
        ).toBe(true);
      }),
      { numRuns: 200 },
    );
  });
});

describe("accesses that no register has", () => {
  it("refuses other widths and odd addresses, and more sources than it has room for", () => {
    call("vaplicInit", aplic, 11);
    for (const width of [1, 2, 8]) expect(perform(false, 0, 0, width).status).toBe(UNHANDLED);
    expect(perform(true, 2, 0).status).toBe(UNHANDLED);
    expect(call("vaplicInit", aplic, 64)).toBeLessThan(0);
  });
});

describe("a level", () => {
  it("is sent once, and again when software retriggers it while it lasts, but not after", () => {
    call("vaplicInit", aplic, 11);
    write(0, 0x100);
    write(4 * 10, LEVEL_HIGH);
    write(0x3000 + 4 * 10, (1 << 18) | 7);
    write(0x1edc, 10);
    line(10, 1);
    expect(takeAll()).toEqual([(1 << 18) | 7]);
    write(0x2000, 10);
    expect(takeAll()).toEqual([(1 << 18) | 7]);
    line(10, 0);
    write(0x2000, 10);
    expect(takeAll()).toEqual([]);
  });

  it("that falls before the domain opens was never there; a detached source is software's alone", () => {
    call("vaplicInit", aplic, 11);
    write(4 * 10, LEVEL_HIGH);
    write(0x1edc, 10);
    line(10, 1);
    line(10, 0);
    write(4 * 3, DETACHED);
    write(0x1edc, 3);
    line(3, 1);
    write(0, 0x100);
    expect(takeAll()).toEqual([]);
    write(0x1cdc, 3);
    expect(takeAll()).toEqual([0]);
  });
});
