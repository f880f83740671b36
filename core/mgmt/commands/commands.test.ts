// SPDX-License-Identifier: Apache-2.0
// Commands as a person types them: one table for dispatch, help, usage, completion and "did you mean"; arguments; tables
// and JSON. What they do to guests is tested on the whole core (tests/sim/terminal.test.ts).
import { readFile } from "node:fs/promises";
import path from "node:path";
import { concat, FdtTree, node, serialize, u64 } from "@typeone/fdt";
import { beforeEach, describe, expect, it } from "vitest";
import { PROMPT } from "../../../tests/sim/screen.ts";
import { BUILD, TerminalUnit } from "../../../tests/sim/terminal-unit.ts";

const RAM = 0x8000_0000n;
let unit: TerminalUnit;

beforeEach(async () => {
  unit = await TerminalUnit.create();
  unit.call("testRecord", unit.text("alpha", 0x8000), 2);
  unit.call("testRecord", unit.text("alps", 0x8100), 1);
});

/** The rows of the table, as its source has them. */
async function rows(): Promise<{ pattern: string; purpose: string }[]> {
  const source = await readFile(path.join(import.meta.dirname, "table.ts"), "utf8");
  return [...source.matchAll(/changetype<usize>\("([^"]+)"\), changetype<usize>\("([^"]+)"\)/g)].map(
    ([, pattern = "", purpose = ""]) => ({ pattern, purpose }),
  );
}

const json = (line: string): unknown[] => unit.run(line).map((each) => JSON.parse(each) as unknown);

describe("help", () => {
  it("lists every command, its arguments and its purpose, within 80 columns", async () => {
    const help = unit.run("help");
    const table = await rows();
    expect(table.length).toBeGreaterThan(30);
    expect(help.slice(0, -1)).toEqual(table.map(({ pattern, purpose }) => `${pattern.padEnd(40)} ${purpose}`));
    for (const line of help) expect(line.length).toBeLessThanOrEqual(80);
  });

  it("tells about one command or one group", async () => {
    const group = (await rows()).filter(({ pattern }) => pattern.startsWith("vcpu ")).length;
    expect(unit.run("help vcpu")).toHaveLength(group);
    expect(unit.run("help guest pause")).toEqual([expect.stringMatching(/^guest pause GUEST +its vCPUs stand still$/)]);
    expect(unit.run("help frob")).toEqual(["there is no such command; help lists them"]);
  });
});

describe("what is no command", () => {
  it.each([
    ["frobnicate now", "there is no command frobnicate; help lists them"],
    ["gest list", "there is no command gest; did you mean guest?; help lists them"],
    ["lgo", "there is no command lgo; did you mean log?; help lists them"],
    ["guest", "there is no command guest alone; help guest lists those"],
    ["guest frob", "there is no command guest frob; help guest lists those"],
    ["guest puase alpha", "there is no command guest puase; did you mean pause?; help guest lists those"],
    ["devtree node", "there is no command devtree node alone; help devtree node lists those"],
    [
      "vcpu setaffinity alpha 0 0",
      "there is no command vcpu setaffinity; did you mean set_affinity?; help vcpu lists those",
    ],
  ])("%s", (line, answer) => {
    expect(unit.run(line)).toEqual([answer]);
  });
});

