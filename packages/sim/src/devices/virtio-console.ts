// SPDX-License-Identifier: Apache-2.0
// A virtio-mmio console (virtio 1.2 §4.2, §5.3, port 0 without multiport) as QEMU has it: bytes that a test sends go
// into the driver's receive buffers, those that the driver sends are kept for the test. A driver that breaks the rules
// is a Violation. For tests of drivers it can hold transmit buffers back, and answer nonsense.
import { dev } from "@typeone/spec";
import { Violation } from "../faults.ts";
import type { HostDevice } from "./device.ts";

/** Host memory as the device reaches it. */
export interface DeviceMemory {
  read(hpa: number, length: number): Uint8Array;
  write(hpa: number, data: Uint8Array): void;
}

/** id: no buffer of the driver's; twice: one comes back two times; length: more bytes than fit; index: a used index far ahead. */
export type Nonsense = "id" | "twice" | "length" | "index";

interface VirtQueue {
  size: number;
  ready: boolean;
  /** Descriptors, available ring, used ring. */
  readonly rings: [number, number, number];
  /** Ring positions that the device has seen and made. */
  seen: number;
  used: number;
}

interface Buffer {
  readonly id: number;
  readonly hpa: number;
  readonly length: number;
  readonly writable: boolean;
}

const QUEUE_MAX = 128;
const FEATURES: readonly number[] = [0b110, 1];
const RECEIVE = dev.VIRTIO_CONSOLE_RECEIVE;
const TRANSMIT = dev.VIRTIO_CONSOLE_TRANSMIT;

export class HostVirtioConsole implements HostDevice {
  readonly #memory: DeviceMemory;
  readonly #drive: (level: boolean) => void;
  readonly #version: number;
  #registers = new Map<number, number>();
  #queues: readonly VirtQueue[] = [];
  #interrupt = 0;
  #input: number[] = [];
  #output: number[] = [];
  /** Transmit buffers are taken but not given back while this is set. */
  #held: Buffer[] | undefined;
  #nonsense: { readonly queue: number; readonly kind: Nonsense } | undefined;
  /** How often the driver rang. */
  notifications = 0;

  constructor(memory: DeviceMemory, drive: (level: boolean) => void, version = dev.VIRTIO_VERSION_MODERN) {
    this.#memory = memory;
    this.#drive = drive;
    this.#version = version;
    this.#reset();
  }

  // ---- For tests.

  /** Bytes from the toolstack's side; they wait here until the driver has buffers. */
  send(bytes: Uint8Array): void {
    for (const byte of bytes) this.#input.push(byte);
    this.#receive();
  }

  /** Everything that the driver has sent since the last call. */
  take(): Uint8Array {
    const bytes = Uint8Array.from(this.#output);
    this.#output = [];
    return bytes;
  }

  /** Bytes that no receive buffer was there for yet. */
  get waiting(): number {
    return this.#input.length;
  }

  /** Whether the driver has brought the device up. */
  get running(): boolean {
    return (this.#status & dev.VIRTIO_STATUS_DRIVER_OK) !== 0;
  }

  get status(): number {
    return this.#status;
  }

  /** Receive buffers that the driver has given and that are not filled. */
  get receiveBuffers(): number {
    const queue = this.#queues[RECEIVE] as VirtQueue;
    return queue.ready ? (this.#read16(queue.rings[1] + 2) - queue.seen) & 0xffff : 0;
  }

  /** From now on transmit buffers stay here. */
  hold(): void {
    this.#held ??= [];
  }

  /** Gives `count` of the held buffers back, and all that come from now on if none are left. */
  release(count = Infinity): void {
    const held = this.#held ?? [];
    for (const buffer of held.splice(0, Math.min(count, held.length))) this.#give(TRANSMIT, buffer, 0);
    if (count === Infinity) this.#held = undefined;
  }

  /** The next used entry of a queue is wrong in this way. */
  lie(queue: number, kind: Nonsense): void {
    this.#nonsense = { queue, kind };
  }

  // ---- Registers.

  get #status(): number {
    return this.#registers.get(dev.VIRTIO_STATUS) ?? 0;
  }

  #reset(): void {
    this.#registers = new Map();
    this.#queues = [RECEIVE, TRANSMIT].map(() => ({ size: 0, ready: false, rings: [0, 0, 0], seen: 0, used: 0 }));
    this.#raise(0);
  }

  #raise(interrupt: number): void {
    this.#interrupt = interrupt;
    this.#drive(interrupt !== 0);
  }

