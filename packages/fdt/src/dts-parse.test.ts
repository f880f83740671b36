// SPDX-License-Identifier: Apache-2.0
// Our reader of source against dtc: fixtures, sources of every construct, random trees, random programs of overlaid
// definitions, random expressions. Where dtc refuses, so do we, with a line.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { anyTree } from "../test/arbitrary.ts";
import { anyExpression, anyProgram } from "../test/sources.ts";
import { dtc, hasTool } from "../test/tools.ts";
import { DtsError, parse, parseDts, parseDtsWithPlaces, printDts, serialize } from "./index.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../../../tests/fixtures/qemu-virt");
const fixtures = readdirSync(FIXTURES).filter((file) => file.endsWith(".dtb"));

/** dtc's blob, or undefined if it refuses the source. */
function oracle(source: string): Uint8Array | undefined {
  try {
    return dtc("dts", "dtb", source);
  } catch {
    return undefined;
  }
}

function ours(source: string): Uint8Array | DtsError {
  try {
    return serialize(parseDts(source));
  } catch (error) {
    if (error instanceof DtsError) return error;
    throw error;
  }
}

/** Equal as blobs, and as source when they differ, which a person can read. */
function expectSame(source: string): "read" | "refused" {
  const theirs = oracle(source);
  const mine = ours(source);
  if (theirs === undefined || mine instanceof DtsError) {
    if (theirs === undefined && mine instanceof DtsError) return "refused";
    expect([mine instanceof DtsError ? "refused" : "read", source]).toEqual([theirs ? "read" : "refused", source]);
  } else if (Buffer.compare(theirs, mine) !== 0) {
    expect(printDts(parse(mine))).toBe(printDts(parse(theirs)));
    expect.fail(`same tree, other bytes:\n${source}`);
  }
  return "read";
}

