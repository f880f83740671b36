// SPDX-License-Identifier: Apache-2.0
// The writer against packages/fdt: what it writes is a sound tree with the intended content, whatever the capacity and
// the order of calls, and it never touches a byte outside its buffer.
import type { FdtNode } from "@typeone/fdt";
import { bytes, cells, concat, FdtTree, node, serialize, strings, u64 } from "@typeone/fdt";
import { loadUnit } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { anyTree } from "../../packages/fdt/test/arbitrary.ts";
import { CoreFdt, Status } from "../../packages/fdt/test/core.ts";

const CAPACITY = 1 << 16;
const GUARD = 64;
const SENTINEL = 0xa5;

let core: CoreFdt; // the writer
let reader: CoreFdt;
let buffer: number;
let writer: number;
let data: number;

beforeAll(async () => {
  core = new CoreFdt(await loadUnit("core/fdt/write.ts"));
  reader = new CoreFdt(await loadUnit("core/fdt/read.ts"));
  writer = core.unit.scratch(64);
  buffer = core.unit.scratch(CAPACITY + 2 * GUARD) + GUARD;
  data = core.unit.scratch(CAPACITY);
}, 180_000);

/** Calls a writer function on the one writer. */
const write = (name: string, ...args: (number | bigint | string)[]) => core.call(name, writer, ...args);

function begin(capacity = CAPACITY): void {
  core.unit.bytes().fill(SENTINEL, buffer - GUARD, buffer + CAPACITY + GUARD);
  write("fdtBegin", buffer, capacity);
}

/** Nothing before the buffer or from its capacity on was touched. */
function expectGuards(capacity: number): void {
  const all = core.unit.bytes();
  const before = all.subarray(buffer - GUARD, buffer);
  const after = all.subarray(buffer + capacity, buffer + CAPACITY + GUARD);
  expect(before.every((byte) => byte === SENTINEL) && after.every((byte) => byte === SENTINEL)).toBe(true);
}

/** The blob's tree as core's reader sees it, or the failure. */
function finish(): FdtTree | number {
  const size = write("fdtFinish");
  if (size <= 0) return size;
  expect(reader.load(core.bytesAt(buffer, size))).toBe(Status.Ok);
  return reader.dump();
}

function putData(value: Uint8Array): number {
  core.unit.bytes().set(value, data);
  return data;
}

function writeNode(of: FdtNode): void {
  write("fdtBeginNode", of.name);
  for (const [name, value] of of.properties) write("fdtPutBytes", name, putData(value), value.length);
  for (const child of of.children) writeNode(child);
  write("fdtEndNode");
}

function writeTree(tree: FdtTree): FdtTree | number {
  write("fdtSetBootCpu", tree.bootCpu);
  for (const { address, size } of tree.reservations) write("fdtReserve", address, size);
  writeNode(tree.root);
  return finish();
}

const same = (a: FdtTree | number, b: FdtTree) => {
  expect(a).toBeInstanceOf(FdtTree);
  expect(Buffer.compare(serialize(a as FdtTree), serialize(b))).toBe(0);
};

