// SPDX-License-Identifier: Apache-2.0
// One queue of a device on MMIO and the driver at its other end, for tests that call queue.ts directly. The rings lie
// over the end of a piece of RAM when the table of descriptors is longer than 256 bytes.
import { RAM_BASE, VirtioBench } from "./bench.ts";
import { bringUp, FEATURE_EVENT, FEATURE_INDIRECT, FEATURE_VERSION_1, REG, SplitRing } from "./driver.ts";

const TYPE_RNG = 4;
/** Answers of queuePop. */
export const POP = { none: 0, taken: 1, broken: -1 } as const;
export const ALL_FEATURES = FEATURE_VERSION_1 | FEATURE_INDIRECT | FEATURE_EVENT;
export const RINGS = RAM_BASE + 0xff00n;

export class QueueBench {
  device = 0;
  queue = 0;
  chain = 0;
  ring!: SplitRing;

  readonly bench: VirtioBench;

  constructor(bench: VirtioBench) {
    this.bench = bench;
  }

  static async load(): Promise<QueueBench> {
    return new QueueBench(await VirtioBench.load());
  }

  begin(features = ALL_FEATURES, size = 8): void {
    const { bench } = this;
    bench.begin();
    this.device = bench.call("testDevice", bench.guest, TYPE_RNG, 2, ALL_FEATURES);
    bench.call("rngCreate", this.device);
    bench.call("virtioWake", this.device);
    this.queue = bench.call("testQueue", this.device, 0);
    this.chain = bench.call("hartChain", 0);
    const driver = RINGS + 16n * BigInt(size);
    this.ring = new SplitRing(bench, size, RINGS, driver, (driver + 6n + 2n * BigInt(size) + 3n) & ~3n);
    if (bringUp(bench, this.device, [this.ring], features) !== 0xf) throw new Error("the device did not come up");
  }

  pop(): number {
    return this.bench.call("queuePop", this.queue, this.chain);
  }
  /** Head of the chain popped last. */
  get head(): number {
    return this.bench.unit.view().getUint32(this.chain, true);
  }
  push(head: number, written: number): void {
    this.bench.call("queuePush", this.queue, head, written);
  }
  announce(): void {
    this.bench.call("queueAnnounce", this.queue);
  }
  status(): number {
    return this.bench.load(this.device, REG.status);
  }
  /** Whether there was a queue interrupt, which is acknowledged. */
  interrupted(): number {
    const isr = this.bench.field(this.device, "ISR") & 1;
    this.bench.store(this.device, REG.interruptAck, 1);
    return isr;
  }
  segments(count: number, at = this.bench.field(this.chain, "SEGMENTS")): { hpa: bigint; length: number }[] {
    const view = this.bench.unit.view();
    return Array.from({ length: count }, (_, i) => ({
      hpa: view.getBigUint64(at + i * 16, true),
      length: Number(view.getBigUint64(at + i * 16 + 8, true)),
    }));
  }
  readable(): { hpa: bigint; length: number }[] {
    return this.segments(this.bench.field(this.chain, "READABLE"));
  }
  writable(): { hpa: bigint; length: number }[] {
    return this.segments(this.bench.field(this.chain, "WRITABLE"), this.bench.call("firstWritable"));
  }
}
