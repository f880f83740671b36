// SPDX-License-Identifier: Apache-2.0
// Device nodes of a guest (disk@0, net@0 …), of the host and switches of /chosen, back to the settings that they came from.
// Each property has the setting that it is; what is read and reported is the tree reader's. Part of ../read/tree.ts.
import type { FdtNode } from "@typeone/fdt";

type Read = (node: FdtNode, property: string) => unknown;

/** Which property is which setting, and how it is read. */
export type Meanings = Readonly<Record<string, readonly [setting: string, read: Read]>>;

const text: Read = (node, property) => node.string(property);
const texts: Read = (node, property) => node.strings(property);
const flag: Read = () => true;
const number: Read = (node, property) => Number(node.u64(property));
const kib: Read = (node, property) => `${node.u64(property)}KiB`;
const rate: Read = (node, property) => Number(node.u64(property)) || undefined;
const mac: Read = (node, property) => {
  const bytes = node.get(property) ?? new Uint8Array(0);
  return Buffer.from(bytes).toString("hex").match(/../g)?.join(":") ?? "";
};

const DISK: Meanings = {
  "typeone,source": ["from", text],
  "typeone,size": ["from.size", kib],
  "typeone,first-sector": ["slice.first", number],
  "typeone,sectors": ["slice.sectors", rate],
  "read-only": ["readOnly", flag],
  "typeone,overlay": ["overlay", kib],
  "typeone,serial": ["serial", text],
  "typeone,queues": ["queues", number],
  "typeone,rate": ["rate", rate],
  "typeone,iops": ["iops", rate],
  "typeone,bus": ["bus", text],
};

const NET: Meanings = {
  "typeone,switch": ["network", text],
  "local-mac-address": ["mac", mac],
  "typeone,vlan": ["vlan", number],
  "typeone,rate": ["rate", rate],
  "typeone,isolated": ["isolated", flag],
  "typeone,mtu": ["mtu", number],
  "typeone,queues": ["queues", number],
  "typeone,bus": ["bus", text],
};

const ON_BUS: Meanings = { "typeone,bus": ["bus", text] };

/** Kinds of devices by `compatible`: the guest's setting that they are in, and what their properties mean. */
export const DEVICES: Readonly<Record<string, { readonly setting: string; readonly meanings: Meanings }>> = {
  "typeone,disk": { setting: "disks", meanings: DISK },
  "typeone,net": { setting: "networks", meanings: NET },
  "typeone,console": { setting: "consoles", meanings: { "typeone,ports": ["ports", number], ...ON_BUS } },
  "typeone,rng": { setting: "rng", meanings: ON_BUS },
  "typeone,balloon": { setting: "balloon", meanings: ON_BUS },
};

export const HOST_DISK: Meanings = {
  "typeone,file": ["file", text],
  format: ["format", text],
  "read-only": ["readOnly", flag],
  "typeone,size": ["size", kib],
};

export const SWITCH: Meanings = {
  "typeone,uplink": ["uplink", () => "user"],
  "typeone,forwards": ["forwards", texts],
};
