// SPDX-License-Identifier: Apache-2.0
// Blobs against a plain model: any order of opening, writing, holding, dropping and clearing; memory is never shared, never
// handed out dirty, and all of it comes back.
import fc from "fast-check";
import { atomics, loadUnit, type UnitModule } from "@typeone/sim";
import { beforeEach, expect, it } from "vitest";

const RAM = 0x9000_0000;
const BLOCK = 0x20_0000;
const BLOCKS = 12;
const [OPEN, READY, BAD] = [1, 2, 3];

let unit: UnitModule;
let buffer: number;
let digest: number;
let hart: number;
/** What lies in the host's RAM, by block: bytes that were copied there since it was cleared. */
let dirty: Set<number>;
/** Host-physical end of what was written of a block. */
let ends: Map<number, number>;
let copies: { hpa: number; length: number }[];

const call = (name: string, ...args: (number | bigint)[]): number => Number(unit.exports[name]!(...args));

beforeEach(async () => {
  dirty = new Set();
  ends = new Map();
  copies = [];
  unit = await loadUnit("core/mem/blob.testing.ts", {
    env: { abort: () => expect.fail("a check of the core failed") },
    hw: {
      hart: () => hart,
      csrRead: () => 0n,
      csrSet: () => {},
      csrWrite: () => {},
      sbi: () => 0n,
      copyOut: (hpa: bigint, _ptr: number, length: number) => {
        copies.push({ hpa: Number(hpa), length });
        const last = Number(hpa) + length - 1;
        for (let block = Math.floor(Number(hpa) / BLOCK); block <= Math.floor(last / BLOCK); block++) {
          dirty.add(block);
          ends.set(block, Math.min(last + 1, (block + 1) * BLOCK));
        }
      },
      clear: (hpa: bigint, length: bigint) => {
        const block = Number(hpa) / BLOCK;
        expect(Number(length)).toBeLessThanOrEqual(BLOCK);
        // All that was written of the block, whose bytes came in order.
        expect(Number(hpa) + Number(length)).toBeGreaterThanOrEqual(ends.get(block) ?? 0);
        dirty.delete(block);
        ends.delete(block);
      },
      ...atomics(() => unit),
    },
  });
  const arena = unit.scratch(0x20000);
  buffer = unit.scratch(0x20000);
  digest = buffer + 0x10000;
  hart = call("testHart", arena, arena + 0x20000);
  expect(call("testBlobs", BigInt(RAM), BigInt(BLOCKS * BLOCK))).toBe(0);
});

function clean() {
  for (let step = 0; call("blobsClear", 0) !== 0; step++) expect(step).toBeLessThan(BLOCKS + 64);
}

function open(size: number, name: number, crc = 0): number {
  unit.bytes().fill(name, digest, digest + 32);
  return call("testOpen", BigInt(size), crc, digest);
}

function crcOf(bytes: Uint8Array): number {
  unit.bytes().set(bytes, buffer);
  return call("crc32", buffer, bytes.length) >>> 0;
}

it("is Ready with the right checksum over all pieces, Bad with another, and then takes nothing", () => {
  const bytes = Uint8Array.from({ length: 10_000 }, (_, at) => (at * 7) & 0xff);
  const crc = crcOf(bytes);
  for (const [told, state] of [
    [crc, READY],
    [crc ^ 1, BAD],
  ] as const) {
    const id = open(bytes.length, state, told | 0);
    for (let at = 0; at < bytes.length; at += 777) {
      const piece = bytes.subarray(at, at + 777);
      unit.bytes().set(piece, buffer);
      expect(call("testState", id)).toBe(OPEN);
      expect(call("testWrite", id, BigInt(at), buffer, piece.length)).toBe(0);
    }
    expect(call("testState", id)).toBe(state);
    const before = copies.length;
    call("testWrite", id, 0n, buffer, 777);
    expect(copies.length).toBe(before);
  }
});

