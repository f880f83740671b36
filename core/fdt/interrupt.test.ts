// SPDX-License-Identifier: Apache-2.0
// Interrupts and phandles, with the references of hostile row A05.
import { bytes, cells, type FdtNode, FdtTree, node, serialize } from "@typeone/fdt";
import { loadUnit } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";
import { CoreFdt, Status } from "../../packages/fdt/test/core.ts";

let core: CoreFdt;
beforeAll(async () => {
  core = new CoreFdt(await loadUnit("core/fdt/read.ts"));
}, 180_000);

const load = (root: FdtNode) => expect(core.load(serialize(new FdtTree(root)))).toBe(Status.Ok);
const U32_MAX = 0xffff_ffff;

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
