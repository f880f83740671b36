// SPDX-License-Identifier: Apache-2.0
// Block devices over a disk that answers late, in parts, out of order, with errors, or after a reset; and limits.
import fc from "fast-check";
import { blocks, REG } from "@typeone/sim";
import { describe, expect, it } from "vitest";

const {
  SECTOR,
  SECTORS,
  OUT,
  S_OK,
  S_IOERR,
  OK,
  IO,
  RETRY,
  SLOTS,
  content,
  begin,
  start,
  counter,
  enter,
  notify,
  send,
  answer,
  perform,
  read,
  write,
  finish,
  late,
  pattern,
} = blocks;

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
          blocks.bench.call("testLateMost", most);
          const model = content.slice();
          let open: (blocks.Sent & { from: number; sectors: number; failed: boolean })[] = [];
          const settle = () => {
            for (const ring of blocks.rings) {
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
            const sector = blocks.bench.call("testLate", index, 1);
            const owner = open.find(({ from, sectors }) => sector >= from && sector < from + sectors);
            if (owner && blocks.bench.call("testLate", index, 2) < owner.sectors) seen.parts++;
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
              let status = blocks.bench.store(blocks.device, REG.status, 0);
              expect(status).toBe(left ? RETRY : 0);
              seen.resets += left ? 1 : 0;
              const before = blocks.rings.map((ring) => ring.usedIndex);
              while (late() > 0) {
                finish(0, OK);
                status = blocks.bench.store(blocks.device, REG.status, 0);
              }
              expect(status).toBe(0);
              expect(blocks.rings.map((ring) => ring.usedIndex)).toEqual(before);
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
  }, 240_000);

  it("hands the disk the guest's own memory, and goes quiet only when nothing is in flight", async () => {
    await begin({ late: true });
    const sent = send({ ...read(3n, 2), cuts: [600] })!;
    notify();
    const at = blocks.bench.call("testLate", 0, 4);
    expect(blocks.bench.unit.view().getBigUint64(at, true)).toBe(blocks.bench.hpa(sent.written[0]!.gpa));
    expect(blocks.bench.call("virtioQuiet", blocks.device)).toBe(0);
    finish(0, OK);
    expect(blocks.bench.call("virtioQuiet", blocks.device)).toBe(1);
    expect(blocks.rings[0]!.collect()).toEqual([]);
    expect(answer(sent).at(-1)).toBe(0xaa);
    blocks.bench.call("virtioWake", blocks.device);
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
    blocks.bench.call("testLateMost", 0);
    send(read(0n, 1));
    notify();
    expect(late()).toBe(0);
    expect(counter(7)).toBe(1);
    expect(counter(8)).toBe(1);
    blocks.bench.call("testLateMost", 1);
    blocks.bench.call("testRoomAgain", blocks.disk);
    enter();
    expect(late()).toBe(1);
    finish(0, OK);
    expect(blocks.rings[0]!.collect().length).toBe(1);
  });
});

describe("limits", () => {
  const SECOND = 10_000_000n;
  const expire = (at: bigint) => {
    blocks.bench.time = at;
    blocks.bench.call("timersExpire", at);
    enter();
  };
  /** Lets time pass until `count` requests are done; answers when each was. */
  function finished(count: number): bigint[] {
    const times: bigint[] = [];
    while (times.length < count) {
      times.push(...blocks.rings[0]!.collect().map(() => blocks.bench.time));
      if (times.length === count) break;
      const next = BigInt.asUintN(64, blocks.bench.unit.exports["timersNext"]!(0) as bigint);
      expect(next).toBeGreaterThan(blocks.bench.time);
      expect(next).toBeLessThan(blocks.bench.time + 10n * SECOND);
      expire(next);
    }
    return times;
  }

  it("hold requests back to so many a second, in order, and none is lost", async () => {
    await begin();
    blocks.bench.call("testClock", SECOND);
    blocks.bench.call("blockLimit", blocks.device, 0n, 10n);
    const start = blocks.bench.time;
    for (let i = 0; i < 6; i++) send({ ...read(BigInt(i), 1), indirect: true }, i);
    notify();
    const times = finished(6);
    expect(times[0]).toBe(start);
    // Ten a second; a tenth of a second ahead.
    expect(Number(times[5]! - start)).toBeGreaterThanOrEqual(Number(SECOND) * 0.39);
    expect(Number(times[5]! - start)).toBeLessThanOrEqual(Number(SECOND) * 0.51);
    expect(blocks.bench.call("timersOfGuests")).toBe(0);
    expect(counter(7)).toBeGreaterThan(3);
  });

  it("hold bytes back, large requests too", async () => {
    await begin({ maxSectors: 4 });
    blocks.bench.call("testClock", SECOND);
    blocks.bench.call("blockLimit", blocks.device, BigInt(8 * SECTOR), 0n);
    const start = blocks.bench.time;
    for (let i = 0; i < 3; i++) send({ ...read(0n, 16), indirect: true }, i);
    notify();
    const times = finished(3);
    // 48 sectors at 8 a second, the last 4 of which are let through before their time is over.
    expect(Number(times[2]! - start)).toBeGreaterThanOrEqual(Number(SECOND) * 5);
    expect(Number(times[2]! - start)).toBeLessThanOrEqual(Number(SECOND) * 6);
  });

  it("that are lifted hold nothing back that waited for them", async () => {
    await begin();
    blocks.bench.call("testClock", SECOND);
    blocks.bench.call("blockLimit", blocks.device, BigInt(SECTOR), 0n);
    for (let i = 0; i < 3; i++) send({ ...read(0n, 16), indirect: true }, i);
    notify();
    expect(blocks.rings[0]!.collect()).toHaveLength(1);
    blocks.bench.call("blockLimit", blocks.device, 0n, 0n);
    enter();
    expect(blocks.rings[0]!.collect()).toHaveLength(2);
  });

  it("hold no queue back from being disabled alone", async () => {
    await begin();
    blocks.bench.call("testClock", SECOND);
    blocks.bench.call("blockLimit", blocks.device, 0n, 1n);
    for (let i = 0; i < 3; i++) send({ ...read(0n, 1), indirect: true }, i);
    notify();
    blocks.bench.store(blocks.device, REG.queueSelect, 0);
    expect(blocks.bench.store(blocks.device, REG.queueReady, 0)).toBe(0);
    expect(blocks.bench.load(blocks.device, REG.queueReady)).toBe(0);
    expect(counter(8)).toBe(0);
  });

  it("leave no timer and nothing in flight after a reset", async () => {
    await begin();
    blocks.bench.call("testClock", SECOND);
    blocks.bench.call("blockLimit", blocks.device, 0n, 1n);
    for (let i = 0; i < 3; i++) send({ ...read(0n, 1), indirect: true }, i);
    notify();
    expect(blocks.bench.call("timersOfGuests")).toBe(1);
    expect(blocks.bench.store(blocks.device, REG.status, 0)).toBe(0);
    expect(blocks.bench.call("timersOfGuests")).toBe(0);
    expect(counter(8)).toBe(0);
  });
});
