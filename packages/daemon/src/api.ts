// SPDX-License-Identifier: Apache-2.0
// What the daemon's API takes and answers, as JSON. Both ends use these types; requests are checked by the schemas.
// Times are nanoseconds of the host's clock, sizes bytes, addresses and registers text like "0x80000000".
import type { Guest } from "@typeone/config";
import { z } from "zod";
import { guestDevices } from "./api-devices.ts";

export type * from "./api-devices.ts";

export type GuestState = "created" | "loading" | "running" | "paused" | "restarting" | "shutdown" | "crashed";
export type EndPolicy = "preserve" | "restart" | "destroy";

export interface GuestInfo {
  readonly name: string;
  /** From 1 on. Wherever a name is asked for, this number will do if no guest has it as its name. */
  readonly id: number;
  readonly state: GuestState;
  /** State that it is on its way to. */
  readonly wanted?: GuestState | "gone";
  /** vCPUs that may run, that it has at most, and that are started. */
  readonly vcpus: number;
  readonly maxVcpus: number;
  readonly onlineVcpus: number;
  readonly memoryBytes: number;
  readonly ramBase: string;
  /** Since it was created, and since its last start (absent before). */
  readonly ageNs: number;
  readonly uptimeNs?: number;
  readonly runTimeNs: number;
  readonly waitTimeNs: number;
  readonly exits: number;
  readonly interrupts: number;
  readonly consoleOut: number;
  readonly consoleIn: number;
  readonly consoleLost: number;
  readonly restarts: number;
  readonly restartsLeft: number;
  /** Percent of kernel and ramdisk in place, while it is loading. */
  readonly loadedPercent?: number;
  readonly onCrash: EndPolicy;
  readonly onReboot: EndPolicy;
  readonly onPoweroff: EndPolicy;
  /** Whether there is a crash record. */
  readonly crashed: boolean;
}

export interface GuestDetail extends GuestInfo {
  readonly vcpuList: readonly VcpuInfo[];
}

export interface VcpuInfo {
  readonly index: number;
  readonly hart: number;
  readonly state: "stopped" | "waiting" | "ready" | "running";
  /** As the guest's SBI tells it: started, stopped, suspended … */
  readonly hsm: string;
  readonly policy: "priority" | "rate-monotonic" | "pinned";
  readonly priority: number;
  readonly weight: number;
  readonly paused: boolean;
  /** Harts that it may run on. */
  readonly affinity: readonly number[];
  readonly runTimeNs: number;
  readonly waitTimeNs: number;
  readonly switches: number;
  readonly exits: number;
  readonly interrupts: number;
  /** Exits by kind; kinds that never came are absent. */
  readonly exitsByKind: Readonly<Record<string, number>>;
}

export interface Register {
  readonly name: string;
  readonly value: string;
}

export interface HostInfo {
  /** The host's name here. */
  readonly name: string;
  /** The file that it was started from. */
  readonly file: string;
  readonly runDir: string;
  readonly daemonPid: number;
  readonly qemuPid: number;
  /** When QEMU was started, as ISO 8601. */
  readonly startedAt: string;
  readonly release: string;
  readonly build: string;
  readonly architecture: string;
  readonly ticksPerSecond: number;
  readonly uptimeNs: number;
  readonly harts: number;
  readonly guests: number;
  readonly guestLimit: number;
  readonly vcpuLimit: number;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  /** The hypervisor's own memory. */
  readonly own: { readonly usedBytes: number; readonly freeBytes: number };
  readonly tables: { readonly total: number; readonly free: number };
  readonly timersArmed: number;
  readonly vmidsInUse: number;
  readonly blobs: number;
  readonly lines: number;
  readonly entities: number;
  readonly unownedInterrupts: number;
  readonly hostBytesLost: number;
  readonly stage2Levels: number;
  readonly interrupts: string;
  readonly console: string;
  readonly channel: ChannelInfo;
}

export interface ChannelInfo {
  /** "ready", or why it is not: the hypervisor is booting, does not answer. */
  readonly state: "ready" | "connecting" | "silent";
  /** Good frames and bad pieces at the hypervisor's end, and at ours. */
  readonly hypervisor: { readonly good: number; readonly bad: number };
  readonly daemon: { readonly good: number; readonly bad: number };
  readonly resent: number;
  /** Milliseconds since the hypervisor was last heard. */
  readonly lastHeardMs: number;
}

export interface HartInfo {
  readonly index: number;
  readonly online: boolean;
  /** Firmware's number. */
  readonly id: string;
  readonly idleNs: number;
  readonly timerInterrupts: number;
  readonly ipis: number;
  readonly externalInterrupts: number;
  readonly current?: { readonly guest: string; readonly vcpu: number };
}

