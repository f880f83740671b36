// SPDX-License-Identifier: Apache-2.0
// What the API tells and takes about disks and networks, as JSON. Part of api.ts. Sizes are bytes, rates bytes a second.
import { z } from "zod";

/** "leaving": the guest was asked to let go of it; "broken": the guest's driver has to reset it; "failed": what is behind it is. */
export type DeviceState = "ok" | "leaving" | "broken" | "failed";

interface Device {
  readonly guest: string;
  /** Among its kind, from 0: disk0, net0. */
  readonly index: number;
  readonly state: DeviceState;
  /** Whether it came while the guest ran. */
  readonly attached: boolean;
  readonly bus: "pci" | "mmio";
  /** Where the guest finds it: "00:03.0", or a slot of the MMIO bus. */
  readonly slot: string;
  readonly queues: number;
  /** How far the guest's driver is: "none", "found", "ready", "failed". */
  readonly driver: "none" | "found" | "ready" | "failed";
}

export interface DiskCounters {
  readonly inFlight: number;
  readonly reads: number;
  readonly readBytes: number;
  readonly writes: number;
  readonly writeBytes: number;
  readonly flushes: number;
  readonly discards: number;
  readonly errors: number;
}

export interface DiskInfo extends Device, DiskCounters {
  readonly source: "host" | "module" | "blob" | "memory" | "unknown";
  /** Of a host's disk. */
  readonly disk?: string;
  readonly sizeBytes: number;
  readonly firstSector: number;
  readonly readOnly: boolean;
  readonly serial: string;
  readonly overlay?: { readonly usedBytes: number; readonly limitBytes: number };
  /** Limits; absent: none. */
  readonly rate?: number;
  readonly iops?: number;
  readonly throttled: number;
}

export interface HostDiskInfo extends DiskCounters {
  readonly name: string;
  readonly index: number;
  readonly state: DeviceState;
  readonly location: string;
  readonly sizeBytes: number;
  readonly blockBytes: number;
  readonly readOnly: boolean;
  readonly queues: number;
  /** Guests' disks that are made of it. */
  readonly users: number;
}

export interface Disks {
  readonly guests: readonly DiskInfo[];
  readonly host: readonly HostDiskInfo[];
}

export interface PacketCounters {
  readonly rxPackets: number;
  readonly rxBytes: number;
  readonly rxDrops: number;
  readonly txPackets: number;
  readonly txBytes: number;
  readonly txDrops: number;
}

export interface NetInfo extends Device, PacketCounters {
  readonly network: string;
  readonly port: number;
  readonly mac: string;
  readonly vlan?: number;
  readonly mtu?: number;
  readonly isolated: boolean;
  readonly linkUp: boolean;
  readonly rate?: number;
  readonly throttled: number;
}

export interface SwitchInfo {
  readonly name: string;
  readonly index: number;
  readonly ports: number;
  /** Its NIC: "nic0". */
  readonly uplink?: string;
  readonly stations: number;
  readonly forwarded: number;
  readonly flooded: number;
  readonly dropped: number;
}

export interface NicInfo extends PacketCounters {
  readonly name: string;
  readonly state: DeviceState;
  readonly location: string;
  readonly mac: string;
  readonly linkUp: boolean;
  readonly queues: number;
  /** The network that it leads into. */
  readonly network?: string;
}

export interface Networks {
  readonly guests: readonly NetInfo[];
  readonly switches: readonly SwitchInfo[];
  readonly nics: readonly NicInfo[];
}

// ---- Requests: devices as packages/config makes them.

const count = z.number().int().min(0);
const absolute = z.string().startsWith("/").max(4096);
const bus = z.enum(["pci", "mmio"]).optional();
const rate = count.min(1).optional();

export const diskBody = z.strictObject({
  source: z.union([
    z.strictObject({ disk: z.string().min(1).max(20) }),
    z.strictObject({ file: absolute }),
    z.strictObject({ bytes: count.min(4096).multipleOf(4096) }),
  ]),
  firstSector: count.optional(),
  sectors: count.optional(),
  readOnly: z.boolean(),
  overlayBytes: count.min(4096).multipleOf(4096).optional(),
  serial: z.string().min(1).max(20).optional(),
  queues: count.min(1).max(8).optional(),
  rate,
  iops: count.min(1).max(1_000_000_000).optional(),
  bus,
});

export const networkBody = z.strictObject({
  network: z.string().min(1).max(15),
  mac: z
    .string()
    .regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
    .optional(),
  vlan: count.min(1).max(4094).optional(),
  rate,
  isolated: z.boolean(),
  mtu: count.min(68).max(9000).optional(),
  queues: count.min(1).max(4).optional(),
  bus,
});

const onBus = z.strictObject({ bus });

/** Settings of a guest that are its devices. */
export const guestDevices = {
  disks: z.array(diskBody).max(8).optional(),
  networks: z.array(networkBody).max(4).optional(),
  consoles: z.strictObject({ ports: count.min(1).max(4), bus }).optional(),
  rng: onBus.optional(),
  balloon: onBus.optional(),
  interrupts: z.enum(["plic", "aia"]).optional(),
  hotplug: count.max(4).optional(),
} as const;

export const attachDiskBody = z.strictObject({ disk: diskBody });
export const attachNetworkBody = z.strictObject({ network: networkBody });
/** What is absent stays; 0 takes a limit away. */
export const limitsBody = z.strictObject({
  rate: count.optional(),
  iops: count.max(1_000_000_000).optional(),
  overlayBytes: count.min(4096).optional(),
});
export const detachQuery = z.object({
  force: z.enum(["0", "1"]).default("0"),
  wait: z.enum(["0", "1"]).default("1"),
  timeoutMs: z
    .string()
    .regex(/^\d{1,7}$/)
    .optional(),
});

export type DeviceLimits = z.input<typeof limitsBody>;

/** Lines of the answer to an attach of a disk. */
export type AttachLine =
  | { readonly phase: "upload"; readonly file: string; readonly done: number; readonly total: number }
  | { readonly phase: "create" }
  | { readonly result: DiskInfo }
  | { readonly error: { readonly code: string; readonly message: string; readonly fix?: string } };
