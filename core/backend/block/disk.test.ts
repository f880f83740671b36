// SPDX-License-Identifier: Apache-2.0
// Disks against a plain model of their contents: RAM disks, slices, and copy-on-write over a disk that answers late, out of
// order, with errors or while its queue is full. Nothing is copied that nobody asked for, and all memory comes back clean.
import fc from "fast-check";
import { loadUnit, type UnitModule } from "@typeone/sim";
import { beforeEach, describe, expect, it } from "vitest";

const BLOCK = 0x20_0000;
/** Host memory: the guest's buffers and a module or the late disk's contents, then RAM that is owned in blocks. */
const HOST = 0x9000_0000;
const OWNED = HOST + BLOCK;
const BLOCKS = 10;
const SECTOR = 512;
const MODULE = HOST + 0x10_0000;
const [READ, WRITE, FLUSH, DISCARD, ZEROES] = [0, 1, 2, 3, 4] as const;
const [OK, BUSY, IO] = [0, -5, -9] as const;
const PAGE = 8;

const ZEROS = Buffer.alloc(BLOCKS * BLOCK);

let unit: UnitModule;
let host: Uint8Array;
let hart: number;
let requests: { at: number; used: boolean }[];

const call = (name: string, ...args: (number | bigint)[]): number => Number(unit.exports[name]!(...args) ?? 0);
const offset = (name: string) => Number((unit.exports[name] as unknown as WebAssembly.Global).value);
const place = (hpa: bigint, length: number | bigint): number => {
  const at = Number(hpa) - HOST;
  if (at < 0 || at + Number(length) > host.length) throw new Error(`host memory ${hpa.toString(16)} + ${length}`);
  return at;
};

function atomic(at: number, change: (before: number) => number): number {
  const before = unit.view().getUint32(at, true);
  unit.view().setUint32(at, change(before) >>> 0, true);
  return before;
}

async function begin(): Promise<void> {
  host = new Uint8Array((BLOCKS + 1) * BLOCK);
  unit = await loadUnit("core/backend/block/disk.testing.ts", {
    env: { abort: () => expect.fail("a check of the core failed") },
    hw: {
      hart: () => hart,
      csrRead: () => 0n,
      csrSet: () => {},
      csrWrite: () => {},
      sbi: () => 0n,
      copyIn: (ptr: number, hpa: bigint, length: number) =>
        unit.bytes().set(host.subarray(place(hpa, length), place(hpa, length) + length), ptr),
      copyOut: (hpa: bigint, ptr: number, length: number) =>
        host.set(unit.bytes().subarray(ptr, ptr + length), place(hpa, length)),
      copyAcross: (to: bigint, from: bigint, length: bigint) =>
        void host.copyWithin(place(to, length), place(from, length), place(from, length) + Number(length)),
      clear: (hpa: bigint, length: bigint) => {
        expect(Number(length)).toBeLessThanOrEqual(BLOCK);
        host.fill(0, place(hpa, length), place(hpa, length) + Number(length));
      },
      atomicLoad: (at: number) => unit.view().getUint32(at, true),
      atomicSwap: (at: number, value: number) => atomic(at, () => value),
      atomicOr: (at: number, value: number) => atomic(at, (before) => before | value),
      atomicAnd: (at: number, value: number) => atomic(at, (before) => before & value),
      atomicAdd: (at: number, value: number) => atomic(at, (before) => before + value),
      atomicCompareSwap: (at: number, expected: number, value: number) =>
        atomic(at, (before) => (before === expected ? value : before)),
    },
  });
  const arena = unit.scratch(0x20_0000);
  hart = call("testHost", arena, arena + 0x20_0000, BigInt(OWNED), BigInt(BLOCKS * BLOCK));
  call("testStart");
  requests = [];
}
beforeEach(begin);

/** Segments for `bytes` in the guest's buffers at `at`, cut where `cuts` says, in an order of their own. */
function segments(at: number, bytes: number, cuts: readonly number[]): { hpa: number; length: number }[] {
  const all: { hpa: number; length: number }[] = [];
  let left = bytes;
  let from = 0;
  for (const cut of cuts) {
    const length = Math.min(left, cut);
    if (length === 0) break;
    all.push({ hpa: at + from, length });
    // A gap, so that nothing works by chance.
    from += length + 8;
    left -= length;
  }
  if (left > 0) all.push({ hpa: at + from, length: left });
  return all;
}

