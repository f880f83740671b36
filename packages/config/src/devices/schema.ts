// SPDX-License-Identifier: Apache-2.0
// What a system may say about its disks and networks, and a guest about its devices. Part of ../schema.ts. Each device has
// a long form, an object, and a short one, a text (short.ts), which is read into the long one and checked as that.
import { z } from "zod";
import { file, mac, rate, refuse, sectors, size, someSectors, whole } from "../fields.ts";
import { isFault, KIB, TIB, type Fault } from "../units.ts";
import { readDisk, readForward, readNetwork } from "./short.ts";

export const MAX_DISKS = 8;
export const MAX_NETS = 4;
export const MAX_HOST_DISKS = 8;
export const MAX_SWITCHES = 8;
export const MAX_NICS = 4;
export const BUSES = ["pci", "mmio"] as const;
export const FORMATS = ["raw", "qcow2"] as const;
export const UPLINKS = ["user", "none"] as const;
export type Bus = (typeof BUSES)[number];
export type DiskFormat = (typeof FORMATS)[number];
export type Uplink = (typeof UPLINKS)[number];

/** A disk's name is its serial, which VirtIO gives 20 bytes. */
const DISK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,19}$/;
const NETWORK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/;
const diskName = z.string().regex(DISK_NAME, "a disk's name is 1 to 20 of the characters A-Z a-z 0-9 . _ -");
const networkName = z.string().regex(NETWORK_NAME, "a network's name is 1 to 15 of the characters A-Z a-z 0-9 . _ -");

/** A text that `read` turns into the settings of the long form. */
function short(read: (given: string) => Record<string, unknown> | Fault) {
  return z.string().transform((given, context): unknown => {
    const settings = read(given);
    return isFault(settings) ? refuse(context, settings) : settings;
  });
}

// ---- The system's.

const hostDisk = z.strictObject({
  file: file.optional().meta({
    description: "The disk's content, relative to this file; in the data folder when absent, which needs a size.",
    examples: ["./data.img"],
  }),
  format: z
    .enum(FORMATS)
    .optional()
    .meta({ description: "Of the file; by its extension when absent.", examples: FORMATS }),
  readOnly: z
    .boolean()
    .default(false)
    .meta({ description: "Nobody may write it.", examples: [true] }),
  size: size(4 * KIB, 64 * TIB)
    .optional()
    .meta({ description: "Makes a raw file of this size if there is none.", examples: ["4GiB"] }),
});

export const hostDisksSchema = z
  .record(diskName, z.union([short((given) => ({ file: given })).pipe(hostDisk), hostDisk]))
  .optional()
  .meta({
    description: "Disks of the host by name, which is their serial: a file's name, or settings.",
    examples: [{ data: "./data.img" }],
  });

const forward = z.string().transform((given, context) => {
  const read = readForward(given);
  return isFault(read) ? refuse(context, read) : read;
});

const network = z.strictObject({
  uplink: z
    .enum(UPLINKS)
    .default("none")
    .meta({ description: 'Where it leads: "user" is QEMU\'s network with a way outside.', examples: UPLINKS }),
  forwards: z
    .array(forward)
    .max(32)
    .optional()
    .meta({
      description: "Ports of this machine that lead into the network.",
      examples: [["127.0.0.1:2222 -> 10.0.2.15:22"]],
    }),
});

const uplinkAlone = z
  .string()
  .pipe(z.enum(UPLINKS))
  .transform((uplink): unknown => ({ uplink }));

export const networksSchema = z
  .record(networkName, z.union([uplinkAlone.pipe(network), network]))
  .optional()
  .meta({
    description: "Virtual switches inside the hypervisor by name: an uplink, or settings.",
    examples: [{ lan: "user" }],
  });

// ---- A guest's.

const bus = z
  .enum(BUSES)
  .optional()
  .meta({ description: "How the guest finds it; pci when absent.", examples: ["pci"] });

const madeOf = z.strictObject({
  file: file.optional().meta({ description: "Content of a RAM disk, relative to this file.", examples: ["./x.img"] }),
  size: size(4 * KIB, TIB)
    .optional()
    .meta({ description: "Size of an empty RAM disk.", examples: ["64MiB"] }),
});

