// SPDX-License-Identifier: Apache-2.0
// A guest's PCI from outside: devices that come and go, on bus 0 and behind root ports, restarts, the end, and the tree.
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { type FdtTree, parse } from "@typeone/fdt";
import { AIA, BLOCK, BUSY, IMSIC, NET, PciUnit, PLIC, PLUG, RNG, WINDOW } from "../../../tests/sim/pci-unit.ts";

let pci: PciUnit;
beforeAll(async () => {
  pci = await PciUnit.load();
}, 180_000);
const remove = (device: number) => pci.call("pciRemove", device);
const detach = (device: number) => pci.call("pciDetach", device);

describe("devices that go", () => {
  it("are not found any more, and the next one at the same place is another", () => {
    pci.makeGuest(AIA);
    const first = pci.device(BLOCK, 2);
    const space = pci.config(pci.attach(first));
    pci.place(space, WINDOW, WINDOW + 0x4000);
    expect(pci.read(WINDOW + 0x12, 2)).toBe(2);
    expect([detach(first), remove(first)]).toEqual([BUSY, 0]);
    expect([pci.read(space), pci.read(WINDOW + 0x12, 2), pci.read(WINDOW + 0x4000)]).toEqual([
      0xffff_ffff, 0xffff, 0xffff_ffff,
    ]);
    expect([pci.field(first, "TRANSPORT"), pci.functionOf(first)]).toEqual([0, 0]);
    const second = pci.device(NET, 3);
    expect(pci.config(pci.attach(second))).toBe(space);
    expect([pci.read(space), pci.read(space + 4, 2), pci.read(WINDOW + 0x12, 2)]).toEqual([0x1041_1af4, 0, 0xffff]);
    pci.place(space, WINDOW, WINDOW + 0x4000);
    expect(pci.read(WINDOW + 0x12, 2)).toBe(3);
  });

  it("wait for the vCPUs that work on them, and let no other in", () => {
    pci.makeGuest(PLIC);
    const device = pci.device(RNG, 1);
    const space = pci.config(pci.attach(device));
    const at = pci.functionOf(device);
    const host = pci.field(pci.guest, "PCI");
    expect([pci.call("enter", host, at), pci.call("enter", host, at)]).toEqual([1, 1]);
    expect(remove(device)).toBe(BUSY);
    expect([pci.call("enter", host, at), pci.read(space)]).toEqual([0, 0xffff_ffff]);
    pci.call("leave", at);
    expect(remove(device)).toBe(BUSY);
    pci.call("leave", at);
    expect([remove(device), pci.field(at, "USERS")]).toEqual([0, 0]);
  });

  it("while a vCPU is at them: what it still brings about is its guest's, and holds no line up", () => {
    for (const interrupts of [PLIC, AIA]) {
      pci.makeGuest(interrupts);
      const device = pci.device(RNG, 1);
      const space = pci.config(pci.attach(device));
      const table = WINDOW + 0x4000;
      pci.place(space, WINDOW, table);
      const at = pci.functionOf(device);
      if (interrupts === AIA) {
        pci.write(space + pci.find(space, 0x11) + 2, 0x8000, 2);
        pci.write(table, Number(IMSIC));
        pci.write(table + 8, 5);
        expect(pci.call("pciMessage", at, 0)).toBe(1);
      } else pci.setWord(device + pci.named("ISR"), 1);
      // Another hart takes it away when the vCPU has just found out whose it is.
      let state = "outside";
      pci.onAtomic = (word) => {
        if (state === "inside") {
          state = "removed";
          expect(remove(device)).toBe(BUSY);
        } else if (state === "outside" && word === at) state = "inside";
      };
      if (interrupts === AIA) pci.write(table + 12, 0);
      else pci.write(space + 4, 2, 2);
      pci.onAtomic = () => {};
      expect([state, pci.field(at, "LEVEL")]).toEqual(["removed", 0]);
      if (interrupts === AIA) expect(pci.messages()).toEqual([5]);
      else expect(pci.lines()).toEqual([0, 0, 0, 0]);
      expect(remove(device)).toBe(0);
    }
  });

  it("take no memory that is not used again: functions and host bridges", () => {
    const round = (): void => {
      pci.makeGuestAgain(2);
      const devices = [RNG, BLOCK, NET].map((type) => pci.device(type, 2));
      devices.forEach((device, i) => pci.attach(device, i ? -1 : PLUG));
      expect(remove(devices[1]!)).toBe(0);
      pci.call("pciEnd", pci.guest);
      for (const device of devices) {
        expect([pci.functionOf(device), pci.field(device, "TRANSPORT")]).toEqual([0, 0]);
        pci.call("giveVirtioDevice", device);
      }
      expect(pci.field(pci.guest, "PCI")).toBe(0);
    };
    pci.makeGuest(PLIC);
    pci.call("pciEnd", pci.guest);
    round();
    const free = pci.call("arenaFree");
    for (let i = 0; i < 20; i++) round();
    expect(pci.call("arenaFree")).toBe(free);
  });
});