interface Open {
  request: number;
  list: { hpa: number; length: number }[];
}

const freeRequest = () => {
  let found = requests.find(({ used }) => !used);
  if (!found) requests.push((found = { at: call("testRequest"), used: false }));
  found.used = true;
  return found.at;
};
const giveRequest = (at: number) => {
  requests.find((each) => each.at === at)!.used = false;
};

function submit(disk: number, kind: number, sector: number | bigint, sectors: number, list: Open["list"] = []) {
  const request = freeRequest();
  const at = unit.view().getUint32(request + offset("REQUEST_SEGMENTS"), true);
  list.forEach(({ hpa, length }, i) => {
    unit.view().setBigUint64(at + i * 16, BigInt(hpa), true);
    unit.view().setBigUint64(at + i * 16 + 8, BigInt(length), true);
  });
  const status = call("testSubmit", disk, request, kind | (list.length << 8), BigInt(sector), BigInt(sectors));
  // They count only while it is submitted.
  unit.bytes().fill(0xee, at, at + list.length * 16);
  if (status !== OK) giveRequest(request);
  return { status, request, list };
}
const over = (request: number) => unit.view().getUint32(request + offset("REQUEST_OVER"), true);
const result = (request: number) => unit.view().getInt32(request + offset("REQUEST_STATUS"), true);
const gather = (list: Open["list"]) =>
  Buffer.concat(list.map(({ hpa, length }) => host.subarray(hpa - HOST, hpa - HOST + length)));
function scatter(list: Open["list"], bytes: Uint8Array) {
  let from = 0;
  for (const { hpa, length } of list) {
    host.set(bytes.subarray(from, from + length), hpa - HOST);
    from += length;
  }
}

/** One request that is done at once; a read answers its bytes. */
function now(
  disk: number,
  kind: number,
  sector: number,
  bytes: Uint8Array | number,
): { status: number; bytes: Buffer } {
  const length = typeof bytes === "number" ? bytes * SECTOR : bytes.length;
  const list = kind === READ || kind === WRITE ? segments(HOST, length, [100, 700]) : [];
  if (typeof bytes !== "number") scatter(list, bytes);
  const { status, request } = submit(disk, kind, sector, length / SECTOR, list);
  expect(status).toBe(OK);
  expect(over(request)).toBe(1);
  giveRequest(request);
  return { status: result(request), bytes: gather(list) };
}

function work() {
  for (let step = 0; call("diskWork", 0) !== 0; step++) expect(step).toBeLessThan(200);
}
/** All memory that is owned in blocks is free again, and clean. */
function expectClean() {
  work();
  while (call("blobsClear", 0) !== 0);
  expect(call("diskCount")).toBe(0);
  expect(call("ramFree")).toBe(BLOCKS * BLOCK);
  expect(Buffer.from(host.buffer, BLOCK).equals(ZEROS)).toBe(true);
}

const pattern = (seed: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => (seed * 37 + i * 7 + (i >> 8)) & 0xff);

