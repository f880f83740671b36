// SPDX-License-Identifier: Apache-2.0
// The package against itself: round trips, hostile blobs, and the building interface.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyDamage, anyTree, damage } from "../test/arbitrary.ts";
import {
  bytes,
  cells,
  concat,
  FdtError,
  FdtNode,
  FdtTree,
  find,
  merge,
  node,
  parse,
  printDts,
  serialize,
} from "./index.ts";
import { strings, u64 } from "./index.ts";

const board = () =>
  new FdtTree(
    node("", { "#address-cells": 2, "#size-cells": 2, compatible: ["riscv-virtio", "acme,board"] }, [
      node("chosen", { "stdout-path": "/soc/serial@10000000" }),
      node("memory@80000000", { device_type: "memory", reg: u64(0x8000_0000n, 0x1000_0000n) }),
      node("soc", { ranges: true }, [
        node("plic@c000000", { phandle: 3, "interrupt-controller": true }),
        node("serial@10000000", { reg: u64(0x1000_0000, 0x100), interrupts: cells(10) }),
      ]),
    ]),
    { reservations: [{ address: 0x8000_0000n, size: 0x20_0000n }], bootCpu: 1 },
  );

const plain = (of: FdtNode): unknown => [of.name, [...of.properties], of.children.map(plain)];
const contents = (of: FdtTree): unknown => [of.reservations, of.bootCpu, plain(of.root)];

describe("round trip", () => {
  it("parse undoes serialize", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        expect(contents(parse(serialize(tree)))).toEqual(contents(tree));
      }),
      { numRuns: 100 },
    );
  });

  it("reads a blob in the middle of a larger buffer, and ignores what follows it", () => {
    const blob = serialize(board());
    const larger = new Uint8Array(blob.length + 50).fill(0xaa);
    larger.set(blob, 13);
    expect(contents(parse(larger.subarray(13)))).toEqual(contents(board()));
  });

  it("reads version 16, which does not say how long the structure is", () => {
    const blob = serialize(board());
    const view = new DataView(blob.buffer);
    view.setUint32(20, 16);
    view.setUint32(36, 0xdead_beef);
    expect(contents(parse(blob))).toEqual(contents(board()));
  });

  it("skips NOP tokens", () => {
    const blob = serialize(new FdtTree(node("", { a: 1, b: 2 }, [node("c")])));
    const view = new DataView(blob.buffer);
    const structure = view.getUint32(8);
    for (let i = 0; i < 4; i++) view.setUint32(structure + 8 + i * 4, 4);
    expect(contents(parse(blob))).toEqual(contents(new FdtTree(node("", { b: 2 }, [node("c")]))));
  });
});

