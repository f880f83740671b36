// SPDX-License-Identifier: Apache-2.0
// Which properties of a xen,domain node are which settings, and how each is read. Data for tree.ts.
import type { FdtNode } from "@typeone/fdt";
import { MASK_BITS } from "../units.ts";

export type ModuleKind = "kernel" | "ramdisk" | "deviceTree";

/** What a module's `compatible` says it is. */
export const MODULES: Readonly<Record<string, ModuleKind>> = {
  "multiboot,kernel": "kernel",
  "xen,linux-zimage": "kernel",
  "multiboot,ramdisk": "ramdisk",
  "xen,linux-initrd": "ramdisk",
  "multiboot,device-tree": "deviceTree",
};

type Read = (node: FdtNode, property: string) => unknown;

interface Meaning {
  readonly setting: string;
  readonly read: Read;
}

const number: Read = (node, property) => {
  const value = node.u64(property);
  return value === undefined ? undefined : Number(value);
};
const text: Read = (node, property) => node.string(property);
const kib: Read = (node, property) => `${node.u64(property)}KiB`;

/** The harts of an affinity mask. */
const mask: Read = (node, property) => {
  const value = node.u64(property) ?? 0n;
  if (value === 0n) return undefined;
  return Array.from({ length: MASK_BITS }, (_, hart) => hart).filter((hart) => (value >> BigInt(hart)) & 1n);
};

export const GUEST_PROPERTIES: Readonly<Record<string, Meaning>> = {
  memory: { setting: "memory", read: kib },
  cpus: { setting: "vcpus", read: number },
  "typeone,max-cpus": { setting: "maxVcpus", read: number },
  "typeone,policy": { setting: "policy", read: text },
  "typeone,priority": { setting: "priority", read: number },
  "typeone,weight": { setting: "weight", read: number },
  "typeone,slice-us": { setting: "sliceUs", read: number },
  "typeone,period-us": { setting: "periodUs", read: number },
  "typeone,budget-us": { setting: "budgetUs", read: number },
  "typeone,affinity": { setting: "affinity", read: mask },
  "typeone,on-crash": { setting: "onCrash", read: text },
  "typeone,on-reboot": { setting: "onReboot", read: text },
  "typeone,on-poweroff": { setting: "onPoweroff", read: text },
  "typeone,restart-limit": { setting: "restartLimit", read: number },
  "typeone,interrupts": { setting: "interrupts", read: text },
  "typeone,hotplug": { setting: "hotplug", read: number },
};

/** Properties that are understood in other ways, or say nothing. */
export const UNDERSTOOD: ReadonlySet<string> = new Set([
  "compatible",
  "#address-cells",
  "#size-cells",
  "#xen,static-mem-address-cells",
  "#xen,static-mem-size-cells",
  "typeone,name",
  "typeone,static-mem",
  "xen,static-mem",
  "status",
  "phandle",
]);
