// SPDX-License-Identifier: Apache-2.0
// The machine that is soaked: the real image under QEMU with two heartbeat neighbours and a management channel, and the
// few things that a soak does with it. Ends QEMU whatever happens.
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { FdtNode, FdtTree, serialize, u64, type PropertyInput } from "@typeone/fdt";
import { bootTypeOne, BUILD_DIR, DEFAULT_MACHINE, type RunningMachine } from "@typeone/host";
import {
  ChannelClient,
  type GuestInfo,
  OPERATIONS,
  uploadBlob,
  WireAction,
  WireState,
  WireStream,
} from "@typeone/protocol";
import { buildPayloads } from "../qemu/payload.ts";

export const NEIGHBOURS = ["neighbour1", "neighbour2"] as const;
const CONNECT_MS = 10_000;

export type ActionName = keyof typeof WireAction;

/** Names a guest for as long as it lives. */
export interface Handle {
  readonly guest: number;
  readonly generation: number;
}

export interface NewGuest {
  readonly name: string;
  readonly payload: string;
  readonly memoryMiB?: number;
  readonly cpus?: number;
  readonly args?: string;
  readonly properties?: Readonly<Record<string, PropertyInput>>;
}

/** The tree that describes a guest to the hypervisor: its root is the xen,domain node. */
export function descriptionOf(guest: NewGuest): Uint8Array {
  const root = new FdtNode("");
  root.set("compatible", "xen,domain");
  root.set("memory", u64((guest.memoryMiB ?? 16) * 1024));
  root.set("cpus", guest.cpus ?? 1);
  root.set("typeone,name", guest.name);
  root.assign(guest.properties ?? {});
  root.ensureChild("kernel").assign({ compatible: "multiboot,kernel", bootargs: guest.args ?? "" });
  return serialize(new FdtTree(root));
}

/** A socket to the channel; waits until QEMU listens. */
export async function connectChannel(socket: string): Promise<net.Socket> {
  const deadline = Date.now() + CONNECT_MS;
  for (;;) {
    const stream = net.connect(socket);
    const failed = await new Promise<Error | undefined>((resolve) => {
      stream.once("connect", () => resolve(undefined));
      stream.once("error", resolve);
    });
    if (!failed) return stream;
    if (Date.now() > deadline) throw failed;
    await sleep(50);
  }
}

export class SoakedHost {
  readonly machine: RunningMachine;
  readonly socket: string;
  client: ChannelClient;
  #stream: net.Socket;
  readonly #folder: string;
  readonly #images: ReadonlyMap<string, { readonly image: string }>;

  private constructor(machine: RunningMachine, folder: string, images: SoakedHost["images"], stream: net.Socket) {
    this.machine = machine;
    this.#folder = folder;
    this.socket = path.join(folder, "channel");
    this.#images = images;
    this.#stream = stream;
    this.client = new ChannelClient(stream);
  }

  get images(): ReadonlyMap<string, { readonly image: string }> {
    return this.#images;
  }

  static async start(options: { readonly hypervisor: string; readonly harts?: number }): Promise<SoakedHost> {
    const images = await buildPayloads(["heartbeat", "hello", "reboot", "smp"]);
    const folder = await mkdtemp(path.join(os.tmpdir(), "typeone-soak-"));
    const machine = await bootTypeOne({
      machine: { ...DEFAULT_MACHINE, harts: options.harts ?? 2, channel: { socket: path.join(folder, "channel") } },
      hypervisor: options.hypervisor,
      outDir: path.join(BUILD_DIR, "soak"),
      guests: NEIGHBOURS.map((name) => ({
        name,
        memoryMiB: 32,
        cpus: 1,
        kernel: images.get("heartbeat")?.image ?? "",
        bootargs: "beats=0",
      })),
    });
    try {
      const host = new SoakedHost(machine, folder, images, await connectChannel(path.join(folder, "channel")));
      await host.client.hello({ timeoutMs: 30_000 });
      for (const name of NEIGHBOURS) await host.#firstBeat(name);
      return host;
    } catch (error) {
      await machine.kill();
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }

  #firstBeat(name: string): Promise<number> {
    return this.until(
      `the first beat of ${name}`,
      () => this.beats(name).catch(() => 0),
      (beats) => beats > 0,
    );
  }