describe("hostile blobs", () => {
  it("are refused with an FdtError, or read as a tree that can be written again", () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(anyTree, anyDamage, (tree, harm) => {
        try {
          const read = parse(damage(serialize(tree), harm));
          expect(contents(parse(serialize(read)))).toEqual(contents(read));
          accepted++;
        } catch (error) {
          if (!(error instanceof FdtError)) throw error;
          refused++;
        }
      }),
      { numRuns: 500 },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(40);
  });

  const edited = (edit: (view: DataView, structure: number) => void) => {
    const blob = serialize(board());
    const view = new DataView(blob.buffer);
    edit(view, view.getUint32(8));
    return blob;
  };

  it.each([
    ["nothing", /too few/, new Uint8Array(0)],
    ["half a header", /too few/, serialize(board()).slice(0, 20)],
    ["a cut end", /there are only/, serialize(board()).slice(0, -1)],
    ["A01 bad magic", /magic 0xd00dfeee/, edited((view) => view.setUint32(0, 0xd00dfeee))],
    ["A01 total below the header", /less than itself/, edited((view) => view.setUint32(4, 8))],
    ["A01 total beyond the buffer", /there are only/, edited((view) => view.setUint32(4, 0xffff_ffff))],
    ["an old version", /version 3/, edited((view) => view.setUint32(20, 3))],
    ["a version to come", /readable as 18/, edited((view) => view.setUint32(24, 18))],
    ["A02 structure outside", /structure block is not inside/, edited((view) => view.setUint32(8, 0xffff_fffc))],
    ["A02 strings outside", /strings block is not inside/, edited((view) => view.setUint32(32, 0xffff_ffff))],
    [
      "A02 structure unaligned",
      /structure block is not aligned/,
      edited((view, at) => {
        view.setUint32(8, at + 1);
        view.setUint32(36, view.getUint32(36) - 4);
      }),
    ],
    ["A02 reservations unaligned", /reservation block is not aligned/, edited((view) => view.setUint32(16, 44))],
    ["A02 blocks overlap", /overlap/, edited((view, at) => view.setUint32(12, at))],
    [
      "A02 endless reservations",
      /does not end/,
      edited((view) => {
        for (let at = 40; at + 8 <= view.byteLength; at += 8) view.setBigUint64(at, 1n);
      }),
    ],
    ["A03 no end token", /no end token/, edited((view) => view.setUint32(36, view.getUint32(36) - 4))],
    ["an unknown token", /unknown token 0x7/, edited((view, at) => view.setUint32(at, 7))],
  ])("%s", (_, message, blob) => {
    expect(() => parse(blob)).toThrow(message);
    expect(() => parse(blob)).toThrow(FdtError);
  });

  it("A03: deep nesting is refused, not recursed into", () => {
    const deep = new FdtTree();
    for (let at = deep.root, i = 0; i < 300; i++) at = at.ensureChild("n");
    expect(() => serialize(deep)).toThrow(/deeper than 256/);
    const tokens = new Uint8Array(60 + 800_000 + 20);
    const view = new DataView(tokens.buffer);
    [0xd00dfeed, tokens.length, 56, tokens.length, 40, 17, 16, 0, 0, tokens.length - 56].forEach((v, i) =>
      view.setUint32(i * 4, v),
    );
    for (let at = 56; at + 8 <= tokens.length; at += 8) view.setUint32(at, 1);
    expect(() => parse(tokens)).toThrow(FdtError);
  });

  it("says where the fault is", () => {
    const tree = board();
    tree.get("/soc").set("phandle", bytes(1, 2));
    expect(() => tree.get("/soc").u32("phandle")).toThrow("/soc: property phandle: is not one cell (2 bytes)");
    const blob = serialize(new FdtTree(node("", {}, [node("a", {}, [node("b"), node("c")])])));
    blob[blob.indexOf("c".charCodeAt(0), 60)] = "b".charCodeAt(0);
    expect(() => parse(blob)).toThrow("/a: there is already a node b");
  });
});