describe("arguments", () => {
  it.each([
    ["guest pause", "usage: guest pause GUEST"],
    ["guest pause alpha now", "usage: guest pause GUEST"],
    ["guest pause alpha -j", "usage: guest pause GUEST"],
    ["guest pause nobody", "there is no guest nobody; guest list shows them"],
    ["guest pause 3", "there is no guest 3; guest list shows them"],
    ["guest pause 0", "there is no guest 0; guest list shows them"],
    ["vcpu pause alpha 2", "alpha has no vcpu 2; vcpu list shows them"],
    ["vcpu pause alpha x", "alpha has no vcpu x; vcpu list shows them"],
    ["vcpu pause alpha 4294967296", "alpha has no vcpu 4294967296; vcpu list shows them"],
    ["memory dump here 16", "here is no number of 64 bits; usage: memory dump ADDRESS LENGTH [-j]"],
    ["memory dump 0x 16", "0x is no number of 64 bits; usage: memory dump ADDRESS LENGTH [-j]"],
    [
      "memory dump 18446744073709551616 1",
      "18446744073709551616 is no number of 64 bits; usage: memory dump ADDRESS LENGTH [-j]",
    ],
    [
      "memory dump 0x10000000000000000 1",
      "0x10000000000000000 is no number of 64 bits; usage: memory dump ADDRESS LENGTH [-j]",
    ],
    ["memory dump 0xffffffffffffffff 1", "that is no RAM of this host"],
    ["memory dump 18446744073709551615 18446744073709551615", "4 KiB at most"],
    ["memory dump 0x10000000 8", "that is no RAM of this host"],
    ["vcpu set_affinity alpha 0 zero", "zero names no harts; harts are written as 0,2-3; host cpu shows them"],
    ["vcpu set_affinity alpha 0 0,", "0, names no harts; harts are written as 0,2-3; host cpu shows them"],
    ["vcpu set_affinity alpha 0 16", "16 names no harts; harts are written as 0,2-3; host cpu shows them"],
    ["vcpu set_affinity alpha 0 0-1-2", "0-1-2 names no harts; harts are written as 0,2-3; host cpu shows them"],
    ["vcpu set_affinity alpha 0 3-5", "alpha/0: there is nothing like that"],
    ["vcpu set_affinity alpha 0 0,2-3", "alpha/0: done"],
    ["vcpu set_priority alpha 1 8", "alpha/1: out of range"],
    ["vcpu set_priority alpha 1 7", "alpha/1: done"],
    ["vcpu set_weight alpha 1 0", "alpha/1: out of range"],
    ["vcpu set_weight alpha 1 0x2710", "alpha/1: done"],
    ["log everything", "usage: log [clear] [-j]"],
  ])("%s", (line, answer) => {
    expect(unit.run(line)).toEqual([answer]);
  });

  it("takes a guest's number for its name", () => {
    expect(json("guest list -j")).toMatchObject([
      { no: 1, guest: "alpha" },
      { no: 2, guest: "alps" },
    ]);
    expect(json("vcpu dumpstat 2 0 -j")).toMatchObject([{ vcpu: 0, guest: "alps", exits: { wfi: 0 } }]);
  });
});

describe("Tab", () => {
  it("completes commands, their words and guests", () => {
    unit.type("gu\tpa\t\t");
    expect(unit.line).toBe(`${PROMPT}guest pause alp`);
    unit.type("h\t");
    expect(unit.line).toBe(`${PROMPT}guest pause alpha `);
    unit.type("\u0015dev\t\t\t");
    expect(unit.line).toBe(`${PROMPT}devtree node show `);
    unit.type("\u0015vcpu set_\t");
    expect(unit.line).toBe(`${PROMPT}vcpu set_`);
    unit.type("\u0015log c\t");
    expect(unit.line).toBe(`${PROMPT}log clear `);
    unit.type("\u0015nothing like it\t\t");
    expect(unit.line).toBe(`${PROMPT}nothing like it`);
  });

  it("completes in front of what stands behind the cursor", () => {
    unit.type("guest p alpha\u001b[1;5D\u001b[D\t");
    expect(unit.line).toBe(`${PROMPT}guest pause  alpha`);
  });

  it("lists the candidates at the second time, and the line stays", () => {
    unit.out = "";
    unit.type("vcpu set_\t");
    expect(unit.screen.lines).toHaveLength(1);
    unit.type("\t");
    expect(unit.screen.lines.at(-2)?.split(/ +/)).toEqual(["set_affinity", "set_priority", "set_weight"]);
    expect(unit.line).toBe(`${PROMPT}vcpu set_`);
    unit.type("\u0015\t");
    unit.out = "";
    unit.type("\t");
    const words = unit.screen.lines
      .slice(1, -1)
      .flatMap((line) => line.split(/ +/))
      .filter(Boolean);
    expect(words).toEqual([
      "help",
      "version",
      "guest",
      "vcpu",
      "host",
      "vserial",
      "disk",
      "net",
      "memory",
      "devtree",
      "sched",
      "log",
      "reset",
      "shutdown",
    ]);
    unit.type("guest stats \t");
    unit.out = "";
    unit.type("\t");
    expect(unit.screen.lines.slice(1, -1)).toEqual(["alpha           alps"]);
  });
});

