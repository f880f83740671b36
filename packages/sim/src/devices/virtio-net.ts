// SPDX-License-Identifier: Apache-2.0
// A VirtIO NIC of the simulated host (virtio 1.2 §5.1): frames that a test injects, and those that the driver sends.
import { hostVirtio } from "@typeone/spec";
import { type DeviceMemory, type Request, VirtioDevice } from "./virtio-device.ts";

export interface NetOptions {
  readonly mac: readonly number[];
  readonly mtu?: number;
  /** Offers checksum and segmentation offloads. */
  readonly offloads?: boolean;
  /** False: of the offloads, no segmentation over IPv6. */
  readonly tso6?: boolean;
  /** Offers buffers that are merged. */
  readonly merge?: boolean;
  /** False: no indirect descriptors. */
  readonly indirect?: boolean;
  /** Entries of a queue at most. */
  readonly queueMost?: number;
}

const [RECEIVE, TRANSMIT] = [0, 1] as const;
const bit = (...numbers: number[]): bigint => numbers.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
const OFFLOADS = bit(
  hostVirtio.VIRTIO_NET_CSUM,
  hostVirtio.VIRTIO_NET_GUEST_CSUM,
  hostVirtio.VIRTIO_NET_TSO4,
  hostVirtio.VIRTIO_NET_TSO6,
);

const TSO6 = bit(hostVirtio.VIRTIO_NET_TSO6);

function configOf({ mac, mtu }: NetOptions): Uint8Array {
  const config = new Uint8Array(12);
  config.set(mac);
  new DataView(config.buffer).setUint16(hostVirtio.VIRTIO_NET_CFG_MTU, mtu ?? 0, true);
  return config;
}

export class HostVirtioNet extends VirtioDevice {
  /** What the driver sent: VirtIO header and frame. */
  readonly sent: { readonly header: Uint8Array; readonly frame: Uint8Array }[] = [];
  #held: Request[] | undefined;
  #waiting: Uint8Array[] = [];
  readonly #merge: boolean;
  /** Replaces the number of buffers that the next received frame claims to have. */
  claim: number | undefined;

  constructor(memory: DeviceMemory, options: NetOptions) {
    super(memory, {
      type: hostVirtio.VIRTIO_NIC,
      features:
        bit(hostVirtio.VIRTIO_NET_MAC, hostVirtio.VIRTIO_F_EVENT) |
        (options.indirect === false ? 0n : bit(hostVirtio.VIRTIO_F_INDIRECT)) |
        (options.mtu ? bit(hostVirtio.VIRTIO_NET_MTU) : 0n) |
        (options.offloads ? (options.tso6 === false ? OFFLOADS & ~TSO6 : OFFLOADS) : 0n) |
        (options.merge === false ? 0n : bit(hostVirtio.VIRTIO_NET_MERGE)),
      queues: 2,
      ...(options.queueMost ? { queueMost: options.queueMost } : {}),
      config: configOf(options),
    });
    this.#merge = options.merge !== false;
  }

  hold(): void {
    this.#held ??= [];
  }

  get held(): number {
    return this.#held?.length ?? 0;
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const request of held) this.give(TRANSMIT, request, 0);
  }

  /** A frame comes in; it waits here until the driver has buffers. */
  inject(...frames: readonly Uint8Array[]): void {
    this.#waiting.push(...frames);
    this.#receive();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  protected override started(): void {
    this.#receive();
  }

  protected override stopped(): void {
    this.#held = this.#held && [];
  }

  protected work(queue: number): void {
    if (queue === RECEIVE) this.#receive();
    else this.#transmit();
  }

  #transmit(): void {
    for (let request = this.next(TRANSMIT); request; request = this.next(TRANSMIT)) {
      const bytes = this.gather(request.readable);
      this.sent.push({ header: bytes.slice(0, 12), frame: bytes.slice(12) });
      if (this.#held) this.#held.push(request);
      else this.give(TRANSMIT, request, 0);
    }
  }

  #receive(): void {
    while (this.running && this.#waiting.length > 0) {
      const frame = this.#waiting[0] as Uint8Array;
      const first = this.next(RECEIVE);
      if (!first) return;
      const room = first.writable.reduce((sum, { length }) => sum + length, 0);
      const count = this.#merge ? Math.ceil((frame.length + 12) / room) : 1;
      const requests = [first, ...Array.from({ length: count - 1 }, () => this.next(RECEIVE))];
      const bytes = new Uint8Array(frame.length + 12);
      new DataView(bytes.buffer).setUint16(10, this.claim ?? count, true);
      this.claim = undefined;
      bytes.set(frame, 12);
      let at = 0;
      for (const request of requests) {
        if (!request) break;
        const length = this.scatter(request.writable, bytes.subarray(at));
        this.give(RECEIVE, request, length);
        at += length;
      }
      this.#waiting.shift();
    }
  }
}
