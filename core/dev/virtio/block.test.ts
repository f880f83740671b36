// SPDX-License-Identifier: Apache-2.0
// Block devices against a driver and a disk in plain TypeScript: any request in any layout, over a disk that answers at
// once and over one that answers late, in parts, out of order, with errors, or after a reset; limits; hostile row E09.
import fc from "fast-check";
import {
  bringUp,
  type Buffer as Piece,
  FEATURE_EVENT,
  FEATURE_INDIRECT,
  FEATURE_VERSION_1,
  RAM_BASE,
  REG,
  SplitRing,
  STATUS,
  VirtioBench,
} from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";

const SECTOR = 512;
const SECTORS = 64n;
const DISK = 0x2_0000_0000n;
const [IN, OUT, FLUSH, GET_ID, DISCARD, ZEROES] = [0, 1, 4, 8, 11, 13] as const;
const [S_OK, S_IOERR, S_UNSUPP] = [0, 1, 2] as const;
const [OK, IO] = [0, -9] as const;
const RETRY = 3;
const F = { segMax: 2n, ro: 5n, blkSize: 6n, flush: 9n, topology: 10n, mq: 12n, discard: 13n, zeroes: 14n } as const;
const ALL = FEATURE_VERSION_1 | FEATURE_INDIRECT | FEATURE_EVENT;
const MOST = (1n << 64n) - 1n;
const SLOTS = 7;

let bench: VirtioBench;
const content = new Uint8Array(Number(SECTORS) * SECTOR);
let device: number;
let disk: number;
let rings: SplitRing[];

/** A machine of its own for each case: the core's lists of records begin anew. */
async function load(): Promise<void> {
  bench = await VirtioBench.load("core/dev/virtio/block.testing.ts");
  // The disk's memory lies beside the guest's.
  const onDisk = (hpa: bigint, length: bigint) => hpa >= DISK && hpa + length <= DISK + BigInt(content.length);
  const [across, clear] = [bench.copyAcross.bind(bench), bench.clear.bind(bench)];
  const guest = (hpa: bigint) => Number(hpa - 0x1_0000_0000n);
  bench.copyAcross = (to, from, length) => {
    const count = Number(length);
    if (onDisk(to, length)) content.set(bench.host.subarray(guest(from), guest(from) + count), Number(to - DISK));
    else if (onDisk(from, length))
      bench.host.set(content.subarray(Number(from - DISK), Number(from - DISK) + count), guest(to));
    else across(to, from, length);
  };
  bench.clear = (hpa, length) => {
    if (onDisk(hpa, length)) content.fill(0, Number(hpa - DISK), Number(hpa - DISK + length));
    else clear(hpa, length);
  };
}
beforeAll(load, 120_000);

const pattern = (seed: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => (seed * 31 + i * 13 + (i >> 7)) & 0xff);
const setField = (at: number, name: string, value: number) => bench.setField(at, name, value);

interface Options {
  late?: boolean;
  queues?: number;
  readOnly?: boolean;
  can?: number;
  maxSectors?: number;
  maxSegments?: number;
  features?: bigint;
}

async function begin(options: Options = {}): Promise<void> {
  await load();
  bench.begin();
  bench.call("testBlocks");
  content.set(pattern(1, content.length));
  disk = options.late
    ? bench.call("testLateDisk", DISK, SECTORS)
    : bench.call("diskFromModule", DISK, BigInt(content.length));
  if (options.can !== undefined) setField(disk, "FEATURES", options.can);
  if (options.readOnly) setField(disk, "READ_ONLY", 1);
  if (options.maxSectors) setField(disk, "MAX_SECTORS", options.maxSectors);
  if (options.maxSegments) setField(disk, "MAX_DISK_SEGMENTS", options.maxSegments);
  device = bench.call("testBlock", bench.guest, disk, options.queues ?? 1);
  expect(device).not.toBe(0);
  bench.call("virtioWake", device);
  start(options);
}

function start(options: Options = {}): void {
  rings = Array.from({ length: options.queues ?? 1 }, (_, i) => {
    const at = RAM_BASE + BigInt(i * 0x1000);
    bench.host.fill(0, bench.at(at), bench.at(at) + 0x1000);
    return new SplitRing(bench, 32, at, at + 0x400n, at + 0x800n);
  });
  const offered = features();
  expect(bringUp(bench, device, rings, (options.features ?? ALL) | (offered & ~ALL))).toBe(0xf);
}

