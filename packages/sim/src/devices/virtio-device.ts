// SPDX-License-Identifier: Apache-2.0
// A VirtIO device of the simulated host without its transport: status, features, split queues (indirect descriptors, event
// index), interrupts. Device types derive from it; virtio-mmio.ts and virtio-pci.ts make it reachable. A driver that breaks
// the rules is a Violation. For tests of drivers it can answer nonsense, fall silent, ask for a reset, or be gone.
import { dev, hostVirtio } from "@typeone/spec";
import { Violation } from "../faults.ts";

/** Host memory as the device reaches it. */
export interface DeviceMemory {
  read(hpa: number, length: number): Uint8Array;
  write(hpa: number, data: Uint8Array): void;
}

/** id: no buffer of the driver's; twice: one comes back two times; length: more bytes than fit; index: a used index far ahead. */
export type Nonsense = "id" | "twice" | "length" | "index";

export interface VirtQueue {
  size: number;
  ready: boolean;
  /** Descriptors, available ring, used ring. */
  readonly rings: [number, number, number];
  /** Ring positions that the device has seen and made. */
  seen: number;
  used: number;
}

export interface Piece {
  readonly hpa: number;
  readonly length: number;
}

/** What the driver gave: pieces to read, then pieces to write. */
export interface Request {
  readonly id: number;
  readonly readable: readonly Piece[];
  readonly writable: readonly Piece[];
}

export interface VirtioOptions {
  readonly type: number;
  /** Features besides being modern. */
  readonly features: bigint;
  readonly queues: number;
  readonly queueMost?: number;
  readonly config?: Uint8Array;
}

const MODERN = 1n << 32n;
const QUEUE_CAUSE = hostVirtio.VIRTIO_CAUSE_QUEUE;
const CONFIG_CAUSE = hostVirtio.VIRTIO_CAUSE_CONFIG;
const bytesOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

export abstract class VirtioDevice {
  readonly memory: DeviceMemory;
  readonly type: number;
  readonly offered: bigint;
  readonly queueMost: number;
  readonly config: Uint8Array;
  queues: readonly VirtQueue[] = [];
  status = 0;
  accepted = 0n;
  generation = 0;
  /** Interrupt status; the transport shows and clears it. */
  cause = 0;
  /** Registers read all ones: the device was taken away. */
  gone = false;
  /** It takes nothing from its queues. */
  silent = false;
  /** How often the driver rang. */
  notifications = 0;
  /** Set by the transport. */
  interrupt: () => void = () => {};
  readonly #queueCount: number;
  #nonsense: { readonly queue: number; readonly kind: Nonsense } | undefined;

  constructor(memory: DeviceMemory, options: VirtioOptions) {
    this.memory = memory;
    this.type = options.type;
    this.offered = options.features | MODERN;
    this.queueMost = options.queueMost ?? 256;
    this.config = options.config ?? new Uint8Array(0);
    this.#queueCount = options.queues;
    this.#clear();
  }

  /** The driver set DRIVER_OK. */
  protected started(): void {}
  /** The driver rang for this queue. */
  protected abstract work(queue: number): void;
  protected stopped(): void {}

  // ---- For tests.

  /** Whether the driver has brought the device up. */
  get running(): boolean {
    return (this.status & dev.VIRTIO_STATUS_DRIVER_OK) !== 0;
  }

  has(feature: number): boolean {
    return ((this.accepted >> BigInt(feature)) & 1n) === 1n;
  }

  /** The next used entry of a queue is wrong in this way. */
  lie(queue: number, kind: Nonsense): void {
    this.#nonsense = { queue, kind };
  }

  /** It cannot go on. */
  needReset(): void {
    this.status |= hostVirtio.VIRTIO_STATUS_NEEDS_RESET;
    this.raise(CONFIG_CAUSE);
  }

  /** The configuration changes. */
  reconfigure(change: (config: Uint8Array) => void): void {
    this.generation = (this.generation + 1) & 0xff;
    change(this.config);
    this.raise(CONFIG_CAUSE);
  }

