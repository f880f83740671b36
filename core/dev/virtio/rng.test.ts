// SPDX-License-Identifier: Apache-2.0
// Entropy: buffers are filled with bytes that never come twice, at the rate that a guest gets, whatever the driver hands
// over; and what does not fit an exit is done later (deferred.ts).
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ALL_FEATURES, bringUp, QueueBench, RAM_BASE, REG, RINGS, SplitRing, type VirtioBench } from "@typeone/sim";

const BUFFERS = RAM_BASE + 0x2_0000n;
const RATE = 0x4_0000;
const HERTZ = 10_000_000n;

let test: QueueBench;
let bench: VirtioBench;
beforeAll(async () => {
  test = await QueueBench.load();
  bench = test.bench;
}, 120_000);
beforeEach(() => {
  test.begin();
  bench.store(test.device, REG.status, 0);
  const ring = new SplitRing(bench, 64, RINGS, RINGS + 0x400n, RINGS + 0x500n);
  bringUp(bench, test.device, [ring], ALL_FEATURES);
  test.ring = ring;
});

const notify = () => bench.store(test.device, REG.notify, 0);
const ask = (length: number, at = BUFFERS) => test.ring.offer([{ gpa: at, length, write: true }]);

describe("the entropy device", () => {
  it("fills buffers as far as it says, and never with the same", () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (length) => {
        bench.time += HERTZ;
        bench.writeGuest(BUFFERS, new Uint8Array(1024));
        ask(length);
        notify();
        const [used] = test.ring.collect();
        expect(used!.length).toBe(Math.min(length, 256));
        const bytes = [...bench.readGuest(BUFFERS, 1024)];
        expect(bytes.slice(used!.length).every((byte) => byte === 0)).toBe(true);
        if (used!.length < 8) return;
        const text = bytes.slice(0, 8).join();
        expect(seen.has(text)).toBe(false);
        seen.add(text);
      }),
    );
    expect(seen.size).toBeGreaterThan(10);
  });

  it("gives buffers that it may not write back untouched", () => {
    bench.writeGuest(BUFFERS, [1, 2, 3, 4]);
    test.ring.offer([{ gpa: BUFFERS, length: 4, write: false }]);
    notify();
    expect(test.ring.collect()[0]!.length).toBe(0);
    expect([...bench.readGuest(BUFFERS, 4)]).toEqual([1, 2, 3, 4]);
  });

  it("gives no more than its rate, and goes on by itself when there is more", () => {
    let bytes = 0;
    const seconds = 3;
    for (let turn = 0; turn < 4000; turn++) {
      if (test.ring.room > 0) {
        while (test.ring.room > 0) ask(256);
        notify();
      }
      for (const { length } of test.ring.collect()) bytes += length;
      if (bench.call("testRequested", bench.guest)) {
        bench.call("virtioContinue", bench.guest);
        continue;
      }
      const next = BigInt.asUintN(64, BigInt(bench.unit.exports["timersNext"]!(0)!));
      if (next > 1000n + HERTZ * BigInt(seconds)) break;
      expect(next).toBeGreaterThan(bench.time);
      bench.time = next;
      bench.call("timersExpire", bench.time);
    }
    expect(bytes).toBeGreaterThan(RATE * (seconds - 0.2));
    expect(bytes).toBeLessThan(RATE * (seconds + 0.2));
  });

  it("does at most a budget of chains in an exit, and the rest before the vCPU enters again", () => {
    for (let i = 0; i < 64; i++) ask(1, BUFFERS + BigInt(i));
    notify();
    expect(test.ring.collect()).toHaveLength(64);
    expect(bench.call("testRequested", bench.guest)).not.toBe(0);
    for (let i = 0; i < 3; i++) ask(1);
    expect(bench.call("virtioContinue", bench.guest)).toBe(0);
    expect(test.ring.collect()).toHaveLength(3);
    expect(bench.field(test.queue, "DEFERRED")).toBe(0);
  });

  it("leaves a queue to whoever works on it, who is told to look again", () => {
    bench.setField(test.queue, "KICKS", 1);
    ask(4);
    notify();
    expect(test.ring.collect()).toEqual([]);
    expect(bench.field(test.queue, "KICKS")).toBe(3);
    bench.setField(test.queue, "KICKS", 0);
    notify();
    expect(test.ring.collect()).toHaveLength(1);
    expect(bench.field(test.queue, "KICKS")).toBe(0);
  });

  it("works again after a reset when whoever worked on its queue went wrong in the middle", () => {
    bench.setField(test.queue, "KICKS", 1);
    bench.store(test.device, REG.status, 0);
    expect(bench.field(test.queue, "KICKS")).toBe(0);
  });

  it("does nothing for a queue that was deferred when the device is quiet", () => {
    ask(4);
    bench.call("deferQueue", test.queue);
    bench.call("virtioQuiet", test.device);
    bench.call("virtioContinue", bench.guest);
    expect(test.ring.usedIndex).toBe(0);
  });

  it("is made of the record of one that went", () => {
    const model = bench.field(test.device, "MODEL");
    bench.call("virtioQuiet", test.device);
    bench.call("rngDestroy", test.device);
    expect(bench.call("rngCreate", test.device)).toBe(0);
    expect(bench.field(test.device, "MODEL")).toBe(model);
  });
});

describe("who goes on with deferred work", () => {
  const DEVICE = 128;
  const requests = (vcpu: number) => bench.field(vcpu, "REQUESTS") & DEVICE;
  const first = () => bench.unit.view().getUint32(bench.field(bench.guest, "VCPUS"), true);

  it("is a vCPU that runs; of those that stand still, one that goes on with its guest", () => {
    for (const [state, hsm] of [
      [2, 0],
      [0, 0],
    ] as const) {
      const second = bench.call("testSecond", bench.guest, state, hsm);
      bench.call("deferQueue", test.queue);
      expect([requests(first()), requests(second) !== 0]).toEqual([0, true]);
    }
  });

  it("is another one when it stops", () => {
    const second = bench.call("testSecond", bench.guest, 2, 0);
    bench.call("virtioHandOver", first());
    expect(requests(second)).toBe(0);
    bench.setField(first(), "REQUESTS", DEVICE);
    bench.call("virtioHandOver", first());
    expect(requests(second)).toBe(DEVICE);
  });

  it("is seen at its work by whoever takes the device away", () => {
    ask(8);
    const seen: number[] = [];
    bench.call("deferQueue", test.queue);
    bench.onCopyIn = () => seen.push(bench.call("isWorkedOn", test.device));
    bench.call("virtioContinue", bench.guest);
    bench.onCopyIn = () => {};
    expect(test.ring.collect()).toHaveLength(1);
    expect(new Set(seen)).toEqual(new Set([1]));
    expect(bench.call("isWorkedOn", test.device)).toBe(0);
  });
});