describe("answers", () => {
  it("are tables for people and lines of JSON for programs, with the same names", () => {
    const [header = "", row = ""] = unit.run("host cpu");
    const [object] = json("host cpu -j");
    expect(header.split(/ +/)).toEqual(Object.keys(object as object));
    expect(row.split(/ +/).slice(0, 2)).toEqual(["0", "100"]);
    expect(object).toMatchObject({ hart: 0, id: 100, timer: 0 });
    expect(json("host info -j")).toMatchObject([{ host: { build: BUILD, harts: 1, interrupts: "none" } }]);
    expect(unit.run("host info").find((line) => line.startsWith("build"))).toBe(`build${" ".repeat(15)}${BUILD}`);
    expect(json("sched -j")).toMatchObject([
      { hart: 0, members: expect.any(Number) as number },
      { vcpu: 0, guest: "alpha", policy: "priority", prio: 3 },
      { vcpu: 1, guest: "alpha" },
      { vcpu: 0, guest: "alps" },
    ]);
    expect(unit.run("sched")).toHaveLength(2 + 4);
    expect(json("host stats -j")).toMatchObject([{ hart: 0, timerPerSecond: 0 }, { exits: 0 }]);
    expect(json("host irq -j")).toEqual([]);
  });

  it("show memory as hexadecimal and text, and only RAM that nobody reserved", () => {
    const cellSizes = { "#address-cells": 2, "#size-cells": 2 };
    const firmware = node("mmode_resv0@80000000", { reg: concat(u64(RAM), u64(0x80000n)) });
    const reserved = node("reserved-memory", { ...cellSizes, ranges: true }, [firmware]);
    const tree = new FdtTree(node("", cellSizes, [reserved]));
    unit.call("testTree", unit.bytes(serialize(tree), 0x9000));
    unit.call("testRam", RAM);
    expect(unit.run("memory dump 0x80100040 18")).toEqual([
      "0x80100040  40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  |@ABCDEFGHIJKLMNO|",
      "0x80100050  50 51                                             |PQ|",
    ]);
    expect(json("memory dump 0x8010007e 4 -j")).toEqual([{ address: "0x8010007e", bytes: "7e7f8081" }]);
    expect(unit.run("memory dump 0x80080000 4096")).toHaveLength(256);
    expect(unit.run("memory dump 0x80080000 4097")).toEqual(["4 KiB at most"]);
    expect(unit.run("memory dump 0x8007ffff 1")).toEqual(["that is reserved memory, maybe firmware's"]);
    expect(unit.run("memory dump 0x83ffffff 2")).toEqual(["that is no RAM of this host"]);
    expect(unit.run("memory dump 0x83ffffff 1")).toHaveLength(1);
    expect(json("host ram -j")).toEqual([
      { bank: 0, hpa: "0x80000000", sizeMiB: 62, owner: "free" },
      { bank: 0, hpa: "0x83e00000", sizeMiB: 2, owner: "alpha" },
    ]);
  });

  it("show nodes of the host's tree, long values cut", () => {
    const soc = node(
      "soc",
      {
        compatible: ["simple-bus", "second"],
        ranges: true,
        reg: new Uint8Array(80),
        odd: new Uint8Array([1, 2, 255]),
      },
      [node("serial@10000000", {})],
    );
    const tree = new FdtTree(node("", {}, [soc]));
    unit.call("testTree", unit.bytes(serialize(tree), 0x9000));
    expect(unit.run("devtree node show /soc")).toEqual([
      'compatible = "simple-bus", "second";',
      "ranges;",
      `reg = <${Array(16).fill("0x0").join(" ")}> /* of 80 bytes */;`,
      "odd = [01 02 ff];",
      "serial@10000000 { }",
    ]);
    expect(unit.run("devtree node show /")).toEqual(["soc { }"]);
    expect(json("devtree node show /soc -j")).toMatchObject([
      { property: "compatible" },
      { property: "ranges", value: "" },
      { property: "reg", cut: 80 },
      { property: "odd", value: "0102ff" },
      { child: "serial@10000000" },
    ]);
    expect(unit.run("devtree node show /sock")).toEqual([
      "the host's tree has no node /sock; devtree node show / begins at its root",
    ]);
  });

  it("show a vCPU's registers by name", () => {
    const lines = unit.run("vcpu dumpreg alpha 1");
    expect(lines.join(" ")).toMatch(/\ba0 0xabc1\b/);
    expect(lines.join(" ")).toMatch(/\bpc 0x0\b/);
    expect(json("vcpu dumpreg alpha 0 -j")).toMatchObject([{ a0: "0xabc0", sp: "0x0", vsatp: "0x0" }]);
  });

  it("forget the log when told to", () => {
    unit.call("testSay", 7n);
    expect(unit.run("log")).toEqual(["value 7"]);
    expect(json("log -j")).toEqual([{ line: "value 7" }]);
    expect(unit.run("log clear")).toEqual([]);
    expect(unit.run("log")).toEqual([]);
    unit.call("testSay", 8n);
    expect(unit.run("log")).toEqual(["value 8"]);
  });

  it("show what a serial line has kept", () => {
    unit.call("testGuest", 1, unit.text("alpha", 0x8000));
    unit.call("testSend", 1, unit.text("one\r\ntwo\u001b[2J\n\nthree"), 18);
    unit.settle();
    expect(json("vserial list -j")).toMatchObject([{ no: 1, guest: "alpha", shown: "lines", kept: 18 }]);
  });
});
