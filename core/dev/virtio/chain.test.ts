// SPDX-License-Identifier: Apache-2.0
// The parts of a chain: read, written, listed, copied, at any place and no further.
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Buffer, PIECE, POP, QueueBench, RAM_BASE, type VirtioBench } from "@typeone/sim";

const BUFFERS = RAM_BASE + 0x2_0000n;

let test: QueueBench;
let bench: VirtioBench;
beforeAll(async () => {
  test = await QueueBench.load();
  bench = test.bench;
}, 120_000);
beforeEach(() => test.begin());

describe("the parts of a chain", () => {
  const buffers: Buffer[] = [
    { gpa: BUFFERS - 10n, length: 30, write: false },
    { gpa: BUFFERS + 100n, length: 5, write: false },
    { gpa: BUFFERS + 200n, length: 9, write: true },
    { gpa: BUFFERS + BigInt(PIECE) - 4n, length: 20, write: true },
  ];
  const bytes = (of: readonly Buffer[]) => of.flatMap(({ gpa, length }) => [...bench.readGuest(gpa, length)]);
  const scratch = () => bench.call("testRoom", 4096);
  beforeEach(() => {
    for (const [i, { gpa, length }] of buffers.entries())
      bench.writeGuest(
        gpa,
        Uint8Array.from({ length }, (_, j) => i * 50 + j + 1),
      );
    test.ring.offer(buffers);
    expect(test.pop()).toBe(POP.taken);
  });

  it("are read and written at any place, and no further", () => {
    const at = scratch();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 45 }), fc.integer({ min: 0, max: 50 }), (offset, length) => {
        bench.unit.bytes().fill(0, at, at + 64);
        const all = bytes(buffers.filter((b) => !b.write));
        const want = all.slice(offset, offset + length);
        expect(bench.call("chainRead", test.chain, BigInt(offset), at, length)).toBe(want.length);
        expect([...bench.unit.bytes().subarray(at, at + 64)]).toEqual([...want, ...Array(64 - want.length).fill(0)]);
        const before = bytes(buffers.filter((b) => b.write));
        const data = Array.from({ length }, (_, i) => (i * 7 + offset) & 0xff);
        bench.unit.bytes().set(data, at);
        const room = Math.max(0, Math.min(length, 29 - offset));
        expect(bench.call("chainWrite", test.chain, BigInt(offset), at, length)).toBe(room);
        before.splice(offset, room, ...data.slice(0, room));
        expect(bytes(buffers.filter((b) => b.write))).toEqual(before);
      }),
    );
  });

  it("are listed as segments that cover just what was asked for, or it is said that they do not fit", () => {
    const part = bench.call("hartPart");
    const at = scratch();
    fc.assert(
      fc.property(
        fc.constantFrom(0, 1),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 0, max: 4 }),
        (write, offset, length, max) => {
          const view = bench.unit.view();
          view.setUint32(part, write, true);
          view.setUint32(part + 4, max, true);
          view.setBigUint64(part + 8, BigInt(offset), true);
          view.setBigUint64(part + 16, BigInt(length), true);
          const flat = (write ? test.writable() : test.readable()).flatMap(({ hpa, length: bytes }) =>
            Array.from({ length: bytes }, (_, i) => hpa + BigInt(i)),
          );
          const count = bench.call("chainSegments", test.chain, part, at);
          const want = flat.slice(offset, offset + length);
          if (count < 0) {
            const pieces = want.filter((hpa, i) => i === 0 || hpa !== want[i - 1]! + 1n).length;
            expect(offset + length > flat.length || pieces > max).toBe(true);
            return;
          }
          const got = test
            .segments(count, at)
            .flatMap(({ hpa, length: bytes }) => Array.from({ length: bytes }, (_, i) => hpa + BigInt(i)));
          expect(got).toEqual(want);
        },
      ),
    );
  });

  it("are copied from one to the other without linear memory", () => {
    const [from, to] = [bench.call("hartCursor", 0), bench.call("hartCursor", 1)];
    const source = bytes(buffers.filter((b) => !b.write));
    const target = bytes(buffers.filter((b) => b.write));
    bench.call("cursorInit", from, bench.field(test.chain, "SEGMENTS"), bench.field(test.chain, "READABLE"), 3n);
    bench.call("cursorInit", to, bench.call("firstWritable"), bench.field(test.chain, "WRITABLE"), 5n);
    expect(bench.call("copySegments", to, from, 20n)).toBe(20);
    target.splice(5, 20, ...source.slice(3, 23));
    expect(bytes(buffers.filter((b) => b.write))).toEqual(target);
    expect(bench.call("copySegments", to, from, 20n)).toBe(4);
    expect(bench.call("copySegments", to, from, 20n)).toBe(0);
  });
});