  get #selected(): VirtQueue | undefined {
    return this.#queues[this.#registers.get(dev.VIRTIO_QUEUE_SEL) ?? 0];
  }

  read(offset: number): number {
    const register = (at: number): number => this.#registers.get(at) ?? 0;
    switch (offset) {
      case dev.VIRTIO_MAGIC:
        return dev.VIRTIO_MAGIC_VALUE;
      case dev.VIRTIO_VERSION:
        return this.#version;
      case dev.VIRTIO_DEVICE_ID:
        return dev.VIRTIO_ID_CONSOLE;
      case dev.VIRTIO_DEVICE_FEATURES:
        return FEATURES[register(dev.VIRTIO_DEVICE_FEATURES_SEL)] ?? 0;
      case dev.VIRTIO_QUEUE_NUM_MAX:
        return this.#selected ? QUEUE_MAX : 0;
      case dev.VIRTIO_QUEUE_READY:
        return this.#selected?.ready ? 1 : 0;
      case dev.VIRTIO_INTERRUPT_STATUS:
        return this.#interrupt;
      case dev.VIRTIO_STATUS:
        return this.#status;
      default:
        throw new Violation(`the driver reads virtio register ${offset.toString(16)}`);
    }
  }

  write(offset: number, _width: number, value: number): void {
    if (offset === dev.VIRTIO_STATUS) this.#setStatus(value);
    else if (offset === dev.VIRTIO_INTERRUPT_ACK) this.#raise(this.#interrupt & ~value);
    else if (offset === dev.VIRTIO_QUEUE_NOTIFY) this.#notified(value);
    else if (offset === dev.VIRTIO_QUEUE_READY) this.#start(value);
    else this.#registers.set(offset, value);
    const features = this.#registers.get(dev.VIRTIO_DRIVER_FEATURES_SEL) ?? 0;
    if (offset === dev.VIRTIO_DRIVER_FEATURES && (value & ~(FEATURES[features] ?? 0)) !== 0)
      throw new Violation(`the driver takes features ${value.toString(16)} of word ${features}`);
  }

  #setStatus(value: number): void {
    if (value === 0) {
      this.#reset();
      return;
    }
    if (value & dev.VIRTIO_STATUS_DRIVER_OK && !this.#queues.every((queue) => queue.ready))
      throw new Violation("DRIVER_OK before the queues are ready");
    this.#registers.set(dev.VIRTIO_STATUS, value);
    this.#receive();
  }

  #start(value: number): void {
    const queue = this.#selected;
    if (!queue || value !== 1) throw new Violation("QueueReady of a queue that is not there, or not 1");
    const size = this.#registers.get(dev.VIRTIO_QUEUE_NUM) ?? 0;
    if (size === 0 || size > QUEUE_MAX || (size & (size - 1)) !== 0) throw new Violation(`a queue of ${size}`);
    const registers = [dev.VIRTIO_QUEUE_DESC_LOW, dev.VIRTIO_QUEUE_DRIVER_LOW, dev.VIRTIO_QUEUE_DEVICE_LOW];
    registers.forEach((register, index) => {
      const hpa = (this.#registers.get(register) ?? 0) + (this.#registers.get(register + 4) ?? 0) * 2 ** 32;
      if (hpa % ([16, 2, 4][index] as number) !== 0) throw new Violation(`ring ${index} at ${hpa.toString(16)}`);
      queue.rings[index] = hpa;
    });
    queue.size = size;
    queue.ready = true;
  }

  // ---- Queues.

  #read16(hpa: number): number {
    return new DataView(this.#memory.read(hpa, 2).buffer).getUint16(0, true);
  }

  #write32(hpa: number, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
    this.#memory.write(hpa, bytes);
  }

  /** The next buffer that the driver gave. */
  #next(number: number): Buffer | undefined {
    const queue = this.#queues[number] as VirtQueue;
    const [descriptors, available] = queue.rings;
    const ahead = (this.#read16(available + 2) - queue.seen) & 0xffff;
    if (ahead > queue.size) throw new Violation(`queue ${number}: ${ahead} buffers in a ring of ${queue.size}`);
    if (ahead === 0) return undefined;
    const id = this.#read16(available + 4 + 2 * (queue.seen % queue.size));
    if (id >= queue.size) throw new Violation(`queue ${number}: descriptor ${id}`);
    queue.seen = (queue.seen + 1) & 0xffff;
    const bytes = this.#memory.read(descriptors + 16 * id, 16);
    const view = new DataView(bytes.buffer);
    const flags = view.getUint16(12, true);
    if ((flags & ~dev.VIRTQ_DESC_F_WRITE) !== 0) throw new Violation(`queue ${number}: flags ${flags}`);
    const hpa = Number(view.getBigUint64(0, true));
    return { id, hpa, length: view.getUint32(8, true), writable: flags === dev.VIRTQ_DESC_F_WRITE };
  }

  /** Gives a buffer back with `length` bytes written, and interrupts if the driver wants that. */
  #give(number: number, buffer: Buffer, length: number): void {
    const queue = this.#queues[number] as VirtQueue;
    const [, available, used] = queue.rings;
    const lie = this.#nonsense?.queue === number ? this.#nonsense.kind : undefined;
    if (lie) this.#nonsense = undefined;
    for (let times = lie === "twice" ? 2 : 1; times > 0; times--) {
      const entry = used + 4 + 8 * (queue.used % queue.size);
      this.#write32(entry, lie === "id" ? queue.size + 1000 : buffer.id);
      this.#write32(entry + 4, lie === "length" ? buffer.length + 1 : length);
      queue.used = (queue.used + (lie === "index" ? 30_000 : 1)) & 0xffff;
    }
    this.#write32(used, queue.used << 16);
    if ((this.#read16(available) & dev.VIRTQ_AVAIL_F_NO_INTERRUPT) === 0) this.#raise(this.#interrupt | 1);
  }

  #notified(number: number): void {
    if (!this.running) throw new Violation("the driver rings before DRIVER_OK");
    this.notifications++;
    if (number === RECEIVE) this.#receive();
    else if (number === TRANSMIT) this.#transmit();
    else throw new Violation(`the driver rings for queue ${number}`);
  }

  #receive(): void {
    while (this.running && this.#input.length > 0) {
      const buffer = this.#next(RECEIVE);
      if (!buffer) return;
      if (!buffer.writable || buffer.length === 0) throw new Violation("a receive buffer that cannot be written");
      const bytes = this.#input.splice(0, buffer.length);
      this.#memory.write(buffer.hpa, Uint8Array.from(bytes));
      this.#give(RECEIVE, buffer, bytes.length);
    }
  }

  #transmit(): void {
    for (let buffer = this.#next(TRANSMIT); buffer; buffer = this.#next(TRANSMIT)) {
      if (buffer.writable) throw new Violation("a transmit buffer that is to be written");
      for (const byte of this.#memory.read(buffer.hpa, buffer.length)) this.#output.push(byte);
      if (this.#held) this.#held.push(buffer);
      else this.#give(TRANSMIT, buffer, 0);
    }
  }
}

/** A transport with nothing behind it: DeviceID 0. */
export const emptyVirtioSlot: HostDevice = {
  read: (offset) => (offset === dev.VIRTIO_MAGIC ? dev.VIRTIO_MAGIC_VALUE : offset === dev.VIRTIO_VERSION ? 2 : 0),
  write: () => {
    throw new Violation("the driver writes to an empty virtio slot");
  },
};
