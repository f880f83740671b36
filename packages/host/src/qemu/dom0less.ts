// SPDX-License-Identifier: Apache-2.0
// Writes guests into a host device tree, in the form that Xen's dom0less boot reads: one node per guest under /chosen,
// with a child for each file in memory. What Xen has no name for gets `typeone,*` properties. Pure: called by
// boot-image.ts with addresses that placement.ts decided.
import { type FdtNode, type FdtTree, type PropertyInput, cells, concat, u64 } from "@typeone/fdt";
import type { GuestPlacement, Module, Placement } from "./placement.ts";

export interface GuestSpec {
  readonly name: string;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** File names on this machine. */
  readonly kernel: string;
  readonly ramdisk?: string;
  readonly bootargs: string;
  /** "static" (default) lays kernel and ramdisk into the guest's memory before the start; "dynamic" lets the hypervisor. */
  readonly memory?: "static" | "dynamic";
  readonly priority?: number;
  readonly weight?: number;
  readonly policy?: string;
  /** A device tree of the guest's own, a .dtb. */
  readonly deviceTree?: string;
  /** Host address of its static memory; chosen when absent. */
  readonly staticHpa?: number;
  /** More properties of its node, as packages/config compiles them. */
  readonly properties?: Readonly<Record<string, PropertyInput>>;
  /** Nodes of its devices. */
  readonly devices?: readonly DeviceSpec[];
}

/** A device's node, as packages/config compiles it. */
export interface DeviceSpec {
  /** With its unit address: "disk@0". */
  readonly name: string;
  readonly properties: Readonly<Record<string, PropertyInput>>;
  /** A file in host memory that is a RAM disk's content: the node's `reg`. */
  readonly file?: string;
  /** "own": the guest writes into it, so no other guest may share it. */
  readonly use?: "shared" | "own";
}

const hex = (value: number): string => value.toString(16);
const range = (hpa: number, bytes: number): Uint8Array => concat(u64(hpa), u64(bytes));

type ModuleKind = "multiboot,kernel" | "multiboot,ramdisk" | "multiboot,device-tree";

function addModule(guest: FdtNode, module: Module, kind: ModuleKind): FdtNode {
  const node = guest.ensureChild(`module@${hex(module.hpa)}`);
  node.set("compatible", [kind, "multiboot,module"]);
  node.set("reg", range(module.hpa, module.bytes));
  return node;
}

function addGuest(chosen: FdtNode, spec: GuestSpec, placed: GuestPlacement): void {
  const node = chosen.ensureChild(`guest-${spec.name}`);
  node.set("compatible", "xen,domain");
  node.set("#address-cells", cells(2));
  node.set("#size-cells", cells(2));
  node.set("memory", u64(spec.memoryMiB * 1024));
  node.set("cpus", cells(spec.cpus));
  node.set("typeone,name", spec.name);
  if (placed.staticMemory) node.set("xen,static-mem", range(placed.staticMemory.hpa, placed.staticMemory.bytes));
  if (spec.priority !== undefined) node.set("typeone,priority", cells(spec.priority));
  if (spec.weight !== undefined) node.set("typeone,weight", cells(spec.weight));
  if (spec.policy !== undefined) node.set("typeone,policy", spec.policy);
  if (spec.properties) node.assign(spec.properties);
  const preloaded = placed.preloaded.length > 0;
  const kernel = addModule(node, placed.kernel, "multiboot,kernel");
  kernel.set("bootargs", spec.bootargs);
  kernel.set("typeone,preloaded", preloaded);
  if (placed.ramdisk) addModule(node, placed.ramdisk, "multiboot,ramdisk").set("typeone,preloaded", preloaded);
  if (placed.deviceTree) addModule(node, placed.deviceTree, "multiboot,device-tree");
  for (const device of spec.devices ?? []) {
    const child = node.ensureChild(device.name).assign(device.properties);
    const content = placed.contents?.get(device.name);
    if (content) child.set("reg", range(content.hpa, content.bytes));
  }
}

/** A copy of `host` with the guests under /chosen. */
export function addGuests(host: FdtTree, guests: readonly GuestSpec[], placement: Placement): FdtTree {
  const tree = host.clone();
  const chosen = tree.ensure("/chosen");
  chosen.set("#address-cells", cells(2));
  chosen.set("#size-cells", cells(2));
  for (const spec of guests) {
    const placed = placement.guests.find((guest) => guest.name === spec.name);
    if (!placed) throw new Error(`guest ${spec.name} has no placement`);
    addGuest(chosen, spec, placed);
  }
  return tree;
}
