// SPDX-License-Identifier: Apache-2.0
// The driver's side of a split virtqueue, and of a device on MMIO, in plain TypeScript: what a guest's kernel does, and
// for tests what it must not do. Rings lie in the guest memory of a VirtioBench.
import type { VirtioBench } from "./bench.ts";

export const F_NEXT = 1;
export const F_WRITE = 2;
export const F_INDIRECT = 4;
export const FEATURE_INDIRECT = 1n << 28n;
export const FEATURE_EVENT = 1n << 29n;
export const FEATURE_VERSION_1 = 1n << 32n;

/** Registers of a device on MMIO. @spec virtio 1.2 §4.2.2 */
export const REG = {
  magic: 0x00,
  version: 0x04,
  id: 0x08,
  features: 0x10,
  featuresSelect: 0x14,
  driverFeatures: 0x20,
  driverFeaturesSelect: 0x24,
  queueSelect: 0x30,
  queueMax: 0x34,
  queueSize: 0x38,
  queueReady: 0x44,
  notify: 0x50,
  interruptStatus: 0x60,
  interruptAck: 0x64,
  status: 0x70,
  descriptors: 0x80,
  driver: 0x90,
  device: 0xa0,
  generation: 0xfc,
  config: 0x100,
} as const;
export const STATUS = {
  acknowledge: 1,
  driver: 2,
  driverOk: 4,
  featuresOk: 8,
  needsReset: 0x40,
  failed: 0x80,
} as const;

export interface Buffer {
  readonly gpa: bigint;
  readonly length: number;
  readonly write: boolean;
}

export interface Used {
  readonly id: number;
  readonly length: number;
}

/** Where a ring is, and how long. */
export type RingPlace = Pick<SplitRing, "size" | "descriptors" | "driver" | "device">;

/** One split queue. @spec virtio 1.2 §2.7 */
export class SplitRing {
  next = 0;
  seen = 0;
  #free: number[];
  /** Descriptors of each chain that is out, by head. */
  readonly out = new Map<number, number[]>();

  readonly bench: VirtioBench;
  readonly size: number;
  /** gpa of the three areas. */
  readonly descriptors: bigint;
  readonly driver: bigint;
  readonly device: bigint;

  constructor(bench: VirtioBench, size: number, ...areas: readonly [bigint, bigint, bigint]) {
    this.bench = bench;
    this.size = size;
    [this.descriptors, this.driver, this.device] = areas;
    this.#free = Array.from({ length: size }, (_, i) => size - 1 - i);
  }

  get room(): number {
    return this.#free.length;
  }

  describe(index: number, buffer: Buffer, more?: { flags?: number; next?: number; table?: bigint }): void {
    const at = (more?.table ?? this.descriptors) + BigInt(index) * 16n;
    this.bench.write(at, 8, buffer.gpa);
    this.bench.write(at + 8n, 4, buffer.length >>> 0);
    this.bench.write(at + 12n, 2, (buffer.write ? F_WRITE : 0) | (more?.flags ?? 0));
    this.bench.write(at + 14n, 2, more?.next ?? 0);
  }

  /** Makes a chain and answers its head; `table` is where an indirect table goes, if it is to be one. */
  chain(buffers: readonly Buffer[], table?: bigint): number {
    if (table !== undefined) {
      const head = this.#free.pop()!;
      buffers.forEach((buffer, i) => {
        const last = i === buffers.length - 1;
        this.describe(i, buffer, { table, flags: last ? 0 : F_NEXT, next: last ? 0 : i + 1 });
      });
      this.describe(head, { gpa: table, length: buffers.length * 16, write: false }, { flags: F_INDIRECT });
      this.out.set(head, [head]);
      return head;
    }
    const taken = buffers.map(() => this.#free.pop()!);
    buffers.forEach((buffer, i) => {
      const last = i === buffers.length - 1;
      this.describe(taken[i]!, buffer, { flags: last ? 0 : F_NEXT, next: last ? 0 : taken[i + 1]! });
    });
    this.out.set(taken[0]!, taken);
    return taken[0]!;
  }

  /** Puts a head into the available ring; publish() shows it. */
  put(head: number): void {
    this.bench.write(this.driver + 4n + BigInt(this.next % this.size) * 2n, 2, head);
    this.next = (this.next + 1) & 0xffff;
  }
  publish(): void {
    this.bench.write(this.driver + 2n, 2, this.next);
  }
  offer(buffers: readonly Buffer[], table?: bigint): number {
    const head = this.chain(buffers, table);
    this.put(head);
    this.publish();
    return head;
  }

  /** Used elements since the last call; their descriptors are free again. */
  collect(): Used[] {
    const all: Used[] = [];
    const index = this.bench.read(this.device + 2n, 2);
    for (; this.seen !== index; this.seen = (this.seen + 1) & 0xffff) {
      const at = this.device + 4n + BigInt(this.seen % this.size) * 8n;
      const id = this.bench.read(at, 4);
      const taken = this.out.get(id);
      if (!taken) throw new Error(`the device gave back chain ${id}, which it does not have`);
      this.out.delete(id);
      this.#free.push(...taken);
      all.push({ id, length: this.bench.read(at + 4n, 4) });
    }
    return all;
  }

  get usedIndex(): number {
    return this.bench.read(this.device + 2n, 2);
  }
  get usedFlags(): number {
    return this.bench.read(this.device, 2);
  }
  setDriverFlags(flags: number): void {
    this.bench.write(this.driver, 2, flags);
  }
  /** The driver's event index: interrupt when used passes it. */
  set usedEvent(value: number) {
    this.bench.write(this.driver + 4n + BigInt(this.size) * 2n, 2, value);
  }
  /** The device's event index: notify when the available index passes it. */
  get availableEvent(): number {
    return this.bench.read(this.device + 4n + BigInt(this.size) * 8n, 2);
  }
}

/** Brings a device on MMIO up as a kernel does; answers the status that it ends with. */
export function bringUp(bench: VirtioBench, device: number, rings: readonly SplitRing[], features: bigint): number {
  const { acknowledge, driver, driverOk, featuresOk } = STATUS;
  bench.store(device, REG.status, 0);
  bench.store(device, REG.status, acknowledge);
  bench.store(device, REG.status, acknowledge | driver);
  for (const word of [0, 1]) {
    bench.store(device, REG.driverFeaturesSelect, word);
    bench.store(device, REG.driverFeatures, Number((features >> BigInt(word * 32)) & 0xffff_ffffn));
  }
  bench.store(device, REG.status, acknowledge | driver | featuresOk);
  rings.forEach((ring, index) => setUpRing(bench, device, index, ring));
  bench.store(device, REG.status, acknowledge | driver | featuresOk | driverOk);
  return bench.load(device, REG.status);
}

export function setUpRing(bench: VirtioBench, device: number, index: number, ring: RingPlace): void {
  bench.store(device, REG.queueSelect, index);
  bench.store(device, REG.queueSize, ring.size);
  for (const [register, gpa] of [
    [REG.descriptors, ring.descriptors],
    [REG.driver, ring.driver],
    [REG.device, ring.device],
  ] as const) {
    bench.store(device, register, Number(gpa & 0xffff_ffffn));
    bench.store(device, register + 4, Number(gpa >> 32n));
  }
  bench.store(device, REG.queueReady, 1);
}
