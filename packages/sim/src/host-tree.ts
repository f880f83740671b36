// SPDX-License-Identifier: Apache-2.0
// The host's device tree as QEMU's virt machine emits it (after firmware added its reservation), for the options of a
// simulated machine. Domains are added by domains.ts.
import { cells, type FdtNode, FdtTree, node, u64 } from "@typeone/fdt";
import type { FullOptions } from "./options.ts";

export const UART = 0x10000000;
export const UART_IRQ = 10;
export const VIRTIO_SIZE = 0x1000;
export const PCI_ECAM = 0x30000000;
export const PCI_WINDOW = 0x40000000;
/** First of the four lines of PCI's pins. */
export const PCI_LINE = 32;
export const PLIC = 0xc000000;
export const PLIC_SIZE = 0x600000;
export const APLIC_M = 0xc000000;
export const APLIC_S = 0xd000000;
export const APLIC_SIZE = 0x8000;
export const IMSIC_M = 0x24000000;
export const IMSIC_S = 0x28000000;
export const SOURCES = 0x60;
export const TIMEBASE = 10_000_000;
export const FIRMWARE_SIZE = 0x80000;

const PHANDLE = { cpu: 0x100, intc: 0x200, controller: 1, imsicS: 2, imsicM: 3, aplicM: 4 } as const;

/** Slot `slot` of virtio-mmio: the first is empty, the second is the console's; disks and NICs follow. Its line is slot + 1. */
export const virtioSlot = (slot: number): number => 0x10001000 + slot * VIRTIO_SIZE;

export function mmioSlots(options: FullOptions): number {
  const devices = [...options.disks, ...options.nics].filter(({ via }) => via === "mmio").length;
  return devices > 0 || options.channel === "modern" || options.channel === "legacy" ? devices + 2 : 0;
}

export const hasPci = (options: FullOptions): boolean =>
  options.channel === "pci" || [...options.disks, ...options.nics].some(({ via }) => via !== "mmio");

/** Bits that number a hart's interrupt files: its own, then the guests'. */
const indexBits = (guestFiles: number): number => Math.ceil(Math.log2(guestFiles + 1));

/** Bytes from one hart's interrupt files to the next one's. */
export const imsicStride = (guestFiles: number): number => 0x1000 << indexBits(guestFiles);

function isaOf(options: FullOptions): string {
  const extensions = [
    "zicntr",
    "zicsr",
    "zifencei",
    "zihpm",
    "zba",
    "zbb",
    "zbs",
    "sscounterenw",
    "sstvala",
    "sstvecd",
    ...(options.aia === "none" ? [] : ["smaia", "ssaia"]),
    ...(options.sstc ? ["sstc"] : []),
    ...(options.svadu ? ["svadu"] : []),
    ...(options.svpbmt ? ["svpbmt"] : []),
    ...(options.smstateen ? ["smstateen"] : []),
  ];
  return `rv64imafdc${options.hypervisor ? "h" : ""}_${extensions.join("_")}`;
}

function cpusNode(options: FullOptions): FdtNode {
  const isa = options.isa ?? isaOf(options);
  const letters = isa.slice(4).split("_")[0] ?? "";
  const list = [...letters, ...isa.split("_").slice(1)];
  const cpus = node("cpus", { "#address-cells": 1, "#size-cells": 0, "timebase-frequency": TIMEBASE });
  options.hartIds.forEach((id, index) => {
    const intc = node("interrupt-controller", {
      "#interrupt-cells": 1,
      "interrupt-controller": true,
      compatible: "riscv,cpu-intc",
      phandle: PHANDLE.intc + index,
    });
    const properties = {
      phandle: PHANDLE.cpu + index,
      device_type: "cpu",
      reg: id,
      status: "okay",
      compatible: "riscv",
      "riscv,isa-extensions": list,
      "riscv,isa-base": "rv64i",
      "riscv,isa": isa,
      "mmu-type": "riscv,sv57",
    };
    cpus.add(node(`cpu@${id.toString(16)}`, properties, [intc]));
  });
  return cpus;
}

function perHart(options: FullOptions, codes: readonly number[]): Uint8Array {
  return cells(...options.hartIds.flatMap((_, index) => codes.flatMap((code) => [PHANDLE.intc + index, code])));
}

function plicNode(options: FullOptions): FdtNode {
  return node(`plic@${PLIC.toString(16)}`, {
    phandle: PHANDLE.controller,
    "riscv,ndev": SOURCES - 1,
    reg: u64(PLIC, PLIC_SIZE),
    "interrupts-extended": perHart(options, [11, 9]),
    "interrupt-controller": true,
    compatible: ["sifive,plic-1.0.0", "riscv,plic0"],
    "#address-cells": 0,
    "#interrupt-cells": 1,
  });
}