describe("RAM disks", () => {
  it("are a module in place, and less than a sector at its end is left out", () => {
    host.set(pattern(1, 10 * SECTOR), MODULE - HOST);
    const disk = call("diskFromModule", BigInt(MODULE), BigInt(9 * SECTOR + 511));
    expect(unit.view().getBigUint64(disk + offset("SECTORS"), true)).toBe(9n);
    expect(now(disk, READ, 2, 3).bytes).toEqual(Buffer.from(pattern(1, 10 * SECTOR).subarray(1024, 5 * SECTOR)));
    now(disk, WRITE, 8, pattern(5, SECTOR));
    expect(Buffer.from(host.subarray(MODULE - HOST + 8 * SECTOR, MODULE - HOST + 9 * SECTOR))).toEqual(
      Buffer.from(pattern(5, SECTOR)),
    );
    call("diskRelease", disk);
    expectClean();
    for (const [hpa, size] of [
      [MODULE, 511],
      [MODULE, 0],
    ] as const)
      expect(call("diskFromModule", BigInt(hpa), BigInt(size))).toBe(0);
    expect(call("diskFromModule", (1n << 64n) - 1024n, 4096n)).toBe(0);
  });

  it("begin as zeros where memory was not clean, are Busy until they are, and go back clean", () => {
    host.fill(0x5a, BLOCK);
    const disk = call("diskEmpty", BigInt(3 * BLOCK + SECTOR));
    expect(submit(disk, READ, 0, 1, [{ hpa: HOST, length: SECTOR }]).status).toBe(BUSY);
    expect(call("diskWork", 0)).toBe(1);
    expect(call("testRooms")).toBe(1);
    expect(now(disk, READ, 0, 1).bytes.every((byte) => byte === 0)).toBe(true);
    const end = (3 * BLOCK) / SECTOR;
    expect(submit(disk, WRITE, end, 1, [{ hpa: HOST, length: SECTOR }]).status).toBe(BUSY);
    work();
    expect(call("testRooms")).toBe(1);
    expect(now(disk, READ, end, 1).bytes.every((byte) => byte === 0)).toBe(true);
    now(disk, WRITE, end - 1, pattern(3, 2 * SECTOR));
    expect(now(disk, READ, end - 1, 2).bytes).toEqual(Buffer.from(pattern(3, 2 * SECTOR)));
    now(disk, ZEROES, end, 1);
    expect(now(disk, READ, end, 1).bytes.every((byte) => byte === 0)).toBe(true);
    call("diskRelease", disk);
    host.fill(0, BLOCK, (BLOCKS + 1 - 4) * BLOCK);
    expectClean();
  });

  it("that are released before they are clean give everything back too", () => {
    const disk = call("diskEmpty", BigInt(4 * BLOCK));
    call("diskWork", 0);
    call("diskRelease", disk);
    expectClean();
  });

  it("are refused, and nothing stays taken, when the host has too little memory", () => {
    expect(call("diskEmpty", BigInt((BLOCKS + 1) * BLOCK))).toBe(0);
    expect(call("diskEmpty", (1n << 64n) - 1n)).toBe(0);
    expect(call("diskEmpty", 511n)).toBe(0);
    expectClean();
  });

  it("of a blob hold it; who writes has it alone, and nobody else takes it for what it was", () => {
    const bytes = pattern(9, 4096);
    const ptr = unit.scratch(8192);
    unit.bytes().set(bytes, ptr);
    const id = call("testBlob", ptr, bytes.length, call("crc32", ptr, bytes.length), ptr + 4096);
    const [one, two] = [call("diskFromBlob", id), call("diskFromBlob", id)];
    expect(call("diskUse", one)).toBe(BUSY);
    for (const disk of [one, two]) {
      unit.view().setUint32(disk + offset("READ_ONLY"), 1, true);
      expect(call("diskUse", disk)).toBe(OK);
    }
    expect(call("diskFromBlob", id + 1)).toBe(0);
    call("diskRelease", one);
    call("diskRelease", two);
    work();
    const writer = call("diskFromBlob", id);
    expect(call("diskUse", writer)).toBe(OK);
    expect(call("blobHold", id)).not.toBe(OK);
    expect(call("diskFromBlob", id)).toBe(0);
    call("blobDropAll");
    while (call("blobsClear", 0) !== 0);
    expect(now(writer, READ, 0, 8).bytes).toEqual(Buffer.from(bytes));
    call("diskRelease", writer);
    expectClean();
  });
});