const word = (select: number) => {
  bench.store(device, REG.featuresSelect, select);
  return BigInt(bench.load(device, REG.features) >>> 0);
};
const features = () => word(0) | (word(1) << 32n);
const config = (offset: number, width: number) => bench.load(device, REG.config + offset, width);
const counter = (index: number) => bench.call("testCounter", device, index);
/** The vCPU is about to enter, again and again until nothing is deferred. */
function enter(): void {
  for (let i = 0; bench.call("testRequested", bench.guest) !== 0; i++) {
    expect(i).toBeLessThan(1000);
    bench.setField(bench.hart, "RESCHEDULE", 0);
    expect(bench.call("virtioContinue", bench.guest)).toBe(0);
  }
}
const notify = (queue = 0) => {
  bench.store(device, REG.notify, queue);
  enter();
};

interface Request {
  readonly type: number;
  readonly sector: bigint;
  /** What follows the header, and what the device may write. */
  readonly payload: Uint8Array;
  readonly room: number;
  readonly headerBytes?: number;
  readonly cuts?: readonly number[];
  readonly indirect?: boolean;
}
interface Sent extends Request {
  readonly head: number;
  readonly ring: SplitRing;
  readonly slot: number;
  readonly written: readonly Piece[];
}

/** Cuts `length` bytes into buffers from `gpa` on, with gaps. */
function pieces(gpa: bigint, length: number, cuts: readonly number[], write: boolean): Piece[] {
  const all: Piece[] = [];
  let left = length;
  let at = gpa;
  for (const cut of [...cuts, length]) {
    const part = Math.min(cut, left);
    if (part === 0) continue;
    all.push({ gpa: at, length: part, write });
    at += BigInt(part) + 3n;
    left -= part;
  }
  return all;
}

/** Puts a request into the ring; false if there is no room. */
function send(request: Request, slot = 0, queue = 0): Sent | undefined {
  const ring = rings[queue]!;
  const area = RAM_BASE + 0x8000n + BigInt(slot) * 0x8000n;
  const header = new Uint8Array(16);
  new DataView(header.buffer).setUint32(0, request.type, true);
  new DataView(header.buffer).setBigUint64(8, request.sector, true);
  const out = Uint8Array.from([...header.subarray(0, request.headerBytes ?? 16), ...request.payload]);
  const cuts = request.cuts ?? [16];
  const read = pieces(area, out.length, cuts, false);
  const written = pieces(area + 0x3800n, request.room, [...cuts].reverse(), true);
  let from = 0;
  for (const { gpa, length } of read) {
    bench.writeGuest(gpa, out.subarray(from, from + length));
    from += length;
  }
  for (const { gpa, length } of written) bench.writeGuest(gpa, new Uint8Array(length).fill(0xaa));
  const buffers = [...read, ...written];
  if (buffers.length === 0 || ring.room < (request.indirect ? 1 : buffers.length)) return undefined;
  const table = request.indirect ? area + 0x7000n : undefined;
  return { ...request, head: ring.offer(buffers, table), ring, slot, written };
}

const answer = (sent: Sent) =>
  Uint8Array.from(sent.written.flatMap(({ gpa, length }) => [...bench.readGuest(gpa, length)]));
const range = (sector: bigint, sectors: number, flags = 0) => {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, sector, true);
  new DataView(bytes.buffer).setUint32(8, sectors, true);
  new DataView(bytes.buffer).setUint32(12, flags, true);
  return bytes;
};
const NOTHING = new Uint8Array(0);
/** One request from the driver's side: status, used length, data. */
function perform(request: Request): { status: number; length: number; data: Uint8Array } {
  const sent = send(request)!;
  notify();
  const [used, ...more] = sent.ring.collect();
  expect(more).toEqual([]);
  expect(used?.id).toBe(sent.head);
  const bytes = answer(sent);
  return { status: bytes.at(-1)!, length: used!.length, data: bytes.subarray(0, -1) };
}
const read = (sector: bigint, sectors: number): Request => ({
  type: IN,
  sector,
  payload: NOTHING,
  room: sectors * SECTOR + 1,
});
const write = (sector: bigint, bytes: Uint8Array): Request => ({ type: OUT, sector, payload: bytes, room: 1 });

