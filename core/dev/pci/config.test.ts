// SPDX-License-Identifier: Apache-2.0
// A guest's configuration spaces: what an enumeration finds, against a plain model of what can be written, and BARs.
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  AIA,
  BALLOON,
  BLOCK,
  CONFIG,
  CONSOLE,
  HANDLED,
  NET,
  PciUnit,
  PLIC,
  RNG,
  UNHANDLED,
  WINDOW,
} from "../../../tests/sim/pci-unit.ts";

let pci: PciUnit;
beforeAll(async () => {
  pci = await PciUnit.load();
}, 180_000);

const [CAP_VENDOR, CAP_EXPRESS, CAP_MSIX] = [9, 0x10, 0x11] as const;
const [COMMON, NOTIFY, ISR, DEVICE, PCI] = [1, 2, 3, 4, 5] as const;

describe("what an enumeration finds", () => {
  it("on a bridge without functions: all ones, in every width, on every bus there is", () => {
    pci.makeGuest(PLIC);
    for (let slot = 0; slot < 32; slot++) expect(pci.read(pci.config(slot))).toBe(0xffff_ffff);
    expect([pci.read(CONFIG, 1), pci.read(CONFIG, 2)]).toEqual([0xff, 0xffff]);
    pci.write(CONFIG + 4, 0xffff_ffff);
    expect(pci.perform(0, CONFIG + 0x10_0000, 4).status).toBe(UNHANDLED);
    expect(pci.perform(0, CONFIG, 8).status).toBe(UNHANDLED);
  });

  it("has the vendor, device, class and revision of each VirtIO device, one function, INTA", () => {
    pci.makeGuest(PLIC);
    const classes = {
      [NET]: 0x02_0000,
      [BLOCK]: 0x01_8000,
      [CONSOLE]: 0x07_8000,
      [RNG]: 0xff_0000,
      [BALLOON]: 0xff_0000,
    };
    for (const type of [NET, BLOCK, CONSOLE, RNG, BALLOON] as const) {
      const space = pci.config(pci.attach(pci.device(type, 2)));
      expect(pci.read(space)).toBe(0x1af4 | ((0x1040 + type) << 16));
      expect(pci.read(space + 8)).toBe(((classes[type] << 8) | 1) >>> 0);
      expect(pci.read(space + 0xe, 1)).toBe(0);
      expect(pci.read(space + 0x2c, 2)).toBe(0x1af4);
      expect(pci.read(space + 0x2e, 2)).toBeGreaterThanOrEqual(0x40);
      expect(pci.read(space + 0x3d, 1)).toBe(1);
      expect(pci.read(space + 0x100)).toBe(0xffff_ffff);
      for (let number = 1; number < 8; number++) expect(pci.read(space + number * 0x1000)).toBe(0xffff_ffff);
    }
    expect(pci.read(pci.config(5))).toBe(0xffff_ffff);
  });

  it.each([PLIC, AIA])("walks the capabilities as Linux does, with interrupt controller %d", (interrupts) => {
    pci.makeGuest(interrupts);
    const space = pci.config(pci.attach(pci.device(BLOCK, 4)));
    const list = pci.capabilities(space);
    expect(list.map(({ id }) => id)).toEqual([...(interrupts === AIA ? [CAP_MSIX] : []), ...Array(5).fill(CAP_VENDOR)]);
    const structures = new Map<number, { bar: number; offset: number; length: number; bytes: number; more: number }>();
    for (const { at } of list.filter(({ id }) => id === CAP_VENDOR)) {
      structures.set(pci.read(space + at + 3, 1), {
        bytes: pci.read(space + at + 2, 1),
        bar: pci.read(space + at + 4, 1),
        offset: pci.read(space + at + 8),
        length: pci.read(space + at + 12),
        more: pci.read(space + at + 16),
      });
      expect(at % 4).toBe(0);
      expect(at + pci.read(space + at + 2, 1)).toBeLessThanOrEqual(256);
    }
    expect([...structures.keys()].sort()).toEqual([COMMON, NOTIFY, ISR, DEVICE, PCI]);
    for (const [type, offset] of [
      [COMMON, 0],
      [ISR, 0x1000],
      [DEVICE, 0x2000],
      [NOTIFY, 0x3000],
    ] as const) {
      expect(structures.get(type)).toMatchObject({ bar: 0, offset, length: 0x1000, bytes: type === NOTIFY ? 20 : 16 });
    }
    expect(structures.get(NOTIFY)!.more).toBe(4);
    expect(structures.get(PCI)!.bytes).toBe(20);
    if (interrupts === PLIC) return;
    const msix = pci.find(space, CAP_MSIX);
    expect(pci.read(space + msix + 2, 2)).toBe(4);
    expect([pci.read(space + msix + 4), pci.read(space + msix + 8)]).toEqual([2, 0x802]);
  });

  it("sizes BARs: 16 KiB of registers, a page of messages if there are any, of 64 bits both", () => {
    for (const interrupts of [PLIC, AIA]) {
      pci.makeGuest(interrupts);
      const space = pci.config(pci.attach(pci.device(NET, 3)));
      const sizes: number[] = [];
      for (let bar = 0; bar < 6; bar++) {
        const before = pci.read(space + 0x10 + bar * 4);
        pci.write(space + 0x10 + bar * 4, 0xffff_ffff);
        sizes.push(pci.read(space + 0x10 + bar * 4));
        pci.write(space + 0x10 + bar * 4, before);
        expect(pci.read(space + 0x10 + bar * 4)).toBe(before);
      }
      pci.write(space + 0x30, 0xffff_ffff);
      expect(pci.read(space + 0x30)).toBe(0);
      const table = interrupts === AIA ? [0xffff_f004, 0xffff_ffff] : [0, 0];
      expect(sizes).toEqual([0xffff_c004, 0xffff_ffff, ...table, 0, 0]);
    }
  });

  it("takes slots in turn, or the one that is named, and refuses what is taken", () => {
    pci.makeGuest(PLIC);
    expect([pci.attach(pci.device(RNG, 1)), pci.attach(pci.device(RNG, 1), 2), pci.attach(pci.device(RNG, 1))]).toEqual(
      [0, 2, 1],
    );
    expect([
      pci.attach(pci.device(RNG, 1), 2),
      pci.attach(pci.device(RNG, 1), 32),
      pci.attach(pci.device(RNG, 1), -2),
    ]).toEqual([-5, -5, -5]);
    for (let slot = 3; slot < 32; slot++) expect(pci.attach(pci.device(RNG, 1))).toBe(slot);
    expect(pci.attach(pci.device(RNG, 1))).toBe(-5);
  });
});

