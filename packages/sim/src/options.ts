// SPDX-License-Identifier: Apache-2.0
// What a test says about the machine that it wants, and the defaults: two harts of QEMU's virt machine with 1 GiB.
import type { PropertyInput } from "@typeone/fdt";
import type { BlockOptions } from "./devices/virtio-block.ts";
import type { NetOptions } from "./devices/virtio-net.ts";
import type { Program } from "./guest/cpu.ts";

export type Aia = "none" | "aplic" | "aplic-imsic";

/** One guest under /chosen of the host tree, in the dom0less form. */
export interface DomainOptions {
  readonly name: string;
  readonly memoryKiB: number;
  readonly cpus: number;
  /** A simulated program, or the bytes of a kernel image. */
  readonly kernel: Program | Uint8Array;
  /** Bytes that the kernel image claims beyond its file. */
  readonly bss?: number;
  readonly bootargs?: string;
  readonly ramdisk?: Uint8Array;
  readonly dtb?: Uint8Array;
  /** xen,static-mem. */
  readonly staticMemory?: { readonly hpa: number; readonly size: number };
  /** Further properties of the domain's node, e.g. `typeone,priority`. */
  readonly properties?: Readonly<Record<string, PropertyInput>>;
  /** VirtIO devices: the properties of each one's node. */
  readonly devices?: readonly Readonly<Record<string, PropertyInput>>[];
}

/** How the hypervisor reaches a VirtIO device of the host; "transitional": over PCI, with the number of such a device. */
export interface Reached {
  readonly via: "mmio" | "pci" | "transitional";
  /** Over PCI: whether it has MSI-X. */
  readonly msix?: boolean;
}

export interface MachineOptions {
  readonly harts?: number;
  /** Firmware's hart numbers, when they are not 0, 1, 2, … */
  readonly hartIds?: readonly number[];
  /** Index of the hart on which firmware enters the hypervisor. */
  readonly bootHart?: number;
  /** Hart indices that the tree names but that never start. */
  readonly deadHarts?: readonly number[];
  readonly ramMiB?: number;
  readonly ramBase?: number;
  readonly hypervisor?: boolean;
  readonly sstc?: boolean;
  readonly svadu?: boolean;
  readonly svpbmt?: boolean;
  readonly smstateen?: boolean;
  readonly aia?: Aia;
  /** Guest interrupt files of each hart, 0 to 7, with "aplic-imsic". */
  readonly guestFiles?: number;
  readonly vmidBits?: number;
  /** Among 8 (Sv39x4), 9 (Sv48x4), 10 (Sv57x4). */
  readonly stage2Modes?: readonly number[];
  /** Replaces the ISA string of the host's harts. */
  readonly isa?: string;
  readonly domains?: readonly DomainOptions[];
  /** A virtio console for the management channel; "legacy" is one that no driver of ours takes; "pci": over PCI. */
  readonly channel?: "none" | "modern" | "legacy" | "pci";
  /** VirtIO disks and NICs of the host. */
  readonly disks?: readonly (BlockOptions & Reached)[];
  readonly nics?: readonly (NetOptions & Reached)[];
  /** Further properties of /chosen. */
  readonly chosen?: Readonly<Record<string, PropertyInput>>;
  readonly seed?: number;
  /** Probability that an import call lets another hart run in between; never while a lock is held. */
  readonly interleave?: number;
  /** Probability that an idle hart wakes for no reason. */
  readonly spuriousWake?: number;
  readonly htinst?: "transformed" | "zero" | "random";
  /** Entries that the trace keeps; 0 turns it off. */
  readonly traceLength?: number;
  /** Entry file of the core, when it is not core/main.ts. */
  readonly core?: string;
  /** Replaces the finished host tree. */
  readonly tree?: Uint8Array;
}

export type FullOptions = Required<Omit<MachineOptions, "isa" | "hartIds" | "core" | "tree">> &
  Pick<MachineOptions, "isa" | "core" | "tree"> & {
    readonly hartIds: readonly number[];
  };

export function fullOptions(options: MachineOptions): FullOptions {
  const harts = options.harts ?? 2;
  return {
    bootHart: 0,
    deadHarts: [],
    ramMiB: 1024,
    ramBase: 0x80000000,
    hypervisor: true,
    sstc: true,
    svadu: true,
    svpbmt: false,
    smstateen: false,
    aia: "none",
    guestFiles: 0,
    vmidBits: 14,
    stage2Modes: [8, 9, 10],
    domains: [],
    channel: "none",
    disks: [],
    nics: [],
    chosen: {},
    seed: 1,
    interleave: 0,
    spuriousWake: 0,
    htinst: "transformed",
    traceLength: 0,
    ...options,
    harts,
    hartIds: options.hartIds ?? Array.from({ length: harts }, (_, index) => index),
  };
}