/** What the specification wants, with a disk that can do everything but flush and discard. */
interface Expected {
  status: number;
  /** Bytes that were written from the beginning. */
  length: number;
  data?: Uint8Array;
  change?: { sector: number; bytes: Uint8Array };
}
function expectation(request: Request, model: Uint8Array, readOnly = false): Expected {
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
const anyRequest: fc.Arbitrary<Request> = fc.oneof(
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
            expect(bench.load(device, REG.status)).toBe(0xf);
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
  }, 60_000);

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
      expect(rings[0]!.collect()).toEqual([]);
      expect(bench.load(device, REG.status) & STATUS.needsReset).toBe(STATUS.needsReset);
      expect(bench.store(device, REG.status, 0)).toBe(0);
      start();
      expect(perform(read(0n, 1)).status).toBe(S_OK);
    }
  });

  it("does a request that is larger than its budget over several entries, in order with the others", async () => {
    await begin({ maxSectors: 2 });
    const long = send({ ...read(0n, 24), cuts: [511, 1025, 3] })!;
    const short = send(write(30n, pattern(9, SECTOR)), 1)!;
    notify();
    expect(rings[0]!.collect().map(({ id }) => id)).toEqual([long.head, short.head]);
    expect(Buffer.from(answer(long).subarray(0, -1)).equals(content.subarray(0, 24 * SECTOR))).toBe(true);
  });

  it("says what it is and can", async () => {
    await begin({ queues: 3, can: 7 });
    const bits = (wanted: readonly bigint[]) => wanted.reduce((sum, bit) => sum | (1n << bit), 0n);
    const always = ALL | bits([F.segMax, F.blkSize, F.topology]);
    expect(features()).toBe(always | bits([F.mq, F.flush, F.discard, F.zeroes]));
    expect([config(0, 4), config(4, 4), config(0x0c, 4), config(0x14, 4)]).toEqual([64, 0, 126, 512]);
    expect([config(0x22, 2), config(0x28, 4), config(0x34, 4)]).toEqual([3, 1, 1]);
    expect([config(0x3c, 4), config(0x100, 4), config(0x3b, 1)]).toEqual([0, 0, 0]);
    bench.store(device, REG.config, 5);
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
    const interrupts = () => bench.load(device, REG.interruptStatus);
    rings[0]!.usedEvent = 5;
    notify();
    expect(interrupts()).toBe(1);
    expect(rings[0]!.collect().map(({ id }) => id)).toEqual(all.map(({ head }) => head));
  });
});

/** Answers request `index` of the late disk: moves the data, or fails. */
function finish(index: number, status: number): void {
  const [kind, sector, sectors, count, at] = [0, 1, 2, 3, 4].map((which) => bench.call("testLate", index, which));
  let from = sector! * SECTOR;
  const memory = bench.unit.view();
  for (let i = 0; i < count!; i++) {
    const hpa = memory.getBigUint64(at! + i * 16, true);
    const length = memory.getBigUint64(at! + i * 16 + 8, true);
    if (status === OK && kind === 0) bench.copyAcross(hpa, DISK + BigInt(from), length);
    if (status === OK && kind === 1) bench.copyAcross(DISK + BigInt(from), hpa, length);
    from += Number(length);
  }
  if (count) expect(from).toBe((sector! + sectors!) * SECTOR);
  bench.call("testLateDone", disk, index, status);
  enter();
}
const late = () => bench.call("testLateCount");

