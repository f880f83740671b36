// SPDX-License-Identifier: Apache-2.0
// PCI functions as the boot hart finds them: base addresses that firmware assigned and those that nobody did, functions that
// are no VirtIO devices, and functions whose capabilities make no sense.
import fc from "fast-check";
import { loadCore, Machine } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";
import { CORE, DISK, Host, MEMORY, OK, READ, SECTOR } from "./host-devices.ts";

const [COMMAND, BAR1, BAR4, BAR5, CAPABILITIES] = [0x04, 0x14, 0x20, 0x24, 0x34] as const;
const WINDOW = 0x4000_0000;

type Change = (config: DataView) => void;

/** Boots with as many disks as there are changes, each made to the configuration space of one. */
async function booted(...changes: readonly Change[]): Promise<Machine> {
  return bootedWith(changes, false);
}

async function bootedWith(changes: readonly Change[], lenient: boolean): Promise<Machine> {
  const disks = changes.map((_, index) => ({ ...DISK, serial: `d${index}`, via: "pci" as const }));
  const machine = await Machine.create({ core: CORE, harts: 1, aia: "aplic", disks });
  changes.forEach((change, index) => change(machine.devices.functions[index]!.config));
  machine.devices.functions[0]!.lenient = lenient;
  machine.gate.onImport = () => void (machine.time += 1000n);
  machine.boot();
  machine.gate.onImport = null;
  machine.run(() => false, { maxSteps: 400 });
  expect(machine.console).toContain("typeone> ");
  return machine;
}

const bases = (machine: Machine, index: number): [number, number] => {
  const { config } = machine.devices.functions[index]!;
  return [config.getUint32(BAR1, true), (config.getUint32(BAR4, true) & ~15) >>> 0];
};

const reads = (machine: Machine, disk: number): void => {
  const host = new Host(machine);
  const request = host.submit((disk << 8) | READ, 0, 1, [[MEMORY, SECTOR]]);
  expect(host.done()).toEqual([[request, OK]]);
};

const keep: Change = () => {};

beforeAll(async () => void (await loadCore(CORE)), 240_000);

describe("base addresses", () => {
  it("gives each window a place of its own, aligned, within the bridge's window", async () => {
    const machine = await booted(keep, keep, keep);
    const ranges = [0, 1, 2].flatMap((index) => {
      const [small, large] = bases(machine, index);
      expect([small % 0x1000, large % 0x4000]).toEqual([0, 0]);
      return [
        [small, small + 0x1000],
        [large, large + 0x4000],
      ] as const;
    });
    ranges.sort(([a], [b]) => a - b);
    expect(ranges[0]![0]).toBeGreaterThanOrEqual(WINDOW);
    for (let index = 1; index < ranges.length; index++)
      expect(ranges[index]![0]).toBeGreaterThanOrEqual(ranges[index - 1]![1]);
    [0, 1, 2].forEach((disk) => reads(machine, disk));
  });

  it("leaves what firmware assigned where it is, and keeps away from it", async () => {
    const machine = await booted(keep, (config) => {
      config.setUint32(BAR1, WINDOW + 0x10000, true);
      config.setUint32(BAR4, (WINDOW + 0x20000) | 0xc, true);
      config.setUint16(COMMAND, 6, true);
    });
    expect(bases(machine, 1)).toEqual([WINDOW + 0x10000, WINDOW + 0x20000]);
    expect(Math.min(...bases(machine, 0))).toBeGreaterThanOrEqual(WINDOW + 0x24000);
    reads(machine, 0);
    reads(machine, 1);
  });

  it("does not use a function that firmware put where the bridge does not reach", async () => {
    const machine = await booted((config) => config.setUint32(BAR5, 0x100, true), keep);
    expect(machine.ask("testDisks")).toBe(1);
    reads(machine, 0);
  });
});

describe("functions", () => {
  it("passes over what is no VirtIO device, and writes nothing to it", async () => {
    const other: Change = (config) => config.setUint32(0, 0x1234_8086, true);
    const machine = await booted(other, keep, (config) => config.setUint16(2, 0x1080, true));
    expect(machine.ask("testDisks")).toBe(1);
    expect(bases(machine, 0)).toEqual([0, 0]);
    expect(machine.devices.functions[0]!.config.getUint16(COMMAND, true)).toBe(0);
    reads(machine, 0);
  });

  const nonsense: readonly (readonly [string, Change])[] = [
    ["no list of capabilities", (config) => config.setUint16(6, 0, true)],
    ["a list that begins in the header", (config) => config.setUint8(CAPABILITIES, 0x10)],
    ["a list in a circle", (config) => config.setUint8(0x41, 0x40)],
    ["a window beyond the sixth", (config) => config.setUint8(0x44, 6)],
    ["a window that is none", (config) => config.setUint8(0x44, 2)],
    ["a structure behind the window's end", (config) => config.setUint32(0x48, 0x4000, true)],
    ["an offset that wraps", (config) => config.setUint32(0x48, 0xffff_f000, true)],
    ["an odd offset", (config) => config.setUint32(0x48, 2, true)],
    ["a structure that is too small", (config) => config.setUint32(0x4c, 0x37, true)],
    ["no bytes for doorbells", (config) => config.setUint32(0x88, 0, true)],
  ];
  it.each(nonsense)("does not use one with %s", async (_name, change) => {
    const machine = await booted(change, keep);
    expect(machine.ask("testDisks")).toBe(1);
    reads(machine, 0);
  });

  it("survives any nonsense in the capabilities of one, and uses the other", async () => {
    const writes = fc.array(fc.tuple(fc.integer({ min: 0x34, max: 0xa8 }), fc.nat(255)), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(writes, async (bytes) => {
        const machine = await bootedWith(
          [(config) => bytes.forEach(([at, value]) => config.setUint8(at, value)), keep],
          true,
        );
        const disks = machine.ask("testDisks");
        expect(disks).toBeGreaterThanOrEqual(1);
        reads(machine, disks - 1);
      }),
      // A status that does not clear the line, which then never comes down.
      { numRuns: 40, examples: [[[[92, 4]]]] },
    );
  });
});