describe.skipIf(!hasTool("dtc"))("against dtc", () => {
  it.each(fixtures)("%s: blob to our source to dtc, and dtc's source to our blob", (file) => {
    const blob = readFileSync(path.join(FIXTURES, file));
    const tree = parse(blob);
    expect(Buffer.compare(dtc("dts", "dtb", printDts(tree)), serialize(tree))).toBe(0);
    const source = dtc("dtb", "dts", blob).toString();
    expect(Buffer.compare(serialize(parseDts(source)), dtc("dts", "dtb", source))).toBe(0);
    expect(Buffer.compare(serialize(parseDts(printDts(tree))), serialize(tree))).toBe(0);
  });

  it.each([
    ["an empty root", "/ { };"],
    ["every kind of value", `/ { a; b = "x", "y"; c = <1 0x2 'c' (3 + 4)>; d = [00 1f A0ff]; e = "s", <1>, [02]; };`],
    [
      "escapes",
      String.raw`/ { a = "\a\b\t\n\v\f\r\\\"\'\x41\x4z\101\0end", "two
lines"; b = <'\n' '\x7f' '\''>; c = <'\\'>; };`,
    ],
    [
      "widths",
      `/ { a = /bits/ 8 <1 255 (-1) 'a'>; b = /bits/ 16 <0x1234 (-2)>; c = /bits/ 64 <0x123456789abcdef0 (-3)>; };`,
    ],
    ["suffixes and octal", `/ { a = <010 10U 10UL 0x10ULL 10LL 10L>; };`],
    ["labels everywhere", `/ { l0: a = l1: <l2: 1 l3:> l4:, l5: [l6: 01 l7:]; l8: l9: n { }; };`],
    ["references", `/ { a = <&x &{/n/m@1}>; b = &x; c = &{/n}; x: n { m@1 { }; }; };`],
    ["phandles that are taken", `/ { r = <&a &b &c>; a: a { phandle = <2>; }; b: b { }; c: c { phandle = <&c>; }; };`],
    ["a reference back", `/ { a: a { x = <1>; }; b { y = <&a>; }; };`],
    ["reservations", `/memreserve/ 0x1000 (4 * 4); l: /memreserve/ 0 0x10; / { };`],
    ["definitions over each other", `/ { a = <1>; b = <2>; n { x; }; }; / { b = "new"; c; n { y; }; m { }; };`],
    ["extension by label", `/ { l: n { x = <1>; }; }; &l { x = <2>; y; k { }; }; other: &l { z = <&other>; };`],
    ["extension by path", `/ { n { m@2 { }; }; }; &{/n/m@2} { x; };`],
    [
      "deletion",
      `/ { a; b; n { x; }; m { }; }; / { /delete-property/ a; /delete-node/ n; }; / { n { y; }; a = <3>; };`,
    ],
    ["deletion by label", `/ { l: n { x; }; m { }; }; /delete-node/ &l;`],
    ["deletion where it is defined", `/ { a; /delete-property/ a; /delete-node/ n; n { }; };`],
    ["deletion of a node behind its definition", `/ { n { }; /delete-node/ n; };`],
    [
      "deleted and defined again in place",
      `/ { n { a; b; }; }; / { n { /delete-property/ a; }; }; / { n { a = <1>; }; };`,
    ],
    [
      "unreferenced nodes",
      `/ { r = <&b>; /omit-if-no-ref/ a: a { }; /omit-if-no-ref/ b: b { }; c: c { }; }; /omit-if-no-ref/ &c;`,
    ],
    ["names with every character", String.raw`/ { #a-cells; a,b._+*?@-9 = <1>; 0123 { }; \delete = <1>; };`],
    ["comments", "/* a */ / { // b\n a /* c */ = /* d\n */ <1 /* e */ 2>; };"],
    ["line markers", `# 1 "a.dts"\n/ {\n# 2 "b.dts" 2\na;\n#line 5 "c"\n};`],
    [
      "a boot CPU",
      `/ { cpus { #address-cells = <1>; #size-cells = <0>; cpu@7 { reg = <7>; }; cpu@1 { reg = <1>; }; }; };`,
    ],
    ["a path to the root", `/ { a = &{/}; };`],
    // Refused by both:
    ["no root", ``],
    ["a property behind a node", `/ { n { }; a; };`],
    ["the same property twice", `/ { a; a; };`],
    ["the same node twice", `/ { n { }; n { }; };`],
    ["a label twice", `/ { l: a { }; l: b { }; };`],
    ["a reference to nothing", `/ { a = <&x>; };`],
    ["an extension of nothing", `/ { }; &x { };`],
    ["a phandle of two cells", `/ { phandle = <1 2>; };`],
    ["the phandle of another", `/ { a: a { phandle = <&b>; }; b: b { }; };`],
    ["two equal phandles", `/ { a { phandle = <1>; }; b { phandle = <1>; }; };`],
    ["a number too large for its cell", `/ { a = <0x100000000>; };`],
    ["a number too large for a byte", `/ { a = /bits/ 8 <256>; };`],
    ["a width that is none", `/ { a = /bits/ 24 <1>; };`],
    ["a reference in bytes", `/ { a: a = /bits/ 8 <&a>; };`],
    ["half a byte", `/ { a = [0]; };`],
    ["an octal eight", `/ { a = <08>; };`],
    ["division by zero", `/ { a = <(1 / 0)>; };`],
    ["an open text", `/ { a = "x; };`],
    ["an open comment", `/ { }; /* x`],
    ["no semicolon", `/ { a }`],
    ["an unknown directive", `/ { /frob/ a; };`],
    ["a late reservation", `/ { }; /memreserve/ 1 2;`],
  ])("%s", (_, body) => {
    expectSame(`/dts-v1/;\n${body}\n`);
  });

  it("needs /dts-v1/", () => {
    expectSame("/ { };");
  });

  it("random trees: dtb → our source → dtc → dtb, and dtc's source → our dtb", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const blob = serialize(tree);
        const source = printDts(tree);
        expectSame(source);
        const again = parse(dtc("dts", "dtb", source));
        again.bootCpu = tree.bootCpu;
        expect(Buffer.compare(serialize(again), blob)).toBe(0);
        expectSame(dtc("dtb", "dts", blob).toString());
      }),
      { numRuns: 60 },
    );
  });

  it("random programs", () => {
    const count = { read: 0, refused: 0 };
    fc.assert(
      fc.property(anyProgram, (source) => void count[expectSame(source)]++),
      { numRuns: 300 },
    );
    expect(Math.min(count.read, count.refused)).toBeGreaterThan(50);
  });

  it("random expressions", () => {
    fc.assert(
      fc.property(fc.array(anyExpression, { minLength: 1, maxLength: 12 }), (expressions) => {
        const properties = expressions.map((text, i) => `p${i} = /bits/ 64 <(${text})>;`);
        expectSame(`/dts-v1/;\n/ {\n${properties.join("\n")}\n};\n`);
      }),
      { numRuns: 60 },
    );
  });
});

