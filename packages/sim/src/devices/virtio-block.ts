// SPDX-License-Identifier: Apache-2.0
// A VirtIO disk of the simulated host (virtio 1.2 §5.2), its contents in memory. Tests may hold requests back, fail them,
// and look at what came.
import { hostVirtio } from "@typeone/spec";
import { Violation } from "../faults.ts";
import { type DeviceMemory, type Request, VirtioDevice } from "./virtio-device.ts";

export interface BlockOptions {
  readonly sectors: number;
  readonly serial?: string;
  readonly readOnly?: boolean;
  /** Without indirect descriptors and event index. */
  readonly plain?: boolean;
  readonly queueMost?: number;
  /** Most segments; 0: it does not say. */
  readonly segMax?: number;
}

const SECTOR = 512;
const bit = (...numbers: number[]): bigint => numbers.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);

function featuresOf(options: BlockOptions): bigint {
  let features = bit(hostVirtio.VIRTIO_BLK_FLUSH, hostVirtio.VIRTIO_BLK_DISCARD, hostVirtio.VIRTIO_BLK_ZEROES, 6);
  if (options.readOnly) features |= bit(hostVirtio.VIRTIO_BLK_RO);
  if (options.segMax) features |= bit(hostVirtio.VIRTIO_BLK_SEG_MAX);
  return options.plain ? features : features | bit(hostVirtio.VIRTIO_F_INDIRECT, hostVirtio.VIRTIO_F_EVENT);
}

function configOf(options: BlockOptions): Uint8Array {
  const view = new DataView(new ArrayBuffer(60));
  view.setBigUint64(hostVirtio.VIRTIO_BLK_CFG_CAPACITY, BigInt(options.sectors), true);
  view.setUint32(hostVirtio.VIRTIO_BLK_CFG_SEG_MAX, options.segMax ?? 0, true);
  view.setUint32(hostVirtio.VIRTIO_BLK_CFG_DISCARD, 4096, true);
  view.setUint32(hostVirtio.VIRTIO_BLK_CFG_ZEROES, 2048, true);
  return new Uint8Array(view.buffer);
}

export class HostVirtioBlock extends VirtioDevice {
  readonly data: Uint8Array;
  /** Types of the requests that came. */
  readonly seen: number[] = [];
  /** The status of the next requests. */
  answers: number[] = [];
  readonly #options: BlockOptions;
  #held: Request[] | undefined;

  constructor(memory: DeviceMemory, options: BlockOptions) {
    super(memory, {
      type: hostVirtio.VIRTIO_BLOCK,
      features: featuresOf(options),
      queues: 1,
      queueMost: options.queueMost ?? 256,
      config: configOf(options),
    });
    this.#options = options;
    this.data = new Uint8Array(options.sectors * SECTOR);
  }

  /** From now on requests stay here. */
  hold(): void {
    this.#held ??= [];
  }

  get held(): number {
    return this.#held?.length ?? 0;
  }

  /** Does what is held, in the order that `pick` says, and everything that comes from now on. */
  release(pick: (count: number) => number = () => 0): void {
    const held = this.#held ?? [];
    while (held.length > 0) for (const request of held.splice(pick(held.length), 1)) this.#do(request);
    this.#held = undefined;
  }

  /** Does the last one that is held; everything else stays. */
  releaseLast(): void {
    const request = this.#held?.pop();
    if (request) this.#do(request);
  }

  protected override stopped(): void {
    this.#held = this.#held && [];
  }

  protected work(): void {
    for (let request = this.next(0); request; request = this.next(0)) {
      if (this.#held) this.#held.push(request);
      else this.#do(request);
    }
  }

  #do(request: Request): void {
    const out = this.gather(request.readable);
    const view = new DataView(out.buffer);
    const type = view.getUint32(0, true);
    const at = Number(view.getBigUint64(8, true)) * SECTOR;
    const room = request.writable.reduce((sum, { length }) => sum + length, 0) - 1;
    this.seen.push(type);
    const forced = this.answers.shift();
    const answer = forced === undefined ? this.#perform(type, at, out.subarray(16), room) : new Uint8Array(0);
    const bytes = new Uint8Array(room + 1);
    bytes.set(answer);
    bytes[room] = forced ?? 0;
    this.give(0, request, this.scatter(request.writable, bytes));
  }

  /** Answers what is read. */
  #perform(type: number, at: number, data: Uint8Array, room: number): Uint8Array {
    const write = type === hostVirtio.VIRTIO_BLK_OUT;
    if (type === hostVirtio.VIRTIO_BLK_IN || write) {
      const length = write ? data.length : room;
      if (length === 0 || length % SECTOR !== 0 || at + length > this.data.length || (write && this.#options.readOnly))
        throw new Violation(`a disk request of ${length} bytes at ${at}`);
      if (write) this.data.set(data, at);
      return write ? new Uint8Array(0) : this.data.slice(at, at + length);
    }
    if (type === hostVirtio.VIRTIO_BLK_T_GET_ID)
      return Buffer.from((this.#options.serial ?? "").slice(0, 20), "latin1");
    if (type === hostVirtio.VIRTIO_BLK_T_DISCARD || type === hostVirtio.VIRTIO_BLK_T_ZEROES) {
      const view = new DataView(data.slice().buffer);
      const from = Number(view.getBigUint64(0, true)) * SECTOR;
      this.data.fill(0, from, from + view.getUint32(8, true) * SECTOR);
    } else if (type !== hostVirtio.VIRTIO_BLK_T_FLUSH) throw new Violation(`a disk request of type ${type}`);
    return new Uint8Array(0);
  }
}
