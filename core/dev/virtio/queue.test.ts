// SPDX-License-Identifier: Apache-2.0
// Split rings against a driver in plain TypeScript that keeps to the rules: any chains, indirect or not, event index or
// flags, indices that wrap, resets in between.
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type Buffer,
  FEATURE_EVENT,
  FEATURE_INDIRECT,
  FEATURE_VERSION_1,
  PIECE,
  POP,
  QueueBench,
  RAM_BASE,
  REG,
  type VirtioBench,
} from "@typeone/sim";

const TABLES = RAM_BASE + 0x1_8000n;
const BUFFERS = RAM_BASE + 0x2_0000n;

let test: QueueBench;
let bench: VirtioBench;
beforeAll(async () => {
  test = await QueueBench.load();
  bench = test.bench;
}, 120_000);
beforeEach(() => test.begin());

/** Host memory of buffers as a list that joins what follows each other. */
function expected(buffers: readonly Buffer[]): { hpa: bigint; length: number }[] {
  const all: { hpa: bigint; length: number }[] = [];
  for (const { gpa, length } of buffers) {
    for (let done = 0; done < length;) {
      const at = gpa + BigInt(done);
      const part = Math.min(length - done, PIECE - Number((at - RAM_BASE) % BigInt(PIECE)));
      const last = all.at(-1);
      if (last && last.hpa + BigInt(last.length) === bench.hpa(at)) last.length += part;
      else all.push({ hpa: bench.hpa(at), length: part });
      done += part;
    }
  }
  return all;
}

const buffer = fc.record({
  gpa: fc.integer({ min: 0, max: PIECE * 2 - 5000 }).map((offset) => BUFFERS + BigInt(offset)),
  length: fc.integer({ min: 1, max: 5000 }),
  write: fc.boolean(),
});
const shape = fc
  .array(buffer, { minLength: 1, maxLength: 6 })
  .map((buffers) => [...buffers.filter((b) => !b.write), ...buffers.filter((b) => b.write)]);
type Step =
  | { kind: "offer"; chains: { buffers: Buffer[]; indirect: boolean }[] }
  | { kind: "take"; most: number; back: number; order: number }
  | { kind: "event"; ahead: number }
  | { kind: "reset" };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("offer" as const),
      chains: fc.array(fc.record({ buffers: shape, indirect: fc.boolean() }), { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      most: fc.integer({ min: 0, max: 8 }),
      back: fc.integer({ min: 0, max: 8 }),
      order: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("event" as const), ahead: fc.integer({ min: 0, max: 4 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: "reset" as const }) },
);

/** Both sides' indices begin at `start` instead of 0. */
function beginAt(start: number): void {
  for (const name of ["TAKEN", "SEEN", "USED", "ANNOUNCED"]) bench.setField(test.queue, name, start);
  test.ring.next = test.ring.seen = start;
  bench.write(test.ring.driver + 2n, 2, start);
  bench.write(test.ring.device + 2n, 2, start);
  bench.write(test.ring.device + 4n + BigInt(test.ring.size) * 8n, 2, start);
}

