// SPDX-License-Identifier: Apache-2.0
// Every ring that breaks the rules, rings that change while they are read, and rings of random bytes (hostile rows E03 to
// E07).
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  bringUp,
  ALL_FEATURES,
  F_INDIRECT,
  F_NEXT,
  F_WRITE,
  FEATURE_EVENT,
  FEATURE_VERSION_1,
  PIECE,
  PIECES,
  POP,
  QueueBench,
  RAM_BASE,
  REG,
  RINGS,
  SplitRing,
  STATUS,
  type VirtioBench,
} from "@typeone/sim";

const RAM_END = RAM_BASE + BigInt(PIECE * PIECES);
const TABLES = RAM_BASE + 0x1_8000n;
const BUFFERS = RAM_BASE + 0x2_0000n;

let test: QueueBench;
let bench: VirtioBench;
beforeAll(async () => {
  test = await QueueBench.load();
  bench = test.bench;
}, 120_000);
beforeEach(() => test.begin());

describe("a driver that breaks the rules", () => {
  const broken = (after: () => void, features = ALL_FEATURES, size = 8) => {
    test.begin(features, size);
    after();
    bench.copies = 0;
    expect(test.pop()).toBe(POP.broken);
    expect(bench.copies).toBeLessThan(40);
    expect(test.status()).toBe(0xf | STATUS.needsReset);
    expect(bench.field(test.device, "ISR") & 2).toBe(2);
    // It does nothing any more, until it is reset.
    expect(test.pop()).toBe(POP.none);
    test.push(0, 1);
    test.announce();
    expect(test.ring.usedIndex).toBe(0);
    bench.setField(test.queue, "IN_FLIGHT", 0);
    expect(bench.store(test.device, REG.status, 0)).toBe(0);
    expect(test.status()).toBe(0);
    test.ring = new SplitRing(bench, size, test.ring.descriptors, test.ring.driver, test.ring.device);
    bench.write(test.ring.driver + 2n, 2, 0);
    bench.write(test.ring.device + 2n, 2, 0);
    expect(bringUp(bench, test.device, [test.ring], features)).toBe(0xf);
    test.ring.offer([{ gpa: BUFFERS, length: 1, write: false }]);
    expect(test.pop()).toBe(POP.taken);
  };
  const one = (gpa: bigint, length: number, flags = 0, next = 0) => {
    test.ring.describe(0, { gpa, length, write: false }, { flags, next });
    test.ring.put(0);
    test.ring.publish();
  };

  it("E03: loops, chains longer than the queue, next and head out of range", () => {
    broken(() => one(BUFFERS, 1, F_NEXT, 0));
    broken(() => {
      test.ring.describe(1, { gpa: BUFFERS, length: 1, write: false }, { flags: F_NEXT, next: 0 });
      one(BUFFERS, 1, F_NEXT, 1);
    });
    broken(() => one(BUFFERS, 1, F_NEXT, 8));
    broken(() => one(BUFFERS, 1, F_NEXT, 0xffff));
    for (const head of [8, 9, 0x7fff, 0xffff]) {
      broken(() => {
        test.ring.put(head);
        test.ring.publish();
      });
    }
  });

  it("E04: indirect tables that are empty, crooked, nested, chained, too large, outside RAM, or not agreed on", () => {
    for (const length of [0, 1, 15, 17, 0xffff_ffff, 0xffff_fff0]) broken(() => one(TABLES, length, F_INDIRECT));
    broken(() => one(TABLES, 16, F_INDIRECT | F_NEXT, 1));
    broken(() => {
      test.ring.describe(0, { gpa: BUFFERS, length: 16, write: false }, { table: TABLES, flags: F_INDIRECT });
      one(TABLES, 16, F_INDIRECT);
    });
    for (const gpa of [RAM_END, RAM_END - 8n, 0n, RAM_BASE - 16n, (1n << 64n) - 16n]) {
      broken(() => one(gpa, 32, F_INDIRECT));
    }
    broken(() => {
      test.ring.describe(0, { gpa: BUFFERS, length: 16, write: false }, { table: TABLES });
      one(TABLES, 16, F_INDIRECT);
    }, FEATURE_VERSION_1 | FEATURE_EVENT);
    // A loop in a table, next behind its end, and a table over the ring itself that is no table.
    for (const next of [0, 2, 0xffff]) {
      broken(() => {
        test.ring.describe(0, { gpa: BUFFERS, length: 1, write: false }, { table: TABLES, flags: F_NEXT, next: 1 });
        test.ring.describe(1, { gpa: BUFFERS, length: 1, write: false }, { table: TABLES, flags: F_NEXT, next });
        one(TABLES, 32, F_INDIRECT);
      });
    }
    broken(() => one(test.ring.descriptors, 128, F_INDIRECT));
  });

  it("E04: an indirect table as long as RAM is not walked to its end", () => {
    test.begin();
    const table = RAM_BASE + 0x1_0000n;
    for (let i = 0; i < 1000; i++)
      test.ring.describe(
        i,
        { gpa: BUFFERS + BigInt(i) * 2n, length: 1, write: false },
        { table, flags: F_NEXT, next: i + 1 },
      );
    one(table, 0x1_0000, F_INDIRECT);
    bench.copies = 0;
    expect(test.pop()).toBe(POP.broken);
    expect(bench.copies).toBeLessThan(24);
  });

  it("E04: a chain may end in an indirect table, and the table may be longer than the queue", () => {
    const count = 100;
    for (let i = 0; i < count; i++) {
      const last = i === count - 1;
      test.ring.describe(
        i,
        { gpa: BUFFERS + BigInt(i) * 8n, length: 4, write: i > 50 },
        { table: TABLES, flags: last ? 0 : F_NEXT, next: last ? 0 : i + 1 },
      );
    }
    test.ring.describe(3, { gpa: TABLES, length: count * 16, write: true }, { flags: F_INDIRECT });
    one(BUFFERS + 0x1000n, 4, F_NEXT, 3);
    expect(test.pop()).toBe(POP.taken);
    expect(bench.field(test.chain, "READABLE")).toBe(52);
    expect(bench.field(test.chain, "WRITABLE")).toBe(49);
  });

  it("E05: buffers that are empty, wrap, leave RAM, or are more than 4 GiB together; what may be read after what may be written", () => {
    broken(() => one(BUFFERS, 0));
    for (const [gpa, length] of [
      [RAM_END - 4n, 5],
      [RAM_END, 1],
      [RAM_BASE - 1n, 1],
      [RAM_BASE - 1n, 2],
      [0n, 0xffff_ffff],
      [RAM_BASE, 0xffff_ffff],
      [(1n << 64n) - 1n, 2],
      [(1n << 64n) - 4096n, 4097],
    ] as const) {
      broken(() => one(gpa, length));
    }
    broken(() => {
      test.ring.describe(1, { gpa: BUFFERS, length: 1, write: false });
      one(BUFFERS, 1, F_NEXT | F_WRITE, 1);
    });
    test.begin();
    one(RAM_BASE, PIECE * PIECES);
    expect(test.pop()).toBe(POP.taken);
    expect(bench.field(test.chain, "READ_BYTES")).toBe(PIECE * PIECES);
  });

  it("E05: more pieces than a chain may have", () => {
    test.begin();
    const put = (count: number) => {
      for (let i = 0; i < count; i++) {
        const last = i === count - 1;
        test.ring.describe(
          i,
          { gpa: BUFFERS + BigInt(i) * 8n, length: 4, write: false },
          { table: TABLES, flags: last ? 0 : F_NEXT, next: i + 1 },
        );
      }
      one(TABLES, count * 16, F_INDIRECT);
    };
    put(160);
    expect(test.pop()).toBe(POP.taken);
    expect(bench.field(test.chain, "READABLE")).toBe(160);
    broken(() => put(161));
  });

  it("E06: an index that jumps too far or goes back, and more chains out than there are descriptors", () => {
    for (const index of [9, 0x8000, 0xffff]) broken(() => bench.write(test.ring.driver + 2n, 2, index));
    broken(() => {
      test.ring.offer([{ gpa: BUFFERS, length: 1, write: false }]);
      expect(test.pop()).toBe(POP.taken);
      bench.write(test.ring.driver + 2n, 2, 0);
    });
    test.begin();
    test.ring.describe(0, { gpa: BUFFERS, length: 1, write: false });
    for (let i = 1; i <= 9; i++) {
      test.ring.put(0);
      test.ring.publish();
      expect(test.pop()).toBe(i <= 8 ? POP.taken : POP.broken);
    }
  });

  it("E06: any event index costs at most an interrupt too many or too few", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff }), (event) => {
        test.begin();
        test.ring.usedEvent = event;
        const head = test.ring.offer([{ gpa: BUFFERS, length: 1, write: true }]);
        expect(test.pop()).toBe(POP.taken);
        test.push(head, 1);
        test.announce();
        expect(test.interrupted()).toBe(event === 0 ? 1 : 0);
        expect(test.status()).toBe(0xf);
      }),
      { numRuns: 50 },
    );
  });

  it("E07: whatever another vCPU writes while the device reads, only what was read once counts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(0x7fff), fc.integer({ min: 0, max: 0xffff_ffff })), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        (writes, table) => {
          test.begin();
          test.ring.offer(
            [
              { gpa: BUFFERS, length: 16, write: false },
              { gpa: BUFFERS, length: 1, write: true },
            ],
            table ? TABLES : undefined,
          );
          const copied = new Map<bigint, number>();
          let turn = 0;
          bench.onCopyIn = (hpa, length) => {
            // Nothing is read twice, but for descriptors that are neighbours of one that was wanted.
            for (let i = 0n; i < BigInt(length); i++) copied.set(hpa + i, (copied.get(hpa + i) ?? 0) + 1);
          };
          const own = bench.copyIn.bind(bench);
          bench.copyIn = (ptr, hpa, length) => {
            own(ptr, hpa, length);
            const [offset, value] = writes[turn++ % writes.length]!;
            // Right after a field was read it changes, and something else near the rings too.
            for (let i = 0; i < length; i++) bench.writeGuest(gpaOf(hpa) + BigInt(i), [value & 0xff]);
            bench.write(RINGS + BigInt(offset % 0x200), 1, value & 0xff);
          };
          const answer = test.pop();
          bench.copyIn = own;
          expect([POP.taken, POP.none, POP.broken]).toContain(answer);
          for (const { hpa, length } of answer === POP.taken ? [...test.readable(), ...test.writable()] : []) {
            for (const at of [hpa, hpa + BigInt(length) - 1n]) expect(gpaOf(at)).toBeGreaterThanOrEqual(RAM_BASE);
          }
          expect(bench.copies).toBeLessThan(1_000_000);
        },
      ),
      { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
    );
  });

  /** The gpa behind an hpa of the guest. */
  function gpaOf(hpa: bigint): bigint {
    for (let i = 0n; i < BigInt(PIECES); i++) {
      const base = RAM_BASE + i * BigInt(PIECE);
      const offset = hpa - bench.hpa(base);
      if (offset >= 0n && offset < BigInt(PIECE)) return base + offset;
    }
    return -1n;
  }

  it("survives rings of random bytes: bounded work, copies inside RAM only, and a reset makes it new", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 512, maxLength: 512 }), fc.boolean(), (bytes, near) => {
        test.begin();
        bench.writeGuest(RINGS, bytes);
        // Addresses that are in RAM more often than never.
        for (let i = 0; near && i < 8; i++) {
          bench.write(RINGS + BigInt(i * 16 + 4), 4, 0);
          bench.write(RINGS + BigInt(i * 16 + 2), 2, 0x8000);
          bench.write(RINGS + BigInt(i * 16 + 10), 2, 0);
        }
        bench.write(test.ring.driver + 2n, 2, bytes[3]! % 9);
        bench.copies = 0;
        for (let i = 0; i < 12; i++) {
          if (test.pop() !== POP.taken) break;
          test.push(test.head, 0);
        }
        test.announce();
        expect(bench.copies).toBeLessThan(200);
        expect(bench.store(test.device, REG.status, 0)).toBe(0);
        expect(test.status()).toBe(0);
      }),
      { numRuns: 300, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: true },
    );
  });
});