describe("a restart", () => {
  it("makes every function as after power-on, with the same devices in the same slots", () => {
    pci.makeGuest(AIA, 1);
    const devices = [pci.device(BLOCK, 2), pci.device(NET, 3)];
    pci.attach(devices[0]!);
    pci.attach(devices[1]!, PLUG);
    const dump = () => [0, 31].map((slot) => Array.from({ length: 64 }, (_, i) => pci.read(pci.config(slot, i * 4))));
    pci.call("pciReset", pci.guest);
    const fresh = dump();
    pci.place(pci.config(0), WINDOW, WINDOW + 0x4000);
    pci.write(pci.config(31, 0x18), 0x0001_0100);
    pci.place(pci.config(0, 0, 1), WINDOW + 0x8000, WINDOW + 0xc000);
    for (let at = 0x40; at < 0x100; at += 4) for (const slot of [0, 31]) pci.write(pci.config(slot, at), 0xffff_ffff);
    pci.call("virtioInterrupt", devices[0]!, pci.queue(devices[0]!, 0));
    detach(devices[1]!);
    pci.call("pciReset", pci.guest);
    expect(dump()).toEqual(fresh);
    expect([pci.read(WINDOW), pci.read(WINDOW + 0x8000), pci.read(pci.config(0, 0, 1))]).toEqual([
      0xffff_ffff, 0xffff_ffff, 0xffff_ffff,
    ]);
    pci.write(pci.config(31, 0x18), 0x0001_0100);
    expect(pci.read(pci.config(0, 0, 1))).toBe(0x1041_1af4);
  });
});

const [BUTTON, PRESENCE, LINK, PRESENT] = [1, 8, 0x100, 0x40] as const;
/** What Linux enables for a slot with a button: button, link, interrupts; power is on as long as 0x400 is not set. */
const NOTIFY = 0x1021;
const [POWER_OFF, LINK_DISABLE] = [0x400, 0x10] as const;

/** A guest's root port as pciehp drives it. */
function slotOf(slot: number) {
  const space = pci.config(slot);
  const express = space + pci.find(space, 0x10);
  return {
    control: (value: number) => pci.write(express + 0x18, value, 2),
    status: () => pci.read(express + 0x1a, 2),
    clear: (events: number) => pci.write(express + 0x1a, events, 2),
    isUp: () => (pci.read(express + 0x12, 2) & 0x2000) !== 0,
    link: (value: number) => pci.write(express + 0x10, value, 2),
    child: () => pci.read(pci.config(0, 0, 1)),
  };
}