const ramDisk = madeOf.transform((given, context): { readonly file: string } | { readonly size: number } => {
  if (given.file !== undefined && given.size === undefined) return { file: given.file };
  if (given.size !== undefined && given.file === undefined) return { size: given.size };
  return refuse(context, { wrong: "is made of a file or has a size, one of them", fix: "write file or size" });
});

const slice = z.strictObject({
  first: sectors.default(0).meta({
    description: 'First sector of 512 bytes, or a size like "1GiB".',
    examples: [2048, "1GiB"],
  }),
  sectors: someSectors.optional().meta({
    description: "How many sectors, or a size; to the end when absent.",
    examples: [409_600, "4GiB"],
  }),
});

const guestDisk = z.strictObject({
  from: z.union([diskName, ramDisk]).meta({
    description: "A disk of the system by name, or a RAM disk: { file } with content or { size } empty.",
    examples: ["data", { size: "64MiB" }],
  }),
  slice: slice.optional().meta({ description: "The part of it that the guest has.", examples: [{ first: 2048 }] }),
  readOnly: z
    .boolean()
    .default(false)
    .meta({ description: "The guest cannot write.", examples: [true] }),
  overlay: size(64 * KIB, TIB)
    .optional()
    .meta({
      description: "What the guest writes is kept in memory, of at most this size, and gone with it.",
      examples: ["512MiB"],
    }),
  serial: z
    .string()
    .regex(/^[\x21-\x7e]{1,20}$/, "a serial is 1 to 20 characters without blanks")
    .optional()
    .meta({ description: "What the guest reads as serial; the disk's name when absent.", examples: ["root"] }),
  queues: whole(1, 8)
    .optional()
    .meta({ description: "Request queues; 1 when absent.", examples: [2] }),
  rate: rate.optional().meta({ description: "Most bytes a second.", examples: ["10MB/s"] }),
  iops: whole(1, 1_000_000_000)
    .optional()
    .meta({ description: "Most requests a second.", examples: [1000] }),
  bus,
});

export const guestDiskSchema = z.union([short(readDisk).pipe(guestDisk), guestDisk]);

const guestNetwork = z.strictObject({
  network: networkName.meta({ description: "Which network of the system.", examples: ["lan"] }),
  mac: mac
    .optional()
    .meta({ description: "Its address; made from the guest's name when absent.", examples: ["52:54:00:12:34:56"] }),
  vlan: whole(1, 4094)
    .optional()
    .meta({ description: "VLAN of all its frames, untagged at the guest.", examples: [10] }),
  rate: rate.optional().meta({ description: "Most bytes a second that it sends.", examples: ["10MB/s"] }),
  isolated: z
    .boolean()
    .default(false)
    .meta({ description: "Reaches the uplink only, no isolated neighbour.", examples: [true] }),
  mtu: whole(68, 9000)
    .optional()
    .meta({ description: "Largest packet in bytes; 1500 when absent.", examples: [1500] }),
  queues: whole(1, 4)
    .optional()
    .meta({ description: "Pairs of queues; 1 when absent.", examples: [2] }),
  bus,
});

export const guestNetworkSchema = z.union([short(readNetwork).pipe(guestNetwork), guestNetwork]);

const onBus = z.strictObject({ bus });

export const consolesSchema = z
  .union([whole(0, 4), z.strictObject({ ports: whole(1, 4), bus })])
  .optional()
  .meta({ description: "Ports of a VirtIO console, beside the serial port.", examples: [1] });
export const rngSchema = z
  .union([z.boolean(), onBus])
  .optional()
  .meta({ description: "A VirtIO entropy source.", examples: [true] });
export const balloonSchema = z
  .union([z.boolean(), onBus])
  .optional()
  .meta({ description: "A VirtIO memory balloon.", examples: [true] });

export type HostDiskSettings = z.output<typeof hostDisk>;
export type NetworkSettings = z.output<typeof network>;
export type GuestDiskSettings = z.output<typeof guestDisk>;
export type GuestNetworkSettings = z.output<typeof guestNetwork>;
export type ConsolesSettings = z.output<typeof consolesSchema>;
export type OnBusSettings = z.output<typeof rngSchema>;
