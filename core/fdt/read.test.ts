// SPDX-License-Identifier: Apache-2.0
// The accessors against packages/fdt: random trees, QEMU's trees, and plain models of reg, ranges and interrupts.
import { bytes, cells, type FdtNode, FdtTree, node, parse, serialize, u64 } from "@typeone/fdt";
import { loadUnit } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { anyTree } from "../../packages/fdt/test/arbitrary.ts";
import { CoreFdt, Status } from "../../packages/fdt/test/core.ts";
import { hasTool, QEMU_MACHINES, qemuTree } from "../../packages/fdt/test/tools.ts";

let core: CoreFdt;
beforeAll(async () => {
  core = new CoreFdt(await loadUnit("core/fdt/read.ts"));
});

const load = (root: FdtNode) => expect(core.load(serialize(new FdtTree(root)))).toBe(Status.Ok);
const U32_MAX = 0xffff_ffff;

describe("random trees", () => {
  it("read the same through core and packages/fdt", () => {
    fc.assert(
      fc.property(anyTree, (tree) => {
        const blob = serialize(tree);
        expect(core.load(blob)).toBe(Status.Ok);
        expect(Buffer.compare(serialize(core.dump()), blob)).toBe(0);
        let at = core.call("fdtRoot", core.blob);
        const ptrs = new Map<FdtNode | undefined, number>([[undefined, 0]]);
        for (const model of tree.nodes()) {
          expect(core.textAt(core.call("fdtName", at))).toBe(model.name);
          ptrs.set(model, at);
          expect(core.call("fdtParent", core.blob, at)).toBe(ptrs.get(model.parent));
          expect(core.call("fdtDepth", core.blob, at)).toBe(model.path.split("/").filter((part) => part !== "").length);
          if (model.path.includes("@") || !model.path.match(/\/(\w+)$/)) expect(core.find(model.path)).not.toBe(0);
          for (const [name, value] of model.properties) {
            const property = core.call("fdtProperty", core.blob, at, name);
            expect(Buffer.compare(core.bytesAt(property, core.call("fdtLength", property)), value)).toBe(0);
            expect(core.call("fdtProperty", core.blob, at, `${name}!`)).toBe(0);
          }
          at = core.call("fdtNext", at);
        }
        expect(at).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe("paths and values", () => {
  beforeAll(() => {
    load(
      node("", { one: 7, two: 1n << 40n, text: "abc", list: ["ab", "abc"], odd: bytes(1, 2, 3), tail: bytes(0x61) }, [
        node("aliases", { serial0: "/soc/serial@10000000", gone: "/soc/none" }),
        node("chosen", {
          a: "serial0:115200n8",
          b: "/soc/serial@10000000:9600",
          c: "gone",
          d: "none",
          e: "",
          f: "serial",
        }),
        node("soc", {}, [node("serial@10000000", { status: "disabled" }), node("serial@10001000", { status: "okay" })]),
        node("ser", { status: "ok" }),
      ]),
    );
  });

  it.each([
    ["/", ""],
    ["/soc", "soc"],
    ["//soc/", "soc"],
    ["/soc/serial", "serial@10000000"],
    ["/soc/serial@10001000", "serial@10001000"],
    ["/ser", "ser"],
  ])("finds %s", (path, name) => {
    expect(core.textAt(core.call("fdtName", core.find(path)))).toBe(name);
  });

  it.each(["", "soc", "/so", "/socs", "/soc/serial@", "/soc/serial@1000", "/soc/serial/x", "/SOC"])(
    "finds no %s",
    (path) => {
      expect(core.find(path)).toBe(0);
    },
  );

  it("resolves stdout-path by path and by alias, without its options", () => {
    const resolved = ["a", "b", "c", "d", "e", "f"].map((name) =>
      core.call("fdtResolve", core.blob, core.call("fdtProperty", core.blob, core.find("/chosen"), name)),
    );
    const serial = core.find("/soc/serial@10000000");
    expect(resolved).toEqual([serial, serial, 0, 0, 0, 0]);
  });

  it("reads numbers, and the default for what is missing or of another size", () => {
    const root = core.find("/");
    const wide = (name: string) => core.unit.exports["fdtU64"]?.(core.blob, root, core.literal(name), 5n);
    expect(core.call("fdtU32", core.blob, root, "one", 9)).toBe(7);
    expect(core.call("fdtU32", core.blob, root, "two", 9)).toBe(9);
    expect(core.call("fdtU32", core.blob, root, "none", 9)).toBe(9);
    expect([wide("one"), wide("two"), wide("odd"), wide("none")]).toEqual([7n, 1n << 40n, 5n, 5n]);
    const two = core.call("fdtProperty", core.blob, root, "two");
    expect(core.call("fdtCellCount", two)).toBe(2);
    expect([0, 1, 2, U32_MAX].map((i) => core.call("fdtCell", two, i))).toEqual([256, 0, 0, 0]);
  });

  it("compares strings whole", () => {
    const root = core.find("/");
    const contains = (name: string, text: string) => core.call("fdtListContains", core.blob, root, name, text) !== 0;
    const equals = (name: string, text: string) => core.call("fdtEquals", core.blob, root, name, text) !== 0;
    expect(["ab", "abc", "a", "abcd", "b", ""].map((text) => contains("list", text))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
    expect(["abc", "ab", "abcd", ""].map((text) => equals("text", text))).toEqual([true, false, false, false]);
    expect([equals("list", "ab"), equals("tail", "a"), contains("tail", "a"), equals("none", "")]).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it("knows which nodes are in use", () => {
    const available = (path: string) => core.call("fdtAvailable", core.blob, core.find(path)) !== 0;
    expect(["/soc", "/ser", "/soc/serial@10000000", "/soc/serial@10001000"].map(available)).toEqual([
      true,
      true,
      false,
      true,
    ]);
  });
});

describe("reg and ranges", () => {
  const reg = (index: number, path = "/bus/dev") => {
    const status = core.call("fdtReg", core.blob, core.find(path), index, core.out);
    return status === Status.Ok ? core.range() : status;
  };
  const address = (path = "/bus/dev") => {
    const status = core.call("fdtAddress", core.blob, core.find(path), 0, core.out);
    return status === Status.Ok ? core.range() : status;
  };

  it("reads entries of every legal shape", () => {
    const number = (width: number) => fc.bigInt(0n, (1n << BigInt(32 * width)) - 1n);
    const shape = fc
      .tuple(fc.constantFrom(1, 2), fc.constantFrom(0, 1, 2))
      .chain(([ac, sc]) =>
        fc.tuple(
          fc.constant([ac, sc] as const),
          fc.array(fc.tuple(number(ac), number(sc)), { minLength: 1, maxLength: 4 }),
        ),
      );
    const wide = (value: bigint, width: number) => u64(value).slice(8 - width * 4);
    fc.assert(
      fc.property(shape, ([[ac, sc], entries]) => {
        const value = Buffer.concat(entries.flatMap(([base, size]) => [wide(base, ac), wide(size, sc)]));
        load(node("", {}, [node("bus", { "#address-cells": ac, "#size-cells": sc }, [node("dev", { reg: value })])]));
        expect(core.call("fdtRegCount", core.blob, core.find("/bus/dev"))).toBe(entries.length);
        entries.forEach(([base, size], i) =>
          expect(reg(i)).toEqual(base + size >= 1n << 64n ? Status.Range : { base, size }),
        );
        expect(reg(entries.length)).toBe(Status.NotFound);
        expect(reg(U32_MAX)).toBe(Status.NotFound);
      }),
      { numRuns: 300 },
    );
  });

  it("takes two address cells and one size cell where the bus says nothing", () => {
    load(node("", {}, [node("bus", {}, [node("dev", { reg: cells(1, 2, 3) })])]));
    expect(reg(0)).toEqual({ base: 0x1_0000_0002n, size: 3n });
  });

  it.each([
    ["#address-cells 0", { "#address-cells": 0 }],
    ["#address-cells 3", { "#address-cells": 3 }],
    ["#address-cells 0xffffffff", { "#address-cells": U32_MAX }],
    ["#size-cells 3", { "#size-cells": 3 }],
    ["#size-cells 0xffffffff", { "#size-cells": U32_MAX }],
    ["#address-cells of 8 bytes", { "#address-cells": 2n }],
    ["reg that is not a multiple", { "#size-cells": 2 }],
  ])("A04: refuses %s", (_, properties) => {
    load(node("", {}, [node("bus", properties, [node("dev", { reg: cells(0, 0, 1) })])]));
    expect(reg(0)).toBe(Status.Malformed);
    expect(core.call("fdtRegCount", core.blob, core.find("/bus/dev"))).toBe(Status.Malformed);
  });

  it("A04: refuses an empty reg, the root's reg, and a node without one", () => {
    load(node("", { reg: cells(0, 0, 1) }, [node("bus", {}, [node("dev", { reg: true }), node("none")])]));
    expect([reg(0), reg(0, "/"), reg(0, "/bus/none")]).toEqual([Status.Malformed, Status.Malformed, Status.NotFound]);
  });

  const twoBuses = (outer: Uint8Array | true | undefined, inner: Uint8Array | true | undefined, dev: Uint8Array) =>
    load(
      node("", { "#address-cells": 2, "#size-cells": 2 }, [
        node("out", { "#address-cells": 1, "#size-cells": 1, ranges: outer }, [
          node("in", { "#address-cells": 2, "#size-cells": 1, ranges: inner }, [node("dev", { reg: dev })]),
        ]),
      ]),
    );

  it("translates through two buses with different cells", () => {
    twoBuses(cells(0x4000, 0x8, 0x0, 0x1000), cells(1, 0, 0x4800, 0x100, 2, 0, 0x4400, 0x40), cells(2, 0x10, 0x30));
    expect(address("/out/in/dev")).toEqual({ base: 0x8_0000_0410n, size: 0x30n });
  });

  it.each([
    ["identity by empty ranges", true, true, cells(0, 0x10, 4), { base: 0x10n, size: 4n }],
    ["no ranges", undefined, true, cells(0, 0x10, 4), Status.Range],
    ["beyond the window", true, cells(0, 0, 0, 0x13), cells(0, 0x10, 4), Status.Range],
    ["just inside the window", true, cells(0, 0, 0, 0x14), cells(0, 0x10, 4), { base: 0x10n, size: 4n }],
    ["below the window", true, cells(0, 0x11, 0, 0x100), cells(0, 0x10, 4), Status.Range],
    ["an empty window", true, cells(0, 0x10, 0, 0), cells(0, 0x10, 0), Status.Range],
    ["ranges not a multiple", true, cells(0, 0, 0), cells(0, 0x10, 4), Status.Malformed],
    ["a result that wraps", cells(0, U32_MAX, U32_MAX - 7, 0x100), true, cells(0, 0x10, 4), Status.Range],
    ["a device that wraps", true, true, cells(U32_MAX, U32_MAX, 1), Status.Range],
  ])("%s", (_, outer, inner, dev, expected) => {
    twoBuses(outer as true, inner as true, dev);
    expect(address("/out/in/dev")).toEqual(expected);
  });

  it("agrees with a plain model on random windows", () => {
    const small = fc.nat(40);
    const window = fc.tuple(small, fc.oneof(small, fc.constant(U32_MAX)), small, small);
    fc.assert(
      fc.property(
        fc.array(window, { minLength: 1, maxLength: 3 }),
        fc.array(window, { minLength: 1, maxLength: 3 }),
        small,
        fc.nat(8),
        (outer, inner, base, size) => {
          load(
            node("", { "#address-cells": 2 }, [
              node(
                "out",
                {
                  "#address-cells": 1,
                  "#size-cells": 1,
                  ranges: Buffer.concat(outer.map(([c, hi, lo, s]) => cells(c, hi, lo, s))),
                },
                [
                  node(
                    "in",
                    {
                      "#address-cells": 1,
                      "#size-cells": 1,
                      ranges: Buffer.concat(inner.map(([c, , p, s]) => cells(c, p, s))),
                    },
                    [node("dev", { reg: cells(base, size) })],
                  ),
                ],
              ),
            ]),
          );
          const through = (at: bigint | undefined, windows: (readonly [number, bigint, number])[]) => {
            const hit = windows.find(
              ([c, , s]) => at !== undefined && at >= c && at < c + s && at + BigInt(size) <= c + s,
            );
            return at === undefined || hit === undefined ? undefined : at - BigInt(hit[0]) + hit[1];
          };
          const middle = through(
            BigInt(base),
            inner.map(([c, , p, s]) => [c, BigInt(p), s] as const),
          );
          const top = through(
            middle,
            outer.map(([c, hi, lo, s]) => [c, (BigInt(hi) << 32n) | BigInt(lo), s] as const),
          );
          expect(address("/out/in/dev")).toEqual(top === undefined ? Status.Range : { base: top, size: BigInt(size) });
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("interrupts and phandles", () => {
  const interrupt = (path: string, index: number) => {
    const status = core.call("fdtInterrupt", core.blob, core.find(path), index, core.out);
    if (status !== Status.Ok) return status;
    const view = core.unit.view();
    const controller = core.textAt(core.call("fdtName", view.getUint32(core.out, true)));
    const count = view.getUint32(core.out + 8, true);
    return [controller, ...Array.from({ length: count }, (_, i) => core.call("fdtInterruptCell", core.out, i))];
  };

  it("follows interrupts, interrupt-parent and interrupts-extended", () => {
    load(
      node("", { "interrupt-parent": 1 }, [
        node("plic", { phandle: 1, "#interrupt-cells": 1 }),
        node("aplic", { phandle: 2, "#interrupt-cells": 2 }),
        node("msi", { phandle: 3, "#interrupt-cells": 0 }),
        node("soc", {}, [
          node("a", { interrupts: cells(7, 8) }),
          node("b", { interrupts: cells(7, 8), "interrupt-parent": 2 }),
          node("c", { "interrupts-extended": cells(2, 5, 6, 3, 1, 9), interrupts: cells(1) }),
          node("d", { "interrupts-extended": cells(1, 5, 2, 5) }),
          node("e", { "interrupts-extended": cells(4, 5) }),
          node("f", { interrupts: cells(1, 2, 3), "interrupt-parent": 2 }),
          node("g", { interrupts: cells(1), "interrupt-parent": 3 }),
          node("h", { "interrupts-extended": bytes(0, 0, 0) }),
        ]),
      ]),
    );
    expect([interrupt("/soc/a", 0), interrupt("/soc/a", 1), interrupt("/soc/a", 2)]).toEqual([
      ["plic", 7],
      ["plic", 8],
      Status.NotFound,
    ]);
    expect([interrupt("/soc/b", 0), interrupt("/soc/b", 1)]).toEqual([["aplic", 7, 8], Status.NotFound]);
    expect([0, 1, 2, 3].map((i) => interrupt("/soc/c", i))).toEqual([
      ["aplic", 5, 6],
      ["msi"],
      ["plic", 9],
      Status.NotFound,
    ]);
    expect([0, 1].map((i) => interrupt("/soc/d", i))).toEqual([["plic", 5], Status.Malformed]);
    expect(["e", "f", "g", "h"].map((name) => interrupt(`/soc/${name}`, 0))).toEqual(Array(4).fill(Status.Malformed));
    expect(interrupt("/soc", 0)).toBe(Status.NotFound);
  });

  it("A05: a phandle claimed twice names nobody", () => {
    load(
      node("", {}, [
        node("a", { phandle: 1 }),
        node("b", { phandle: 2 }),
        node("c", { phandle: 1 }),
        node("d", { phandle: U32_MAX }),
      ]),
    );
    expect(core.call("fdtByPhandle", core.blob, 2)).toBe(core.find("/b"));
    expect([0, 1, 3, U32_MAX].map((p) => core.call("fdtByPhandle", core.blob, p))).toEqual([0, 0, 0, 0]);
  });

  it("A05: interrupt parents in a circle end", () => {
    load(
      node("", {}, [
        node("a", { phandle: 1, "interrupt-parent": 2, interrupts: cells(1) }),
        node("b", { phandle: 2, "interrupt-parent": 1 }),
        node("c", { phandle: 3, "interrupt-parent": 3, interrupts: cells(1) }),
      ]),
    );
    expect([interrupt("/a", 0), interrupt("/c", 0)]).toEqual([Status.Malformed, Status.Malformed]);
  });
});

describe.skipIf(!hasTool("qemu-system-riscv64"))("QEMU's trees", () => {
  it.each(QEMU_MACHINES)("%s with %i harts read the same as with packages/fdt", (machine, smp) => {
    const blob = qemuTree(machine, smp);
    const tree = parse(blob);
    expect(core.load(blob)).toBe(Status.Ok);
    expect(Buffer.compare(serialize(core.dump()), serialize(tree))).toBe(0);
    const memory = core.find("/memory");
    expect(core.call("fdtAddress", core.blob, memory, 0, core.out)).toBe(Status.Ok);
    expect(core.range()).toEqual({ base: 0x8000_0000n, size: 0x2000_0000n });
    for (let i = 0; i < smp; i++) {
      expect(core.call("fdtReg", core.blob, core.find(`/cpus/cpu@${i.toString(16)}`), 0, core.out)).toBe(Status.Ok);
      expect(core.range()).toEqual({ base: BigInt(i), size: 0n });
    }
    const uart = core.call("fdtFindCompatible", core.blob, 0, "ns16550a");
    const stdout = core.call("fdtProperty", core.blob, core.find("/chosen"), "stdout-path");
    expect(core.call("fdtResolve", core.blob, stdout)).toBe(uart);
    expect(core.call("fdtAddress", core.blob, uart, 0, core.out)).toBe(Status.Ok);
    expect(core.range().base).toBe(0x1000_0000n);
    expect(core.call("fdtInterrupt", core.blob, uart, 0, core.out)).toBe(Status.Ok);
    expect(core.call("fdtInterruptCell", core.out, 0)).toBe(10);
    expect(core.call("fdtFindCompatible", core.blob, uart, "ns16550a")).toBe(0);
    const disks = tree.compatible("virtio,mmio");
    let found = 0;
    for (let at = 0; (at = core.call("fdtFindCompatible", core.blob, at, "virtio,mmio")) !== 0;) found++;
    expect(found).toBe(disks.length);
  });
});
