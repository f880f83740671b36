// SPDX-License-Identifier: Apache-2.0
// A VirtIO console of the simulated host (virtio 1.2 §5.3, port 0 without multiport) as QEMU has it: bytes that a test
// sends go into the driver's receive buffers, those that the driver sends are kept for the test.
import { dev } from "@typeone/spec";
import { Violation } from "../faults.ts";
import { type DeviceMemory, type Request, VirtioDevice } from "./virtio-device.ts";

const QUEUE_MAX = 128;
/** Console features that are not for our driver. */
const FEATURES = 0b110n;
const RECEIVE = dev.VIRTIO_CONSOLE_RECEIVE;
const TRANSMIT = dev.VIRTIO_CONSOLE_TRANSMIT;

export class HostVirtioConsole extends VirtioDevice {
  #input: number[] = [];
  #output: number[] = [];
  /** Transmit buffers are taken but not given back while this is set. */
  #held: Request[] | undefined;

  constructor(memory: DeviceMemory) {
    super(memory, { type: dev.VIRTIO_ID_CONSOLE, features: FEATURES, queues: 2, queueMost: QUEUE_MAX });
  }

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

  /** Receive buffers that the driver has given and that are not filled. */
  get receiveBuffers(): number {
    return this.pending(RECEIVE);
  }

  /** From now on transmit buffers stay here. */
  hold(): void {
    this.#held ??= [];
  }

  /** Gives `count` of the held buffers back, and all that come from now on if none are left. */
  release(count = Infinity): void {
    const held = this.#held ?? [];
    for (const buffer of held.splice(0, Math.min(count, held.length))) this.give(TRANSMIT, buffer, 0);
    if (count === Infinity) this.#held = undefined;
  }

  protected override started(): void {
    this.#receive();
  }

  protected work(queue: number): void {
    if (queue === RECEIVE) this.#receive();
    else this.#transmit();
  }

  #receive(): void {
    while (this.running && this.#input.length > 0) {
      const buffer = this.next(RECEIVE);
      if (!buffer) return;
      if (buffer.readable.length > 0) throw new Violation("a receive buffer that cannot be written");
      const room = buffer.writable.reduce((sum, { length }) => sum + length, 0);
      const bytes = this.#input.splice(0, room);
      this.give(RECEIVE, buffer, this.scatter(buffer.writable, Uint8Array.from(bytes)));
    }
  }

  #transmit(): void {
    for (let buffer = this.next(TRANSMIT); buffer; buffer = this.next(TRANSMIT)) {
      if (buffer.writable.length > 0) throw new Violation("a transmit buffer that is to be written");
      for (const byte of this.gather(buffer.readable)) this.#output.push(byte);
      if (this.#held) this.#held.push(buffer);
      else this.give(TRANSMIT, buffer, 0);
    }
  }
}