describe("hot-plug", () => {
  it("goes as Linux does it: boot with an empty slot, a card comes, is asked for, goes, another comes", () => {
    pci.makeGuest(PLIC, 1);
    const slot = slotOf(31);
    pci.write(pci.config(31, 0x18), 0x0001_0100);
    pci.write(pci.config(31, 4), 6, 2);
    slot.control(NOTIFY | POWER_OFF);
    expect([slot.status(), slot.isUp(), pci.lines()]).toEqual([0, false, [0, 0, 0, 0]]);
    for (let round = 0; round < 3; round++) {
      const device = pci.device(BLOCK, 1);
      expect(pci.attach(device, PLUG)).toBe(31);
      expect([pci.lines(), slot.status(), slot.isUp(), slot.child()]).toEqual([
        [0, 0, 0, 1],
        BUTTON | PRESENCE | PRESENT,
        false,
        0xffff_ffff,
      ]);
      slot.clear(BUTTON | PRESENCE);
      expect([pci.lines(), slot.status()]).toEqual([[0, 0, 0, 0], PRESENT]);
      slot.control(NOTIFY);
      expect([slot.isUp(), slot.status(), slot.child(), pci.lines()]).toEqual([
        true,
        PRESENT | LINK,
        0x1042_1af4,
        [0, 0, 0, 1],
      ]);
      slot.clear(LINK);
      pci.place(pci.config(0, 0, 1), WINDOW + 0x10_0000, 0);
      expect(pci.read(WINDOW + 0x10_0012, 2)).toBe(1);
      pci.call("virtioInterrupt", device, pci.queue(device, 0));
      expect([pci.lines(), pci.read(WINDOW + 0x10_1000, 1), pci.lines()]).toEqual([[0, 0, 0, 1], 1, [0, 0, 0, 0]]);
      expect([detach(device), detach(device), pci.lines(), slot.status()]).toEqual([
        BUSY,
        BUSY,
        [0, 0, 0, 1],
        PRESENT | BUTTON,
      ]);
      slot.clear(BUTTON);
      expect([detach(device), pci.lines()]).toEqual([BUSY, [0, 0, 0, 0]]);
      slot.link(LINK_DISABLE);
      expect([slot.isUp(), slot.child(), slot.status()]).toEqual([false, 0xffff_ffff, PRESENT | LINK]);
      slot.control(NOTIFY | POWER_OFF);
      slot.clear(LINK);
      slot.link(0);
      expect([detach(device), remove(device)]).toEqual([0, 0]);
      expect([slot.status(), slot.isUp()]).toEqual([PRESENCE, false]);
      slot.clear(PRESENCE);
    }
  });

  it("waits for the driver to let go where no one watches the slot, and on bus 0", () => {
    pci.makeGuest(PLIC, 1);
    for (const slot of [PLUG, -1]) {
      const device = pci.device(BLOCK, 1);
      pci.attach(device, slot);
      expect(detach(device)).toBe(0);
      pci.setWord(device + pci.named("STATUS"), 7);
      expect([detach(device), detach(device), pci.lines()]).toEqual([BUSY, BUSY, [0, 0, 0, 0]]);
      const command = slot === PLUG ? pci.config(0, 4, 1) : pci.config(0, 4);
      pci.write(pci.config(31, 0x18), 0x0001_0100);
      pci.write(command, 6, 2);
      pci.setWord(device + pci.named("STATUS"), 1);
      expect(detach(device)).toBe(BUSY);
      pci.write(command, 2, 2);
      expect(detach(device)).toBe(0);
    }
  });

  it("takes a card away by force, which the guest learns by its link", () => {
    pci.makeGuest(PLIC, 1);
    const device = pci.device(BLOCK, 1);
    pci.attach(device, PLUG);
    const slot = slotOf(31);
    slot.clear(0xffff);
    slot.control(NOTIFY);
    expect([slot.isUp(), slot.status()]).toEqual([true, PRESENT]);
    expect([remove(device), slot.status(), slot.isUp(), pci.lines()]).toEqual([
      0,
      PRESENCE | LINK,
      false,
      [0, 0, 0, 1],
    ]);
    slot.clear(PRESENCE | LINK);
    expect(pci.lines()).toEqual([0, 0, 0, 0]);
  });

  it("finds no room when every port is taken, and leaves devices of bus 0 the other lines", () => {
    pci.makeGuest(PLIC, 2);
    expect([1, 2, 3].map(() => pci.attach(pci.device(RNG, 1), PLUG))).toEqual([31, 27, BUSY]);
    const slots = Array.from({ length: 24 }, () => pci.attach(pci.device(RNG, 1)));
    expect(slots.every((slot) => slot >= 0 && slot % 4 !== 3)).toBe(true);
    expect(pci.attach(pci.device(RNG, 1))).toBe(BUSY);
  });

  it("stands whatever a guest does to ports and slots while cards come and go", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("plug" as const) }),
      fc.record({ kind: fc.constantFrom("ask" as const, "take" as const), index: fc.nat(1) }),
      fc.record({
        kind: fc.constant("config" as const),
        write: fc.nat(1),
        offset: fc.oneof(
          fc.nat(0xff).map((at) => 31 * 0x8000 + at),
          fc.nat(0xff).map((at) => 27 * 0x8000 + at),
          fc.nat(0x2f_ffff),
        ),
        width: fc.constantFrom(1, 2, 4),
        value: fc.oneof(fc.nat(0x1fff), fc.nat(0xffff_ffff)),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        pci.makeGuest(PLIC, 2);
        let plugged: number[] = [];
        for (const op of steps) {
          if (op.kind === "plug") {
            const device = pci.device(RNG, 1);
            const slot = pci.attach(device, PLUG);
            expect(slot >= 0).toBe(plugged.length < 2);
            if (slot >= 0) plugged.push(device);
          } else if (op.kind === "config") {
            const { status } = pci.perform(
              op.write,
              pci.config(0) + op.offset - (op.offset % op.width),
              op.width,
              BigInt(op.value),
            );
            expect(status).toBe(0);
          } else if (plugged[op.index] !== undefined) {
            if (op.kind === "ask") expect([0, BUSY]).toContain(detach(plugged[op.index]!));
            else {
              expect(remove(plugged[op.index]!)).toBe(0);
              plugged = plugged.filter((_, i) => i !== op.index);
            }
          }
          expect([0, 1].map((i) => (slotOf(31 - i * 4).status() & PRESENT) !== 0).filter(Boolean).length).toBe(
            plugged.length,
          );
          const lines = pci.field(pci.field(pci.guest, "PCI"), "LINES");
          expect(pci.lines()).toEqual([0, 0, 0, pci.word(lines + 12) ? 1 : 0]);
          expect(pci.word(lines + 12)).toBeLessThanOrEqual(4);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("the tree", () => {
  const node = (interrupts: number, ports: number) => {
    pci.makeGuest(interrupts, ports);
    const buffer = pci.unit.scratch(8192);
    const size = pci.call("testTree", pci.guest, buffer, 8192);
    const tree: FdtTree = parse(pci.unit.bytes().slice(buffer, buffer + size));
    const found = tree.find("/pci@30000000")!;
    const cells = (name: string) => {
      const bytes = found.get(name)!;
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Array.from({ length: bytes.length / 4 }, (_, i) => view.getUint32(i * 4));
    };
    return { found, cells };
  };

  it("says where the bridge is, and which line each slot has, with a PLIC", () => {
    const { found, cells } = node(PLIC, 0);
    expect(new TextDecoder().decode(found.get("compatible"))).toBe("pci-host-ecam-generic\0");
    expect(cells("reg")).toEqual([0, 0x3000_0000, 0, 0x10_0000]);
    expect(cells("bus-range")).toEqual([0, 0]);
    expect(cells("ranges")).toEqual([0x0200_0000, 0, 0x4000_0000, 0, 0x4000_0000, 0, 0x4000_0000]);
    expect(cells("interrupt-map-mask")).toEqual([0x1800, 0, 0, 7]);
    expect(cells("interrupt-map")).toEqual([0, 1, 2, 3].flatMap((slot) => [slot << 11, 0, 0, 1, 64, 32 + slot]));
    expect([found.has("msi-parent"), found.has("dma-coherent")]).toEqual([false, true]);
  });

  it("has two cells for a line and the place of messages with an APLIC, and a bus for each root port", () => {
    const { cells } = node(AIA, 3);
    expect([cells("reg"), cells("bus-range")]).toEqual([
      [0, 0x3000_0000, 0, 0x40_0000],
      [0, 3],
    ]);
    expect(cells("interrupt-map")).toEqual([0, 1, 2, 3].flatMap((slot) => [slot << 11, 0, 0, 1, 64, 32 + slot, 4]));
    expect(cells("msi-parent")).toEqual([65]);
  });

  it("has no node for a guest without PCI", () => {
    pci.makeGuest(PLIC);
    pci.call("pciEnd", pci.guest);
    const buffer = pci.unit.scratch(8192);
    const size = pci.call("testTree", pci.guest, buffer, 8192);
    expect(parse(pci.unit.bytes().slice(buffer, buffer + size)).root.children).toEqual([]);
  });
});
