// SPDX-License-Identifier: Apache-2.0
// The accessors against packages/fdt: random trees, QEMU's trees, and hand-made paths and values.
import { bytes, type FdtNode, FdtTree, node, parse, serialize } from "@typeone/fdt";
import { loadUnit } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { anyTree } from "../../packages/fdt/test/arbitrary.ts";
import { CoreFdt, Status } from "../../packages/fdt/test/core.ts";
import { hasTool, QEMU_MACHINES, qemuTree } from "../../packages/fdt/test/tools.ts";

let core: CoreFdt;
beforeAll(async () => {
  core = new CoreFdt(await loadUnit("core/fdt/read.ts"));
}, 180_000);

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
      { numRuns: 100 },
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