it("refuses sizes and positions that leave the blob, in whatever way", () => {
  const id = open(1000, 1);
  for (const [position, length] of [
    [1001n, 0],
    [999n, 2],
    [0n, 1001],
    [(1n << 64n) - 1n, 2],
    [(1n << 64n) - 1n, 1],
  ] as const)
    expect(call("testWrite", id, position, buffer, length)).toBe(-4);
  expect(copies).toEqual([]);
  for (const size of [0n, (1n << 32n) + 1n, 1n << 63n, (1n << 64n) - 1n])
    expect(call("testOpen", size, 0, digest)).toBe(-4);
  expect(call("testOpen", 1n << 32n, 0, digest)).toBe(-2);
  for (const wrong of [0, id + 1, id + 64, 0xffffffff]) expect(call("testWrite", wrong, 0n, buffer, 1)).toBe(-3);
});

interface Known {
  readonly id: number;
  readonly size: number;
  readonly name: number;
  position: number;
  owners: number;
  session: boolean;
}

it("keeps every promise in any order of things", () => {
  const small = fc.integer({ min: 1, max: 60_000 });
  let ready = 0;
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("open"),
      size: fc.oneof(small, fc.integer({ min: 1, max: 5 * BLOCK })),
      name: fc.nat({ max: 5 }),
    }),
    fc.record({
      kind: fc.constant("write"),
      which: fc.nat(),
      back: fc.nat({ max: 100 }),
      length: fc.oneof(fc.nat({ max: 60_000 }), fc.constant(60_000)),
    }),
    fc.record({ kind: fc.constantFrom("drop", "hold", "release"), which: fc.nat() }),
    fc.record({ kind: fc.constantFrom("clean", "over", "finish"), which: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const known = new Map<number, Known>();
      const gone = () => {
        for (const blob of known.values()) if (!blob.session && blob.owners === 0) known.delete(blob.id);
      };
      for (const each of steps) {
        const blob = "which" in each ? [...known.values()][each.which % Math.max(known.size, 1)] : undefined;
        if (each.kind === "open" && "size" in each) {
          // What is written is zeros: small ones come out right.
          const id = open(each.size, each.name, each.size <= 60_000 ? call("crc32", buffer, each.size) : 0);
          if (id < 0) continue;
          // A new one lies in clean memory that nobody else has.
          const first = (call("testHpa", id) >>> 0) / BLOCK;
          if (!known.has(id)) {
            for (let at = 0; at * BLOCK < each.size; at++) expect(dirty.has(first + at)).toBe(false);
            known.set(id, { id, size: each.size, name: each.name, position: 0, owners: 0, session: true });
          } else expect(known.get(id)).toMatchObject({ size: each.size, name: each.name });
          (known.get(id) as Known).session = true;
        } else if (each.kind === "write" && "back" in each && blob) {
          const position = Math.max(0, blob.position - each.back);
          const length = Math.min(each.length, blob.size - position);
          call("testWrite", blob.id, BigInt(position), buffer, length);
          if (call("testState", blob.id) === OPEN) blob.position = Math.max(blob.position, position + length);
          else blob.position = blob.size;
          expect(call("testPosition", blob.id)).toBe(blob.position);
        } else if (each.kind === "drop" && blob) {
          expect(call("testDrop", blob.id)).toBe(0);
          blob.session = false;
        } else if (each.kind === "hold" && blob) {
          const good = call("testState", blob.id) === READY;
          expect(call("blobHold", blob.id)).toBe(good ? 0 : -1);
          if (!good) continue;
          ready++;
          blob.owners++;
        } else if (each.kind === "release" && blob && blob.owners > 0) {
          call("blobRelease", blob.id);
          blob.owners--;
        } else if (each.kind === "clean") call("blobsClear", 0);
        else if (each.kind === "over") {
          call("testDropAll");
          for (const every of known.values()) every.session = false;
        }
        gone();
      }
      clean();
      const taken = [...known.values()].reduce((sum, { size }) => sum + Math.ceil(size / BLOCK), 0);
      expect(call("ramFree")).toBe((BLOCKS - taken) * BLOCK);
      expect(call("blobCount")).toBe(known.size);
      call("testDropAll");
      for (const blob of known.values()) for (; blob.owners > 0; blob.owners--) call("blobRelease", blob.id);
      clean();
      expect(call("ramFree")).toBe(BLOCKS * BLOCK);
      expect(dirty.size).toBe(0);
    }),
    { numRuns: 150 },
  );
  expect(ready).toBeGreaterThan(20);
});
