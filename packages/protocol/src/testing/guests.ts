// SPDX-License-Identifier: Apache-2.0
// Guests, blobs and streams of the hypervisor that is none: enough of a life cycle for tests of clients. Guests echo what
// is typed; every change takes a few milliseconds and tells the event stream.
import {
  EventCodec,
  type GuestInfo,
  type Notice,
  WireAction,
  WireBlobState,
  WireEvent,
  WirePolicy,
  WireState,
  WireStatus,
} from "../generated.ts";
import { crc32 } from "../crc32.ts";
import { FakeDevices } from "./devices.ts";
import { FakeStream } from "./stream.ts";

export interface FakeGuest {
  readonly id: number;
  readonly generation: number;
  readonly name: string;
  state: number;
  vcpus: number;
  restarts: number;
  startedAt: bigint;
  crashReason: number;
  affinity: bigint;
  priority: number;
  weight: number;
  paused: number;
  readonly console: FakeStream;
  readonly typed: number[];
  input: number;
  /** Bytes of input that it takes now. */
  room: number;
  /** Does not power off when asked to. */
  stubborn: boolean;
  readonly blobs: readonly number[];
}

export interface FakeBlob {
  readonly id: number;
  readonly crc: number;
  readonly digest: Uint8Array;
  readonly bytes: Uint8Array;
  position: number;
  state: number;
}

const CHANGE_MS = 5;
const MAX_VCPUS = 4;
export const GUEST_LIMIT = 8;

export class FakeGuests {
  readonly guests = new Map<number, FakeGuest>();
  readonly blobs = new Map<number, FakeBlob>();
  readonly devices = new FakeDevices();
  events = new FakeStream(32 * 64);
  log = new FakeStream();
  readonly traces = [new FakeStream(32 * 1024, 32), new FakeStream(32 * 1024, 32)];
  traceMask = 0;
  hostAction = 0;
  #time = 1_000_000n;
  #generation = 0;
  #blobNumber = 0;
  #consoles = 0n;
  readonly #news: () => void;
  readonly #nameOf: (description: Uint8Array) => string;

  constructor(news: () => void, nameOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("utf8")) {
    this.#news = news;
    this.#nameOf = nameOf;
  }

