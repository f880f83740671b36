// SPDX-License-Identifier: Apache-2.0
// A running host as its clients see it: every call of the API as a typed method. Made by connectHost (connect.ts); the
// CLI, tests and scripts use it. What fails is an ApiError with a code, a message and, if there is one, the fix.
import type { Duplex } from "node:stream";
import type { Guest, GuestDisk, GuestNetwork } from "@typeone/config";
import type {
  AttachLine,
  CrashRecord,
  CrashSummary,
  CreateLine,
  DeviceLimits,
  DiskInfo,
  Disks,
  GuestAction,
  GuestDetail,
  GuestInfo,
  HartInfo,
  HostAction,
  HostEvent,
  HostInfo,
  IrqInfo,
  MemoryRun,
  NetInfo,
  Networks,
  Register,
  VcpuInfo,
  VcpuPatch,
} from "./api.ts";
import { ApiError } from "./errors.ts";
import { TraceDecoder, type TraceHeader, type TracePiece } from "./trace.ts";
import { Transport } from "./transport.ts";

export type CreateProgress = Extract<CreateLine, { readonly phase: string }>;

export interface CreateOptions {
  /** Starts it too (default), or leaves it created. */
  readonly start?: boolean;
  readonly onProgress?: (progress: CreateProgress) => void;
  /** Gives the creation up; a guest that exists by then stays. */
  readonly signal?: AbortSignal;
}

export interface ActionOptions {
  /** How long to wait until it has happened; 60 s when absent. */
  readonly timeoutMs?: number;
  /** false: only ask for it. */
  readonly wait?: boolean;
  readonly signal?: AbortSignal;
}

export interface DetachOptions {
  /** Takes it without asking the guest. */
  readonly force?: boolean;
  /** false: only ask for it. */
  readonly wait?: boolean;
  /** How long the guest may take; 10 s when absent. */
  readonly timeoutMs?: number;
}

/** A guest's disk or network interface. */
export interface DeviceTarget {
  readonly guest: string;
  readonly kind: "disks" | "nets";
  readonly index: number;
}

export interface FollowOptions {
  /** Go on with what is new; else it ends with what there is. */
  readonly follow?: boolean;
  /** Ends it. */
  readonly signal?: AbortSignal;
}

export interface ConsoleOptions {
  /** Input is refused. */
  readonly readonly?: boolean;
  /** What it begins with: the last 64 KiB (absent), nothing ("now"), all that is kept ("start"). */
  readonly from?: "now" | "start";
}

const DEFAULT_ACTION_MS = 60_000;
/** The daemon answers a timeout itself; the client's own is only for a dead daemon. */
const GRACE_MS = 15_000;
const HOUR_MS = 3_600_000;

const guestPath = (name: string, rest = ""): string => `/v1/guests/${encodeURIComponent(name)}${rest}`;
const query = (values: Readonly<Record<string, string | number | undefined>>): string => {
  const set = Object.entries(values).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(set.map(([key, value]) => [key, String(value)])).toString();
  return text === "" ? "" : `?${text}`;
};
const following = (options: FollowOptions): string => query({ follow: options.follow ? 1 : undefined });

export class HostClient {
  /** The host's name. */
  readonly name: string;
  readonly #api: Transport;

  constructor(name: string, socketPath: string) {
    this.name = name;
    this.#api = new Transport(socketPath);
  }

  // ---- The host.

  host(): Promise<HostInfo> {
    return this.#api.json("GET", "/v1/host");
  }

  harts(): Promise<HartInfo[]> {
    return this.#api.json("GET", "/v1/host/harts");
  }

  memoryMap(): Promise<MemoryRun[]> {
    return this.#api.json("GET", "/v1/host/memory");
  }

  irqs(): Promise<IrqInfo[]> {
    return this.#api.json("GET", "/v1/host/irqs");
  }

  /** Ends or restarts the machine; answers when it was asked. */
  hostAction(action: HostAction): Promise<void> {
    return this.#api.json("POST", "/v1/host/actions", { body: { action } });
  }

  /** Ends the background process: with the host, or without it (keepHost), which then waits for the next client. */
  stop(options: { readonly keepHost?: boolean } = {}): Promise<void> {
    return this.#api.json("POST", "/v1/daemon/stop", { body: { keepHost: options.keepHost ?? false } });
  }

  // ---- Guests.

  guests(): Promise<GuestInfo[]> {
    return this.#api.json("GET", "/v1/guests");
  }

  /** A guest by name or number, with its vCPUs. */
  guest(name: string): Promise<GuestDetail> {
    return this.#api.json("GET", guestPath(name));
  }

  async createGuest(guest: Guest, options: CreateOptions = {}): Promise<GuestInfo> {
    const body = { guest, start: options.start ?? true };
    const { signal } = options;
    for await (const line of this.#api.lines<CreateLine>("POST", "/v1/guests", { body, signal, timeoutMs: HOUR_MS })) {
      if ("error" in line) throw new ApiError(line.error);
      if ("result" in line) return line.result;
      options.onProgress?.(line);
    }
    throw new ApiError({ code: "unavailable", message: `the background process ended while it created ${guest.name}` });
  }