describe("building", () => {
  it("takes plain values for properties", () => {
    const made = node("n", { a: 1, b: 2n, c: "x", d: ["x", "y"], e: true, f: false, g: undefined, h: bytes(9) });
    expect([...made.properties.keys()]).toEqual(["a", "b", "c", "d", "e", "h"]);
    expect(made.get("a")).toEqual(cells(1));
    expect(made.get("b")).toEqual(cells(0, 2));
    expect(made.string("c")).toBe("x");
    expect(made.strings("d")).toEqual(["x", "y"]);
    expect(made.get("e")).toEqual(new Uint8Array(0));
    expect(made.u64("b")).toBe(2n);
    expect(made.u64("a")).toBe(1n);
    expect(made.cells("b")).toEqual([0, 2]);
    expect(concat(cells(1), strings("x"))).toEqual(bytes(0, 0, 0, 1, 0x78, 0));
  });

  it.each([
    ["a cell too large", () => cells(2 ** 32)],
    ["a fraction", () => cells(1.5)],
    ["a negative number", () => u64(-1)],
    ["an inexact number", () => u64(2 ** 60)],
    ["65 bits", () => u64(1n << 64n)],
    ["a NUL in a string", () => strings("a\0b")],
    ["a slash in a name", () => node("a/b")],
    ["a terminal escape in a name", () => node("a\x1b[2J")],
    ["a property without name", () => node("a").set("", 1)],
    ["two children of one name", () => node("a", {}, [node("b"), node("b")])],
    ["a node of two parents", () => board().root.add(board().get("/soc"))],
    [
      "a loop",
      () => {
        const a = node("a");
        a.ensureChild("b").add(a);
      },
    ],
    ["a root below a node", () => node("a").add(new FdtNode(""))],
  ])("refuses %s", (_, build) => {
    expect(build).toThrow(FdtError);
  });

  it("finds, ensures, sets and removes by path", () => {
    const tree = board();
    expect(find(tree, "/memory")?.name).toBe("memory@80000000");
    expect(tree.find("/soc/serial@10000001")).toBeUndefined();
    expect(() => tree.get("/soc/none")).toThrow("/soc/none: there is no such node");
    expect(() => tree.find("soc")).toThrow(/not an absolute path/);
    const domain = tree.ensure("/chosen/domain@1").assign({ compatible: "xen,domain", cpus: 2, memory: u64(0x40000) });
    expect(domain.path).toBe("/chosen/domain@1");
    expect(tree.ensure("/chosen/domain@1")).toBe(domain);
    expect(tree.ensure("/memory")).not.toBe(tree.get("/memory@80000000"));
    tree.setProperty("/chosen", "bootargs", "quiet");
    expect(tree.get("/chosen").string("bootargs")).toBe("quiet");
    expect(() => tree.setProperty("/nowhere", "a", 1)).toThrow(FdtError);
    expect(tree.remove("/soc/serial")).toBe(true);
    expect(tree.remove("/soc/serial")).toBe(false);
    expect(tree.compatible("xen,domain")).toEqual([domain]);
  });

  it("gives the lowest free phandle once", () => {
    const tree = board();
    expect(tree.phandle("/chosen")).toBe(1);
    expect(tree.phandle("/chosen")).toBe(1);
    expect(tree.phandle("/memory")).toBe(2);
    expect(tree.phandle("/soc")).toBe(4);
    expect(tree.byPhandle(3)?.name).toBe("plic@c000000");
    tree.get("/soc").set("phandle", 3);
    expect(() => tree.byPhandle(3)).toThrow(/already that of \/soc/);
  });

  it("merges by path into a new tree", () => {
    const base = board();
    const overlay = new FdtTree(
      node("", {}, [node("chosen", { bootargs: "quiet", "stdout-path": "/x" }, [node("d")])]),
      {
        reservations: [
          { address: 0x8000_0000n, size: 0x20_0000n },
          { address: 1n, size: 2n },
        ],
      },
    );
    const merged = merge(base, overlay);
    expect(contents(base)).toEqual(contents(board()));
    expect(plain(merged.get("/chosen"))).toEqual(
      plain(node("chosen", { "stdout-path": "/x", bootargs: "quiet" }, [node("d")])),
    );
    expect(merged.get("/soc").children).toHaveLength(2);
    expect(merged.reservations).toHaveLength(2);
    const clash = new FdtTree(node("", {}, [node("d", { phandle: 3 })]));
    expect(() => base.merge(clash)).toThrow(/3 is already that of/);
    expect(contents(base)).toEqual(contents(board()));
  });

  it("merging a tree with itself changes nothing, merging into nothing copies", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        expect(contents(merge(tree, tree))).toEqual(contents(tree));
        const copy = merge(new FdtTree(), tree);
        expect(plain(copy.root)).toEqual(plain(tree.root));
      }),
    );
  });
});

describe("printDts", () => {
  it("prints as dtc does", () => {
    const tree = new FdtTree(
      node("", { a: "x", b: ["x", "y"], c: cells(1, 0xabc), d: bytes(1, 2, 3), e: true }, [node("n@1")]),
      {
        reservations: [{ address: 1n, size: 2n }],
      },
    );
    expect(printDts(tree)).toBe(
      `/dts-v1/;\n\n/memreserve/\t0x0000000000000001 0x0000000000000002;\n/ {\n\ta = "x";\n\tb = "x", "y";\n` +
        `\tc = <0x01 0xabc>;\n\td = [01 02 03];\n\te;\n\n\tn@1 {\n\t};\n};\n`,
    );
    expect(() => printDts(new FdtTree(node("", {}, [node("a!b")])))).toThrow("/a!b: dts cannot spell this name");
  });
});
