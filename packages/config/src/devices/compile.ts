// SPDX-License-Identifier: Apache-2.0
// Devices as the hypervisor's device-tree binding has them: child nodes of a guest's node (disk@0, net@0, console@0, rng@0,
// balloon@0), and the switches under /chosen. Pure; part of ../compile.ts.
import { FdtNode, FdtTree, type PropertyInput, serialize, u64 } from "@typeone/fdt";
import type { Guest, System } from "../system.ts";
import { KIB } from "../units.ts";
import type { GuestDisk, GuestNetwork, OnBus } from "./devices.ts";
import { writes } from "./devices.ts";
import { forwardText } from "./short.ts";

export type Properties = Readonly<Record<string, PropertyInput>>;

/** A device's node. */
export interface DeviceNode {
  /** With its unit address: "disk@0". */
  readonly name: string;
  readonly properties: Properties;
  /** The file with a RAM disk's content. */
  readonly file?: string;
  /** "own" if the guest writes into that content, which others must not see. */
  readonly use?: "shared" | "own";
}

const wide = (value: number | undefined): Uint8Array | undefined => (value === undefined ? undefined : u64(value));
const onlySet = (all: Record<string, PropertyInput>): Properties =>
  Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));

/** A disk's properties but for where the content of a file lies. */
export function diskProperties(disk: GuestDisk): Properties {
  const { source } = disk;
  return onlySet({
    compatible: "typeone,disk",
    "typeone,source": "disk" in source ? source.disk : undefined,
    "typeone,size": "bytes" in source ? u64(source.bytes / KIB) : undefined,
    "typeone,first-sector": wide(disk.firstSector),
    "typeone,sectors": wide(disk.sectors),
    "read-only": disk.readOnly ? true : undefined,
    "typeone,overlay": wide(disk.overlayBytes === undefined ? undefined : disk.overlayBytes / KIB),
    "typeone,serial": disk.serial,
    "typeone,queues": disk.queues,
    "typeone,rate": wide(disk.rate),
    "typeone,iops": wide(disk.iops),
    "typeone,bus": disk.bus,
  });
}

export function networkProperties(net: GuestNetwork): Properties {
  const mac = net.mac?.split(":").map((byte) => parseInt(byte, 16));
  return onlySet({
    compatible: "typeone,net",
    "typeone,switch": net.network,
    "local-mac-address": mac && Uint8Array.from(mac),
    "typeone,vlan": net.vlan,
    "typeone,rate": wide(net.rate),
    "typeone,isolated": net.isolated ? true : undefined,
    "typeone,mtu": net.mtu,
    "typeone,queues": net.queues,
    "typeone,bus": net.bus,
  });
}

function simple(kind: string, device: (OnBus & { readonly ports?: number }) | undefined): DeviceNode[] {
  if (!device) return [];
  const { ports, bus } = device;
  const properties = onlySet({ compatible: `typeone,${kind}`, "typeone,ports": ports, "typeone,bus": bus });
  return [{ name: `${kind}@0`, properties }];
}

/** Nodes of all devices of a guest. */
export function deviceNodes(guest: Guest): DeviceNode[] {
  const disks = (guest.disks ?? []).map((disk, i): DeviceNode => {
    const file = "file" in disk.source ? { file: disk.source.file, use: useOf(disk) } : {};
    return { name: `disk@${i}`, properties: diskProperties(disk), ...file };
  });
  const nets = (guest.networks ?? []).map((net, i): DeviceNode => ({
    name: `net@${i}`,
    properties: networkProperties(net),
  }));
  const { consoles, rng, balloon } = guest;
  return [...disks, ...nets, ...simple("console", consoles), ...simple("rng", rng), ...simple("balloon", balloon)];
}

const useOf = (disk: GuestDisk): "own" | "shared" => (writes(disk) ? "own" : "shared");

/** Properties of a guest's own node that are about its devices. */
export function machineProperties({ interrupts, hotplug }: Guest): Properties {
  return onlySet({ "typeone,interrupts": interrupts, "typeone,hotplug": hotplug });
}

/** Switches, which /chosen names; "nic0" and on are the uplinks in the order of the networks that have one. */
export function addSwitches(chosen: FdtNode, { networks }: Pick<System, "networks">): void {
  let nics = 0;
  (networks ?? []).forEach(({ name, uplink, forwards }, i) => {
    const nic = uplink === "none" ? undefined : `nic${nics++}`;
    const texts = forwards.map(forwardText);
    chosen.ensureChild(`switch@${i}`).assign({
      compatible: "typeone,switch",
      ...onlySet({ "typeone,name": name, "typeone,uplink": nic }),
      ...(texts.length > 0 ? { "typeone,forwards": texts } : {}),
    });
  });
}

/** What is sent to attach one device to a guest that runs: a tree whose root holds one node like "disk@0". */
export function compileDevice(kind: "disk" | "net", properties: Properties): Uint8Array {
  const root = new FdtNode("");
  root.ensureChild(`${kind}@0`).assign(properties);
  return serialize(new FdtTree(root));
}
