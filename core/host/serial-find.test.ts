// SPDX-License-Identifier: Apache-2.0
// serial-find.ts on QEMU's trees and on small ones of every shape: which UART, where, how its registers lie.
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { FdtNode } from "@typeone/fdt";
import { cells, FdtTree, node, type PropertyInput, serialize } from "@typeone/fdt";
import { loadUnit, type UnitModule } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";

const FIXTURES = path.resolve(import.meta.dirname, "../../tests/fixtures/qemu-virt");
let unit: UnitModule;
let fdt: number;
let info: number;

beforeAll(async () => {
  unit = await loadUnit("core/host/serial-find.ts");
  fdt = unit.scratch(0x20000);
  info = unit.scratch(0x1000);
});

type Properties = Record<string, PropertyInput>;

const blob = (root: FdtNode): Buffer => Buffer.from(serialize(new FdtTree(root)));

function find(tree: Buffer) {
  unit.bytes().fill(0, fdt, fdt + 0x20000);
  unit.bytes().set(tree, fdt);
  const status = Number(unit.exports["findSerial"]!(fdt, info));
  const view = unit.view();
  const words = [24, 28, 32, 36, 40, 44].map((at) => view.getUint32(info + at, true));
  return {
    status,
    hpa: view.getBigUint64(info, true),
    size: view.getBigUint64(info + 8, true),
    offset: view.getBigUint64(info + 16, true),
    shift: words[0],
    width: words[1],
    clock: words[2],
    baud: words[3],
    irq: words[4],
    trigger: words[5],
  };
}

const uart = (address: number, more: Properties = {}): FdtNode =>
  node(`serial@${address.toString(16)}`, {
    compatible: "ns16550a",
    reg: cells(address, 0x100),
    "clock-frequency": 1843200,
    ...more,
  });

/** A machine with these devices; `stdout` is /chosen's stdout-path. */
const machine = (devices: FdtNode[], stdout?: string, more: FdtNode[] = []): FdtNode =>
  node("", { "#address-cells": 1, "#size-cells": 1 }, [
    node("chosen", { "stdout-path": stdout }),
    ...more,
    node("soc", { "#address-cells": 1, "#size-cells": 1, ranges: true }, devices),
  ]);

describe("findSerial", () => {
  it.each([
    ["plic-1", 0],
    ["plic-8", 0],
    ["aplic-3", 4],
    ["imsic-8", 4],
  ])("finds QEMU's UART in %s", async (name, trigger) => {
    expect(find(await readFile(path.join(FIXTURES, `${name}.dtb`)))).toEqual({
      status: 0,
      hpa: 0x10000000n,
      size: 0x100n,
      offset: 0n,
      shift: 0,
      width: 1,
      clock: 3686400,
      baud: 0,
      irq: 10,
      trigger,
    });
  });

  it("takes the one that stdout-path names, with its rate, and reads how its registers lie", () => {
    const lie = { reg: cells(0x2000, 0x1000), "reg-shift": 2, "reg-io-width": 4, "reg-offset": 0x100 };
    const both = [uart(0x1000), uart(0x2000, lie)];
    expect(find(blob(machine(both, "/soc/serial@2000:115200n8")))).toMatchObject({
      status: 0,
      hpa: 0x2000n,
      offset: 0x100n,
      shift: 2,
      width: 4,
      baud: 115200,
    });
    const aliases = node("aliases", { serial7: "/soc/serial@1000" });
    const named = machine([uart(0x1000), uart(0x2000, lie)], "serial7:9600", [aliases]);
    expect(find(blob(named))).toMatchObject({ status: 0, hpa: 0x1000n, shift: 0, width: 1, baud: 9600 });
  });

  it("passes over what is not ours, and keeps firmware's rate where the clock is unknown", () => {
    const other = () => node("other@500", { compatible: "arm,pl011", reg: cells(0x500, 0x100) });
    const mixed = machine([other(), uart(0x900, { status: "disabled" }), uart(0x1000)], "/soc/other@500:115200");
    expect(find(blob(mixed))).toMatchObject({ status: 0, hpa: 0x1000n, baud: 0 });
    expect(find(blob(machine([other()]))).status).toBe(-3);
    const clockless = machine([uart(0x1000, { "clock-frequency": 0 })], "/soc/serial@1000:115200");
    expect(find(blob(clockless))).toMatchObject({ status: 0, baud: 0 });
  });

  it.each([
    ["a window too small for its registers", { "reg-shift": 2, reg: cells(0x1000, 0x1c) }],
    ["an offset beyond its window", { "reg-offset": 0xfa }],
    ["a width that we cannot do", { "reg-io-width": 2 }],
    ["wide registers too close", { "reg-io-width": 4 }],
    ["registers far apart", { "reg-shift": 40 }],
    ["an unaligned wide window", { "reg-io-width": 4, "reg-shift": 2, reg: cells(0x1002, 0x100) }],
    ["no reg", { reg: true }],
  ])("refuses %s", (_, change) => {
    expect(find(blob(machine([uart(0x1000, change as Properties)]))).status).toBe(-7);
  });

  it.each(["", "115200x", "0", "99999999999999999999", "9n8", ":"])(
    "ignores a rate that makes no sense: %j",
    (rate) => {
      const tree = machine([uart(0x1000)], `/soc/serial@1000:${rate}`);
      const baud = rate === "115200x" ? 115200 : 0;
      expect(find(blob(tree))).toMatchObject({ status: 0, hpa: 0x1000n, baud });
    },
  );
});
