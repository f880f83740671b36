// SPDX-License-Identifier: Apache-2.0
// Disks, networks and devices as the rest of the toolstack sees them: checked, absolute file names, bytes and sectors.
// Made from what the schema accepted; part of ../system.ts.
import { createHash } from "node:crypto";
import os from "node:os";
import path from "node:path";
import type {
  Bus,
  ConsolesSettings,
  DiskFormat,
  GuestDiskSettings,
  GuestNetworkSettings,
  HostDiskSettings,
  NetworkSettings,
  OnBusSettings,
  Uplink,
} from "./schema.ts";
import { KIB } from "../units.ts";
import type { Forward } from "./short.ts";

export type { Bus, DiskFormat, Uplink } from "./schema.ts";
export type { Forward } from "./short.ts";

/** A disk that the host machine has. */
export interface HostDisk {
  /** Its serial. */
  readonly name: string;
  /** Absolute. */
  readonly file: string;
  readonly format: DiskFormat;
  readonly readOnly: boolean;
  /** Size of the raw file that is made when there is none. */
  readonly sizeBytes?: number;
}

/** A switch inside the hypervisor. */
export interface Network {
  readonly name: string;
  readonly uplink: Uplink;
  readonly forwards: readonly Forward[];
}

/** A disk of the host by name, a RAM disk with a file's content, or an empty one. */
export type DiskSource = { readonly disk: string } | { readonly file: string } | { readonly bytes: number };

export interface GuestDisk {
  readonly source: DiskSource;
  /** The part of the source that the guest has, in sectors of 512 bytes; absent: from the beginning, to the end. */
  readonly firstSector?: number;
  readonly sectors?: number;
  readonly readOnly: boolean;
  /** Limit of a copy-on-write layer in memory. */
  readonly overlayBytes?: number;
  readonly serial?: string;
  readonly queues?: number;
  /** Bytes and requests a second. */
  readonly rate?: number;
  readonly iops?: number;
  readonly bus?: Bus;
}

export interface GuestNetwork {
  readonly network: string;
  readonly mac?: string;
  readonly vlan?: number;
  /** Bytes a second. */
  readonly rate?: number;
  readonly isolated: boolean;
  readonly mtu?: number;
  readonly queues?: number;
  readonly bus?: Bus;
}

export interface OnBus {
  readonly bus?: Bus;
}

export interface Consoles extends OnBus {
  readonly ports: number;
}

type Without<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Leaves out what is undefined. */
export function present<T extends object>(value: T): Without<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Without<T>;
}

/** The folder for what the toolstack keeps for a user. */
export function dataFolder(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["TYPEONE_DATA_DIR"];
  if (own) return path.resolve(own);
  return path.join(env["XDG_DATA_HOME"] || path.join(os.homedir(), ".local/share"), "typeone");
}

/** Where a disk without a file is kept: in a folder of its system, so that two systems' disks stay apart. */
function ownFile(name: string, system: string): string {
  const mark = createHash("sha256").update(system).digest("hex").slice(0, 8);
  const folder = `${path.basename(path.dirname(system)) || "system"}-${mark}`;
  return path.join(dataFolder(), "disks", folder, `${name}.img`);
}

const formatOf = (file: string): DiskFormat => (/\.qcow2$/i.test(file) ? "qcow2" : "raw");

/** `system`: the absolute name of the file that describes it. */
export function toHostDisks(disks: Readonly<Record<string, HostDiskSettings>>, system: string): HostDisk[] {
  return Object.entries(disks).map(([name, { file, format, readOnly, size }]): HostDisk => {
    const absolute = file === undefined ? ownFile(name, system) : path.resolve(path.dirname(system), file);
    const sizeBytes = size === undefined ? {} : { sizeBytes: size };
    return { name, file: absolute, format: format ?? formatOf(absolute), readOnly, ...sizeBytes };
  });
}

export function toNetworks(networks: Readonly<Record<string, NetworkSettings>>): Network[] {
  return Object.entries(networks).map(([name, { uplink, forwards }]) => ({ name, uplink, forwards: forwards ?? [] }));
}

/** `folder`: what relative file names start from. */
export function toGuestDisk(settings: GuestDiskSettings, folder: string): GuestDisk {
  const { from, slice, readOnly, overlay, ...rest } = settings;
  const source: DiskSource =
    typeof from === "string"
      ? { disk: from }
      : "file" in from
        ? { file: path.resolve(folder, from.file) }
        : { bytes: from.size };
  return present({
    ...rest,
    source,
    firstSector: slice?.first === 0 ? undefined : slice?.first,
    sectors: slice?.sectors,
    // With a layer of its own the guest writes there; what is below is only ever read.
    readOnly: readOnly && overlay === undefined,
    overlayBytes: overlay,
  }) as GuestDisk;
}

/** Back to what a configuration would say. */
export function diskSettings(disk: GuestDisk): Record<string, unknown> {
  const { source, firstSector, sectors, overlayBytes, ...rest } = disk;
  const from = "disk" in source ? source.disk : "file" in source ? source : { size: `${source.bytes / KIB}KiB` };
  const part = firstSector === undefined && sectors === undefined ? undefined : { first: firstSector ?? 0, sectors };
  const overlay = overlayBytes === undefined ? undefined : `${overlayBytes / KIB}KiB`;
  return present({ ...rest, from, slice: part && present(part), overlay });
}

export function toGuestNetwork(settings: GuestNetworkSettings): GuestNetwork {
  return present(settings) as GuestNetwork;
}

export function toConsoles(settings: ConsolesSettings): Consoles | undefined {
  if (typeof settings === "object") return present(settings) as Consoles;
  return settings ? { ports: settings } : undefined;
}

export function toOnBus(settings: OnBusSettings): OnBus | undefined {
  if (typeof settings === "object") return present(settings) as OnBus;
  return settings ? {} : undefined;
}

/** Whether a guest changes what the disk is made of. */
export const writes = ({ readOnly, overlayBytes }: GuestDisk): boolean => !readOnly && overlayBytes === undefined;
