// SPDX-License-Identifier: Apache-2.0
// Interrupts of PCI functions: MSI-X against a plain model of masks and pending bits, and lines that functions share.
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { AIA, BLOCK, IMSIC, NET, PciUnit, PLIC, WINDOW } from "../../../tests/sim/pci-unit.ts";

const TABLE = WINDOW + 0x1_0000;
const VECTORS = 4;
let pci: PciUnit;
beforeAll(async () => {
  pci = await PciUnit.load();
}, 180_000);

/** A function with MSI-X: device, its space, the capability. */
function withMessages(queues = VECTORS - 1) {
  pci.makeGuest(AIA);
  const device = pci.device(BLOCK, queues);
  const space = pci.config(pci.attach(device));
  pci.place(space, WINDOW, TABLE);
  return { device, space, control: space + pci.find(space, 0x11) + 2, at: pci.functionOf(device) };
}
function setEntry(vector: number, identity: number, masked = 0): void {
  pci.write(TABLE + vector * 16, Number(IMSIC));
  pci.write(TABLE + vector * 16 + 4, 0);
  pci.write(TABLE + vector * 16 + 8, identity);
  pci.write(TABLE + vector * 16 + 12, masked);
}

type Op =
  | { kind: "raise" | "mask" | "unmask"; vector: number }
  | { kind: "control"; enable: boolean; all: boolean }
  | { kind: "master"; on: boolean }
  | { kind: "data"; vector: number; identity: number };
const vector = fc.nat(VECTORS - 1);
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ kind: fc.constantFrom("raise" as const, "raise" as const, "mask" as const, "unmask" as const), vector }),
  fc.record({ kind: fc.constant("control" as const), enable: fc.boolean(), all: fc.boolean() }),
  fc.record({ kind: fc.constant("master" as const), on: fc.boolean() }),
  fc.record({ kind: fc.constant("data" as const), vector, identity: fc.integer({ min: 1, max: 63 }) }),
);

