// SPDX-License-Identifier: Apache-2.0
// The one definition of what a system and a guest may say: types, JSON Schema and checks of single settings come from
// it. What concerns several settings at once is in check/. Limits are those of core/limits.ts and core/guest/describe.ts;
// a test compares them.
import { z } from "zod";
import {
  balloonSchema,
  consolesSchema,
  guestDiskSchema,
  guestNetworkSchema,
  hostDisksSchema,
  MAX_DISKS,
  MAX_NETS,
  networksSchema,
  rngSchema,
} from "./devices/schema.ts";
import { file, numberOrText, refuse, size, whole } from "./fields.ts";
import { GIB, isFault, MIB, parseAddress, parseHarts, TIB } from "./units.ts";

export { PAGE } from "./fields.ts";

export const MAX_GUESTS = 64;
export const MAX_VCPUS = 8;
export const MAX_HARTS = 16;
export const LEAST_MEMORY = 2 * MIB;
export const MOST_MEMORY = TIB;
/** Characters of a name. */
export const NAME_LENGTH = 31;
export const NAME_PATTERN = /^[A-Za-z0-9._-]{1,31}$/;
/** The word that names the project's own Debian kernel and ramdisk instead of a file. */
export const DEBIAN = "debian";

export const POLICIES = ["priority", "rate-monotonic", "pinned"] as const;
export const ACTIONS = ["destroy", "restart", "preserve"] as const;
export const AIA = ["none", "aplic", "aplic-imsic"] as const;
export const CPUS = ["rv64", "max", "rva23s64"] as const;
export const MACHINES = ["qemu-virt"] as const;
export const INTERRUPTS = ["plic", "aia"] as const;
export const MAX_HOTPLUG = 4;
export type Policy = (typeof POLICIES)[number];
export type Action = (typeof ACTIONS)[number];

const harts = z.union([z.number(), z.string(), z.array(numberOrText).min(1)]).transform((given, context) => {
  const set = parseHarts(given);
  return isFault(set) ? refuse(context, set) : set;
});

const staticMemory = z.union([z.boolean(), z.number(), z.string()]).transform((given, context) => {
  if (typeof given === "boolean") return given;
  const address = parseAddress(given);
  if (isFault(address)) return refuse(context, { ...address, fix: `${address.fix}, or true to have one chosen` });
  if (address !== 0 && address % (2 * MIB) === 0) return address;
  return refuse(context, { wrong: "the address is not a multiple of 2 MiB", fix: 'write it like "0xa0000000"' });
});

const microseconds = whole(1, 1e12);

/** Not a setting: JSON files name their schema by it. */
const schemaKey = z.string().optional().meta({ description: "Where editors find this schema." });

export const guestSchema = z
  .strictObject({
    $schema: schemaKey,
    name: z
      .string()
      .regex(NAME_PATTERN, `a name is 1 to ${NAME_LENGTH} of the characters A-Z a-z 0-9 . _ -`)
      .meta({ description: "What the guest is called everywhere; unique in its system.", examples: ["web"] }),
    kernel: file.meta({
      description:
        'Linux Image or flat binary, relative to this file; "debian" takes the project\'s own Debian kernel.',
      examples: ["./Image", DEBIAN],
    }),
    ramdisk: file.optional().meta({
      description:
        'Initial ramdisk, relative to this file, or "debian", which kernel "debian" brings along when this is absent.',
      examples: ["./initrd.img", DEBIAN],
    }),
    deviceTree: file.optional().meta({
      description: "The guest's own device tree (.dtb or .dts); one is made when absent.",
      examples: ["./guest.dtb"],
    }),
    bootargs: z
      .string()
      .optional()
      .meta({ description: "Kernel command line.", examples: ["console=ttyS0"] }),
    memory: size(LEAST_MEMORY, MOST_MEMORY).meta({
      description: "RAM: a number of MiB, or a text with a unit.",
      examples: ["256MiB", "1GiB", 256],
    }),
    vcpus: whole(1, MAX_VCPUS)
      .default(1)
      .meta({ description: "vCPUs at the start.", examples: [2] }),
    maxVcpus: whole(1, MAX_VCPUS)
      .optional()
      .meta({ description: "vCPUs that can be brought in later; as many as vcpus when absent.", examples: [4] }),
    affinity: harts.optional().meta({
      description: 'Harts that its vCPUs may run on: a list, or "0-3,^1". All when absent.',
      examples: ["0-1", [0, 2]],
    }),
    policy: z
      .enum(POLICIES)
      .optional()
      .meta({ description: "Scheduling policy; the host's when absent.", examples: ["pinned"] }),
    priority: whole(0, 7)
      .optional()
      .meta({ description: "0 is the lowest, 7 the highest; 3 when absent.", examples: [3] }),
    weight: whole(1, 10_000)
      .optional()
      .meta({ description: "Share of time among guests of one priority; 256 when absent.", examples: [256] }),
    sliceUs: whole(1, 10_000_000)
      .optional()
      .meta({ description: "Time slice in microseconds.", examples: [10_000] }),
    periodUs: microseconds
      .optional()
      .meta({ description: "Period in microseconds, for rate-monotonic.", examples: [10_000] }),
    budgetUs: microseconds
      .optional()
      .meta({ description: "Run time per period in microseconds, for rate-monotonic.", examples: [2_000] }),
    staticMemory: staticMemory.default(false).meta({
      description: "Host memory that is only this guest's: true, or the host address where it begins.",
      examples: [true, "0xa0000000"],
    }),
    disks: z
      .array(guestDiskSchema)
      .max(MAX_DISKS)
      .optional()
      .meta({
        description: 'VirtIO disks, in order: objects, or texts like "debian,overlay=512M".',
        examples: [["data"], ["debian,overlay=512M"]],
      }),
    networks: z
      .array(guestNetworkSchema)
      .max(MAX_NETS)
      .optional()
      .meta({
        description: 'VirtIO network interfaces, in order: objects, or texts like "lan" or "lan,vlan=10".',
        examples: [["lan"], ["lan,rate=10MB/s"]],
      }),
    consoles: consolesSchema,
    rng: rngSchema,
    balloon: balloonSchema,
    interrupts: z
      .enum(INTERRUPTS)
      .optional()
      .meta({
        description: "The guest's interrupt controller; what suits host and devices when absent.",
        examples: ["aia"],
      }),
    hotplug: whole(0, MAX_HOTPLUG)
      .optional()
      .meta({ description: "PCI slots kept empty for devices that are attached later.", examples: [2] }),
    onCrash: z
      .enum(ACTIONS)
      .default("preserve")
      .meta({ description: "What happens after a crash.", examples: ["restart"] }),
    onReboot: z
      .enum(ACTIONS)
      .default("restart")
      .meta({ description: "What happens when it resets itself.", examples: ["restart"] }),
    onPoweroff: z
      .enum(ACTIONS)
      .default("preserve")
      .meta({ description: "What happens when it turns itself off.", examples: ["destroy"] }),
    restartLimit: whole(0, 1_000_000)
      .default(10)
      .meta({
        description: "Restarts without a quiet minute between, after which it stays down; 0 is no limit.",
        examples: [10],
      }),
    autostart: z
      .boolean()
      .default(true)
      .meta({ description: "Boots with the host; false: only `typeone start` starts it.", examples: [false] }),
  })
  .meta({ id: "Guest", title: "A guest of TypeOne" });