describe("what is written", () => {
  it("is read back as the same tree", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        begin();
        same(writeTree(tree), tree);
        expectGuards(CAPACITY);
      }),
      { numRuns: 150 },
    );
  });

  it("is complete or refused at every capacity, and stays inside it", () => {
    fc.assert(
      fc.property(anyTree, fc.nat(4000), (tree, capacity) => {
        begin(capacity);
        const written = writeTree(tree);
        if (typeof written === "number") expect(written).toBe(Status.NoMemory);
        else same(written, tree);
        expectGuards(capacity);
      }),
      { numRuns: 150 },
    );
  });

  it("needs little more than the finished blob: 512 bytes and a third", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const size = serialize(tree).length;
        begin((512 + Math.ceil((size * 4) / 3) + 7) & ~7);
        same(writeTree(tree), tree);
      }),
    );
  });

  it("may mix cells, text and bytes in one property", () => {
    begin();
    write("fdtBeginNode", "");
    write("fdtBeginProperty", "mixed");
    write("fdtText", "a");
    write("fdtText", "bc\0d");
    write("fdtCellU32", 0x01020304);
    write("fdtCellU64", 0xfedc_ba98_7654_3210n);
    write("fdtBytes", putData(bytes(9, 8)), 2);
    write("fdtEndProperty");
    write("fdtPutEmpty", "empty");
    write("fdtPutU32", "u32", 0xffff_ffff);
    write("fdtPutU64", "u64", 1n << 63n);
    write("fdtPutString", "list", "x\0yz");
    write("fdtPutReg", 0x8000_0000n, 1n << 33n);
    write("fdtEndNode");
    const text = concat(strings("a", "bc", "d"), cells(0x01020304), u64(0xfedc_ba98_7654_3210n), bytes(9, 8));
    const properties = { mixed: text, empty: true, u32: 0xffff_ffff, u64: 1n << 63n, list: ["x", "yz"] };
    same(finish(), new FdtTree(node("", { ...properties, reg: u64(0x8000_0000n, 1n << 33n) })));
  });

  it.each([
    [0n, "cpu@0"],
    [0xfn, "cpu@f"],
    [0x10n, "cpu@10"],
    [0x8000_0000n, "cpu@80000000"],
    [0xffff_ffff_ffff_ffffn, "cpu@ffffffffffffffff"],
  ])("spells unit address %i as %s", (unit, name) => {
    begin();
    write("fdtBeginNode", "");
    write("fdtBeginNodeAt", "cpu", unit);
    write("fdtEndNode");
    write("fdtEndNode");
    same(finish(), new FdtTree(node("", {}, [node(name)])));
  });

  it("stores a property name once", () => {
    begin();
    write("fdtBeginNode", "");
    for (let i = 0; i < 50; i++) {
      write("fdtBeginNodeAt", "n", BigInt(i));
      write("fdtPutU32", "some-long-property-name", i);
      write("fdtEndNode");
    }
    write("fdtEndNode");
    const size = write("fdtFinish");
    expect(Buffer.from(core.bytesAt(buffer, size)).toString("latin1").split("some-long-property-name")).toHaveLength(2);
  });

  it("copies nodes of another tree", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const blob = serialize(tree);
        expect(reader.load(blob)).toBe(Status.Ok);
        const source = putData(blob);
        const root = reader.call("fdtRoot", reader.blob) - reader.blob + source;
        begin();
        write("fdtCopyNode", source, root);
        same(finish(), new FdtTree(tree.root.clone()));
      }),
      { numRuns: 100 },
    );
  });
});

