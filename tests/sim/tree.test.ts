// SPDX-License-Identifier: Apache-2.0
// The device tree that a guest is given: what a kernel needs, and nothing that the guest cannot have.
import type { FdtTree } from "@typeone/fdt";
import { describe, expect, it } from "vitest";
import {
  load,
  program,
  type Cpu,
  type GuestCode,
  type MachineOptions,
  readBytes,
  useTraps,
  TIMEBASE,
} from "@typeone/sim";
import { allSaid, domain, machineWith, memoryOf, readTree, sleep } from "./support.ts";

/** Boots one guest, hands its tree to `look` on the guest's own CPU, and answers the tree. */
async function treeOf(
  options: MachineOptions,
  more: Parameters<typeof domain>[2],
  look?: (cpu: Cpu, tree: FdtTree) => GuestCode,
) {
  const got: FdtTree[] = [];
  const failures: unknown[] = [];
  const guest = program({
    *boot(cpu) {
      yield* useTraps(cpu);
      try {
        const tree = yield* readTree(cpu);
        got.push(tree);
        if (look) yield* look(cpu, tree);
      } catch (error) {
        failures.push(error);
      }
      cpu.guest.log.push("done");
      yield* sleep();
    },
  });
  const machine = await machineWith([domain("one", guest, more)], options);
  machine.runUntil(() => allSaid(machine, "done"));
  if (failures.length > 0) throw failures[0];
  machine.check();
  return got[0] as FdtTree;
}

describe("the guest's device tree", () => {
  it("has one cpu node per vCPU with the host's timebase and an ISA without H and without what the host lacks", async () => {
    for (const sstc of [true, false]) {
      const tree = await treeOf({ sstc, aia: "aplic-imsic" }, { cpus: 3 });
      const cpus = tree.get("/cpus").children.filter((node) => node.string("device_type") === "cpu");
      expect(cpus.map((node) => node.u32("reg"))).toEqual([0, 1, 2]);
      expect(tree.get("/cpus").u32("timebase-frequency")).toBe(TIMEBASE);
      for (const cpu of cpus) {
        const isa = cpu.string("riscv,isa") ?? "";
        const [letters = "", ...extensions] = isa.split("_");
        expect(letters).toMatch(/^rv64imafdc/);
        expect(letters.slice(4)).not.toMatch(/h/);
        expect(extensions.includes("sstc")).toBe(sstc);
        expect(extensions.filter((name) => /^(sm|ssaia|sh)/.test(name))).toEqual([]);
        const listed = cpu.strings("riscv,isa-extensions") ?? [];
        expect(listed).not.toContain("h");
        expect(listed.includes("sstc")).toBe(sstc);
        expect(cpu.child("interrupt-controller")?.isCompatible("riscv,cpu-intc")).toBe(true);
      }
    }
  });

  it("has unused room at its end, where a boot loader adds to it in place", async () => {
    let room = 0;
    await treeOf({}, {}, function* (cpu) {
      const header = new DataView((yield* readBytes(cpu.opaque, 40)).buffer);
      const [total, strings, stringBytes] = [4, 12, 32].map((at) => header.getUint32(at)) as [number, number, number];
      room = total - strings - stringBytes;
    });
    expect(room).toBeGreaterThanOrEqual(4096);
  });

  it("describes memory of the size asked for, a UART as console, and interrupt contexts that agree with the CPUs", async () => {
    const tree = await treeOf({}, { cpus: 2, memoryKiB: 96 * 1024, bootargs: "console=ttyS0 quiet" });
    expect(memoryOf(tree).size).toBe(96n * 1024n * 1024n);
    const chosen = tree.get("/chosen");
    expect(chosen.string("bootargs")).toBe("console=ttyS0 quiet");
    expect(chosen.get("rng-seed")?.length ?? 0).toBeGreaterThanOrEqual(16);
    const [uart] = tree.compatible("ns16550a");
    expect(uart?.u32("clock-frequency")).toBeGreaterThan(0);
    const plic = [...tree.nodes()].find(
      (node) => node.name.startsWith("plic") || (node.strings("compatible") ?? []).some((name) => /plic/.test(name)),
    );
    const wires = plic?.cells("interrupts-extended") ?? [];
    const intcs = tree.compatible("riscv,cpu-intc").map((node) => node.u32("phandle"));
    expect(intcs.length).toBe(2);
    expect(wires.filter((_, index) => index % 2 === 0).every((phandle) => intcs.includes(phandle))).toBe(true);
    expect(wires.filter((_, index) => index % 2 === 1)).toContain(9);
    expect(tree.compatible("google,goldfish-rtc").length).toBe(1);
  });

  it("names nothing of the host: no address of host devices' owners, no hypervisor node, no other guest", async () => {
    const tree = await treeOf({}, {});
    expect(
      [...tree.nodes()].filter((node) => node.isCompatible("xen,domain") || node.isCompatible("multiboot,module")),
    ).toEqual([]);
    expect(tree.compatible("riscv,clint0")).toEqual([]);
  });

  it("gives the ramdisk by address, byte for byte, and reserves nothing outside RAM", async () => {
    const ramdisk = Uint8Array.from({ length: 9000 }, (_, index) => (index * 7) & 0xff);
    const bytes: Uint8Array[] = [];
    const tree = await treeOf({}, { ramdisk }, function* (_cpu, found) {
      const chosen = found.get("/chosen");
      const start = chosen.u64("linux,initrd-start") ?? 0n;
      const end = chosen.u64("linux,initrd-end") ?? 0n;
      expect(end - start).toBe(9000n);
      bytes.push(yield* readBytes(start, 9000));
    });
    expect(Buffer.compare(bytes[0] ?? new Uint8Array(), ramdisk)).toBe(0);
    const { base, size } = memoryOf(tree);
    for (const { address, size: length } of tree.reservations) {
      expect(address >= base && address + length <= base + size).toBe(true);
    }
  });

  it("describes only devices that answer", () =>
    treeOf({}, {}, function* (_cpu, tree) {
      for (const node of tree.nodes()) {
        const [high = 0, low = 0] = node.cells("reg") ?? [];
        const isDevice =
          node.has("compatible") &&
          node.has("reg") &&
          node.string("device_type") === undefined &&
          node.path.startsWith("/soc");
        if (!isDevice) continue;
        const { fault } = yield* load((BigInt(high) << 32n) | BigInt(low), node.isCompatible("ns16550a") ? 1 : 4);
        expect(fault, node.path).toBeNull();
      }
    }).then(() => undefined));
});