describe("without dtc", () => {
  it("source that was printed is read as the same tree", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const read = parseDts(printDts(tree));
        read.bootCpu = tree.bootCpu;
        expect(Buffer.compare(serialize(read), serialize(tree))).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it("says where nodes and properties stand", () => {
    const { tree, placeOf } = parseDtsWithPlaces(
      "/dts-v1/;\n/ {\n  a = <1>;\n  n {\n    b;\n  };\n};\n/ { n { b = <2>; }; };",
    );
    expect(placeOf(tree.root, "a")).toEqual({ line: 3, column: 3 });
    expect(placeOf(tree.get("/n"))).toEqual({ line: 4, column: 3 });
    expect(placeOf(tree.get("/n"), "b")).toEqual({ line: 8, column: 9 });
    expect(placeOf(parseDts("/dts-v1/; / { };").root)).toBeUndefined();
  });

  it.each([
    ["/ { };", 1, 1, /expected \/dts-v1\//],
    ["/dts-v1/;\n/ {\n  a = <1\n};", 4, 1, /expected a number/],
    ["/dts-v1/;\n/ {\n  a = <&gone>;\n};", 3, 8, /there is no node &gone/],
    ['/dts-v1/;\n/include/ "x.dtsi"\n', 2, 1, /\/include\/ is not followed/],
    ['/dts-v1/;\n/ { a = /incbin/ ("f"); };', 2, 9, /\/incbin\/ is not followed/],
    ["/dts-v1/;\n/plugin/;\n", 2, 1, /overlays/],
    ["/dts-v1/;\n#include <a.h>\n/ { };", 2, 1, /run cpp/],
    ["/dts-v1/;\n/ {\n#include <a.h>\n};", 3, 1, /run cpp/],
    ["/dts-v1/;\n/ { a; n { }; a; };", 2, 15, /must stand before the nodes/],
    ["/dts-v1/;\n/ { a;\n  a; };", 3, 3, /two properties a/],
    [`/dts-v1/;\n/ { a = <${"(".repeat(5000)}1>; };`, 2, 75, /nested too deep/],
    [`/dts-v1/;\n/ { a = <(${"-".repeat(5000)}1)>; };`, 2, 75, /nested too deep/],
    [`/dts-v1/;\n/ ${"{ n ".repeat(5000)}`, 2, 1027, /deeper than 256/],
  ])("%.60j fails at line %i, column %i", (source, line, column, message) => {
    try {
      parseDts(source, { file: "f.dts" });
      expect.fail("was accepted");
    } catch (error) {
      expect(error).toBeInstanceOf(DtsError);
      const { reason, ...at } = error as DtsError;
      expect([at.file, at.line, at.column, reason]).toEqual(["f.dts", line, column, expect.stringMatching(message)]);
    }
  });

  it("any text is read or refused with a DtsError", () => {
    const token = fc.constantFrom(
      ..."/dts-v1/;|/|{|}|;|n|a|=|<|>|[|]|1|0x|&l|l:|\"|'|\\|(|)|,|/delete-node/|/bits/|/*|//|\n|#|&{/n}|-|?|:|8".split(
        "|",
      ),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), (tokens) => {
        ours(`/dts-v1/; / { ${tokens.join(" ")}`);
        ours(tokens.join(""));
      }),
      { numRuns: 1000 },
    );
  });
});
