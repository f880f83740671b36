// SPDX-License-Identifier: Apache-2.0
// Copy-on-write against a plain model of contents, over a disk that answers late, out of order, with errors or while its
// queue is full. The base is never written to; a full overlay or host fails a write and nothing else.
import fc from "fast-check";
import { disks } from "@typeone/sim";
import { beforeEach, describe, expect, it } from "vitest";

const {
  BLOCK,
  BLOCKS,
  HOST,
  MODULE,
  SECTOR,
  READ,
  WRITE,
  FLUSH,
  DISCARD,
  ZEROES,
  OK,
  BUSY,
  IO,
  PAGE,
  begin,
  call,
  offset,
  place,
  segments,
  submit,
  over,
  result,
  gather,
  scatter,
  giveRequest,
  now,
  work,
  expectClean,
  pattern,
} = disks;

beforeEach(begin);

/** What a disk with an overlay should hold. */
class Model {
  readonly #pages = new Set<number>();
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
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
    disks.unit.view().setUint32(base + offset("MAX_SECTORS"), 256, true);
    return base;
  }
  /** The late disk reads, into the segments that it was given, and is done. */
  function answer(base: number, index: number, status: number) {
    const [kind, sector, sectors, count, at] = [0, 1, 2, 3, 4].map((which) => call("testLate", index, which));
    expect(kind).toBe(READ);
    let from = MODULE - HOST + sector! * SECTOR;
    for (let i = 0; i < count! && status === OK; i++) {
      const hpa = disks.unit.view().getBigUint64(at! + i * 16, true);
      const length = Number(disks.unit.view().getBigUint64(at! + i * 16 + 8, true));
      disks.host.copyWithin(place(hpa, length), from, from + length);
      from += length;
    }
    if (status === OK) expect(from).toBe(MODULE - HOST + (sector! + sectors!) * SECTOR);
    call("testLateDone", base, index, status);
  }

  it("take no more memory after their limit was set below what they have", () => {
    const base = call("testLateDisk", BigInt(MODULE), 1n << 22n);
    const disk = call("diskOverlay", base, BigInt(8 * BLOCK));
    const overlay = disks.unit.view().getUint32(disk + offset("BACKING"), true);
    const taken = () => disks.unit.view().getUint32(overlay + offset("TAKEN"), true);
    expect(now(disk, WRITE, 0, pattern(1, SECTOR)).status).toBe(OK);
    disks.unit.view().setUint32(overlay + offset("MOST"), 1, true);
    expect([now(disk, WRITE, 1 << 21, pattern(1, SECTOR)).status, taken()]).toEqual([IO, 2]);
    expect(now(disk, WRITE, 8, pattern(1, SECTOR)).status).toBe(OK);
    call("diskRelease", disk);
    work();
    expectClean();
  });

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
          disks.host.set(original, MODULE - HOST);
          const base = late();
          call("testLateMost", most);
          const disk = call("diskOverlay", call("diskSlice", base, BigInt(FIRST), 0n), BigInt(3 * BLOCK));
          const model = new Model(original.slice(FIRST * SECTOR));
          const open: (disks.Open & { sector: number; sectors: number; expected: Buffer; slot: number })[] = [];
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
            const { status, request } = submit(disk, each.kind, [sector, each.kind === FLUSH ? 0 : sectors], list);
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
          expect(
            Buffer.from(disks.host.subarray(MODULE - HOST, MODULE - HOST + original.length)).equals(original),
          ).toBe(true);
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
  }, 240_000);

  it("hand a read of the base alone on as it is, in the guest's own segments", () => {
    const base = late();
    const disk = call("diskOverlay", base, BigInt(2 * BLOCK));
    const list = [
      { hpa: HOST, length: 700 },
      { hpa: HOST + 1000, length: 324 },
    ];
    submit(disk, READ, [5, 2], list);
    const at = call("testLate", 0, 4);
    expect(list.map((_, i) => Number(disks.unit.view().getBigUint64(at + i * 16, true)))).toEqual(
      list.map(({ hpa }) => hpa),
    );
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