describe("over a disk that answers late", () => {
  const step = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant("send" as const),
        out: fc.boolean(),
        sector: fc.nat({ max: 60 }),
        sectors: fc.integer({ min: 1, max: 12 }),
        seed: fc.nat(),
        cuts: fc.array(fc.integer({ min: 300, max: 3000 }), { maxLength: 5 }),
        indirect: fc.boolean(),
        queue: fc.nat({ max: 1 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("done" as const), which: fc.nat(), fails: fc.nat({ max: 7 }) }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: "reset" as const }) },
  );

  it("gives every request back once, with its status and data, or not at all after a reset", async () => {
    const seen = { parts: 0, failed: 0, resets: 0, ok: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 60 }),
        fc.record({
          most: fc.constantFrom(1, 3, 8),
          maxSectors: fc.constantFrom(2, 5, 1000),
          maxSegments: fc.constantFrom(3, 60),
        }),
        async (steps, { most, maxSectors, maxSegments }) => {
          const options = { late: true, queues: 2, maxSectors, maxSegments };
          await begin(options);
          bench.call("testLateMost", most);
          const model = content.slice();
          let open: (Sent & { from: number; sectors: number; failed: boolean })[] = [];
          const settle = () => {
            for (const ring of rings) {
              for (const { id, length } of ring.collect()) {
                const sent = open.find((each) => each.ring === ring && each.head === id)!;
                open = open.filter((each) => each !== sent);
                const bytes = answer(sent);
                expect(bytes.at(-1)).toBe(sent.failed ? S_IOERR : S_OK);
                if (sent.type === OUT) expect(length).toBe(1);
                else expect(length).toBe(sent.failed ? 0 : sent.room);
                if (sent.failed) {
                  // What a write that failed left behind is anybody's guess.
                  const [a, b] = [sent.from * SECTOR, (sent.from + sent.sectors) * SECTOR];
                  if (sent.type === OUT) model.set(content.subarray(a, b), a);
                  continue;
                }
                seen.ok++;
                if (sent.type === OUT) model.set(sent.payload, sent.from * SECTOR);
                else
                  expect(
                    Buffer.from(bytes.subarray(0, -1)).equals(
                      model.subarray(sent.from * SECTOR, (sent.from + sent.sectors) * SECTOR),
                    ),
                  ).toBe(true);
              }
            }
          };
          const done = (which: number, fails: boolean) => {
            const index = which % late();
            const sector = bench.call("testLate", index, 1);
            const owner = open.find(({ from, sectors }) => sector >= from && sector < from + sectors);
            if (owner && bench.call("testLate", index, 2) < owner.sectors) seen.parts++;
            if (fails && owner) {
              owner.failed = true;
              seen.failed++;
            }
            finish(index, fails ? IO : OK);
            settle();
          };
          for (const now of steps) {
            if (now.kind === "done") {
              if (late() > 0) done(now.which, now.fails === 0);
            } else if (now.kind === "reset") {
              const left = late();
              let status = bench.store(device, REG.status, 0);
              expect(status).toBe(left ? RETRY : 0);
              seen.resets += left ? 1 : 0;
              const before = rings.map((ring) => ring.usedIndex);
              while (late() > 0) {
                finish(0, OK);
                status = bench.store(device, REG.status, 0);
              }
              expect(status).toBe(0);
              expect(rings.map((ring) => ring.usedIndex)).toEqual(before);
              for (const sent of open) {
                expect(answer(sent).at(-1)).toBe(0xaa);
                if (sent.type === OUT)
                  model.set(
                    content.subarray(sent.from * SECTOR, (sent.from + sent.sectors) * SECTOR),
                    sent.from * SECTOR,
                  );
              }
              open = [];
              expect(counter(8)).toBe(0);
              start(options);
            } else {
              const sectors = Math.min(now.sectors, Number(SECTORS) - now.sector);
              const slot = Array.from({ length: SLOTS }, (_, i) => i).find(
                (i) => !open.some((other) => other.slot === i),
              );
              if (
                slot === undefined ||
                open.some(({ from, sectors: n }) => now.sector < from + n && from < now.sector + sectors)
              )
                continue;
              const request = now.out
                ? write(BigInt(now.sector), pattern(now.seed, sectors * SECTOR))
                : read(BigInt(now.sector), sectors);
              const sent = send({ ...request, cuts: now.cuts, indirect: now.indirect }, slot, now.queue);
              if (!sent) continue;
              open.push({ ...sent, from: now.sector, sectors, failed: false });
              notify(now.queue);
              settle();
            }
          }
          for (let i = 0; late() > 0; i++) {
            expect(i).toBeLessThan(1000);
            done(0, false);
          }
          expect(open).toEqual([]);
          expect(Buffer.from(content).equals(model)).toBe(true);
          expect(counter(8)).toBe(0);
        },
      ),
      { numRuns: 100 },
    );
    expect(seen.parts).toBeGreaterThan(20);
    expect(seen.failed).toBeGreaterThan(5);
    expect(seen.resets).toBeGreaterThan(5);
    expect(seen.ok).toBeGreaterThan(100);
  }, 120_000);

  it("hands the disk the guest's own memory, and goes quiet only when nothing is in flight", async () => {
    await begin({ late: true });
    const sent = send({ ...read(3n, 2), cuts: [600] })!;
    notify();
    const at = bench.call("testLate", 0, 4);
    expect(bench.unit.view().getBigUint64(at, true)).toBe(bench.hpa(sent.written[0]!.gpa));
    expect(bench.call("virtioQuiet", device)).toBe(0);
    finish(0, OK);
    expect(bench.call("virtioQuiet", device)).toBe(1);
    expect(rings[0]!.collect()).toEqual([]);
    expect(answer(sent).at(-1)).toBe(0xaa);
    bench.call("virtioWake", device);
    start({});
    const again = send(read(3n, 2))!;
    notify();
    finish(0, OK);
    expect(again.ring.collect()).toEqual([{ id: again.head, length: 2 * SECTOR + 1 }]);
    expect(Buffer.from(answer(again).subarray(0, -1)).equals(content.subarray(3 * SECTOR, 5 * SECTOR))).toBe(true);
  });

  it("fails a sector that is in more pieces than the disk takes, and does the next one", async () => {
    await begin({ late: true, maxSegments: 3 });
    expect(perform({ ...read(0n, 1), cuts: [100, 100, 100, 100] })).toMatchObject({ status: S_IOERR, length: 0 });
    const sent = send({ ...read(0n, 1), cuts: [300] })!;
    notify();
    finish(0, OK);
    expect(answer(sent).at(-1)).toBe(S_OK);
  });

  it("is told to go on when the disk that another guest filled has room", async () => {
    await begin({ late: true });
    bench.call("testLateMost", 0);
    send(read(0n, 1));
    notify();
    expect(late()).toBe(0);
    expect(counter(7)).toBe(1);
    expect(counter(8)).toBe(1);
    bench.call("testLateMost", 1);
    bench.call("testRoomAgain", disk);
    enter();
    expect(late()).toBe(1);
    finish(0, OK);
    expect(rings[0]!.collect().length).toBe(1);
  });
});

