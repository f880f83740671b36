// SPDX-License-Identifier: Apache-2.0
// Follows everything that the hypervisor tells by itself: every guest's console, its own log, its events. Keeps it on
// disk, tells those who listen, and goes on where it was in every new session.
import path from "node:path";
import { ChannelError, type Event, EventCodec, follow, type GuestInfo, listGuests, LinkLost } from "@typeone/protocol";
import { OPERATIONS, SessionLost, WireEvent, WireStream } from "@typeone/protocol";
import type { HostEvent } from "./api.ts";
import { ConsoleInput } from "./console-input.ts";
import { toEvent } from "./convert.ts";
import { CrashStore } from "./crashes.ts";
import { KeptStream } from "./kept-stream.ts";
import type { HypervisorLink, Session } from "./link.ts";
import type { HostPaths } from "./run-dir.ts";

export interface RecorderOptions {
  readonly paths: HostPaths;
  readonly link: HypervisorLink;
  /** Tells one run of the machine from another. */
  readonly run: string;
  readonly log: (line: string) => void;
}

const MOST_EVENTS = 1000;

export class Recorder {
  readonly crashes: CrashStore;
  readonly log: KeptStream;
  /** The newest events. */
  readonly events: HostEvent[] = [];
  readonly #options: RecorderOptions;
  readonly #consoles = new Map<string, KeptStream>();
  readonly #inputs = new Map<string, ConsoleInput>();
  readonly #names = new Map<number, string>();
  readonly #followed = new Set<string>();
  readonly #listeners = new Set<(event: HostEvent) => void>();
  #eventAt: number | undefined;
  #resets = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.crashes = new CrashStore(options.paths.crashes);
    this.log = new KeptStream(options.paths.hypervisorLog, { fileBytes: 1 << 20, files: 4 });
    options.link.onSession((session) => this.#begin(session));
  }

  /** A guest's console as kept; of guests that are gone too. */
  console(name: string): KeptStream {
    let kept = this.#consoles.get(name);
    if (!kept) {
      // A name may be anything that a hand-written tree says; a file's name may not.
      const file = encodeURIComponent(name).replaceAll(/[.*]/g, (mark) => `%${mark.charCodeAt(0).toString(16)}`);
      kept = new KeptStream(path.join(this.#options.paths.consoles, `${file}.log`));
      this.#consoles.set(name, kept);
    }
    return kept;
  }

  input(guest: GuestInfo): ConsoleInput {
    const key = `${guest.id}.${guest.generation}`;
    let input = this.#inputs.get(key);
    if (!input) {
      input = new ConsoleInput(() => this.#options.link.client(), guest);
      this.#inputs.set(key, input);
    }
    return input;
  }

  /** The name of the guest that has, or had last, this id. */
  nameOf(id: number): string {
    return this.#names.get(id) ?? `guest ${id + 1}`;
  }

  onEvent(listener: (event: HostEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #begin(session: Session): void {
    if (session.resets !== this.#resets) {
      this.#resets = session.resets;
      this.#eventAt = undefined;
      this.#inputs.clear();
    }
    this.#guard("the guests", () => this.#sync(session));
    this.#guard("the events", () => this.#followEvents(session));
    const key = this.#key("log");
    this.#guard("the log", () => this.#keep(session, this.log, { stream: WireStream.Log, key }));
  }

  /** Positions are good within one run of the hypervisor. */
  #key(what: string): string {
    return `${this.#options.run}.${this.#resets}.${what}`;
  }

  /** Runs in the background; the end of a session or of a guest is no error. */
  #guard(what: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (error instanceof SessionLost || error instanceof LinkLost) return;
      if (error instanceof ChannelError && error.code === "NotFound") return;
      this.#options.log(`following ${what}: ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  /** Follows the consoles of guests that are new, and stores the crashes of those that crashed. */
  async #sync(session: Session): Promise<void> {
    const { client, signal } = session;
    for (const guest of await listGuests(client)) {
      this.#names.set(guest.id, guest.name);
      const key = this.#key(`${guest.id}.${guest.generation}`);
      if (!this.#followed.has(key) && !signal.aborted) {
        this.#followed.add(key);
        this.#guard(`the console of ${guest.name}`, () => this.#followConsole(session, guest, key));
      }
      if (guest.crashReason !== 0) await this.crashes.take(client, guest, await this.#clock(session));
    }
  }

  async #followConsole(session: Session, guest: GuestInfo, key: string): Promise<void> {
    try {
      const { id: index, generation } = guest;
      await this.#keep(session, this.console(guest.name), { stream: WireStream.Console, index, generation, key });
    } finally {
      this.#followed.delete(key);
    }
  }

  async #keep(
    { client, signal }: Session,
    kept: KeptStream,
    what: { readonly stream: number; readonly index?: number; readonly generation?: number; readonly key: string },
  ): Promise<void> {
    const { stream, key, ...which } = what;
    kept.begin(key);
    const position = kept.position(key);
    const options = { ...which, signal, ...(position === undefined ? {} : { position }) };
    for await (const chunk of follow(client, stream, options)) {
      if (chunk.skipped > 0) kept.remark(`\r\n[typeone: ${chunk.skipped} bytes are missing here]\r\n`);
      kept.append(key, chunk.position, chunk.bytes);
    }
  }

  async #followEvents(session: Session): Promise<void> {
    const { client, signal } = session;
    const clock = await this.#clock(session);
    const options = { signal, ...(this.#eventAt === undefined ? {} : { position: this.#eventAt }) };
    for await (const chunk of follow(client, WireStream.Events, options)) {
      const view = new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.byteLength);
      const wires: Event[] = [];
      for (let at = 0; at + EventCodec.size <= view.byteLength; at += EventCodec.size)
        wires.push(EventCodec.decode(view, at));
      this.#eventAt = (chunk.position + wires.length * EventCodec.size) >>> 0;
      const changed = wires.some(({ kind }) => kind === WireEvent.Created || kind === WireEvent.Crash);
      if (changed) await this.#sync(session);
      for (const event of wires) this.#tell(toEvent(event, (id) => this.nameOf(id), clock));
    }
  }

  async #clock({ client }: Session): Promise<{ ticksPerSecond: bigint; now: bigint }> {
    const { answer } = await client.call(OPERATIONS.HostInfo, {});
    return { ticksPerSecond: client.host?.ticksPerSecond ?? 0n, now: answer.now };
  }

  #tell(event: HostEvent): void {
    this.events.push(event);
    if (this.events.length > MOST_EVENTS) this.events.shift();
    for (const listener of [...this.#listeners]) listener(event);
  }
}
