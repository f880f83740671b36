// SPDX-License-Identifier: Apache-2.0
// A booted host with a client on its management channel, over a virtio console or over the one serial line that people
// use too, and the few things that the channel's scenarios do with it.
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { FdtTree } from "@typeone/fdt";
import { bootTypeOne, BUILD_DIR, DEFAULT_MACHINE, type MachineOptions, type RunningMachine } from "@typeone/host";
import {
  type ByteStream,
  ChannelClient,
  ChannelError,
  type Event,
  EventCodec,
  follow,
  getGuest,
  type GuestInfo,
  OPERATIONS,
  uploadBlob,
  type VcpuInfo,
  WireAction,
  WireStream,
  WireVcpuAction,
} from "@typeone/protocol";
import { descriptionOf, type NewGuest } from "../../soak/soaked-host.ts";
import { buildPayloads, type Payload } from "../payload.ts";
import type { PayloadGuest } from "../scenario.ts";
import { Transcript } from "../transcript.ts";

export type LinkKind = "virtio" | "uart";

export interface Handle {
  readonly guest: number;
  readonly generation: number;
}

export interface ChannelBoot {
  readonly name: string;
  readonly link: LinkKind;
  readonly machine?: Partial<MachineOptions>;
  readonly guests?: readonly PayloadGuest[];
  /** Payloads that guests are created from later. */
  readonly payloads: readonly string[];
  readonly editTree?: (tree: FdtTree) => void;
}

/** A stream that can be made to send nothing more, as when its process is killed. */
interface CutStream extends ByteStream {
  cut(): void;
}

function socketStream(socket: string): CutStream {
  const stream = net.connect(socket);
  return Object.assign(stream, { cut: () => void stream.destroy() });
}

/** The machine's serial line as a client's byte stream. */
function serialStream({ console, exited }: RunningMachine): CutStream {
  let cut = false;
  return {
    write: (bytes) => {
      if (!cut) console.send(Buffer.from(bytes));
    },
    cut: () => void (cut = true),
    on: (event: "data" | "close" | "error", listener: (value: never) => void) => {
      if (event === "data") console.onData(listener as (bytes: Uint8Array) => void);
      if (event === "close") void exited.then(() => (listener as () => void)());
    },
  };
}

export class ChannelHost {
  readonly machine: RunningMachine;
  readonly transcript: Transcript;
  readonly signal: AbortSignal;
  readonly client: ChannelClient;
  readonly #stream: CutStream;
  readonly #payloads: ReadonlyMap<string, Payload>;
  readonly #folder: string;
  readonly #consoles = new Map<string, { readonly text: string; readonly position: number }>();

  private constructor(options: {
    readonly machine: RunningMachine;
    readonly transcript: Transcript;
    readonly signal: AbortSignal;
    readonly payloads: ReadonlyMap<string, Payload>;
    readonly folder: string;
    readonly stream: CutStream;
  }) {
    this.machine = options.machine;
    this.transcript = options.transcript;
    this.signal = options.signal;
    this.#payloads = options.payloads;
    this.#folder = options.folder;
    this.#stream = options.stream;
    this.client = new ChannelClient(options.stream);
  }

  /** Boots; no session is begun. */
  static async start(boot: ChannelBoot, hypervisor: string, signal: AbortSignal): Promise<ChannelHost> {
    const booted = boot.guests ?? [];
    const payloads = await buildPayloads([...boot.payloads, ...booted.map(({ payload }) => payload)]);
    const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-channel-"));
    const socket = path.join(folder, "channel");
    const machine = await bootTypeOne({
      machine: { ...DEFAULT_MACHINE, ...boot.machine, ...(boot.link === "virtio" ? { channel: { socket } } : {}) },
      hypervisor,
      outDir: path.join(BUILD_DIR, "qemu-tests", boot.name.replace(/[^\w.-]+/g, "-")),
      guests: booted.map((guest) => ({
        name: guest.name ?? guest.payload,
        memoryMiB: guest.memoryMiB ?? 32,
        cpus: guest.cpus ?? 1,
        kernel: payloads.get(guest.payload)?.image ?? "",
        bootargs: guest.args ?? "",
      })),
      ...(boot.editTree ? { editTree: boot.editTree } : {}),
    });
    const transcript = new Transcript(
      machine.console,
      booted.map((guest) => guest.name ?? guest.payload),
    );
    const stream = boot.link === "virtio" ? socketStream(socket) : serialStream(machine);
    return new ChannelHost({ machine, transcript, signal, payloads, folder, stream });
  }

