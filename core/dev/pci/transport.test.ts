// SPDX-License-Identifier: Apache-2.0
// VirtIO over PCI: the common configuration at every offset and width, doorbells, interrupt status, hostile accesses.
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AIA, BLOCK, HANDLED, NO_VECTOR, PciUnit, PLIC, RETRY, WINDOW } from "../../../tests/sim/pci-unit.ts";

const QUEUES = 3;
const OFFERED = (1n << 32n) | (1n << 29n) | 0x25n;
/** Offset, bytes, and whether a driver may write it. @spec virtio 1.2 §4.1.4.3 */
const FIELDS: readonly (readonly [name: string, at: number, bytes: number])[] = [
  ["device_feature_select", 0, 4],
  ["device_feature", 4, 4],
  ["driver_feature_select", 8, 4],
  ["driver_feature", 0xc, 4],
  ["config_msix_vector", 0x10, 2],
  ["num_queues", 0x12, 2],
  ["device_status", 0x14, 1],
  ["config_generation", 0x15, 1],
  ["queue_select", 0x16, 2],
  ["queue_size", 0x18, 2],
  ["queue_msix_vector", 0x1a, 2],
  ["queue_enable", 0x1c, 2],
  ["queue_notify_off", 0x1e, 2],
  ...[0x20, 0x24, 0x28, 0x2c, 0x30, 0x34].map((at) => [`area${at}`, at, 4] as const),
];
const at = (name: string) => FIELDS.find((field) => field[0] === name)!;

let pci: PciUnit;
let device: number;
let space: number;
beforeAll(async () => {
  pci = await PciUnit.load();
}, 180_000);
beforeEach(() => setup(AIA));

function setup(interrupts: number): void {
  pci.makeGuest(interrupts);
  device = pci.device(BLOCK, QUEUES, OFFERED);
  space = pci.config(pci.attach(device));
  pci.place(space, WINDOW, WINDOW + 0x1_0000);
}
const get = (name: string) => pci.read(WINDOW + at(name)[1], at(name)[2]);
const set = (name: string, value: number) => pci.write(WINDOW + at(name)[1], value, at(name)[2]);

describe("the common configuration", () => {
  it("negotiates: features by word, status only by its rules, reset by 0", () => {
    for (const [select, word] of [
      [0, 0x2000_0025],
      [1, 1],
      [2, 0],
      [0xffff_ffff, 0],
    ] as const) {
      set("device_feature_select", select);
      expect([get("device_feature_select"), get("device_feature")]).toEqual([select, word]);
    }
    set("device_status", 1);
    set("device_status", 3);
    set("driver_feature", 0xffff_ffff);
    set("driver_feature_select", 1);
    set("driver_feature", 1);
    set("device_status", 11);
    expect([get("device_status"), get("driver_feature")]).toEqual([3, 1]);
    set("driver_feature_select", 0);
    set("driver_feature", 0x2000_0001);
    set("device_status", 11);
    set("driver_feature", 0);
    expect([get("device_status"), get("driver_feature")]).toEqual([11, 0x2000_0001]);
    set("device_status", 0);
    expect([get("device_status"), get("driver_feature")]).toEqual([0, 0]);
  });

  it("holds a reset up while something is in flight, and the driver's store with it", () => {
    set("device_status", 3);
    const inFlight = pci.queue(device, 1) + pci.named("IN_FLIGHT");
    pci.setWord(inFlight, 1);
    expect(pci.perform(1, WINDOW + 0x14, 1, 0n).status).toBe(RETRY);
    expect([get("device_status"), pci.word(pci.functionOf(device) + pci.named("USERS"))]).toEqual([3, 0]);
    pci.setWord(inFlight, 0);
    expect(pci.perform(1, WINDOW + 0x14, 1, 0n).status).toBe(HANDLED);
    expect(get("device_status")).toBe(0);
  });

  it("shows queues that there are, and zeroes for others", () => {
    expect(get("num_queues")).toBe(QUEUES);
    for (let queue = 0; queue < QUEUES; queue++) {
      set("queue_select", queue);
      expect([get("queue_select"), get("queue_size"), get("queue_enable"), get("queue_notify_off")]).toEqual([
        queue,
        256,
        0,
        queue,
      ]);
      set("queue_size", 64 << queue);
      for (const area of [0x20, 0x24, 0x28, 0x2c, 0x30, 0x34])
        pci.write(WINDOW + area, area * 0x0101_0101 * (queue + 1));
    }
    for (let queue = 0; queue < QUEUES; queue++) {
      set("queue_select", queue);
      expect(get("queue_size")).toBe(64 << queue);
      for (const area of [0x20, 0x24, 0x28, 0x2c, 0x30, 0x34])
        expect(pci.read(WINDOW + area)).toBe((area * 0x0101_0101 * (queue + 1)) >>> 0);
    }
    for (const queue of [QUEUES, 255, 0x8000, 0xffff]) {
      set("queue_select", queue);
      for (const [name] of FIELDS.slice(9)) {
        set(name, 1);
        expect([name, get(name)]).toEqual([name, 0]);
      }
    }
  });

  it("takes vectors that there are, and NO_VECTOR for all others", () => {
    for (const [interrupts, vectors] of [
      [AIA, QUEUES + 1],
      [PLIC, 0],
    ] as const) {
      setup(interrupts);
      expect([get("config_msix_vector"), get("queue_msix_vector")]).toEqual([NO_VECTOR, NO_VECTOR]);
      for (const vector of [0, 1, QUEUES, QUEUES + 1, 31, 32, 255, 0xfffe, 0xffff]) {
        for (const name of ["config_msix_vector", "queue_msix_vector"]) {
          set(name, vector);
          expect(get(name)).toBe(vector < vectors ? vector : NO_VECTOR);
        }
      }
      set("device_status", 0);
      expect([get("config_msix_vector"), get("queue_msix_vector")]).toEqual([NO_VECTOR, NO_VECTOR]);
    }
  });

  it("enables a queue by 1 alone, and breaks on one that is nowhere", () => {
    set("driver_feature_select", 1);
    set("driver_feature", 1);
    set("device_status", 11);
    for (const value of [0, 2, 0xffff]) set("queue_enable", value);
    expect([get("queue_enable"), get("device_status")]).toEqual([0, 11]);
    set("queue_enable", 1);
    expect([get("queue_enable"), get("device_status")]).toEqual([0, 0x4b]);
  });

  it("answers a field at its own width only: all else reads zero and writes nothing", () => {
    pci.setWord(device + pci.named("GENERATION"), 0x1ab);
    for (const [name] of FIELDS)
      if (name !== "device_status" && name !== "queue_enable") set(name, name.startsWith("queue_s") ? 2 : 3);
    const state = () => FIELDS.map(([name]) => get(name));
    const before = state();
    expect(get("config_generation")).toBe(0xab);
    for (let offset = 0; offset < 0x48; offset++) {
      for (const width of [1, 2, 4, 8]) {
        if (offset % width || FIELDS.some((field) => field[1] === offset && field[2] === width)) continue;
        expect(pci.perform(1, WINDOW + offset, width, 0xffff_ffff_ffff_ffffn).status).toBe(HANDLED);
        expect(pci.perform(0, WINDOW + offset, width)).toEqual({ status: HANDLED, value: 0n });
      }
    }
    expect(state()).toEqual(before);
  });
});