describe("misuse", () => {
  const calls = fc.oneof(
    {
      arbitrary: fc.constantFrom<[string, ...(string | number | bigint)[]]>(["fdtEndNode"], ["fdtEndProperty"]),
      weight: 3,
    },
    {
      arbitrary: fc.nat(999).map((n): [string, ...(string | bigint)[]] => ["fdtBeginNodeAt", "n", BigInt(n)]),
      weight: 2,
    },
    { arbitrary: fc.nat(999).map((n): [string, ...(string | number)[]] => ["fdtPutU32", `p${n}`, n]), weight: 4 },
    fc.constantFrom<[string, ...(string | number | bigint)[]]>(
      ["fdtBeginNode", ""],
      ["fdtBeginNode", "a/b"],
      ["fdtBeginNode", "a\x1b"],
      ["fdtBeginNode", "x".repeat(128)],
      ["fdtBeginNodeAt", "x".repeat(111), 0xffff_ffff_ffff_ffffn],
      ["fdtBeginProperty", "q"],
      ["fdtBeginProperty", ""],
      ["fdtBeginProperty", "\u0161"],
      ["fdtCellU32", 1],
      ["fdtText", "t"],
      ["fdtText", "\u0161"],
      ["fdtReserve", 1n, 1n],
      ["fdtReserve", 0n, 0n],
      ["fdtReserve", 1n, 0xffff_ffff_ffff_ffffn],
      ["fdtFinish"],
    ),
  );

  it("in any order of calls, ends in a sound tree or a failure, and stays inside the buffer", () => {
    const seen = { sound: 0, failed: 0 };
    const sequence = fc.tuple(
      fc.constantFrom(1024, 4096),
      fc.uniqueArray(calls, {
        selector: ([name, ...rest]) => (name.startsWith("fdtEnd") ? {} : String([name, ...rest])),
        maxLength: 20,
      }),
    );
    fc.assert(
      fc.property(sequence, ([capacity, list]) => {
        begin(capacity);
        write("fdtBeginNode", "");
        for (const [name, ...args] of list) write(name, ...args);
        let size = core.unit.view().getInt32(writer + 44, true) === Status.Ok ? 0 : Status.Invalid;
        for (let i = 0; i < 30 && size === 0; i++) {
          if (core.unit.view().getUint32(writer + 28, true) === 0) size = write("fdtFinish");
          else write("fdtEndNode");
          if (core.unit.view().getInt32(writer + 44, true) !== Status.Ok && size === 0) size = Status.Invalid;
        }
        if (size > 0) expect(reader.load(core.bytesAt(buffer, size))).toBe(Status.Ok);
        seen[size > 0 ? "sound" : "failed"]++;
        expectGuards(capacity);
      }),
      { numRuns: 150 },
    );
    expect(Math.min(seen.sound, seen.failed)).toBeGreaterThan(20);
  });

  const root = (...calls: [string, ...(string | number | bigint)[]][]) => {
    write("fdtBeginNode", "");
    for (const [name, ...args] of calls) write(name, ...args);
    if (core.unit.view().getInt32(writer + 44, true) === Status.Ok) write("fdtEndNode");
    return write("fdtFinish");
  };

  it("accepts the frame that the refusals below are built on", () => {
    begin();
    expect(root(["fdtPutU32", "a", 1])).toBeGreaterThan(0);
    expect(write("fdtFinish")).toBeLessThan(0);
  });

  it.each<[string, number, [string, ...(string | number | bigint)[]][]]>([
    ["a slash in a node's name", Status.Invalid, [["fdtBeginNode", "a/b"]]],
    ["a terminal escape in a node's name", Status.Invalid, [["fdtBeginNode", "a\x1b[2J"]]],
    [
      "a node inside a property",
      Status.Invalid,
      [
        ["fdtBeginProperty", "a"],
        ["fdtBeginNode", "b"],
      ],
    ],
    ["data outside a property", Status.Invalid, [["fdtCellU32", 1]]],
    ["a property behind a child", Status.Invalid, [["fdtBeginNode", "b"], ["fdtEndNode"], ["fdtPutU32", "a", 1]]],
    ["an unclosed node", Status.Invalid, [["fdtBeginNode", "b"]]],
    ["an unclosed property", Status.Invalid, [["fdtBeginProperty", "b"]]],
    ["a late reservation", Status.Invalid, [["fdtReserve", 1n, 1n]]],
    ["text that is not ASCII", Status.Invalid, [["fdtPutString", "a", "\u0161"]]],
    ["a name of 128 bytes", Status.Limit, [["fdtBeginNode", "n".repeat(128)]]],
    ["a property above 64 KiB", Status.Limit, [["fdtPutBytes", "a", 65536, 0x1_0001]]],
    ["65 levels", Status.Limit, Array.from({ length: 64 }, () => ["fdtBeginNode", "n"])],
  ])("refuses %s", (_, status, list) => {
    begin();
    expect(root(...list)).toBe(status);
  });

  it.each([
    ["no buffer", 0, 4096, Status.Invalid],
    ["an unaligned buffer", 4, 4096, Status.Invalid],
    ["a wrapping buffer", 8, 0xffff_ffff, Status.Invalid],
    ["a buffer below the minimum", 8, 511, Status.NoMemory],
  ])("refuses %s", (_, offset, capacity, status) => {
    write("fdtBegin", offset === 0 ? 0 : buffer + (offset === 4 ? 4 : 0), capacity);
    expect(root()).toBe(status);
  });
});