function aplicNodes(options: FullOptions): FdtNode[] {
  const messages = options.aia === "aplic-imsic";
  const domain = (base: number, own: number, code: number, imsic: number): FdtNode =>
    node(`interrupt-controller@${base.toString(16)}`, {
      phandle: own,
      "riscv,num-sources": SOURCES,
      reg: u64(base, APLIC_SIZE),
      ...(messages ? { "msi-parent": imsic } : { "interrupts-extended": perHart(options, [code]) }),
      "interrupt-controller": true,
      "#interrupt-cells": 2,
      "#address-cells": 0,
      compatible: ["qemu,aplic", "riscv,aplic"],
    });
  const machine = domain(APLIC_M, PHANDLE.aplicM, 11, PHANDLE.imsicM);
  machine.set("riscv,children", PHANDLE.controller).set("riscv,delegation", cells(PHANDLE.controller, 1, SOURCES));
  const nodes = [domain(APLIC_S, PHANDLE.controller, 9, PHANDLE.imsicS), machine];
  if (!messages) return nodes;
  const imsic = (base: number, own: number, code: number): FdtNode =>
    node(`interrupt-controller@${base.toString(16)}`, {
      phandle: own,
      "riscv,num-ids": 255,
      reg: u64(base, imsicStride(base === IMSIC_S ? options.guestFiles : 0) * options.harts),
      ...(base === IMSIC_S && options.guestFiles > 0
        ? { "riscv,guest-index-bits": indexBits(options.guestFiles) }
        : {}),
      "interrupts-extended": perHart(options, [code]),
      "msi-controller": true,
      "interrupt-controller": true,
      "#interrupt-cells": 0,
      compatible: ["qemu,imsics", "riscv,imsics"],
    });
  return [...nodes, imsic(IMSIC_S, PHANDLE.imsicS, 9), imsic(IMSIC_M, PHANDLE.imsicM, 11)];
}

function virtioNodes(options: FullOptions): FdtNode[] {
  return Array.from({ length: mmioSlots(options) }, (_, slot) =>
    node(`virtio_mmio@${virtioSlot(slot).toString(16)}`, {
      interrupts: options.aia === "none" ? cells(slot + 1) : cells(slot + 1, 4),
      "interrupt-parent": PHANDLE.controller,
      reg: u64(virtioSlot(slot), VIRTIO_SIZE),
      compatible: "virtio,mmio",
    }),
  );
}

function pciNode(options: FullOptions): FdtNode {
  const specifier = (line: number): number[] => (options.aia === "none" ? [line] : [line, 4]);
  const map = Array.from({ length: 4 }, (_, slot) =>
    Array.from({ length: 4 }, (_unused, pin) => [
      slot << 11,
      0,
      0,
      pin + 1,
      PHANDLE.controller,
      ...specifier(PCI_LINE + ((slot + pin) % 4)),
    ]),
  ).flat(2);
  return node(`pci@${PCI_ECAM.toString(16)}`, {
    "interrupt-map-mask": cells(0x1800, 0, 0, 7),
    "interrupt-map": cells(...map),
    ranges: cells(0x1000000, 0, 0, 0, 0x3000000, 0, 0x10000, 0x2000000, 0, PCI_WINDOW, 0, PCI_WINDOW, 0, 0x40000000),
    reg: u64(PCI_ECAM, 0x10000000),
    "dma-coherent": true,
    "bus-range": cells(0, 0xff),
    "linux,pci-domain": 0,
    device_type: "pci",
    compatible: "pci-host-ecam-generic",
    "#size-cells": 2,
    "#interrupt-cells": 1,
    "#address-cells": 3,
  });
}

/** The tree without domains. */
export function hostTree(options: FullOptions): FdtTree {
  const tree = new FdtTree(
    node("", {
      "#address-cells": 2,
      "#size-cells": 2,
      compatible: "riscv-virtio",
      model: "riscv-virtio,qemu",
    }),
  );
  const wire = options.aia === "none" ? cells(UART_IRQ) : cells(UART_IRQ, 4);
  const clock = 3686400;
  const soc = node("soc", { "#address-cells": 2, "#size-cells": 2, compatible: "simple-bus", ranges: true }, [
    node(`serial@${UART.toString(16)}`, {
      interrupts: wire,
      "interrupt-parent": PHANDLE.controller,
      "clock-frequency": clock,
      reg: u64(UART, 0x100),
      compatible: "ns16550a",
    }),
    ...virtioNodes(options),
    ...(hasPci(options) ? [pciNode(options)] : []),
    node("test@100000", {
      phandle: 5,
      reg: u64(0x100000, 0x1000),
      compatible: ["sifive,test1", "sifive,test0", "syscon"],
    }),
    ...(options.aia === "none" ? [plicNode(options)] : aplicNodes(options)),
    node("clint@2000000", {
      "interrupts-extended": perHart(options, [3, 7]),
      reg: u64(0x2000000, 0x10000),
      compatible: ["sifive,clint0", "riscv,clint0"],
    }),
  ]);
  const { ramBase } = options;
  tree.root.add(
    node("reserved-memory", { "#address-cells": 2, "#size-cells": 2, ranges: true }, [
      node(`mmode_resv0@${ramBase.toString(16)}`, { reg: u64(ramBase, FIRMWARE_SIZE), "no-map": true }),
    ]),
  );
  tree.root.add(
    node(`memory@${ramBase.toString(16)}`, { device_type: "memory", reg: u64(ramBase, options.ramMiB * 0x100000) }),
  );
  tree.root.add(cpusNode(options));
  tree.root.add(node("chosen", { "stdout-path": `/soc/serial@${UART.toString(16)}`, ...options.chosen }));
  tree.root.add(soc);
  return tree;
}
