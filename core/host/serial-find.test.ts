// SPDX-License-Identifier: Apache-2.0
// serial-find.ts on QEMU's trees and on small ones of every shape: which UART, where, how its registers lie.
import { readFile } from "node:fs/promises";
import path from "node:path";
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

type Value = number[] | string | string[] | true;
interface Node {
  [name: string]: Value | Node;
}

/** A flattened tree: properties are cell lists, strings, string lists, or `true` for empty. */
function blob(root: Node): Buffer {
  const strings: string[] = [];
  const parts: Buffer[] = [];
  const cells = (...values: number[]) =>
    Buffer.concat(values.map((value) => (([b]) => b!)([Buffer.from(new Uint32Array([value]).buffer).swap32()])));
  const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const put = (name: string, node: Node) => {
    parts.push(cells(1), padded(Buffer.from(`${name}\0`)));
    for (const [key, value] of Object.entries(node).filter(
      ([, value]) => typeof value !== "object" || Array.isArray(value),
    )) {
      const data =
        value === true
          ? Buffer.alloc(0)
          : typeof value === "string"
            ? Buffer.from(`${value}\0`)
            : typeof (value as unknown[])[0] === "string"
              ? Buffer.from(`${(value as string[]).join("\0")}\0`)
              : cells(...(value as number[]));
      let at = strings.join("").length;
      const known = strings.indexOf(`${key}\0`);
      if (known >= 0) at = strings.slice(0, known).join("").length;
      else strings.push(`${key}\0`);
      parts.push(cells(3, data.length, at), padded(data));
    }
    for (const [key, value] of Object.entries(node))
      if (typeof value === "object" && !Array.isArray(value)) put(key, value);
    parts.push(cells(2));
  };
  put("", root);
  parts.push(cells(9));
  const structure = Buffer.concat(parts);
  const text = Buffer.from(strings.join(""));
  const head = cells(
    0xd00dfeed,
    56 + structure.length + text.length,
    56,
    56 + structure.length,
    40,
    17,
    16,
    0,
    text.length,
    structure.length,
  );
  return Buffer.concat([head, Buffer.alloc(16), structure, text]);
}

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

const uart = (more: Node = {}): Node => ({
  compatible: "ns16550a",
  reg: [0x1000, 0x100],
  "clock-frequency": [1843200],
  ...more,
});
const soc = (nodes: Node, chosen?: Node): Node => ({
  "#address-cells": [1],
  "#size-cells": [1],
  ...(chosen ? { chosen } : {}),
  soc: { "#address-cells": [1], "#size-cells": [1], ranges: true, ...nodes },
});

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
    const second = uart({ reg: [0x2000, 0x1000], "reg-shift": [2], "reg-io-width": [4], "reg-offset": [0x100] });
    const tree = soc({ "serial@1000": uart(), "serial@2000": second }, { "stdout-path": "/soc/serial@2000:115200n8" });
    expect(find(blob(tree))).toMatchObject({
      status: 0,
      hpa: 0x2000n,
      offset: 0x100n,
      shift: 2,
      width: 4,
      baud: 115200,
    });
    const alias = { ...tree, aliases: { serial7: "/soc/serial@1000" }, chosen: { "stdout-path": "serial7:9600" } };
    expect(find(blob(alias))).toMatchObject({ status: 0, hpa: 0x1000n, shift: 0, width: 1, baud: 9600 });
  });

  it("passes over what is not ours, and keeps firmware's rate where the clock is unknown", () => {
    const tree = soc(
      {
        "other@500": { compatible: "arm,pl011", reg: [0x500, 0x100] },
        "serial@900": uart({ reg: [0x900, 8], status: "disabled" }),
        "serial@1000": uart({ "clock-frequency": [0] }),
      },
      { "stdout-path": "/soc/other@500:115200" },
    );
    expect(find(blob(tree))).toMatchObject({ status: 0, hpa: 0x1000n, baud: 0 });
    expect(find(blob(soc({ "other@500": { compatible: "arm,pl011", reg: [0x500, 0x100] } }))).status).toBe(-3);
    const none = soc({ "serial@1000": uart({ "clock-frequency": [0] }) }, { "stdout-path": "/soc/serial@1000:115200" });
    expect(find(blob(none))).toMatchObject({ status: 0, baud: 0 });
  });

  it.each([
    ["a window too small for its registers", { "reg-shift": [2], reg: [0x1000, 0x1c] }],
    ["an offset beyond its window", { "reg-offset": [0xfa] }],
    ["a width that we cannot do", { "reg-io-width": [2] }],
    ["wide registers too close", { "reg-io-width": [4] }],
    ["registers far apart", { "reg-shift": [40] }],
    ["an unaligned wide window", { "reg-io-width": [4], "reg-shift": [2], reg: [0x1002, 0x100] }],
    ["no reg", { reg: true as const }],
  ])("refuses %s", (_, change) => {
    expect(find(blob(soc({ "serial@1000": uart(change as Node) }))).status).toBe(-7);
  });

  it.each(["", "115200x", "0", "99999999999999999999", "9n8", ":"])(
    "ignores a rate that makes no sense: %j",
    (rate) => {
      const tree = soc({ "serial@1000": uart() }, { "stdout-path": `/soc/serial@1000:${rate}` });
      const baud = rate === "115200x" ? 115200 : 0;
      expect(find(blob(tree))).toMatchObject({ status: 0, hpa: 0x1000n, baud });
    },
  );
});
