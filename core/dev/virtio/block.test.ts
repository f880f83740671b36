// SPDX-License-Identifier: Apache-2.0
// Block devices over a disk that answers at once, against the specification in plain TypeScript: any request in any layout,
// and hostile row E09.
import fc from "fast-check";
import { blocks, REG, STATUS } from "@typeone/sim";
import { describe, expect, it } from "vitest";

const {
  SECTOR,
  SECTORS,
  IN,
  OUT,
  FLUSH,
  GET_ID,
  DISCARD,
  ZEROES,
  S_OK,
  S_IOERR,
  S_UNSUPP,
  F,
  ALL,
  MOST,
  content,
  begin,
  start,
  features,
  config,
  counter,
  notify,
  send,
  answer,
  range,
  NOTHING,
  perform,
  read,
  write,
  pattern,
} = blocks;

/** What the specification wants, with a disk that can do everything but flush and discard. */
interface Expected {
  status: number;
  /** Bytes that were written from the beginning. */
  length: number;
  data?: Uint8Array;
  change?: { sector: number; bytes: Uint8Array };
}
function expectation(request: blocks.Request, model: Uint8Array, readOnly = false): Expected {
  const { type, sector, payload, room } = request;
  const no = (status: number): Expected => ({ status, length: room === 1 ? 1 : 0 });
  if ((request.headerBytes ?? 16) + payload.length < 16) return no(S_IOERR);
  const data = type === IN ? room - 1 : payload.length;
  const fits = (count: bigint) => count > 0n && sector + count <= SECTORS;
  const whole = data % SECTOR === 0 && fits(BigInt((data / SECTOR) | 0));
  const at = Number(sector) * SECTOR;
  if (type === IN) {
    return whole ? { status: S_OK, length: room, data: model.slice(at, at + data) } : no(S_IOERR);
  }
  if (type === OUT) {
    if (!whole || readOnly) return no(S_IOERR);
    return { ...no(S_OK), change: { sector: Number(sector), bytes: payload } };
  }
  if (type === GET_ID) {
    const id = new Uint8Array(Math.min(room - 1, 20)).fill(0x41);
    return { status: S_OK, length: room > 21 ? 20 : room, data: id };
  }
  if (type !== ZEROES) return no(S_UNSUPP);
  if (payload.length !== 16) return no(S_IOERR);
  const view = new DataView(payload.buffer, payload.byteOffset);
  const [first, count, flags] = [view.getBigUint64(0, true), view.getUint32(8, true), view.getUint32(12, true)];
  if (flags & ~1) return no(S_UNSUPP);
  if (count === 0 || first + BigInt(count) > SECTORS || readOnly) return no(S_IOERR);
  return { ...no(S_OK), change: { sector: Number(first), bytes: new Uint8Array(count * SECTOR) } };
}

const anySector = fc.oneof(
  { weight: 6, arbitrary: fc.bigInt({ min: 0n, max: SECTORS + 1n }) },
  { weight: 1, arbitrary: fc.constantFrom(MOST, MOST - 1n, 1n << 63n, 1n << 55n, (1n << 55n) - 1n, 1n << 32n) },
);
const anyLength = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 12 }).map((sectors) => sectors * SECTOR) },
  { weight: 1, arbitrary: fc.nat({ max: 3000 }) },
);
const anyCuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3000 })), {
  maxLength: 5,
});
const shape = { cuts: anyCuts, indirect: fc.boolean() };
const anyRequest: fc.Arbitrary<blocks.Request> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant<number>(IN),
      sector: anySector,
      payload: fc.constant(NOTHING),
      room: anyLength.map((n) => n + 1),
      ...shape,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant<number>(OUT),
      sector: anySector,
      payload: fc.tuple(fc.nat(), anyLength).map(([seed, n]) => pattern(seed, n)),
      room: fc.constantFrom(1, 1, 1, 9),
      ...shape,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom<number>(ZEROES, ZEROES, DISCARD),
      sector: fc.constant(0n),
      payload: fc.oneof(
        fc
          .tuple(anySector, fc.oneof(fc.nat({ max: 20 }), fc.nat()), fc.constantFrom(0, 0, 0, 1, 2, 0x8000_0000))
          .map(([s, n, f]) => range(s, n, f >>> 0)),
        fc.constantFrom(15, 0, 32, 4096).map((n) => pattern(1, n)),
      ),
      room: fc.constant(1),
      ...shape,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant<number>(GET_ID),
      sector: anySector,
      payload: fc.constant(NOTHING),
      room: fc.integer({ min: 1, max: 40 }),
      ...shape,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.nat({ max: 0xffff_ffff }).filter((type) => ![IN, OUT, FLUSH, GET_ID, ZEROES].includes(type as 0)),
      sector: anySector,
      payload: fc.nat({ max: 600 }).map((n) => pattern(2, n)),
      room: fc.integer({ min: 1, max: 600 }),
      ...shape,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant<number>(IN),
      sector: anySector,
      payload: fc.constant(NOTHING),
      headerBytes: fc.integer({ min: 1, max: 15 }),
      room: anyLength.map((n) => n + 1),
      ...shape,
    }),
  },
);