  now(): bigint {
    return (this.#time += 10_000n);
  }

  notice(): Notice {
    return { events: this.events.end, log: this.log.end, consoles: this.#consoles };
  }

  clear(): void {
    this.guests.clear();
    this.blobs.clear();
    this.events = new FakeStream(32 * 64);
    this.log = new FakeStream();
    this.#consoles = 0n;
  }

  // ---- Blobs.

  dropBlobs(): void {
    const owned = new Set([...this.guests.values()].flatMap((guest) => guest.blobs));
    for (const id of [...this.blobs.keys()]) if (!owned.has(id)) this.blobs.delete(id);
  }

  /** A guest that holds it keeps it. */
  dropBlob(id: number): boolean {
    const held = [...this.guests.values()].some((guest) => guest.blobs.includes(id));
    return held || this.blobs.delete(id);
  }

  openBlob(size: number, crc: number, digest: Uint8Array): FakeBlob {
    const wanted = Buffer.from(digest);
    const known = [...this.blobs.values()].find(
      (blob) => wanted.equals(blob.digest) && blob.state !== WireBlobState.Bad,
    );
    if (known) return known;
    const id = ++this.#blobNumber;
    const blob = { id, crc, digest, bytes: new Uint8Array(size), position: 0, state: WireBlobState.Open as number };
    this.blobs.set(id, blob);
    return blob;
  }

  writeBlob(blob: FakeBlob, position: number, bytes: Uint8Array): void {
    const skip = blob.position - position;
    if (blob.state !== WireBlobState.Open || skip < 0 || skip >= bytes.length) return;
    blob.bytes.set(bytes.subarray(skip), blob.position);
    blob.position = position + bytes.length;
    if (blob.position < blob.bytes.length) return;
    blob.state = crc32(blob.bytes) === blob.crc ? WireBlobState.Ready : WireBlobState.Bad;
  }

  // ---- Guests.

  create(description: Uint8Array, blobs: readonly number[]): FakeGuest | { refused: number; words: string } {
    const name = this.#nameOf(description);
    if ([...this.guests.values()].some((guest) => guest.name === name))
      return { refused: WireStatus.Exists, words: `there is a guest named ${name} already` };
    const id = Array.from({ length: GUEST_LIMIT }, (_, at) => at).find((at) => !this.guests.has(at));
    if (id === undefined)
      return { refused: WireStatus.Limit, words: `all ${GUEST_LIMIT} guests that this build can have exist` };
    return this.add(name, id, blobs);
  }

  add(name: string, id: number, blobs: readonly number[] = []): FakeGuest {
    const guest: FakeGuest = {
      id,
      generation: ++this.#generation,
      name,
      state: WireState.Created,
      vcpus: 2,
      restarts: 0,
      startedAt: 0n,
      crashReason: 0,
      affinity: 3n,
      priority: 3,
      weight: 256,
      paused: 0,
      console: new FakeStream(4096),
      typed: [],
      input: 0,
      room: 64,
      stubborn: false,
      blobs,
    };
    this.guests.set(id, guest);
    this.#event(guest, WireEvent.Created, 0, 0);
    return guest;
  }

  /** A guest that runs. */
  run(name: string): FakeGuest {
    const guest = this.add(name, this.guests.size);
    this.change(guest, WireState.Running);
    return guest;
  }

  /** Answers a status, and words if it refuses. */
  act(guest: FakeGuest, action: number): { status: number; words: string } {
    const no = (words: string) => ({ status: WireStatus.Invalid, words });
    const { state } = guest;
    const later = (next: number) => setTimeout(() => this.change(guest, next), CHANGE_MS);
    switch (action) {
      case WireAction.Start:
        if (state === WireState.Running) return no(`guest ${guest.name} runs already`);
        later(WireState.Running);
        break;
      case WireAction.Pause:
        if (state !== WireState.Running) return no(`guest ${guest.name} does not run`);
        later(WireState.Paused);
        break;
      case WireAction.Resume:
        if (state !== WireState.Paused) return no(`guest ${guest.name} is not paused`);
        later(WireState.Running);
        break;
      case WireAction.Reset:
      case WireAction.Reboot:
        this.change(guest, WireState.Restarting);
        guest.restarts++;
        later(WireState.Running);
        break;
      case WireAction.Shutdown:
        if (!guest.stubborn) later(WireState.Shutdown);
        break;
      case WireAction.PowerOff:
        later(WireState.Shutdown);
        break;
      case WireAction.Destroy:
        setTimeout(() => this.#destroy(guest), CHANGE_MS);
        break;
      default:
        return no("there is no such action");
    }
    return { status: WireStatus.Ok, words: "" };
  }

  change(guest: FakeGuest, state: number): void {
    if (this.guests.get(guest.id) !== guest) return;
    const former = guest.state;
    guest.state = state;
    if (state === WireState.Running && former !== WireState.Paused) guest.startedAt = this.now();
    this.#event(guest, WireEvent.State, state, former);
  }

  crash(guest: FakeGuest): void {
    guest.crashReason = 1;
    this.change(guest, WireState.Crashed);
    this.#event(guest, WireEvent.Crash, 1, 0);
  }

  #destroy(guest: FakeGuest): void {
    if (this.guests.get(guest.id) !== guest) return;
    this.guests.delete(guest.id);
    this.#event(guest, WireEvent.Destroyed, 0, guest.state);
    this.dropBlobs();
  }

  // ---- Streams.

  /** The guest shows something. */
  show(guest: FakeGuest, text: string | Uint8Array): void {
    guest.console.append(typeof text === "string" ? Buffer.from(text) : text);
    this.#consoles |= 1n << BigInt(guest.id);
    this.#news();
  }

  /** Takes input, and echoes it. */
  type(guest: FakeGuest, position: number, bytes: Uint8Array): void {
    const skip = guest.input - position;
    if (skip < 0) return;
    const fresh = bytes.subarray(skip, skip + guest.room);
    guest.typed.push(...fresh);
    guest.input += fresh.length;
    if (fresh.length > 0) this.show(guest, fresh);
  }

  consoleRead(guest: FakeGuest): void {
    this.#consoles &= ~(1n << BigInt(guest.id));
  }

  say(text: string): void {
    this.log.append(Buffer.from(text));
    this.#news();
  }

  info(guest: FakeGuest): GuestInfo {
    return {
      id: guest.id,
      generation: guest.generation,
      state: guest.state,
      wanted: 0,
      vcpus: guest.vcpus,
      maxVcpus: MAX_VCPUS,
      onlineVcpus: guest.vcpus,
      crashReason: guest.crashReason,
      memory: 64n << 20n,
      ramBase: 0x8000_0000n,
      createdAt: 1_000_000n,
      startedAt: guest.startedAt,
      runTime: 5_000n,
      waitTime: 70n,
      exits: 123n,
      interrupts: 45n,
      consoleOut: BigInt(guest.console.end),
      consoleIn: BigInt(guest.input),
      consoleLost: 0n,
      restarts: guest.restarts,
      restartsLeft: 10,
      loaded: 100,
      policies: WirePolicy.Preserve | (WirePolicy.Restart << 8) | (WirePolicy.Destroy << 16),
      consoleEnd: guest.console.end,
      consoleInput: guest.input,
      name: guest.name,
    };
  }

  #event(guest: FakeGuest, kind: number, value: number, former: number): void {
    const bytes = new Uint8Array(EventCodec.size);
    const event = { when: this.now(), kind, guest: guest.id, generation: guest.generation, value, former };
    EventCodec.encode(event, new DataView(bytes.buffer), 0);
    this.events.append(bytes);
    this.#news();
  }
}