  async stop(): Promise<void> {
    await this.machine.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Begins a session as soon as the host is up. */
  async hello(): Promise<void> {
    await this.client.hello({ timeoutMs: 30_000, signal: this.signal });
  }

  /** The client sends these bytes, and never anything more. */
  async abandon(last: Uint8Array): Promise<void> {
    await sleep(50);
    this.#stream.write(last);
    this.#stream.cut();
  }

  async create(guest: NewGuest & { readonly ramdisk?: Uint8Array }): Promise<Handle> {
    const image = this.#payloads.get(guest.payload)?.image;
    if (!image) throw new Error(`there is no payload ${guest.payload}`);
    const kernel = await uploadBlob(this.client, image);
    const ramdisk = guest.ramdisk ? await uploadBlob(this.client, guest.ramdisk) : undefined;
    const description = await uploadBlob(this.client, descriptionOf(guest));
    const blobs = { description: description.id, kernel: kernel.id, ramdisk: ramdisk?.id ?? 0, tree: 0 };
    const { answer } = await this.client.call(OPERATIONS.Create, { ...blobs, start: 1 });
    for (const blob of [kernel, ramdisk, description])
      if (blob) await this.client.call(OPERATIONS.BlobDrop, { id: blob.id });
    return { guest: answer.guest, generation: answer.generation };
  }

  async act(handle: Handle, action: keyof typeof WireAction): Promise<void> {
    await this.client.call(OPERATIONS.GuestAction, { ...handle, action: WireAction[action] });
  }

  guest({ guest, generation }: Handle): Promise<GuestInfo | undefined> {
    return getGuest(this.client, { id: guest, generation });
  }

  async vcpu(handle: Handle, index: number): Promise<VcpuInfo> {
    const { records } = await this.client.call(OPERATIONS.Vcpus, { ...handle, from: index });
    const [first] = records;
    if (!first) throw new Error(`guest ${handle.guest} has no vCPU ${index}`);
    return first;
  }

  async changeVcpu(
    handle: Handle,
    vcpu: number,
    action: keyof typeof WireVcpuAction,
    value: bigint = 0n,
  ): Promise<void> {
    await this.client.call(OPERATIONS.VcpuAction, { ...handle, vcpu, action: WireVcpuAction[action], value });
  }

  /** Everything of a stream that is there now. */
  async read(stream: number, index: number, unit = 1): Promise<Buffer> {
    const pieces: Uint8Array[] = [];
    for await (const { bytes } of follow(this.client, stream, { index, unit, until: "now", signal: this.signal }))
      pieces.push(bytes);
    return Buffer.concat(pieces);
  }

  /** Everything that the guest's console said so far, latin1. What was read is acknowledged, so that it may go on. */
  async console({ guest, generation }: Handle): Promise<string> {
    const key = `${guest}.${generation}`;
    const { text, position } = this.#consoles.get(key) ?? { text: "", position: 0 };
    const from = { index: guest, generation, position, until: "now", signal: this.signal } as const;
    const now = { text, position };
    for await (const { bytes, next } of follow(this.client, WireStream.Console, from)) {
      now.text += Buffer.from(bytes).toString("latin1");
      now.position = next;
    }
    this.#consoles.set(key, now);
    return now.text;
  }

  /** Events so far that are about one guest. */
  async events({ guest, generation }: Handle): Promise<Event[]> {
    const bytes = await this.read(WireStream.Events, 0);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const all: Event[] = [];
    for (let at = 0; at + EventCodec.size <= bytes.length; at += EventCodec.size) all.push(EventCodec.decode(view, at));
    return all.filter((event) => event.guest === guest && event.generation === generation);
  }

  /** Types into a guest's console; answers once it has taken everything. */
  async write(handle: Handle, bytes: Uint8Array): Promise<void> {
    let position = (await this.guest(handle))?.consoleInput ?? 0;
    const end = position + bytes.length;
    while (position !== end) {
      const tail = bytes.subarray(bytes.length - (end - position));
      ({ position } = (await this.client.call(OPERATIONS.Write, { ...handle, position }, { tail })).answer);
      if (position !== end) await sleep(5, undefined, { signal: this.signal });
    }
  }

  /** Looks until it holds; what it looked at last is in the error. */
  async until<T>(what: string, look: () => Promise<T>, done: (value: T) => boolean, limitMs = 20_000): Promise<T> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const value = await look();
      if (done(value)) return value;
      this.signal.throwIfAborted();
      if (Date.now() > deadline) {
        const seen = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? Number(part) : part));
        throw new Error(`${what}: not within ${limitMs / 1000} s; last seen: ${seen}`);
      }
      await sleep(5);
    }
  }

  /** Until its console has what matches. */
  says(handle: Handle, wanted: RegExp): Promise<string> {
    return this.until(
      `guest ${handle.guest} says ${String(wanted)}`,
      () => this.console(handle),
      (text) => wanted.test(text),
    );
  }

  async destroy(handle: Handle): Promise<void> {
    await this.act(handle, "Destroy");
    await this.gone(handle);
  }

  async gone(handle: Handle): Promise<void> {
    const look = () => this.guest(handle);
    await this.until(`guest ${handle.guest} is gone`, look, (guest) => guest === undefined);
  }
}

/** Fails unless the call is refused with this status. */
export async function refusedWith(code: string, call: Promise<unknown>): Promise<ChannelError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof ChannelError && error.code === code) return error;
  throw new Error(`${code} was to be answered, not ${error instanceof Error ? error.message : "success"}`);
}

/** Throws `what` and what was found, unless it holds. */
export function expect(holds: unknown, what: string, found?: unknown): void {
  if (holds === true) return;
  const seen = JSON.stringify(found, (_, part: unknown) => (typeof part === "bigint" ? Number(part) : part));
  throw new Error(found === undefined ? what : `${what}; found ${seen}`);
}
