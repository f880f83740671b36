// SPDX-License-Identifier: Apache-2.0
// Hostile blobs (rows A01 to A03): fdtCheck against the parser of packages/fdt, which is written independently.
import { FdtTree, node, parse, serialize } from "@typeone/fdt";
import { loadUnit } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { anyDamage, anyTree, damage } from "../../packages/fdt/test/arbitrary.ts";
import { CoreFdt, Status } from "../../packages/fdt/test/core.ts";

let core: CoreFdt;
beforeAll(async () => {
  core = new CoreFdt(await loadUnit("core/fdt/read.ts"));
}, 180_000);

const small = () => new FdtTree(node("", { a: 1 }, [node("b", { c: "x", d: 2n }), node("e")]));

/** Reads everything through the accessors; traps or hangs if the check let something unsound pass. */
function touchEverything(): void {
  for (let at = core.call("fdtRoot", core.blob); at !== 0; at = core.call("fdtNext", at)) {
    core.call("fdtParent", core.blob, at);
    core.call("fdtRegCount", core.blob, at);
    core.call("fdtAddress", core.blob, at, 0, core.out);
    core.call("fdtInterrupt", core.blob, at, 1, core.out);
    core.call("fdtCompatible", core.blob, at, "x");
    for (let p = core.call("fdtFirstProperty", at); p !== 0; p = core.call("fdtNextProperty", p)) {
      core.call("fdtResolve", core.blob, p);
      core.call("fdtStringLength", p);
    }
  }
}