describe("limits", () => {
  const SECOND = 10_000_000n;
  const expire = (at: bigint) => {
    bench.time = at;
    bench.call("timersExpire", at);
    enter();
  };
  /** Lets time pass until `count` requests are done; answers when each was. */
  function finished(count: number): bigint[] {
    const times: bigint[] = [];
    while (times.length < count) {
      for (const _ of rings[0]!.collect()) times.push(bench.time);
      if (times.length === count) break;
      const next = BigInt.asUintN(64, bench.unit.exports["timersNext"]!(0) as bigint);
      expect(next).toBeGreaterThan(bench.time);
      expect(next).toBeLessThan(bench.time + 10n * SECOND);
      expire(next);
    }
    return times;
  }

  it("hold requests back to so many a second, in order, and none is lost", async () => {
    await begin();
    bench.call("testClock", SECOND);
    bench.call("blockLimit", device, 0n, 10n);
    const start = bench.time;
    for (let i = 0; i < 6; i++) send({ ...read(BigInt(i), 1), indirect: true }, i);
    notify();
    const times = finished(6);
    expect(times[0]).toBe(start);
    // Ten a second; a tenth of a second ahead.
    expect(Number(times[5]! - start)).toBeGreaterThanOrEqual(Number(SECOND) * 0.39);
    expect(Number(times[5]! - start)).toBeLessThanOrEqual(Number(SECOND) * 0.51);
    expect(bench.call("timersOfGuests")).toBe(0);
    expect(counter(7)).toBeGreaterThan(3);
  });

  it("hold bytes back, large requests too", async () => {
    await begin({ maxSectors: 4 });
    bench.call("testClock", SECOND);
    bench.call("blockLimit", device, BigInt(8 * SECTOR), 0n);
    const start = bench.time;
    for (let i = 0; i < 3; i++) send({ ...read(0n, 16), indirect: true }, i);
    notify();
    const times = finished(3);
    // 48 sectors at 8 a second, the last 4 of which are let through before their time is over.
    expect(Number(times[2]! - start)).toBeGreaterThanOrEqual(Number(SECOND) * 5);
    expect(Number(times[2]! - start)).toBeLessThanOrEqual(Number(SECOND) * 6);
  });

  it("leave no timer and nothing in flight after a reset", async () => {
    await begin();
    bench.call("testClock", SECOND);
    bench.call("blockLimit", device, 0n, 1n);
    for (let i = 0; i < 3; i++) send({ ...read(0n, 1), indirect: true }, i);
    notify();
    expect(bench.call("timersOfGuests")).toBe(1);
    expect(bench.store(device, REG.status, 0)).toBe(0);
    expect(bench.call("timersOfGuests")).toBe(0);
    expect(counter(8)).toBe(0);
  });
});