describe("a driver that keeps to the rules", () => {
  it("gets every chain back once, whatever the chains, features, indices and order are", () => {
    fc.assert(
      fc.property(
        fc.record({
          size: fc.constantFrom(1, 4, 8, 32),
          start: fc.constantFrom(0, 65_530, 65_535),
          event: fc.boolean(),
          indirect: fc.boolean(),
          steps: fc.array(step, { maxLength: 30 }),
        }),
        ({ size, start, event, indirect, steps }) => {
          const features = FEATURE_VERSION_1 | (event ? FEATURE_EVENT : 0n) | (indirect ? FEATURE_INDIRECT : 0n);
          const anew = () => {
            test.begin(features, size);
            beginAt(start);
            test.ring.usedEvent = start;
          };
          anew();
          let offered: { head: number; buffers: Buffer[] }[] = [];
          let taken: { head: number; buffers: Buffer[] }[] = [];
          let dry = true;
          let wanted: number = start;
          for (const now of steps) {
            if (now.kind === "reset") {
              for (const { head } of taken) {
                expect(bench.store(test.device, REG.status, 0)).toBe(3);
                test.push(head, 0);
              }
              const before = test.ring.usedIndex;
              expect(bench.store(test.device, REG.status, 0)).toBe(0);
              expect(test.pop()).toBe(POP.none);
              expect(test.ring.usedIndex).toBe(before);
              anew();
              [offered, taken, dry, wanted] = [[], [], true, start];
            } else if (now.kind === "event") {
              wanted = (test.ring.seen + now.ahead) & 0xffff;
              test.ring.usedEvent = wanted;
            } else if (now.kind === "offer") {
              const old = test.ring.next;
              for (const { buffers, indirect: table } of now.chains) {
                const useTable = table && indirect;
                if (test.ring.room < (useTable ? 1 : buffers.length)) continue;
                // One table for each that may be out at once.
                const at = TABLES + BigInt((test.ring.next % size) * 128);
                const head = test.ring.chain(buffers, useTable ? at : undefined);
                test.ring.put(head);
                offered.push({ head, buffers });
              }
              test.ring.publish();
              // A device that found nothing asked to be told of the next chain. @spec virtio §2.7.10
              const count = (test.ring.next - old) & 0xffff;
              if (event && dry && count)
                expect((test.ring.next - test.ring.availableEvent - 1) & 0xffff).toBeLessThan(count);
              if (count) dry = false;
            } else {
              for (let i = 0; i < now.most; i++) {
                const next = offered.shift();
                expect(test.pop()).toBe(next ? POP.taken : POP.none);
                dry = !next;
                if (!next) break;
                taken.push(next);
                expect(test.head).toBe(next.head);
                expect(test.readable()).toEqual(expected(next.buffers.filter((b) => !b.write)));
                expect(test.writable()).toEqual(expected(next.buffers.filter((b) => b.write)));
                const total = (write: boolean) =>
                  next.buffers.filter((b) => b.write === write).reduce((sum, b) => sum + b.length, 0);
                expect(bench.field(test.chain, "READ_BYTES")).toBe(total(false));
                expect(bench.field(test.chain, "WRITE_BYTES")).toBe(total(true));
              }
              const before = test.ring.usedIndex;
              const back: { id: number; length: number }[] = [];
              for (let i = 0; i < now.back && taken.length; i++) {
                const [done] = taken.splice(now.order % taken.length, 1);
                test.push(done!.head, i * 3);
                back.push({ id: done!.head, length: i * 3 });
              }
              expect(test.ring.usedIndex).toBe(before);
              test.announce();
              const passed = ((before + back.length - wanted - 1) & 0xffff) < back.length;
              expect(test.interrupted()).toBe(back.length && (!event || passed) ? 1 : 0);
              expect(test.ring.collect()).toEqual(back);
            }
            expect(bench.field(test.queue, "IN_FLIGHT")).toBe(taken.length);
            expect(test.status()).toBe(0xf);
            expect(bench.field(bench.field(test.queue, "LOCK"), "HOLDER")).toBe(0);
          }
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
    );
  }, 60_000);

  it("is not interrupted without the event index when it says so", () => {
    test.begin(FEATURE_VERSION_1);
    for (const [flags, interrupts] of [
      [1, 0],
      [0, 1],
    ] as const) {
      test.ring.setDriverFlags(flags);
      const head = test.ring.offer([{ gpa: BUFFERS, length: 4, write: true }]);
      expect(test.pop()).toBe(POP.taken);
      test.push(head, 4);
      test.announce();
      expect(test.interrupted()).toBe(interrupts);
    }
  });

  it("is asked for notifications and for none by the flag when there is no event index", () => {
    test.begin(FEATURE_VERSION_1);
    bench.call("queueHush", test.queue);
    expect(test.ring.usedFlags).toBe(1);
    bench.call("queueListen", test.queue);
    expect(test.ring.usedFlags).toBe(0);
  });

  it("reads its index once for all chains that it announces, and what is there once", () => {
    const heads = [0, 1, 2, 3].map((i) =>
      test.ring.chain([{ gpa: BUFFERS, length: 1, write: false }], TABLES + BigInt(i) * 16n),
    );
    heads.forEach((head) => test.ring.put(head));
    test.ring.publish();
    let index = 0;
    bench.onCopyIn = (hpa) => (index += hpa === bench.hpa(test.ring.driver + 2n) ? 1 : 0);
    for (const head of heads) {
      expect(test.pop()).toBe(POP.taken);
      test.push(head, 0);
    }
    test.announce();
    expect(index).toBe(1);
    expect(test.pop()).toBe(POP.none);
    expect(index).toBe(2);
  });

  it("costs seven copies for a chain with an indirect table, from the notification to the interrupt", () => {
    test.ring.usedEvent = 0;
    const head = test.ring.offer(
      [
        { gpa: BUFFERS, length: 16, write: false },
        { gpa: BUFFERS, length: 1, write: true },
      ],
      TABLES,
    );
    expect(test.pop()).toBe(POP.taken);
    test.push(head, 1);
    test.announce();
    expect(test.pop()).toBe(POP.none);
    expect(test.interrupted()).toBe(1);
    const before = bench.copies;
    test.ring.collect();
    test.ring.usedEvent = 1;
    const again = test.ring.offer(
      [
        { gpa: BUFFERS, length: 16, write: false },
        { gpa: BUFFERS, length: 1, write: true },
      ],
      TABLES,
    );
    expect(test.pop()).toBe(POP.taken);
    test.push(again, 1);
    test.announce();
    expect(test.interrupted()).toBe(1);
    // Index, head, descriptor, table; used element, used index, event index.
    expect(bench.copies - before).toBe(7);
  });

  it("may have a chain given back untouched and taken again", () => {
    const head = test.ring.offer([{ gpa: BUFFERS, length: 7, write: false }]);
    for (let i = 0; i < 3; i++) {
      expect(test.pop()).toBe(POP.taken);
      expect(test.pop()).toBe(POP.none);
      expect(bench.field(test.queue, "IN_FLIGHT")).toBe(1);
      bench.call("queueUnpop", test.queue);
      expect(bench.field(test.queue, "IN_FLIGHT")).toBe(0);
    }
    expect(test.pop()).toBe(POP.taken);
    expect(test.head).toBe(head);
  });
});