  /** Answers the guest as it is afterwards; undefined when it is gone. */
  async guestAction(name: string, action: GuestAction, options: ActionOptions = {}): Promise<GuestInfo | undefined> {
    const { wait = true, timeoutMs, signal } = options;
    const body = { action, wait, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    const patience = (timeoutMs ?? DEFAULT_ACTION_MS) + GRACE_MS;
    const call = { body, signal, timeoutMs: patience };
    const { guest } = await this.#api.json<{ guest?: GuestInfo }>("POST", guestPath(name, "/actions"), call);
    return guest;
  }

  // ---- vCPUs.

  setVcpuCount(name: string, count: number): Promise<GuestDetail> {
    return this.#api.json("POST", guestPath(name, "/vcpus"), { body: { count } });
  }

  changeVcpu(name: string, index: number, patch: VcpuPatch): Promise<VcpuInfo> {
    return this.#api.json("PATCH", guestPath(name, `/vcpus/${index}`), { body: patch });
  }

  /** Refused with "busy" while the vCPU is on a hart: pause it first. */
  registers(name: string, index: number): Promise<Register[]> {
    return this.#api.json("GET", guestPath(name, `/vcpus/${index}/registers`));
  }

  // ---- Disks and networks.

  disks(): Promise<Disks> {
    return this.#api.json("GET", "/v1/disks");
  }

  networks(): Promise<Networks> {
    return this.#api.json("GET", "/v1/nets");
  }

  /** Gives a guest a disk; the content of a file is sent first. */
  async attachDisk(
    name: string,
    disk: GuestDisk,
    options: Pick<CreateOptions, "onProgress" | "signal"> = {},
  ): Promise<DiskInfo> {
    const call = { body: { disk }, signal: options.signal, timeoutMs: HOUR_MS };
    for await (const line of this.#api.lines<AttachLine>("POST", guestPath(name, "/disks"), call)) {
      if ("error" in line) throw new ApiError(line.error);
      if ("result" in line) return line.result;
      options.onProgress?.(line);
    }
    throw new ApiError({ code: "unavailable", message: "the background process ended while it attached the disk" });
  }

  attachNetwork(name: string, network: GuestNetwork): Promise<NetInfo> {
    return this.#api.json("POST", guestPath(name, "/nets"), { body: { network } });
  }

  /** Answers when the guest has let go of it. */
  async detach({ guest, kind, index }: DeviceTarget, options: DetachOptions = {}): Promise<void> {
    const { force = false, wait = true, timeoutMs } = options;
    const values = { force: force ? 1 : undefined, wait: wait ? undefined : 0, timeoutMs };
    const patience = (timeoutMs ?? DEFAULT_ACTION_MS) + GRACE_MS;
    await this.#api.json("DELETE", guestPath(guest, `/${kind}/${index}${query(values)}`), { timeoutMs: patience });
  }

  /** Limits that are not named stay; 0 takes one away. */
  setLimits({ guest, kind, index }: DeviceTarget, limits: DeviceLimits): Promise<DiskInfo | NetInfo> {
    return this.#api.json("PATCH", guestPath(guest, `/${kind}/${index}`), { body: limits });
  }

  // ---- Looking into guests.

  /** All crash records that are kept, newest first. */
  crashes(): Promise<CrashSummary[]> {
    return this.#api.json("GET", "/v1/crashes");
  }

  /** The newest crash record of a guest, also of one that is gone. */
  crash(name: string): Promise<CrashRecord> {
    return this.#api.json("GET", guestPath(name, "/crash"));
  }

  async readMemory(name: string, gpa: bigint, length: number): Promise<Uint8Array> {
    const path = guestPath(name, `/memory${query({ gpa: `0x${gpa.toString(16)}`, length })}`);
    return new Uint8Array(await this.#api.bytes("GET", path));
  }

  // ---- Streams.

  /** The hypervisor's own log. */
  log(options: FollowOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#api.pieces(`/v1/log${following(options)}`, { signal: options.signal });
  }

  events(options: FollowOptions = {}): AsyncGenerator<HostEvent, void, undefined> {
    return this.#api.lines("GET", `/v1/events${following(options)}`, { signal: options.signal });
  }

  /** What a guest's console showed, as kept on disk; also of a guest that is gone. */
  consoleLog(name: string, options: FollowOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#api.pieces(guestPath(name, `/log${following(options)}`), { signal: options.signal });
  }

  /** A guest's console, open: what it shows comes out, what is written is typed. */
  console(name: string, options: ConsoleOptions = {}): Promise<Duplex> {
    const path = `/console${query({ readonly: options.readonly ? 1 : undefined, from: options.from })}`;
    return this.#api.socket(guestPath(name, path));
  }

  /** The host's serial line with its terminal for people. */
  uart(): Promise<Duplex> {
    return this.#api.socket("/v1/uart");
  }

  // ---- Trace.

  /** Which kinds of events are traced: bit per kind, 0 is off. */
  setTrace(mask: number): Promise<void> {
    return this.#api.json("POST", "/v1/trace", { body: { mask } });
  }

  /** Records of all harts as they come; ends when `signal` says so, or with what there is when not followed. */
  async *trace(
    options: FollowOptions & { readonly onHeader?: (header: TraceHeader) => void } = {},
  ): AsyncGenerator<TracePiece, void, undefined> {
    const decoder = new TraceDecoder();
    let told = options.onHeader === undefined;
    for await (const bytes of this.#api.pieces(`/v1/trace${following(options)}`, { signal: options.signal })) {
      const pieces = decoder.push(bytes);
      if (!told && decoder.header) {
        options.onHeader?.(decoder.header);
        told = true;
      }
      yield* pieces;
    }
  }
}