describe("fdtCheck", () => {
  it("accepts a damaged blob exactly if packages/fdt does, and both then read the same tree", () => {
    const seen = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(anyTree, anyDamage, (tree, harm) => {
        const blob = damage(serialize(tree), harm);
        let model: FdtTree | undefined;
        try {
          model = parse(blob);
        } catch {
          model = undefined;
        }
        const status = core.load(blob);
        if (status === Status.Limit) return;
        expect(status === Status.Ok).toBe(model !== undefined);
        seen[model === undefined ? "refused" : "accepted"]++;
        if (model === undefined) return;
        expect(Buffer.compare(serialize(core.dump()), serialize(model))).toBe(0);
        touchEverything();
      }),
      { numRuns: 500 },
    );
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(80);
  });

  it("survives bytes that were never a tree, behind a plausible header", () => {
    const header = fc.tuple(fc.nat(120), fc.nat(120), fc.nat(120), fc.nat(300), fc.nat(300));
    const token = fc.oneof(fc.constantFrom(1, 1, 2, 2, 3, 4, 9, 0), fc.nat(0xffff_ffff));
    fc.assert(
      fc.property(header, fc.array(token, { minLength: 20, maxLength: 80 }), (fields, tokens) => {
        const [structure, strings, reservations, structureSize, stringsSize] = fields;
        const blob = new Uint8Array(40 + tokens.length * 4);
        const view = new DataView(blob.buffer);
        const offsets = [structure & ~3, strings, reservations & ~7, 17, 16, 0, stringsSize, structureSize & ~3];
        [0xd00dfeed, blob.length, ...offsets, ...tokens].forEach((value, i) => view.setUint32(i * 4, value));
        let sound = true;
        try {
          parse(blob);
        } catch {
          sound = false;
        }
        expect(core.load(blob) === Status.Ok).toBe(sound);
        if (sound) touchEverything();
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ["a null pointer", 0, 100],
    ["an unaligned pointer", 4, 100],
    ["a wrapping size", 65536, 0xffff_ffff],
  ])("refuses %s", (_, ptr, size) => {
    expect(core.call("fdtCheck", ptr === 4 ? core.blob + 4 : ptr, size)).toBe(Status.Invalid);
  });

  it("reads no byte beyond the size it was given", () => {
    const blob = serialize(small());
    expect(core.load(blob)).toBe(Status.Ok);
    for (let size = 0; size < blob.length; size++) {
      expect(core.call("fdtCheck", core.blob, size), `size ${size}`).toBe(Status.Malformed);
    }
    // At the very end of linear memory a read beyond would trap.
    const end = core.unit.memory.buffer.byteLength;
    for (let size = 8; size <= blob.length; size++) {
      const at = (end - size) & ~7;
      core.unit.bytes().set(blob.slice(0, end - at), at);
      core.call("fdtCheck", at, end - at);
    }
  });

  it.each([
    ["a token cut", [1, 0]],
    ["a property's header cut", [1, 0, 3]],
    ["a property's header cut later", [1, 0, 3, 0]],
    ["a name cut", [1, 0, 1, 0x6e6e_6e6e]],
  ])("does not look behind the end of memory for %s", (_, tokens) => {
    const blob = new Uint8Array((60 + tokens.length * 4 + 7) & ~7);
    const structureAt = blob.length - tokens.length * 4;
    const view = new DataView(blob.buffer);
    const header = [0xd00dfeed, blob.length, structureAt, 56, 40, 17, 16, 0, 2, tokens.length * 4];
    [...header, 0, 0, 0, 0, 0x6100_0000].forEach((value, i) => view.setUint32(i * 4, value));
    tokens.forEach((value, i) => view.setUint32(structureAt + i * 4, value));
    const at = core.unit.memory.buffer.byteLength - blob.length;
    core.unit.bytes().set(blob, at);
    expect(core.call("fdtCheck", at, blob.length)).toBe(Status.Malformed);
  });

  const edited = (edit: (view: DataView) => void) => {
    const blob = serialize(small());
    edit(new DataView(blob.buffer));
    return blob;
  };

  it.each([
    ["A01 magic", Status.Malformed, edited((view) => view.setUint32(0, 0xedfe0dd0))],
    ["A01 total below the header", Status.Malformed, edited((view) => view.setUint32(4, 39))],
    ["A01 total beyond the buffer", Status.Malformed, edited((view) => view.setUint32(4, view.byteLength + 1))],
    ["version 15", Status.Unsupported, edited((view) => view.setUint32(20, 15))],
    ["compatible only with 18", Status.Unsupported, edited((view) => view.setUint32(24, 18))],
    ["A02 structure wraps", Status.Malformed, edited((view) => view.setUint32(36, 0xffff_fff0))],
    ["A02 strings wrap", Status.Malformed, edited((view) => view.setUint32(12, 0xffff_fff0))],
    ["A02 strings not terminated", Status.Malformed, edited((view) => view.setUint32(32, view.getUint32(32) - 1))],
    ["A02 strings overlap the structure", Status.Malformed, edited((view) => view.setUint32(12, view.getUint32(8)))],
    ["A03 no FDT_END", Status.Malformed, edited((view) => view.setUint32(36, view.getUint32(36) - 4))],
  ])("refuses %s", (_, status, blob) => {
    expect(core.load(blob)).toBe(status);
  });

  /** A blob of these structure tokens; its strings block is "a\0b\0" and one further byte without a NUL. */
  const structure = (...tokens: number[]) => {
    const blob = new Uint8Array(56 + tokens.length * 4 + 5);
    const view = new DataView(blob.buffer);
    const strings = 56 + tokens.length * 4;
    const header = [0xd00dfeed, blob.length, 56, strings, 40, 17, 16, 0, 5, tokens.length * 4];
    header.forEach((value, i) => view.setUint32(i * 4, value));
    tokens.forEach((value, i) => view.setUint32(56 + i * 4, value));
    blob.set([0x61, 0, 0x62, 0, 0x63], strings);
    return blob;
  };
  const [BEGIN, END_NODE, PROP, NOP, END] = [1, 2, 3, 4, 9] as const;
  const N = 0x6e00_0000; // "n\0\0\0"

  it.each([
    ["a bare root", Status.Ok, structure(BEGIN, 0, END_NODE, END)],
    ["NOPs everywhere", Status.Ok, structure(NOP, BEGIN, 0, NOP, PROP, 0, 0, NOP, END_NODE, NOP, END)],
    ["data up to the last cell", Status.Ok, structure(BEGIN, 0, PROP, 4, 0, 7, END_NODE, END)],
    ["no root", Status.Malformed, structure(END)],
    ["two roots", Status.Malformed, structure(BEGIN, 0, END_NODE, BEGIN, 0, END_NODE, END)],
    ["a second root with a name", Status.Malformed, structure(BEGIN, 0, END_NODE, BEGIN, N, END_NODE, END)],
    ["a root with a name", Status.Malformed, structure(BEGIN, N, END_NODE, END)],
    ["a child without a name", Status.Malformed, structure(BEGIN, 0, BEGIN, 0, END_NODE, END_NODE, END)],
    ["a node that stays open", Status.Malformed, structure(BEGIN, 0, BEGIN, N, END_NODE, END)],
    ["an end without a beginning", Status.Malformed, structure(BEGIN, 0, END_NODE, END_NODE, END)],
    ["a property before the root", Status.Malformed, structure(PROP, 0, 0, BEGIN, 0, END_NODE, END)],
    ["a property behind the root", Status.Malformed, structure(BEGIN, 0, END_NODE, PROP, 0, 0, END)],
    ["a property behind a child", Status.Malformed, structure(BEGIN, 0, BEGIN, N, END_NODE, PROP, 0, 0, END_NODE, END)],
    ["a property cut in its header", Status.Malformed, structure(BEGIN, 0, PROP, 0)],
    ["data beyond the block", Status.Malformed, structure(BEGIN, 0, PROP, 13, 0, END_NODE, END)],
    ["data that wraps", Status.Malformed, structure(BEGIN, 0, PROP, 0xffff_fff4, 0, END_NODE, END)],
    ["a property name outside", Status.Malformed, structure(BEGIN, 0, PROP, 0, 5, END_NODE, END)],
    ["a property name far outside", Status.Malformed, structure(BEGIN, 0, PROP, 0, 0xffff_ffff, END_NODE, END)],
    [
      "a property name that wraps into the structure",
      Status.Malformed,
      structure(BEGIN, 0, PROP, 0, 0xffff_fff0, BEGIN, N, END_NODE, END_NODE, END),
    ],
    ["a property name without NUL", Status.Malformed, structure(BEGIN, 0, PROP, 0, 4, END_NODE, END)],
    ["an empty property name", Status.Malformed, structure(BEGIN, 0, PROP, 0, 1, END_NODE, END)],
    [
      "two properties of one name",
      Status.Malformed,
      structure(BEGIN, 0, PROP, 0, 0, PROP, 0, 2, PROP, 0, 0, END_NODE, END),
    ],
    [
      "two children of one name",
      Status.Malformed,
      structure(BEGIN, 0, BEGIN, N, END_NODE, BEGIN, N, END_NODE, END_NODE, END),
    ],
    ["cousins of one name", Status.Ok, structure(BEGIN, 0, BEGIN, N, BEGIN, N, END_NODE, END_NODE, END_NODE, END)],
    ["a node's name without NUL", Status.Malformed, structure(BEGIN, 0, BEGIN, 0x6e6e_6e6e)],
    ["an unknown token", Status.Malformed, structure(BEGIN, 0, 5, END_NODE, END)],
  ])("%s", (_, status, blob) => {
    expect(core.load(blob)).toBe(status);
    if (status === Status.Ok) expect(() => parse(blob)).not.toThrow();
    else expect(() => parse(blob)).toThrow();
  });

  it("reads version 16", () => {
    const blob = edited((view) => {
      view.setUint32(20, 16);
      view.setUint32(36, 0xffff_ffff);
    });
    expect(core.load(blob)).toBe(Status.Ok);
    expect(core.find("/e")).not.toBe(0);
  });
});

describe("limits", () => {
  const nested = (depth: number) => {
    const tree = new FdtTree();
    for (let at = tree.root, i = 1; i < depth; i++) at = at.ensureChild("n");
    return serialize(tree);
  };

  /** A blob of these tokens; the strings block is "a\0". */
  const tokens = (list: Uint32Array) => {
    const blob = new Uint8Array(56 + list.length * 4 + 2);
    const view = new DataView(blob.buffer);
    const strings = 56 + list.length * 4;
    [0xd00dfeed, blob.length, 56, strings, 40, 17, 16, 0, 2, list.length * 4].forEach((v, i) =>
      view.setUint32(i * 4, v),
    );
    list.forEach((value, i) => view.setUint32(56 + i * 4, value));
    blob[strings] = 0x61;
    return blob;
  };

  it("takes 64 levels and no more", () => {
    expect(core.load(nested(64))).toBe(Status.Ok);
    expect(core.find("/n".repeat(63))).not.toBe(0);
    expect(core.load(nested(65))).toBe(Status.Limit);
  });

  it("A03: 100,000 levels", () => {
    const list = new Uint32Array(200_000).fill(0x6e00_0000);
    for (let i = 0; i < list.length; i += 2) list[i] = 1;
    list[1] = 0;
    expect(core.load(tokens(list))).toBe(Status.Limit);
  });

  it("A03: more nodes than the limit", () => {
    const list = new Uint32Array(17_000 * 3 + 2).fill(2);
    list.set([1, 0]);
    for (let i = 2; i < list.length; i += 3) list.set([1, 0x6e00_0000], i);
    expect(core.load(tokens(list))).toBe(Status.Limit);
  });

  it("A03: a property of 64 KiB is read, a longer one refused", () => {
    const sized = (length: number) => serialize(new FdtTree(node("", { a: new Uint8Array(length) })));
    expect(core.load(sized(0x1_0000))).toBe(Status.Ok);
    expect(core.load(sized(0x1_0001))).toBe(Status.Limit);
    expect(core.load(sized(0xf_0000))).toBe(Status.Limit);
  });

  it("A03: a blob above 2 MiB", () => {
    const view = core.unit.view();
    core.load(serialize(small()));
    view.setUint32(core.blob + 4, 0x20_0001);
    expect(core.call("fdtCheck", core.blob, 0x30_0000)).toBe(Status.Limit);
  });

  it("bounds the time for thousands of siblings with long names", () => {
    const long = "x".repeat(110);
    const children = Array.from({ length: 6000 }, (_, i) => node(`${long}${i}`));
    expect(core.load(serialize(new FdtTree(node("", {}, children))))).toBe(Status.Limit);
  });

  it("takes a board with hundreds of devices", () => {
    const devices = Array.from({ length: 400 }, (_, i) =>
      node(`device@${i.toString(16)}`, { compatible: ["acme,device", "generic"], reg: 1n, status: "okay", clocks: 1 }),
    );
    expect(core.load(serialize(new FdtTree(node("", {}, [node("soc", {}, devices)]))))).toBe(Status.Ok);
  });

  it("refuses names of more than 127 bytes", () => {
    const named = (length: number) => serialize(new FdtTree(node("", {}, [node("n".repeat(length))])));
    expect(core.load(named(127))).toBe(Status.Ok);
    expect(core.load(named(128))).toBe(Status.Malformed);
  });
});
