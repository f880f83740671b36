// SPDX-License-Identifier: Apache-2.0
import { FdtTree, parse, serialize } from "@typeone/fdt";
import { describe, expect, it } from "vitest";
import { type GuestSpec, addGuests } from "./dom0less.ts";
import { MIB, placeGuests } from "./placement.ts";

const spec = (name: string, change: Partial<GuestSpec> = {}): GuestSpec => ({
  name,
  memoryMiB: 64,
  cpus: 2,
  kernel: "/k",
  ramdisk: "/r",
  bootargs: `console=ttyS0 name=${name}`,
  ...change,
});

function compose(specs: readonly GuestSpec[]) {
  const host = new FdtTree();
  host.ensure("/chosen").set("stdout-path", "/soc/serial@10000000");
  const placement = placeGuests({
    hostBytes: 1024 * MIB,
    guests: specs.map((guest) => ({
      name: guest.name,
      memoryBytes: guest.memoryMiB * MIB,
      kernel: {
        id: guest.kernel,
        bytes: 4096,
        shape: { format: "flat", textOffset: 0x20_0000, memoryBytes: 4096, fileBytes: 4096 },
      },
      ...(guest.ramdisk ? { ramdisk: { id: guest.ramdisk, bytes: 512 } } : {}),
      contents: new Map(
        (guest.devices ?? []).flatMap(({ name, file, use }) => {
          const own = { id: `${file}#${guest.name}`, file: file ?? "", bytes: 1024 };
          return file === undefined ? [] : [[name, use === "own" ? own : { id: file, bytes: 1024 }]];
        }),
      ),
      memory: guest.memory ?? "static",
    })),
  });
  return { host, placement, tree: parse(serialize(addGuests(host, specs, placement))) };
}

describe("addGuests", () => {
  it("writes Xen's binding with 64-bit memory in KiB and two-cell addresses", () => {
    const { tree, placement } = compose([spec("alpha", { priority: 4, weight: 512, policy: "pinned" })]);
    const node = tree.get("/chosen/guest-alpha");
    expect(node.isCompatible("xen,domain")).toBe(true);
    expect(node.u64("memory")).toBe(65536n);
    expect(node.u32("cpus")).toBe(2);
    expect(node.string("typeone,name")).toBe("alpha");
    expect(node.u32("typeone,priority")).toBe(4);
    expect(node.u32("typeone,weight")).toBe(512);
    expect(node.string("typeone,policy")).toBe("pinned");
    expect(node.cells("xen,static-mem")).toEqual([0, placement.guests[0]?.staticMemory?.hpa, 0, 64 * MIB]);
    const [kernel, ramdisk] = node.children;
    expect(kernel?.strings("compatible")).toEqual(["multiboot,kernel", "multiboot,module"]);
    expect(kernel?.cells("reg")).toEqual([0, 0x9000_0000, 0, 4096]);
    expect(kernel?.string("bootargs")).toBe("console=ttyS0 name=alpha");
    expect(kernel?.has("typeone,preloaded")).toBe(true);
    expect(ramdisk?.strings("compatible")).toEqual(["multiboot,ramdisk", "multiboot,module"]);
    expect(ramdisk?.has("typeone,preloaded")).toBe(true);
  });

  it("leaves placement to the hypervisor for dynamic memory, and keeps what was in the host tree", () => {
    const { tree, host } = compose([spec("alpha", { memory: "dynamic" })]);
    const node = tree.get("/chosen/guest-alpha");
    expect(node.has("xen,static-mem")).toBe(false);
    expect(node.children.some((child) => child.has("typeone,preloaded"))).toBe(false);
    expect(tree.get("/chosen").string("stdout-path")).toBe("/soc/serial@10000000");
    expect(host.find("/chosen/guest-alpha")).toBeUndefined();
  });

  it("gives device nodes, and content that a guest writes into to that guest alone", () => {
    const file = (use: "own" | "shared") => ({ name: "disk@0", properties: { compatible: "x" }, file: "/d", use });
    const rng = { name: "rng@0", properties: { compatible: "typeone,rng" } };
    const { tree, placement } = compose([
      spec("a", { devices: [file("own"), rng] }),
      spec("b", { devices: [file("shared")] }),
      spec("c", { devices: [file("shared")] }),
    ]);
    const regs = ["a", "b", "c"].map((name) => tree.get(`/chosen/guest-${name}/disk@0`).cells("reg"));
    expect(regs[1]).toEqual(regs[2]);
    expect(regs[0]?.[1]).not.toBe(regs[1]?.[1]);
    expect(regs.map((cells) => cells?.[3])).toEqual([1024, 1024, 1024]);
    expect(tree.get("/chosen/guest-a/disk@0").string("compatible")).toBe("x");
    expect(tree.get("/chosen/guest-a/rng@0").has("reg")).toBe(false);
    expect(placement.modules.filter((module) => (module.file ?? module.id) === "/d")).toHaveLength(2);
  });
});