  /** Buffers of a queue that the driver has given and that are not taken. */
  pending(number: number): number {
    const queue = this.queues[number] as VirtQueue;
    return queue.ready ? (this.#read16(queue.rings[1] + 2) - queue.seen) & 0xffff : 0;
  }

  // ---- For transports.

  reset(): void {
    this.#clear();
    this.stopped();
    this.interrupt();
  }

  #clear(): void {
    this.status = 0;
    this.accepted = 0n;
    this.cause = 0;
    this.queues = Array.from({ length: this.#queueCount }, () => {
      const rings: [number, number, number] = [0, 0, 0];
      return { size: this.queueMost, ready: false, rings, seen: 0, used: 0 };
    });
  }

  setStatus(value: number): void {
    if (value === 0) {
      this.reset();
      return;
    }
    const before = this.status;
    let next = value;
    if (value & dev.VIRTIO_STATUS_FEATURES_OK && !(before & dev.VIRTIO_STATUS_FEATURES_OK) && !this.#agrees())
      next &= ~dev.VIRTIO_STATUS_FEATURES_OK;
    if (value & dev.VIRTIO_STATUS_DRIVER_OK && !this.queues.every((queue) => queue.ready))
      throw new Violation("DRIVER_OK before the queues are ready");
    this.status = next;
    if (value & ~before & dev.VIRTIO_STATUS_DRIVER_OK) this.started();
  }

  #agrees(): boolean {
    return (this.accepted & MODERN) !== 0n && (this.accepted & ~this.offered) === 0n;
  }

  acceptFeatures(word: number, value: number): void {
    const offered = Number((this.offered >> BigInt(32 * word)) & 0xffff_ffffn);
    if ((value & ~offered) !== 0)
      throw new Violation(`the driver takes features ${value.toString(16)} of word ${word}`);
    const shift = BigInt(32 * word);
    this.accepted = (this.accepted & ~(0xffff_ffffn << shift)) | (BigInt(value >>> 0) << shift);
  }

  offeredWord(word: number): number {
    return word > 1 ? 0 : Number((this.offered >> BigInt(32 * word)) & 0xffff_ffffn);
  }

  enable(queue: VirtQueue | undefined, value: number): void {
    if (!queue || value !== 1) throw new Violation("a queue that is not there is enabled, or not with 1");
    if (queue.size === 0 || queue.size > this.queueMost || (queue.size & (queue.size - 1)) !== 0)
      throw new Violation(`a queue of ${queue.size}`);
    if (!(this.status & dev.VIRTIO_STATUS_FEATURES_OK)) throw new Violation("a queue before FEATURES_OK");
    queue.ready = true;
  }

  ring(number: number): void {
    if (this.gone) return;
    if (!this.running) throw new Violation("the driver rings before DRIVER_OK");
    if (!this.queues[number]) throw new Violation(`the driver rings for queue ${number}`);
    this.notifications++;
    if (!this.silent) this.work(number);
  }

  // ---- For device types.

  raise(cause: number): void {
    this.cause |= cause;
    if (!this.gone) this.interrupt();
  }