describe("MSI-X against a model", () => {
  it("sends what is not masked, keeps what is, and sends that when its mask goes", () => {
    fc.assert(
      fc.property(fc.array(anyOp, { maxLength: 60 }), (ops) => {
        const { control, at, space } = withMessages();
        const model = {
          enable: false,
          all: false,
          master: true,
          masked: [true, true, true, true],
          data: [0, 0, 0, 0],
          pending: new Set<number>(),
        };
        let sent = new Set<number>();
        const send = (vector: number) => {
          if (model.master && model.data[vector]) sent.add(model.data[vector]!);
        };
        const flush = () => {
          if (!model.enable || model.all) return;
          for (const vector of [...model.pending].filter((vector) => !model.masked[vector])) {
            model.pending.delete(vector);
            send(vector);
          }
        };
        for (let i = 0; i < VECTORS; i++) pci.write(TABLE + i * 16, Number(IMSIC));
        for (const op of ops) {
          sent = new Set();
          if (op.kind === "raise") {
            expect(pci.call("pciMessage", at, op.vector)).toBe(model.enable ? 1 : 0);
            if (model.enable && (model.all || model.masked[op.vector])) model.pending.add(op.vector);
            else if (model.enable) send(op.vector);
          } else if (op.kind === "control") {
            pci.write(control, (op.enable ? 0x8000 : 0) | (op.all ? 0x4000 : 0), 2);
            [model.enable, model.all] = [op.enable, op.all];
          } else if (op.kind === "master") {
            pci.write(space + 4, op.on ? 6 : 2, 2);
            model.master = op.on;
          } else if (op.kind === "data") {
            pci.write(TABLE + op.vector * 16 + 8, op.identity);
            model.data[op.vector] = op.identity;
          } else {
            pci.write(TABLE + op.vector * 16 + 12, op.kind === "mask" ? 0xffff_ffff : 0xffff_fffe);
            model.masked[op.vector] = op.kind === "mask";
          }
          flush();
          expect(pci.messages()).toEqual([...sent].sort((a, b) => a - b));
          expect(pci.read(TABLE + 0x800)).toBe([...model.pending].reduce((bits, vector) => bits | (1 << vector), 0));
          expect(model.masked.map((_, i) => pci.read(TABLE + i * 16 + 12) === 1)).toEqual(model.masked);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe("MSI-X", () => {
  it("keeps a table of as many entries as it says, by words and double words", () => {
    withMessages();
    for (let i = 0; i < VECTORS; i++) {
      pci.perform(1, TABLE + i * 16, 8, 0x1122_3344_5566_7783n + BigInt(i) * 4n);
      pci.perform(1, TABLE + i * 16 + 8, 8, 0xffff_ffff_0000_0100n + BigInt(i));
    }
    for (let i = 0; i < VECTORS; i++) {
      expect(pci.perform(0, TABLE + i * 16, 8).value).toBe(0x1122_3344_5566_7780n + BigInt(i) * 4n);
      expect([pci.read(TABLE + i * 16 + 8), pci.read(TABLE + i * 16 + 12)]).toEqual([0x100 + i, 1]);
    }
    for (const offset of [VECTORS * 16, 0x7fc, 0x800, 0x804, 0xffc]) {
      pci.write(TABLE + offset, 0xffff_ffff);
      expect(pci.read(TABLE + offset)).toBe(0);
    }
    for (const width of [1, 2]) {
      pci.write(TABLE + 8, 0xff, width);
      expect([pci.read(TABLE + 8, width), pci.read(TABLE + 8)]).toEqual([0, 0x100]);
    }
  });

  it("sends nothing to an address that is no interrupt file, and nothing for vectors that are not there", () => {
    const { control, at } = withMessages();
    pci.write(control, 0x8000, 2);
    setEntry(0, 5);
    for (const [low, high] of [
      [Number(IMSIC) + 4, 0],
      [Number(IMSIC) + 0x1000, 0],
      [Number(IMSIC), 1],
      [0x8000_0000, 0],
      [0x4000_0000, 0],
      [0, 0],
      [0xffff_fffc, 0xffff_ffff],
    ] as const) {
      pci.write(TABLE, low);
      pci.write(TABLE + 4, high);
      expect([pci.call("pciMessage", at, 0), pci.messages()]).toEqual([1, []]);
    }
    for (const vector of [VECTORS, 31, 32, 63, 0xffff, 0x7fff_ffff]) {
      expect([pci.call("pciMessage", at, vector), pci.messages(), pci.read(TABLE + 0x800)]).toEqual([1, [], 0]);
    }
    setEntry(0, 5);
    expect([pci.call("pciMessage", at, 0), pci.messages()]).toEqual([1, [5]]);
  });

  it("goes by a device's vectors, and then neither by its line nor its status", () => {
    const { device, control } = withMessages();
    pci.write(control, 0x8000, 2);
    setEntry(1, 9);
    setEntry(2, 11);
    pci.write(WINDOW + 0x10, 2, 2);
    pci.write(WINDOW + 0x1a, 1, 2);
    pci.call("virtioInterrupt", device, pci.queue(device, 0));
    expect(pci.messages()).toEqual([9]);
    pci.call("virtioInterrupt", device, pci.queue(device, 1));
    expect(pci.messages()).toEqual([]);
    pci.setWord(device + pci.named("STATUS"), 7);
    pci.call("virtioConfigInterrupt", device);
    expect([pci.messages(), pci.read(WINDOW + 0x1000, 1), pci.field(pci.functionOf(device), "LEVEL")]).toEqual([
      [11],
      0,
      0,
    ]);
  });

  it("is as after power-on when the guest restarts", () => {
    const { control, at, space } = withMessages();
    pci.write(control, 0xc000, 2);
    setEntry(3, 9);
    pci.call("pciMessage", at, 3);
    expect(pci.read(TABLE + 0x800)).toBe(8);
    pci.call("pciReset", pci.guest);
    expect([pci.read(control, 2), pci.read(space + 4, 2), pci.read(TABLE)]).toEqual([3, 0, 0xffff_ffff]);
    pci.place(space, WINDOW, TABLE);
    expect([pci.read(TABLE + 0x800), pci.read(TABLE + 0x38), pci.read(TABLE + 0x3c)]).toEqual([0, 0, 1]);
  });
});

describe("lines", () => {
  it("are shared: up while any function holds them up, whoever is disabled, masked or acknowledged meanwhile", () => {
    const count = 6;
    type Step = { kind: "raise" | "acknowledge" | "disable" | "enable"; index: number };
    const step: fc.Arbitrary<Step> = fc.record({
      kind: fc.constantFrom("raise" as const, "acknowledge" as const, "disable" as const, "enable" as const),
      index: fc.nat(count - 1),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        pci.makeGuest(PLIC);
        const devices = Array.from({ length: count }, () => pci.device(NET, 2));
        const slots = devices.map((device) => pci.attach(device));
        slots.forEach((slot, i) => pci.place(pci.config(slot), WINDOW + i * 0x4000, 0));
        const model = slots.map(() => ({ isr: 0, off: false }));
        for (const { kind, index } of steps) {
          if (kind === "raise") pci.call("virtioInterrupt", devices[index]!, pci.queue(devices[index]!, 0));
          if (kind === "acknowledge") expect(pci.read(WINDOW + index * 0x4000 + 0x1000, 1)).toBe(model[index]!.isr);
          if (kind === "disable" || kind === "enable")
            pci.write(pci.config(slots[index]!, 4), kind === "disable" ? 0x402 : 2, 2);
          if (kind === "raise" || kind === "acknowledge") model[index]!.isr = kind === "raise" ? 1 : 0;
          else model[index]!.off = kind === "disable";
          const levels = [0, 1, 2, 3].map((line) =>
            Number(slots.some((slot, i) => slot % 4 === line && model[i]!.isr && !model[i]!.off)),
          );
          expect(pci.lines()).toEqual(levels);
          slots.forEach((slot, i) => expect((pci.read(pci.config(slot, 6), 2) >> 3) & 1).toBe(model[i]!.isr));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("fall when a function goes, and when messages are switched on", () => {
    pci.makeGuest(PLIC);
    const device = pci.device(NET, 2);
    pci.attach(device);
    pci.call("virtioInterrupt", device, pci.queue(device, 0));
    expect(pci.lines()).toEqual([1, 0, 0, 0]);
    expect(pci.call("pciRemove", device)).toBe(0);
    expect(pci.lines()).toEqual([0, 0, 0, 0]);
    pci.call("virtioWake", device);
    pci.call("virtioInterrupt", device, pci.queue(device, 0));
    expect(pci.lines()).toEqual([0, 0, 0, 0]);
    const { at, device: other, control } = withMessages();
    pci.call("virtioInterrupt", other, pci.queue(other, 0));
    expect(pci.field(at, "LEVEL")).toBe(1);
    pci.write(control, 0x8000, 2);
    expect(pci.field(at, "LEVEL")).toBe(0);
    pci.write(control, 0, 2);
    expect(pci.field(at, "LEVEL")).toBe(1);
  });
});