export interface MemoryRun {
  readonly hpa: string;
  readonly bytes: number;
  readonly owner: "free" | "guest" | "blob" | "reserved" | "disk";
  readonly guest?: string;
}

export interface IrqInfo {
  readonly number: number;
  readonly hart: number;
  readonly count: number;
  readonly owner: string;
}

export interface CrashSummary {
  /** The guest's name and, among its records, which. */
  readonly guest: string;
  readonly file: string;
  /** When the daemon saw it, as ISO 8601. */
  readonly seenAt: string;
  readonly cause: string;
  readonly vcpu: number;
  readonly pc: string;
}

export interface CrashRecord extends CrashSummary {
  readonly reason: number;
  readonly detail: string;
  readonly hypervisorPc: string;
  readonly hypervisorValue: string;
  readonly whenNs: number;
  readonly registers: readonly Register[];
  /** Its last exits, newest first. */
  readonly trail: readonly TrailExit[];
}

export interface TrailExit {
  readonly name: string;
  readonly pc: string;
  readonly detail: string;
  readonly func: string;
}

export const EVENT_KINDS = [
  "state",
  "created",
  "destroyed",
  "crash",
  "restart-limit",
  "load",
  "vcpu",
  "session",
] as const;

export interface HostEvent {
  readonly timeNs: number;
  readonly kind: (typeof EVENT_KINDS)[number] | "unknown";
  /** Absent for what is about no guest. */
  readonly guest?: string;
  readonly id?: number;
  /** Of "state": the new one and the one before. */
  readonly state?: GuestState;
  readonly former?: GuestState;
  readonly value: number;
}

/** Lines of the answer to a create. */
export type CreateLine =
  | { readonly phase: "prepare"; readonly what: string }
  | { readonly phase: "upload"; readonly file: string; readonly done: number; readonly total: number }
  | { readonly phase: "create" }
  | { readonly result: GuestInfo }
  | { readonly error: ErrorBody };

export interface ErrorBody {
  /** One word for scripts: "not-found", "exists", "invalid", "limit", "timeout" … */
  readonly code: string;
  readonly message: string;
  /** What to type or change. */
  readonly fix?: string;
}

export const GUEST_ACTIONS = [
  "start",
  "pause",
  "resume",
  "reset",
  "reboot",
  "shutdown",
  "poweroff",
  "destroy",
] as const;
export type GuestAction = (typeof GUEST_ACTIONS)[number];
export const HOST_ACTIONS = ["shutdown", "reset"] as const;
export type HostAction = (typeof HOST_ACTIONS)[number];

// ---- Requests.

const count = z.number().int().min(0);
const absolute = z.string().startsWith("/").max(4096);
const fileOrDebian = z.union([z.literal("debian"), absolute]);
const end = z.enum(["preserve", "restart", "destroy"]);

/** A guest as packages/config loads it: absolute file names, all defaults in place. */
export const guestBody = z.strictObject({
  name: z.string().min(1).max(31),
  kernel: fileOrDebian,
  ramdisk: fileOrDebian.optional(),
  deviceTree: absolute.optional(),
  bootargs: z.string().max(2048).optional(),
  memoryBytes: count.multipleOf(4096),
  vcpus: count.min(1),
  maxVcpus: count.min(1),
  affinity: z.array(count.max(63)).min(1).max(64).optional(),
  policy: z.enum(["priority", "rate-monotonic", "pinned"]).optional(),
  priority: count.max(7).optional(),
  weight: count.min(1).max(10_000).optional(),
  sliceUs: count.optional(),
  periodUs: count.optional(),
  budgetUs: count.optional(),
  staticMemory: z.union([z.boolean(), count]),
  ...guestDevices,
  onCrash: end,
  onReboot: end,
  onPoweroff: end,
  restartLimit: count.max(1_000_000),
  autostart: z.boolean(),
});

export const createBody = z.strictObject({ guest: guestBody, start: z.boolean().default(true) });
export const actionBody = z.strictObject({
  action: z.enum(GUEST_ACTIONS),
  timeoutMs: count.min(1).max(3_600_000).optional(),
  wait: z.boolean().default(true),
});
export const hostActionBody = z.strictObject({ action: z.enum(HOST_ACTIONS) });
export const vcpusBody = z.strictObject({ count: count.min(1).max(1024) });
export const vcpuPatch = z.strictObject({
  affinity: z.array(count.max(63)).min(1).max(64).optional(),
  priority: count.max(7).optional(),
  weight: count.min(1).max(10_000).optional(),
  paused: z.boolean().optional(),
});
export const traceBody = z.strictObject({ mask: count.max(0xffff_ffff) });
export const stopBody = z.strictObject({ keepHost: z.boolean().default(false) });

export type CreateBody = z.input<typeof createBody> & { readonly guest: Guest };
export type VcpuPatch = z.input<typeof vcpuPatch>;