describe("over a disk that answers at once", () => {
  it("does what the specification says with any request, however it lies in memory", async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ request: anyRequest, queue: fc.nat({ max: 1 }) }), { minLength: 10, maxLength: 30 }),
        fc.boolean(),
        async (steps, readOnly) => {
          await begin({ queues: 2, readOnly, maxSectors: 5 });
          const model = content.slice();
          for (const { request, queue } of steps) {
            const sent = send(request, 0, queue);
            if (!sent) continue;
            notify(queue);
            const wanted = expectation(request, model, readOnly);
            if (wanted.change) model.set(wanted.change.bytes, wanted.change.sector * SECTOR);
            expect(sent.ring.collect()).toEqual([{ id: sent.head, length: wanted.length }]);
            const bytes = answer(sent);
            expect(bytes.at(-1)).toBe(wanted.status);
            if (wanted.data) expect(Buffer.from(bytes.subarray(0, wanted.data.length)).equals(wanted.data)).toBe(true);
            expect(Buffer.from(content).equals(model)).toBe(true);
            expect(blocks.bench.load(blocks.device, REG.status)).toBe(0xf);
            const key = `${request.type <= 13 ? request.type : "other"} ${wanted.status}`;
            seen.set(key, (seen.get(key) ?? 0) + 1);
          }
          expect(counter(8)).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
    for (const key of ["0 0", "0 1", "1 0", "1 1", "8 0", "11 2", "13 0", "13 1", "13 2", "other 2"])
      expect(seen.get(key), key).toBeGreaterThan(0);
  }, 240_000);

  it("takes the edge of the disk, and nothing beyond it (E09)", async () => {
    await begin();
    expect(perform(read(63n, 1)).status).toBe(S_OK);
    expect(perform(read(0n, 24)).status).toBe(S_OK);
    for (const [sector, sectors] of [
      [64n, 1],
      [63n, 2],
      [MOST, 1],
      [MOST - 1n, 4],
      [1n << 55n, 1],
      [(1n << 55n) - 1n, 1],
      [1n << 63n, 1],
    ] as const) {
      expect(perform(read(sector, sectors))).toMatchObject({ status: S_IOERR, length: 0 });
      expect(perform(write(sector, pattern(3, sectors * SECTOR)))).toMatchObject({ status: S_IOERR, length: 1 });
    }
    for (const bytes of [
      range(MOST, 1),
      range(0n, 65),
      range(1n, 0xffff_ffff),
      range(64n, 1),
      range(0n, 0),
      range(63n, 2),
    ])
      expect(perform({ type: ZEROES, sector: 0n, payload: bytes, room: 1 }).status).toBe(S_IOERR);
    expect(Buffer.from(content).equals(pattern(1, content.length))).toBe(true);
    expect(perform({ type: FLUSH, sector: 0n, payload: NOTHING, room: 1 }).status).toBe(S_UNSUPP);
  });

  it("is broken by a chain that has no room for a status, and works again after a reset (E09)", async () => {
    for (const room of [0]) {
      await begin();
      send({ ...read(0n, 1), room, payload: pattern(1, 512) });
      notify();
      expect(blocks.rings[0]!.collect()).toEqual([]);
      expect(blocks.bench.load(blocks.device, REG.status) & STATUS.needsReset).toBe(STATUS.needsReset);
      expect(blocks.bench.store(blocks.device, REG.status, 0)).toBe(0);
      start();
      expect(perform(read(0n, 1)).status).toBe(S_OK);
    }
  });

  it("does a request that is larger than its budget over several entries, in order with the others", async () => {
    await begin({ maxSectors: 2 });
    const long = send({ ...read(0n, 24), cuts: [511, 1025, 3] })!;
    const short = send(write(30n, pattern(9, SECTOR)), 1)!;
    notify();
    expect(blocks.rings[0]!.collect().map(({ id }) => id)).toEqual([long.head, short.head]);
    expect(Buffer.from(answer(long).subarray(0, -1)).equals(content.subarray(0, 24 * SECTOR))).toBe(true);
  });

  it("can be reset after the hypervisor went wrong in the middle of a request, and works again", async () => {
    await begin({ maxSectors: 2 });
    const across = blocks.bench.copyAcross;
    blocks.bench.copyAcross = () => {
      throw new Error("a fault of the hypervisor");
    };
    send(read(0n, 5));
    expect(() => notify()).toThrow("a fault of the hypervisor");
    blocks.bench.copyAcross = across;
    expect(counter(8)).toBe(1);
    blocks.bench.call("blockFaulted", blocks.device);
    expect(counter(8)).toBe(0);
    expect(blocks.bench.store(blocks.device, REG.status, 0)).toBe(0);
    start();
    expect(perform(read(0n, 5)).status).toBe(S_OK);
    expect(perform(write(3n, pattern(2, SECTOR))).status).toBe(S_OK);
  });

  it("says what it is and can", async () => {
    await begin({ queues: 3, can: 7 });
    const bits = (wanted: readonly bigint[]) => wanted.reduce((sum, bit) => sum | (1n << bit), 0n);
    const always = ALL | bits([F.segMax, F.blkSize, F.topology]);
    expect(features()).toBe(always | bits([F.mq, F.flush, F.discard, F.zeroes]));
    expect([config(0, 4), config(4, 4), config(0x0c, 4), config(0x14, 4)]).toEqual([64, 0, 126, 512]);
    expect([config(0x22, 2), config(0x28, 4), config(0x34, 4)]).toEqual([3, 1, 1]);
    expect([config(0x3c, 4), config(0x100, 4), config(0x3b, 1)]).toEqual([0, 0, 0]);
    blocks.bench.store(blocks.device, REG.config, 5);
    expect(config(0, 4)).toBe(64);
    await begin({ readOnly: true, can: 7 });
    expect(features()).toBe(always | bits([F.ro, F.flush]));
    expect(perform(write(0n, pattern(1, SECTOR))).status).toBe(S_IOERR);
    expect(perform({ type: ZEROES, sector: 0n, payload: range(0n, 1), room: 1 }).status).toBe(S_IOERR);
    expect(perform({ type: FLUSH, sector: 5n, payload: NOTHING, room: 1 })).toMatchObject({ status: S_OK, length: 1 });
  });

  it("counts what it did", async () => {
    await begin({ can: 7 });
    perform(read(0n, 3));
    perform(write(1n, pattern(1, 2 * SECTOR)));
    perform(write(1n, pattern(1, SECTOR)));
    perform({ type: FLUSH, sector: 0n, payload: NOTHING, room: 1 });
    perform({ type: ZEROES, sector: 0n, payload: range(0n, 1), room: 1 });
    perform({ type: GET_ID, sector: 0n, payload: NOTHING, room: 21 });
    perform(read(64n, 1));
    expect([0, 1, 2, 3, 4, 5, 6, 7, 8].map(counter)).toEqual([1, 2, 3 * SECTOR, 3 * SECTOR, 1, 1, 1, 0, 0]);
  });

  it("does not need more notifications than there are batches", async () => {
    await begin({ features: ALL });
    const all = Array.from({ length: 6 }, (_, slot) => send({ ...read(BigInt(slot), 1), indirect: true }, slot)!);
    const interrupts = () => blocks.bench.load(blocks.device, REG.interruptStatus);
    blocks.rings[0]!.usedEvent = 5;
    notify();
    expect(interrupts()).toBe(1);
    expect(blocks.rings[0]!.collect().map(({ id }) => id)).toEqual(all.map(({ head }) => head));
  });
});