  /** The next request that the driver gave. */
  protected next(number: number): Request | undefined {
    const queue = this.queues[number] as VirtQueue;
    if (!queue.ready || this.gone || this.silent) return undefined;
    const [, available, used] = queue.rings;
    const ahead = (this.#read16(available + 2) - queue.seen) & 0xffff;
    if (ahead > queue.size) throw new Violation(`queue ${number}: ${ahead} buffers in a ring of ${queue.size}`);
    if (ahead === 0) return undefined;
    const id = this.#read16(available + 4 + 2 * (queue.seen % queue.size));
    if (id >= queue.size) throw new Violation(`queue ${number}: descriptor ${id}`);
    queue.seen = (queue.seen + 1) & 0xffff;
    if (this.has(hostVirtio.VIRTIO_F_EVENT)) this.#write16(used + 4 + 8 * queue.size, queue.seen);
    return this.#chain(queue, id);
  }

  #chain(queue: VirtQueue, id: number): Request {
    const readable: Piece[] = [];
    const writable: Piece[] = [];
    let table = queue.rings[0];
    let count = queue.size;
    let next: number | undefined = id;
    for (let steps = 0; next !== undefined; steps++) {
      if (steps > 2 * queue.size || next >= count)
        throw new Violation("a chain that does not end, or leaves its table");
      const view: DataView = new DataView(this.memory.read(table + 16 * next, 16).buffer);
      const hpa = Number(view.getBigUint64(0, true));
      const length = view.getUint32(8, true);
      const flags = view.getUint16(12, true);
      if (flags & hostVirtio.VIRTQ_INDIRECT) {
        if (!this.has(hostVirtio.VIRTIO_F_INDIRECT) || table !== queue.rings[0] || flags !== hostVirtio.VIRTQ_INDIRECT)
          throw new Violation("an indirect descriptor where none may be");
        [table, count, next] = [hpa, length / 16, 0];
        continue;
      }
      if ((flags & ~3) !== 0 || length === 0) throw new Violation(`a descriptor with flags ${flags}, length ${length}`);
      if (flags & hostVirtio.VIRTQ_WRITE) writable.push({ hpa, length });
      else if (writable.length > 0) throw new Violation("a piece to read behind one to write");
      else readable.push({ hpa, length });
      next = flags & hostVirtio.VIRTQ_NEXT ? view.getUint16(14, true) : undefined;
    }
    return { id, readable, writable };
  }

  /** Gives a request back with `length` bytes written, and interrupts if the driver wants that. */
  protected give(number: number, request: Request, length: number): void {
    const queue = this.queues[number] as VirtQueue;
    const [, , used] = queue.rings;
    const before = queue.used;
    const lie = this.#nonsense?.queue === number ? this.#nonsense.kind : undefined;
    if (lie) this.#nonsense = undefined;
    for (let times = lie === "twice" ? 2 : 1; times > 0; times--) {
      const entry = used + 4 + 8 * (queue.used % queue.size);
      this.#write32(entry, lie === "id" ? queue.size + 1000 : request.id);
      this.#write32(entry + 4, lie === "length" ? bytesOf(request.writable) + 1 : length);
      queue.used = (queue.used + (lie === "index" ? 30_000 : 1)) & 0xffff;
    }
    this.#write16(used + 2, queue.used);
    if (this.#wantsInterrupt(queue, before)) this.raise(QUEUE_CAUSE);
  }

  #wantsInterrupt(queue: VirtQueue, before: number): boolean {
    const available = queue.rings[1];
    if (!this.has(hostVirtio.VIRTIO_F_EVENT)) return (this.#read16(available) & dev.VIRTQ_AVAIL_F_NO_INTERRUPT) === 0;
    const wanted = this.#read16(available + 4 + 2 * queue.size);
    return ((queue.used - wanted - 1) & 0xffff) < ((queue.used - before) & 0xffff);
  }

  /** The bytes of pieces, one behind the other. */
  protected gather(pieces: readonly Piece[]): Uint8Array {
    const out = new Uint8Array(bytesOf(pieces));
    let at = 0;
    for (const { hpa, length } of pieces) {
      out.set(this.memory.read(hpa, length), at);
      at += length;
    }
    return out;
  }

  /** Spreads bytes over pieces; answers how many fit. */
  protected scatter(pieces: readonly Piece[], bytes: Uint8Array): number {
    let at = 0;
    for (const { hpa, length } of pieces) {
      const part = bytes.subarray(at, at + length);
      if (part.length > 0) this.memory.write(hpa, part);
      at += part.length;
    }
    return at;
  }

  #read16(hpa: number): number {
    const [low = 0, high = 0] = this.memory.read(hpa, 2);
    return low | (high << 8);
  }

  #write16(hpa: number, value: number): void {
    this.memory.write(hpa, Uint8Array.of(value & 0xff, value >> 8));
  }

  #write32(hpa: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    this.memory.write(hpa, bytes);
  }
}

/** Little-endian value of `width` bytes of a configuration; all ones behind its end. */
export function configRead(config: Uint8Array, offset: number, width: number): number {
  let value = 0;
  for (let index = width - 1; index >= 0; index--) value = value * 256 + (config[offset + index] ?? 0xff);
  return value;
}