describe("doorbells and interrupt status", () => {
  it("counts a notification for any store to a doorbell, whatever is in it, also of queues that are not there; none while it may not reach memory", () => {
    const count = () => pci.word(device + pci.named("NOTIFICATIONS"));
    let rung = 0;
    for (const offset of [0x3000, 0x3004, 0x3008, 0x300c, 0x3ffc]) {
      for (const width of [2, 4]) {
        pci.write(WINDOW + offset, 0xffff, width);
        expect(count()).toBe(++rung);
        expect(pci.read(WINDOW + offset, width)).toBe(0);
      }
    }
    pci.write(space + 4, 2, 2);
    pci.write(WINDOW + 0x3000, 0, 2);
    expect(count()).toBe(rung);
  });

  it("shows why it interrupted once, by a byte, and lets its line go", () => {
    setup(PLIC);
    pci.call("virtioInterrupt", device, pci.queue(device, 0));
    expect([pci.lines(), pci.read(space + 6, 2) & 8]).toEqual([[1, 0, 0, 0], 8]);
    expect([pci.read(WINDOW + 0x1000), pci.read(WINDOW + 0x1001, 1)]).toEqual([1, 0]);
    expect([pci.lines(), pci.read(space + 6, 2) & 8]).toEqual([[0, 0, 0, 0], 0]);
    set("device_status", 0);
    pci.call("virtioInterrupt", device, pci.queue(device, 0));
    pci.setWord(device + pci.named("STATUS"), 7);
    pci.call("virtioConfigInterrupt", device);
    expect(pci.read(WINDOW + 0x1000, 1)).toBe(3);
    expect([pci.read(WINDOW + 0x1000, 1), pci.lines()]).toEqual([0, [0, 0, 0, 0]]);
  });
});

describe("hostile accesses", () => {
  it("stay in the device, end, and leave every lock free", () => {
    const op = fc.record({
      write: fc.nat(1),
      gpa: fc.oneof(
        fc.nat(0x4000).map((offset) => WINDOW + offset),
        fc.nat(0x1000).map((offset) => WINDOW + 0x1_0000 + offset),
        fc.nat(0xfff).map((offset) => space + offset),
        fc.nat(0x3fff_ffff).map((offset) => WINDOW + offset),
      ),
      width: fc.constantFrom(1, 2, 4, 8),
      value: fc.oneof(fc.bigInt({ min: 0n, max: 4n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), (ops) => {
        pci.place(space, WINDOW, WINDOW + 0x1_0000);
        for (const { write, gpa, width, value } of ops) {
          const { status } = pci.perform(write, gpa - (gpa % width), width, value);
          expect([0, 1]).toContain(status);
        }
        expect(pci.field(pci.functionOf(device), "USERS")).toBe(0);
        expect(pci.read(space)).toBe(0x1042_1af4);
      }),
      { numRuns: 400 },
    );
  });
});