/** Bits that can be written, by word, as the specifications say; the rest reads as it was after power-on. */
function writableBits(msix: number, cfg: number): Map<number, number> {
  return new Map([
    [0x04, 0x0406],
    [0x0c, 0xff],
    [0x10, 0xffff_c000],
    [0x14, 0xffff_ffff],
    [0x18, 0xffff_f000],
    [0x1c, 0xffff_ffff],
    [0x3c, 0xff],
    [msix, 0xc000_0000],
    [cfg + 4, 0xff],
    [cfg + 8, 0xffff_ffff],
    [cfg + 12, 0xffff_ffff],
  ]);
}

describe("configuration space against a model", () => {
  it("keeps what may be written, in every width and at every place, and nothing else", () => {
    pci.makeGuest(AIA);
    const space = pci.config(pci.attach(pci.device(BLOCK, 2)));
    const msix = pci.find(space, CAP_MSIX);
    const cfg = pci
      .capabilities(space)
      .find(({ at, id }) => id === CAP_VENDOR && pci.read(space + at + 3, 1) === PCI)!.at;
    const bits = writableBits(msix, cfg);
    const initial = Array.from({ length: 256 }, (_, at) => pci.read(space + at, 1));
    const op = fc.record({
      offset: fc.nat(255),
      width: fc.constantFrom(1, 2, 4),
      value: fc.oneof(fc.constantFrom(0, 0xffff_ffff), fc.nat(0xffff_ffff)),
    });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        pci.call("pciReset", pci.guest);
        const model = [...initial];
        for (const { offset, width, value } of ops) {
          const at = offset - (offset % width);
          const isData = at >= cfg + 16 && at < cfg + 20;
          pci.write(space + at, width === 4 ? value : value & ((1 << (width * 8)) - 1), width);
          if (isData) continue;
          for (let i = 0; i < width; i++) {
            const may = ((bits.get((at + i) & ~3) ?? 0) >>> (((at + i) & 3) * 8)) & 0xff;
            model[at + i] = (model[at + i]! & ~may) | ((value >>> (i * 8)) & may);
          }
        }
        for (let at = 0; at < 256; at++) {
          if (at < cfg + 16 || at >= cfg + 20) expect([at, pci.read(space + at, 1)]).toEqual([at, model[at]]);
        }
        const word = (at: number) =>
          (model[at]! | (model[at + 1]! << 8) | (model[at + 2]! << 16) | (model[at + 3]! << 24)) >>> 0;
        for (let at = 0; at < 256; at += 4) if (at !== cfg + 16) expect(pci.read(space + at)).toBe(word(at));
      }),
      { numRuns: 120 },
    );
  });
});