describe("slices", () => {
  it("are a part of the disk, and are refused where they leave it", () => {
    host.set(pattern(1, 64 * SECTOR), MODULE - HOST);
    const base = () => call("diskFromModule", BigInt(MODULE), BigInt(64 * SECTOR));
    const outer = call("diskSlice", base(), 8n, 32n);
    const disk = call("diskSlice", outer, 4n, 0n);
    expect(unit.view().getBigUint64(disk + offset("SECTORS"), true)).toBe(28n);
    expect(now(disk, READ, 1, 2).bytes).toEqual(
      Buffer.from(pattern(1, 64 * SECTOR).subarray(13 * SECTOR, 15 * SECTOR)),
    );
    call("diskRelease", disk);
    for (const [first, sectors] of [
      [64n, 0n],
      [0n, 65n],
      [63n, 2n],
      [1n, (1n << 64n) - 1n],
      [(1n << 64n) - 1n, 1n],
      [(1n << 64n) - 1n, 0n],
    ] as const)
      expect(call("diskSlice", base(), first, sectors)).toBe(0);
    expect(call("diskSlice", 0, 0n, 0n)).toBe(0);
    expectClean();
  });

  it("may be used together unless they meet and one writes", () => {
    const slice = (first: number, sectors: number, readOnly = 0) => {
      const disk = call("diskFromModule", BigInt(MODULE), BigInt(64 * SECTOR));
      unit.view().setUint32(disk + offset("READ_ONLY"), readOnly, true);
      return call("diskSlice", disk, BigInt(first), BigInt(sectors));
    };
    expect(call("diskUse", slice(0, 10))).toBe(OK);
    expect(call("diskUse", slice(10, 10))).toBe(OK);
    expect(call("diskUse", slice(9, 2))).toBe(BUSY);
    expect(call("diskUse", slice(0, 64, 1))).toBe(BUSY);
    expect(call("diskUse", slice(20, 44, 1))).toBe(OK);
    expect(call("diskUse", slice(63, 1, 1))).toBe(OK);
    expect(call("diskUse", slice(63, 1))).toBe(BUSY);
  });
});

