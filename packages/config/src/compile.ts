// SPDX-License-Identifier: Apache-2.0
// From a checked guest or system to the one form that the hypervisor reads: `xen,domain` nodes as of Xen's dom0less
// boot, with typeone,* for what Xen has no name for. Without addresses: those are the boot image's business, or, for a
// guest that is created at run time, the hypervisor's. Pure.
import path from "node:path";
import { FdtNode, FdtTree, printDts, type PropertyInput, serialize, u64 } from "@typeone/fdt";
import type { GuestSpec, MachineOptions } from "@typeone/host";
import { addSwitches, deviceNodes, machineProperties, type Properties } from "./devices/compile.ts";
import { DEBIAN } from "./schema.ts";
import type { Guest, Host, System } from "./system.ts";
import { KIB, MIB } from "./units.ts";

export type { Properties } from "./devices/compile.ts";

const wide = (value: number | undefined): Uint8Array | undefined => (value === undefined ? undefined : u64(value));

function mask(harts: readonly number[] | undefined): Uint8Array | undefined {
  return harts === undefined ? undefined : u64(harts.reduce((set, hart) => set | (1n << BigInt(hart)), 0n));
}

/** What a guest's node says besides its name, memory, vCPUs, static memory, modules and devices. */
export function guestProperties(guest: Guest): Properties {
  const all: Record<string, PropertyInput> = {
    "typeone,max-cpus": guest.maxVcpus > guest.vcpus ? guest.maxVcpus : undefined,
    "typeone,policy": guest.policy,
    "typeone,priority": guest.priority,
    "typeone,weight": guest.weight,
    "typeone,slice-us": wide(guest.sliceUs),
    "typeone,period-us": wide(guest.periodUs),
    "typeone,budget-us": wide(guest.budgetUs),
    "typeone,affinity": mask(guest.affinity),
    "typeone,on-crash": guest.onCrash,
    "typeone,on-reboot": guest.onReboot,
    "typeone,on-poweroff": guest.onPoweroff,
    "typeone,restart-limit": guest.restartLimit,
    ...machineProperties(guest),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What /chosen says for all guests. */
export function hostProperties(host: Host): Properties {
  const all: Record<string, PropertyInput> = { "typeone,policy": host.policy, "typeone,slice-us": wide(host.sliceUs) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** Fills /chosen of the host's tree with what is not about one guest: defaults, and the switches. */
export function fillChosen(chosen: FdtNode, system: Pick<System, "host" | "networks">): void {
  chosen.assign(hostProperties(system.host));
  addSwitches(chosen, system);
}

function fillNode(node: FdtNode, guest: Guest): FdtNode {
  node.set("compatible", "xen,domain");
  node.set("#address-cells", 2);
  node.set("#size-cells", 2);
  node.set("memory", u64(guest.memoryBytes / KIB));
  node.set("cpus", guest.vcpus);
  node.set("typeone,name", guest.name);
  if (typeof guest.staticMemory === "number") {
    node.set("xen,static-mem", u64(guest.staticMemory, guest.memoryBytes));
  }
  return node.assign(guestProperties(guest));
}

function addModule(node: FdtNode, kind: "kernel" | "ramdisk" | "device-tree", more: Properties = {}): void {
  const properties = { compatible: [`multiboot,${kind}`, "multiboot,module"], ...more };
  node.ensureChild(`module-${kind}`).assign(properties);
}

/** A guest's own tree, whose root is its node. `file` answers what to say of a file, if anything, and of what it is. */
function guestTree(guest: Guest, node: FdtNode, file: (name: string, device?: string) => Properties): FdtNode {
  fillNode(node, guest);
  addModule(node, "kernel", { bootargs: guest.bootargs, ...file(guest.kernel) });
  if (guest.ramdisk !== undefined) addModule(node, "ramdisk", file(guest.ramdisk));
  if (guest.deviceTree !== undefined) addModule(node, "device-tree", file(guest.deviceTree));
  for (const device of deviceNodes(guest)) {
    const content = device.file === undefined ? {} : file(device.file, device.name);
    node.ensureChild(device.name).assign({ ...device.properties, ...content });
  }
  return node;
}

/**
 * The description that a request to create this guest carries: a flattened tree whose root is its node. `blobs`: by
 * device ("disk@0"), the blob with the content of its file.
 */
export function compileGuest(guest: Guest, blobs: ReadonlyMap<string, number> = new Map()): Uint8Array {
  const file = (_name: string, device?: string): Properties => ({ "typeone,blob": blobs.get(device ?? "") });
  return serialize(new FdtTree(guestTree(guest, new FdtNode(""), file)));
}

/** The same as source. */
export function compileGuestDts(guest: Guest): string {
  return printDts(new FdtTree(guestTree(guest, new FdtNode(""), () => ({}))));
}

/**
 * The whole system as a tree of its own: /chosen with a node for each guest, files by name (`typeone,file`) in place of
 * addresses, and the host (`typeone,host`). loadSystem reads it back. Names are relative to `folder`.
 */
export function compileSystem(system: System, folder = path.dirname(system.file)): FdtTree {
  const tree = new FdtTree();
  const chosen = tree.ensure("/chosen").assign({ "#address-cells": 2, "#size-cells": 2 });
  fillChosen(chosen, system);
  const file = (name: string): Properties => ({ "typeone,file": shortName(name, folder) });
  for (const guest of system.guests) {
    const node = chosen.ensureChild(`guest-${guest.name}`);
    guestTree(guest, node, file);
    if (guest.staticMemory === true) node.set("typeone,static-mem", true);
    if (!guest.autostart) node.set("status", "disabled");
  }
  const { machine, harts, memoryBytes, aia, cpu, sstc } = system.host;
  const host = { machine, harts, memory: u64(memoryBytes / KIB), aia, cpu, "no-sstc": !sstc };
  const hostNode = chosen.ensureChild("host").assign({ compatible: "typeone,host", ...host });
  (system.disks ?? []).forEach(({ name, file: content, format, readOnly, sizeBytes }, i) => {
    const size = sizeBytes === undefined ? undefined : u64(sizeBytes / KIB);
    const disk = { "typeone,name": name, ...file(content), format, "read-only": readOnly, "typeone,size": size };
    hostNode.ensureChild(`disk@${i}`).assign({ compatible: "typeone,host-disk", ...disk });
  });
  return tree;
}

export function compileSystemDts(system: System, folder?: string): string {
  return printDts(compileSystem(system, folder));
}

function shortName(name: string, folder: string): string {
  if (name === DEBIAN) return name;
  const relative = path.relative(folder, name);
  return relative.startsWith("..") || path.isAbsolute(relative) ? name : `./${relative.split(path.sep).join("/")}`;
}

/** Names of files that stand for the word "debian", and of a device tree that was compiled from source. */
export interface GuestFiles {
  readonly kernel?: string;
  readonly ramdisk?: string;
  readonly deviceTree?: string;
  readonly bootargs?: string;
}

/** A guest as the boot image takes it. `files` replaces "debian" and gives bootargs if the guest has none. */
export function guestSpec(guest: Guest, files: GuestFiles = {}): GuestSpec {
  const real = (name: string, debian: string | undefined): string => (name === DEBIAN ? (debian ?? name) : name);
  const { staticMemory, deviceTree } = guest;
  return {
    name: guest.name,
    memoryMiB: guest.memoryBytes / MIB,
    cpus: guest.vcpus,
    kernel: real(guest.kernel, files.kernel),
    ...(guest.ramdisk === undefined ? {} : { ramdisk: real(guest.ramdisk, files.ramdisk) }),
    ...(deviceTree === undefined ? {} : { deviceTree: files.deviceTree ?? deviceTree }),
    bootargs: guest.bootargs ?? files.bootargs ?? "",
    memory: staticMemory === false ? "dynamic" : "static",
    ...(typeof staticMemory === "number" ? { staticHpa: staticMemory } : {}),
    properties: guestProperties(guest),
    devices: deviceNodes(guest),
  };
}

/** The host as QEMU options; `system` adds its disks and the NICs of its networks. */
export function machineOptions(host: Host, system: Pick<System, "disks" | "networks"> = {}): MachineOptions {
  const { harts, memoryBytes, aia, cpu, sstc } = host;
  const disks = system.disks ?? [];
  const nics = (system.networks ?? []).filter(({ uplink }) => uplink === "user");
  return {
    ...{ harts, memoryMiB: memoryBytes / MIB, aia, cpu, sstc: sstc ? "on" : "off" },
    ...(disks.length > 0 ? { disks } : {}),
    ...(nics.length > 0 ? { nics } : {}),
  };
}