export const hostSchema = z
  .strictObject({
    machine: z
      .enum(MACHINES)
      .default("qemu-virt")
      .meta({ description: "What the host is.", examples: ["qemu-virt"] }),
    harts: whole(1, MAX_HARTS)
      .default(2)
      .meta({ description: "Harts of the host.", examples: [4] }),
    memory: size(64 * MIB, 64 * TIB)
      .default(GIB)
      .meta({ description: "RAM of the host: a number of MiB, or a text with a unit.", examples: ["1GiB", "2GiB"] }),
    aia: z
      .enum(AIA)
      .default("none")
      .meta({ description: "Interrupt controller; none is a PLIC.", examples: ["aplic-imsic"] }),
    cpu: z
      .enum(CPUS)
      .default("rv64")
      .meta({ description: "Model of the harts.", examples: ["max"] }),
    sstc: z
      .boolean()
      .default(true)
      .meta({ description: "Whether harts have Sstc timers.", examples: [true] }),
    policy: z
      .enum(POLICIES)
      .optional()
      .meta({ description: "Scheduling policy of guests that name none.", examples: ["priority"] }),
    sliceUs: whole(1, 10_000_000)
      .optional()
      .meta({
        description: "Time slice of guests that name none, in microseconds; 10000 when absent.",
        examples: [10_000],
      }),
  })
  .meta({ id: "Host", title: "The machine that TypeOne runs on" });

export const systemSchema = z
  .strictObject({
    $schema: schemaKey,
    host: hostSchema.prefault({}),
    disks: hostDisksSchema,
    networks: networksSchema,
    guests: z
      .array(guestSchema)
      .max(MAX_GUESTS)
      .default([])
      .meta({ description: "The guests, in the order of their start." }),
  })
  .meta({ id: "System", title: "A system of TypeOne: a host and its guests" });

/** What a file may say about one guest. */
export type GuestInput = z.input<typeof guestSchema>;
export type HostInput = z.input<typeof hostSchema>;
export type GuestDiskInput = z.input<typeof guestDiskSchema>;
export type GuestNetworkInput = z.input<typeof guestNetworkSchema>;
/** What a file may say. */
export type SystemInput = z.input<typeof systemSchema>;

/** For editors: draft 2020-12, of what a person writes. */
export function jsonSchema(of: "system" | "guest" = "system"): Record<string, unknown> {
  const schema = of === "system" ? systemSchema : guestSchema;
  return z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "throw",
    // What is read into another form (sizes, harts) loses its examples otherwise: they are of what is written.
    override: ({ zodSchema, jsonSchema: json }) => {
      const examples = z.globalRegistry.get(zodSchema)?.["examples"];
      if (Array.isArray(examples)) json.examples = examples;
    },
  });
}