describe("BARs", () => {
  beforeEach(() => pci.makeGuest(AIA));

  it("answer where they were put, while memory is enabled, and nowhere else", () => {
    const [first, second] = [BLOCK, NET].map((type) => pci.config(pci.attach(pci.device(type, 2)))) as [number, number];
    const base = fc.nat(0xffff).map((n) => (0x3fff_0000 + n * 0x4000) >>> 0);
    const upper = fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) });
    const placed = fc.record({ base, upper, on: fc.boolean() });
    fc.assert(
      fc.property(
        placed,
        placed,
        fc.nat(0x3fff).map((n) => n & ~3),
        (a, b, at) => {
          for (const [space, { base, upper, on }] of [
            [first, a],
            [second, b],
          ] as const) {
            pci.write(space + 0x10, base);
            pci.write(space + 0x14, upper);
            pci.write(space + 4, on ? 2 : 0, 2);
          }
          for (const [{ base, upper, on }, other, queues] of [
            [a, b, 2],
            [b, a, 2],
          ] as const) {
            const inWindow = base >= WINDOW && base < 0x8000_0000 && upper === 0;
            if (!inWindow) continue;
            const overlapped = other.on && other.upper === 0 && other.base === base;
            expect(pci.read(base + 0x12, 2)).toBe(on || overlapped ? queues : 0xffff);
            if (!on && !overlapped) expect(pci.read(base + at)).toBe(0xffff_ffff);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it("read as all ones and take writes where nobody answers, in every width", () => {
    for (const width of [1, 2, 4, 8]) {
      for (const gpa of [WINDOW, 0x7fff_fff8]) {
        expect(pci.perform(0, gpa, width)).toEqual({ status: HANDLED, value: PciUnit.ones(width) });
        expect(pci.perform(1, gpa, width, 7n).status).toBe(HANDLED);
      }
    }
  });

  it("can be reached through configuration space, wherever they are, and only within their bounds", () => {
    const space = pci.config(pci.attach(pci.device(BLOCK, 3)));
    const cfg = pci
      .capabilities(space)
      .find(({ at, id }) => id === CAP_VENDOR && pci.read(space + at + 3, 1) === PCI)!.at;
    const through = (bar: number, offset: number, length: number): number => {
      pci.write(space + cfg + 4, bar, 1);
      pci.write(space + cfg + 8, offset);
      pci.write(space + cfg + 12, length);
      return pci.read(space + cfg + 16);
    };
    expect(through(0, 0x12, 2)).toBe(3);
    pci.write(space + cfg + 16, 2);
    through(0, 0x16, 2);
    pci.write(space + cfg + 16, 2);
    expect([through(0, 0x16, 2), through(0, 0x1e, 2)]).toEqual([2, 2]);
    expect([through(2, 12, 4), through(2, 0x800, 4)]).toEqual([1, 0]);
    for (const [bar, offset, length] of [
      [0, 0x4000, 4],
      [0, 0xffff_fffc, 4],
      [0, 0x13, 2],
      [0, 0x12, 3],
      [0, 0x12, 0],
      [0, 0x12, 0x8000_0002],
      [1, 0x12, 2],
      [5, 0x12, 2],
      [255, 0x12, 2],
      [2, 0x1000, 4],
    ] as const) {
      expect(through(bar, offset, length)).toBe(0);
      pci.write(space + cfg + 16, 0xffff_ffff);
    }
  });
});

describe("root ports", () => {
  it("are bridges with a slot, each with one bus of the range, and what is plugged in is an Express endpoint", () => {
    pci.makeGuest(PLIC, 2);
    for (const slot of [31, 27]) {
      const space = pci.config(slot);
      expect([pci.read(space + 8) >>> 8, pci.read(space + 0xe, 1)]).toEqual([0x06_0400, 1]);
      const express = pci.find(space, CAP_EXPRESS);
      expect((pci.read(space + express + 2, 2) >> 4) & 0xf).toBe(4);
      expect(pci.read(space + express + 0x14) & 0x63).toBe(0x63);
    }
    pci.write(pci.config(31, 0x18), 0x0001_0100);
    pci.write(pci.config(27, 0x18), 0x0002_0200);
    expect(pci.read(pci.config(0, 0, 1))).toBe(0xffff_ffff);
    expect(pci.attach(pci.device(BLOCK, 1), -2)).toBe(31);
    expect([pci.read(pci.config(0, 0, 1)), pci.read(pci.config(0, 0, 2)), pci.read(pci.config(1, 0, 1))]).toEqual([
      0x1042_1af4, 0xffff_ffff, 0xffff_ffff,
    ]);
    const express = pci.find(pci.config(0, 0, 1), CAP_EXPRESS);
    expect((pci.read(pci.config(0, express + 2, 1), 2) >> 4) & 0xf).toBe(0);
    pci.write(pci.config(27, 0x18), 0x0001_0100);
    expect(pci.read(pci.config(0, 0, 1))).toBe(0x1042_1af4);
  });
});