/** What a disk with an overlay should hold. */
class Model {
  readonly #pages = new Set<number>();
  constructor(readonly bytes: Uint8Array) {}
  read(sector: number, sectors: number): Buffer {
    return Buffer.from(this.bytes.subarray(sector * SECTOR, (sector + sectors) * SECTOR));
  }
  write(sector: number, bytes: Uint8Array) {
    this.bytes.set(bytes, sector * SECTOR);
    for (let i = 0; i < bytes.length / SECTOR; i++) this.#pages.add(Math.floor((sector + i) / PAGE));
  }
  zero(sector: number, sectors: number) {
    this.write(sector, new Uint8Array(sectors * SECTOR));
  }
  /** Whole pages of which something was changed become zeros; the rest stays. */
  discard(sector: number, sectors: number) {
    for (let page = Math.ceil(sector / PAGE); (page + 1) * PAGE <= sector + sectors; page++)
      if (this.#pages.has(page)) this.zero(page * PAGE, PAGE);
  }
}

const SECTORS = 160;
const FIRST = 3;
const buffersOf = (slot: number) => HOST + slot * 0x1_8000;

describe("overlays", () => {
  const range = fc
    .tuple(fc.nat({ max: SECTORS - 1 }), fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 150 })))
    .map(([sector, sectors]) => ({ sector, sectors: Math.min(sectors, SECTORS - sector) }));
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constantFrom<number>(READ, READ, WRITE, WRITE, DISCARD, ZEROES, FLUSH),
        range,
        cuts: fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 6 }),
        seed: fc.nat({ max: 250 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ which: fc.nat(), fails: fc.integer({ min: 0, max: 9 }) }) },
  );

  function late(): number {
    const base = call("testLateDisk", BigInt(MODULE), BigInt(SECTORS + FIRST));
    unit.view().setUint32(base + offset("MAX_SECTORS"), 256, true);
    return base;
  }
  /** The late disk reads, into the segments that it was given, and is done. */
  function answer(base: number, index: number, status: number) {
    const [kind, sector, sectors, count, at] = [0, 1, 2, 3, 4].map((which) => call("testLate", index, which));
    expect(kind).toBe(READ);
    let from = MODULE - HOST + sector! * SECTOR;
    for (let i = 0; i < count! && status === OK; i++) {
      const hpa = unit.view().getBigUint64(at! + i * 16, true);
      const length = Number(unit.view().getBigUint64(at! + i * 16 + 8, true));
      host.copyWithin(place(hpa, length), from, from + length);
      from += length;
    }
    if (status === OK) expect(from).toBe(MODULE - HOST + (sector! + sectors!) * SECTOR);
    call("testLateDone", base, index, status);
  }

  it("agree with a model, whenever and however the base answers, and never write to it", async () => {
    const seen = { mixed: 0, failed: 0, busy: 0 };
    let clean = true;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 60 }),
        fc.constantFrom(1, 2, 8),
        async (steps, most) => {
          if (!clean) await begin();
          clean = false;
          const original = pattern(2, (SECTORS + FIRST) * SECTOR);
          host.set(original, MODULE - HOST);
          const base = late();
          call("testLateMost", most);
          const disk = call("diskOverlay", call("diskSlice", base, BigInt(FIRST), 0n), BigInt(3 * BLOCK));
          const model = new Model(original.slice(FIRST * SECTOR));
          const open: (Open & { sector: number; sectors: number; expected: Buffer; slot: number })[] = [];
          let failing = false;
          const settle = () => {
            for (const each of open.filter(({ request }) => over(request) !== 0)) {
              expect(over(each.request)).toBe(1);
              if (result(each.request) === OK) expect(gather(each.list).equals(each.expected)).toBe(true);
              else {
                expect(result(each.request)).toBe(IO);
                expect(failing).toBe(true);
                seen.failed++;
              }
              giveRequest(each.request);
              open.splice(open.indexOf(each), 1);
            }
          };
          const answerOne = (which: number, fails: boolean) => {
            failing = fails;
            answer(base, which % call("testLateCount"), fails ? IO : OK);
            settle();
          };
          for (const each of steps) {
            if ("which" in each) {
              if (call("testLateCount") !== 0) answerOne(each.which, each.fails === 0);
              continue;
            }
            const { sector, sectors } = each.range;
            const meets = open.some(
              (other) => sector < other.sector + other.sectors && other.sector < sector + sectors,
            );
            if (meets) continue;
            const slot = [0, 1, 2, 3, 4, 5, 6, 7].find((each) => !open.some((other) => other.slot === each));
            if (slot === undefined) continue;
            const data = each.kind === READ || each.kind === WRITE;
            const list = data ? segments(buffersOf(slot), sectors * SECTOR, each.cuts) : [];
            const bytes = pattern(each.seed, sectors * SECTOR);
            if (each.kind === WRITE) scatter(list, bytes);
            const before = call("testLateCount");
            const { status, request } = submit(disk, each.kind, sector, each.kind === FLUSH ? 0 : sectors, list);
            if (status === BUSY) {
              // The base is full, or the overlay has no record for one more that mixes both.
              expect(before).toBeGreaterThanOrEqual(Math.min(most, 4));
              expect(each.kind).toBe(READ);
              seen.busy++;
              call("testRooms");
              answerOne(each.range.sector, false);
              expect(call("testRooms")).toBeGreaterThan(0);
              continue;
            }
            expect(status).toBe(OK);
            if (each.kind === READ) {
              open.push({ request, list, sector, sectors, slot, expected: model.read(sector, sectors) });
              if (over(request) === 0) seen.mixed++;
              settle();
            } else {
              expect([over(request), result(request)]).toEqual([1, OK]);
              giveRequest(request);
              if (each.kind === WRITE) model.write(sector, bytes);
              else if (each.kind === ZEROES) model.zero(sector, sectors);
              else if (each.kind === DISCARD) model.discard(sector, sectors);
            }
          }
          while (call("testLateCount") !== 0) answerOne(0, false);
          expect(open).toEqual([]);
          expect(Buffer.from(host.subarray(MODULE - HOST, MODULE - HOST + original.length)).equals(original)).toBe(
            true,
          );
          call("diskRelease", disk);
          expectClean();
          clean = true;
        },
      ),
      { numRuns: 100 },
    );
    expect(seen.mixed).toBeGreaterThan(100);
    expect(seen.failed).toBeGreaterThan(5);
    expect(seen.busy).toBeGreaterThan(10);
  }, 120_000);

  it("hand a read of the base alone on as it is, in the guest's own segments", () => {
    const base = late();
    const disk = call("diskOverlay", base, BigInt(2 * BLOCK));
    const list = [
      { hpa: HOST, length: 700 },
      { hpa: HOST + 1000, length: 324 },
    ];
    submit(disk, READ, 5, 2, list);
    const at = call("testLate", 0, 4);
    expect(list.map((_, i) => Number(unit.view().getBigUint64(at + i * 16, true)))).toEqual(list.map(({ hpa }) => hpa));
    expect(call("ramFree")).toBe(BLOCKS * BLOCK);
  });

  it("that are full fail the write and nothing else; a discard makes room", () => {
    const pages = 600;
    const base = call("diskEmpty", BigInt(pages * PAGE * SECTOR));
    work();
    const free = call("ramFree");
    const disk = call("diskOverlay", base, BigInt(2 * BLOCK));
    const page = (index: number) => pattern(index, PAGE * SECTOR);
    // One block for the map, one of 511 pages behind its first.
    for (let i = 0; i < pages; i++) expect(now(disk, WRITE, i * PAGE, page(i)).status).toBe(i < 511 ? OK : IO);
    expect(call("ramFree")).toBe(free - 2 * BLOCK);
    expect(now(disk, READ, 510 * PAGE, PAGE).bytes).toEqual(Buffer.from(page(510)));
    expect(now(disk, READ, 511 * PAGE, PAGE).bytes.every((byte) => byte === 0)).toBe(true);
    expect(now(disk, WRITE, 7 * PAGE, page(1000)).status).toBe(OK);
    expect(now(disk, DISCARD, 9 * PAGE, PAGE).status).toBe(OK);
    expect(now(disk, READ, 9 * PAGE, PAGE).bytes.every((byte) => byte === 0)).toBe(true);
    expect(now(disk, WRITE, 511 * PAGE + 1, page(511).subarray(0, SECTOR)).status).toBe(OK);
    // What was in the page before is not seen.
    expect(
      now(disk, READ, 511 * PAGE, PAGE)
        .bytes.subarray(0, SECTOR)
        .every((byte) => byte === 0),
    ).toBe(true);
    expect(now(disk, WRITE, 512 * PAGE, page(1)).status).toBe(IO);
    // Zeros need no page.
    expect(now(disk, ZEROES, 530 * PAGE, PAGE).status).toBe(OK);
    call("diskRelease", disk);
    expectClean();
  });

  it("on a host without free memory fail writes until there is some", () => {
    const disk = call("diskOverlay", late(), BigInt(8 * BLOCK));
    const hog = call("diskEmpty", BigInt(BLOCKS * BLOCK));
    work();
    expect(now(disk, WRITE, 0, pattern(1, SECTOR)).status).toBe(IO);
    call("diskRelease", hog);
    work();
    expect(now(disk, WRITE, 0, pattern(1, SECTOR)).status).toBe(OK);
    expect(now(disk, READ, 0, 1).bytes).toEqual(Buffer.from(pattern(1, SECTOR)));
    call("diskRelease", disk);
    expectClean();
  });

  it("are refused without room for a map and a page, or over a disk in use, and the base is released", () => {
    const module = () => call("diskFromModule", BigInt(MODULE), BigInt(64 * SECTOR));
    expect(call("diskOverlay", module(), BigInt(2 * BLOCK - 1))).toBe(0);
    expect(call("diskOverlay", 0, BigInt(2 * BLOCK))).toBe(0);
    work();
    expect(call("diskCount")).toBe(0);
    const writer = module();
    expect(call("diskUse", writer)).toBe(OK);
    expect(call("diskOverlay", module(), BigInt(2 * BLOCK))).toBe(0);
    call("diskRelease", writer);
    work();
    const [one, two] = [
      call("diskOverlay", module(), BigInt(2 * BLOCK)),
      call("diskOverlay", module(), BigInt(2 * BLOCK)),
    ];
    now(one, WRITE, 0, pattern(1, SECTOR));
    now(two, WRITE, 0, pattern(2, SECTOR));
    expect(now(one, READ, 0, 1).bytes).toEqual(Buffer.from(pattern(1, SECTOR)));
    call("diskRelease", one);
    call("diskRelease", two);
    expectClean();
  });
});