  /** The client dies without a word, and another takes over. */
  async takeOver(): Promise<void> {
    this.client = new ChannelClient(await this.connect());
    await this.client.hello();
  }

  /** A fresh socket to the channel; the one before is closed without a word. */
  async connect(): Promise<net.Socket> {
    this.#stream.destroy();
    this.#stream = await connectChannel(this.socket);
    return this.#stream;
  }

  async stop(): Promise<void> {
    await this.client.close().catch(() => undefined);
    await this.machine.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async create(guest: NewGuest): Promise<Handle> {
    const image = this.#images.get(guest.payload)?.image;
    if (!image) throw new Error(`there is no payload ${guest.payload}`);
    const kernel = await uploadBlob(this.client, image);
    const description = await uploadBlob(this.client, descriptionOf(guest));
    const request = { description: description.id, kernel: kernel.id, ramdisk: 0, tree: 0, start: 1 };
    const created = this.client.call(OPERATIONS.Create, request);
    await created.catch(() => undefined);
    await this.client.call(OPERATIONS.BlobDrop, { id: description.id });
    const { answer } = await created;
    return { guest: answer.guest, generation: answer.generation };
  }

  async act(handle: Handle, action: ActionName): Promise<void> {
    await this.client.call(OPERATIONS.GuestAction, { ...handle, action: WireAction[action] });
  }

  async guests(): Promise<readonly GuestInfo[]> {
    const all: GuestInfo[] = [];
    for (;;) {
      const from = (all.at(-1)?.id ?? -1) + 1;
      const { records } = await this.client.call(OPERATIONS.Guests, { from });
      if (records.length === 0) return all;
      all.push(...records);
    }
  }

  async guest(handle: Handle): Promise<GuestInfo | undefined> {
    const { records } = await this.client.call(OPERATIONS.Guests, { from: handle.guest });
    return records.find(({ id, generation }) => id === handle.guest && generation === handle.generation);
  }

  /** Everything that the guest's console keeps. */
  async console(handle: Handle): Promise<string> {
    const request = { stream: WireStream.Console, index: handle.guest, generation: handle.generation, position: 0 };
    const { bytes } = await this.client.call(OPERATIONS.Read, { ...request, most: 4000 });
    return Buffer.from(bytes).toString("latin1");
  }

  /** Looks until it holds; what it looked at last is in the error. */
  async until<T>(what: string, look: () => Promise<T>, done: (value: T) => boolean, limitMs = 20_000): Promise<T> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const value = await look();
      if (done(value)) return value;
      if (Date.now() > deadline) {
        const seen = JSON.stringify(value, (_, part: unknown) => (typeof part === "bigint" ? Number(part) : part));
        throw new Error(`${what}: not within ${limitMs / 1000} s; last seen: ${seen}`);
      }
      await sleep(2);
    }
  }

  async gone(handle: Handle): Promise<void> {
    await this.until(
      `guest ${handle.guest} is gone`,
      () => this.guest(handle),
      (guest) => guest === undefined,
    );
  }

  /** Beats of a neighbour so far, from its console's end: `BEAT n sum x`. */
  async beats(name: string): Promise<number> {
    const info = (await this.guests()).find((guest) => guest.name === name);
    if (!info) throw new Error(`${name} is gone`);
    if (info.state !== WireState.Running) throw new Error(`${name} does not run: its state is ${info.state}`);
    const position = Math.max(0, info.consoleEnd - 200);
    const request = { stream: WireStream.Console, index: info.id, generation: info.generation, position, most: 400 };
    const { bytes } = await this.client.call(OPERATIONS.Read, request);
    const text = Buffer.from(bytes).toString("latin1");
    if (/RESULT|CHECK/.test(text)) throw new Error(`${name} found something wrong: ${text}`);
    const numbers = [...text.matchAll(/BEAT (\d+) sum/g)].map(([, number]) => Number(number));
    return numbers.at(-1) ?? 0;
  }
}
