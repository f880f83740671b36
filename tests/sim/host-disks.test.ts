// SPDX-License-Identifier: Apache-2.0
// The host's VirtIO disks in the whole core, over MMIO and PCI, by line and by message: devices that work, refuse, lie, fall
// silent and disappear.
import fc from "fast-check";
import { loadCore, Machine } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";
import {
  BUSY,
  CORE,
  DISCARD,
  DISK,
  ERRORS,
  FAILED,
  FEATURES,
  FLUSH,
  Host,
  INVALID,
  IO,
  LIMIT,
  MEMORY,
  OK,
  pattern,
  PLACES,
  RANGE,
  READ,
  READ_ONLY,
  SECTOR,
  SECTORS,
  SEGMENTS,
  UNSUPPORTED,
  WRITE,
  ZEROES,
} from "./host-devices.ts";

beforeAll(async () => void (await loadCore(CORE)), 240_000);

describe("finding the host's disks", () => {
  it.each(PLACES)("finds a disk over $via, aia $aia: size, serial, limits", async ({ via, aia }) => {
    const host = await Host.boot({ aia, disks: [{ ...DISK, via }] });
    expect(host.machine.ask("testDisks")).toBe(1);
    expect(host.of(SECTORS)).toBe(2048);
    expect(host.serial()).toBe("root");
    expect([host.of(READ_ONLY), host.of(FEATURES), host.of(SEGMENTS)]).toEqual([0, 7, 62]);
    expect(host.machine.console).toContain('disk0 "root": 1 MiB');
    host.machine.check();
  });

  it("orders them as found: MMIO, then PCI; a whole serial of 20 and none", async () => {
    const long = "12345678901234567890";
    const host = await Host.boot({
      disks: [
        { sectors: 8, serial: long, via: "pci" },
        { sectors: 16, via: "mmio" },
        { sectors: 24, serial: 'a"\n', via: "transitional", readOnly: true },
      ],
    });
    expect([0, 1, 2].map((index) => host.of(SECTORS, index))).toEqual([16, 8, 24]);
    expect([0, 1, 2].map((index) => host.serial(index))).toEqual(["", long, 'a"\n']);
    expect(host.of(READ_ONLY, 2)).toBe(1);
    expect(host.machine.console).toContain("read-only");
  });

  it("takes eight disks, and drives them on shared lines", async () => {
    const disks = Array.from({ length: 9 }, (_, index) => ({ sectors: 8, serial: `d${index}`, via: "pci" as const }));
    const host = await Host.boot({ aia: "none", disks });
    expect(host.machine.ask("testDisks")).toBe(8);
    for (let index = 0; index < 8; index++) {
      expect(host.submit((index << 8) | READ, 0, 1, [[MEMORY, SECTOR]])).toBe(index);
      expect(host.done()).toEqual([[index, OK]]);
    }
  });

  it("boots without a disk that does not answer", async () => {
    const machine = await Machine.create({ core: CORE, harts: 1, disks: [{ ...DISK, via: "mmio" }] });
    machine.devices.disks[0]!.silent = true;
    machine.gate.onImport = () => void (machine.time += 1000n);
    machine.boot();
    machine.gate.onImport = null;
    machine.run(() => false, { maxSteps: 400 });
    expect(machine.console).toContain("typeone> ");
    expect(machine.ask("testDisks")).toBe(1);
    expect(new Host(machine).serial()).toBe("");
  });

  it("uses the line of a function without MSI-X", async () => {
    const host = await Host.disk({ msix: false });
    host.submit(FLUSH, 0, 0);
    expect(host.done()).toEqual([[0, OK]]);
  });
});

describe("a disk's requests", () => {
  it.each(PLACES)("reads and writes scattered host memory over $via, aia $aia", async ({ via, aia }) => {
    const host = await Host.boot({ aia, disks: [{ ...DISK, via }] });
    const { ram } = host.machine;
    const data = pattern(8 * SECTOR, 1);
    ram.write(MEMORY, data.slice(0, 1000));
    ram.write(MEMORY + 0x5000, data.slice(1000));
    host.submit(WRITE, 100, 8, [
      [MEMORY, 1000],
      [MEMORY + 0x5000, 8 * SECTOR - 1000],
    ]);
    expect(host.done()).toEqual([[0, OK]]);
    expect(Buffer.compare(host.disk.data.subarray(100 * SECTOR, 108 * SECTOR), data)).toBe(0);
    host.submit(READ, 101, 7, [
      [MEMORY + 0x9000, 3],
      [MEMORY + 0x20000, 7 * SECTOR - 3],
    ]);
    expect(host.done()).toEqual([[1, OK]]);
    const read = [...ram.read(MEMORY + 0x9000, 3), ...ram.read(MEMORY + 0x20000, 7 * SECTOR - 3)];
    expect(Buffer.compare(Uint8Array.from(read), data.subarray(SECTOR))).toBe(0);
    expect([7, 8].map((which) => host.of(which))).toEqual([1, 1]);
    host.machine.check();
  });

  it("flushes, discards and writes zeroes", async () => {
    const host = await Host.disk();
    host.disk.data.fill(7);
    host.submit(FLUSH, 0, 0);
    host.submit(DISCARD, 10, 20);
    host.submit(ZEROES, 2000, 48);
    expect(host.done()).toEqual([
      [0, OK],
      [1, OK],
      [2, OK],
    ]);
    expect(host.disk.seen).toEqual([8, 4, 11, 13]);
    expect(host.disk.data.filter((byte) => byte === 0).length).toBe(68 * SECTOR);
    expect(host.of(9)).toBe(3);
  });

  it("refuses what is no request for it, and nothing of it reaches the device", async () => {
    const host = await Host.disk({ sectors: 10_000, readOnly: true });
    const one = [[MEMORY, SECTOR]] as const;
    expect(host.submit(READ, 10_000, 1, one)).toBe(RANGE);
    expect(host.submit(READ, 9_999, 2, [[MEMORY, 2 * SECTOR]])).toBe(RANGE);
    expect(host.submit(READ, 0, 0)).toBe(RANGE);
    expect(host.submit(READ, 2 ** 52, 1, one)).toBe(RANGE);
    expect(host.submit(READ, 0, 1, [[MEMORY, SECTOR - 1]])).toBe(INVALID);
    expect(host.submit(WRITE, 0, 1, one)).toBe(UNSUPPORTED);
    expect(host.submit(DISCARD, 0, 1)).toBe(UNSUPPORTED);
    expect(host.submit(99, 0, 1, one)).toBe(UNSUPPORTED);
    const many = Array.from({ length: 64 }, (_, index) => [MEMORY + index * SECTOR, SECTOR] as const);
    expect(host.submit(READ, 0, 64, many)).toBe(LIMIT);
    expect(host.submit(READ, 0, 62, many.slice(0, 62))).toBe(0);
    expect(host.done()).toEqual([[0, OK]]);
    expect(host.disk.seen).toEqual([8, 0]);
  });

  it("bounds discards by what the device says", async () => {
    const host = await Host.disk({ sectors: 10_000 });
    expect(host.submit(DISCARD, 0, 4097)).toBe(LIMIT);
    expect(host.submit(ZEROES, 0, 2049)).toBe(LIMIT);
    expect(host.submit(ZEROES, 0, 2048)).toBe(0);
  });

  it("says Busy when its queue is full, and tells when there is room", async () => {
    const host = await Host.disk();
    host.disk.hold();
    let count = 0;
    while (host.submit(READ, 0, 1, [[MEMORY, SECTOR]]) >= 0) count++;
    expect(count).toBe(128);
    expect(host.submit(READ, 0, 1, [[MEMORY, SECTOR]])).toBe(BUSY);
    expect(host.machine.ask("testRooms")).toBe(0);
    host.disk.release((left) => left - 1);
    const done = host.done();
    expect(done.length).toBe(128);
    expect(done[0]).toEqual([127, OK]);
    expect(new Set(done.map(([request]) => request)).size).toBe(128);
    expect(host.machine.ask("testRooms")).toBe(1);
  });

  it("lets what is done submit again at once", async () => {
    const host = await Host.disk();
    host.machine.ask("testAgain");
    host.submit(FLUSH, 0, 0);
    expect(host.done().length).toBe(2);
  });

  it.each([
    { queueMost: 64 },
    { plain: true },
    { plain: true, queueMost: 16 },
    { plain: true, queueMost: 4 },
    { segMax: 5 },
  ])("does with what the device has: %o", async (options) => {
    const host = await Host.disk(options);
    const most = host.of(SEGMENTS);
    expect(most).toBe(options.segMax ?? (options.plain ? Math.min(16, options.queueMost ?? 16) - 2 : 62));
    for (let round = 0; round < 300; round++) {
      const count = 1 + (round % most);
      const data = pattern(count * SECTOR, round);
      host.machine.ram.write(MEMORY, data);
      const pieces = Array.from({ length: count }, (_, index) => [MEMORY + index * SECTOR, SECTOR] as const);
      expect(host.submit(WRITE, round, count, pieces)).toBeGreaterThanOrEqual(0);
      expect(host.done(6)).toHaveLength(1);
      const at = round * SECTOR;
      expect(Buffer.compare(host.disk.data.subarray(at, at + data.length), data)).toBe(0);
    }
  });

  it("gives each request its own end, in whatever order and number they come back", async () => {
    const host = await Host.disk({ plain: false }, "none");
    const round = fc.record({ count: fc.integer({ min: 1, max: 140 }), seed: fc.nat() });
    fc.assert(
      fc.property(fc.array(round, { minLength: 1, maxLength: 4 }), (rounds) => {
        for (const { count, seed } of rounds) {
          host.disk.hold();
          const given = new Set<number>();
          for (let index = 0; index < count; index++) {
            const request = host.submit(READ, index, 1, [[MEMORY + index * SECTOR, SECTOR]]);
            expect(request >= 0).toBe(index < 128);
            if (request >= 0) given.add(request);
          }
          let state = seed;
          host.disk.release((left) => (state = (state * 1103515245 + 12345) >>> 0) % left);
          const done = host.done();
          expect(new Set(done.map(([request]) => request))).toEqual(given);
          expect(done.length).toBe(given.size);
        }
      }),
      { numRuns: 15 },
    );
    host.machine.check();
  });
});

describe("a disk that fails", () => {
  it("passes a device's error on, and goes on", async () => {
    const host = await Host.disk();
    host.disk.answers = [1, 2, 77];
    for (let index = 0; index < 4; index++) host.submit(READ, 0, 1, [[MEMORY, SECTOR]]);
    expect(host.done().map(([, status]) => status)).toEqual([IO, UNSUPPORTED, IO, OK]);
    expect([host.of(ERRORS), host.of(FAILED)]).toEqual([2, 0]);
  });

  const lies = ["id", "twice", "length", "index"] as const;
  const both = PLACES.filter(({ aia }) => aia !== "aplic").flatMap((place) => lies.map((kind) => ({ ...place, kind })));
  it.each(both)("gives one up that lies ($kind) over $via, aia $aia", async ({ via, aia, kind }) => {
    const host = await Host.boot({ aia, disks: [{ ...DISK, via }] });
    host.disk.hold();
    for (let index = 0; index < 5; index++) host.submit(READ, 0, 1, [[MEMORY, SECTOR]]);
    host.disk.lie(0, kind);
    const { disk } = host;
    disk.release();
    const done = host.done();
    expect(done.map(([request]) => request).sort()).toEqual([0, 1, 2, 3, 4]);
    expect(done.some(([, status]) => status === IO)).toBe(true);
    expect(host.of(FAILED)).toBe(1);
    expect(disk.running).toBe(false);
    expect(host.machine.console.split("disk0 answers nonsense").length).toBe(2);
    expect(host.submit(FLUSH, 0, 0)).toBe(IO);
    host.machine.check();
  });

  it.each(PLACES)("ends everything when it asks for a reset over $via, aia $aia", async ({ via, aia }) => {
    const host = await Host.boot({ aia, disks: [{ ...DISK, via }] });
    host.disk.hold();
    for (let index = 0; index < 3; index++) host.submit(READ, 0, 1, [[MEMORY, SECTOR]]);
    host.disk.needReset();
    expect(host.done()).toEqual([
      [0, IO],
      [1, IO],
      [2, IO],
    ]);
    expect(host.machine.console).toContain("disk0 is gone or asks for a reset");
    expect(host.disk.running).toBe(false);
  });

  it.each(PLACES)("ends everything within seconds when it disappears over $via, aia $aia", async ({ via, aia }) => {
    const host = await Host.boot({ aia, disks: [{ ...DISK, via }] });
    host.disk.hold();
    host.submit(READ, 0, 1, [[MEMORY, SECTOR]]);
    host.disk.gone = true;
    host.wait(12);
    expect(host.done()).toEqual([[0, IO]]);
    expect([host.of(FAILED), host.of(ERRORS)]).toEqual([1, 1]);
    expect(host.submit(READ, 0, 1, [[MEMORY, SECTOR]])).toBe(IO);
    expect(host.of(ERRORS)).toBe(2);
    host.machine.check();
  });

  it("ends what has no answer for 30 seconds, no sooner, and leaves no memory to the device", async () => {
    const host = await Host.disk();
    host.disk.silent = true;
    host.submit(READ, 0, 1, [[MEMORY, SECTOR]]);
    host.wait(29);
    expect(host.done()).toEqual([]);
    host.wait(10);
    expect(host.done()).toEqual([[0, IO]]);
    expect(host.machine.console).toContain("disk0 does not answer");
    expect(host.disk.status & 4).toBe(0);
    host.machine.check();
  });

  it("keeps a slow one", async () => {
    const host = await Host.disk();
    for (let round = 0; round < 5; round++) {
      host.disk.hold();
      const request = host.submit(READ, 0, 1, [[MEMORY, SECTOR]]);
      host.wait(25);
      expect(host.done()).toEqual([]);
      host.disk.release();
      expect(host.done()).toEqual([[request, OK]]);
      host.wait(20);
    }
    expect(host.of(FAILED)).toBe(0);
  });

  it("keeps one that is slow but goes on, and gives up one that goes on but forgets a request", async () => {
    const host = await Host.disk();
    host.disk.hold();
    const first = host.submit(READ, 0, 1, [[MEMORY, SECTOR]]);
    for (let round = 0; round < 6; round++) {
      host.submit(FLUSH, 0, 0);
      host.wait(12);
      host.disk.releaseLast();
      expect(host.done().length).toBe(1);
    }
    expect(host.of(FAILED)).toBe(0);
    for (let round = 0; round < 4; round++) {
      host.submit(FLUSH, 0, 0);
      host.wait(12);
      host.disk.releaseLast();
    }
    expect(host.done()).toContainEqual([first, IO]);
    expect(host.of(FAILED)).toBe(1);
  });

  it("follows a disk that grows", async () => {
    const host = await Host.disk();
    host.disk.reconfigure((config) => new DataView(config.buffer).setBigUint64(0, 4096n, true));
    host.done();
    expect(host.of(SECTORS)).toBe(4096);
  });

  it("leaves the other disks alone", async () => {
    const host = await Host.boot({
      aia: "none",
      disks: [
        { ...DISK, via: "pci" },
        { ...DISK, via: "pci" },
      ],
    });
    host.disk.gone = true;
    host.submit(FLUSH, 0, 0);
    host.submit((1 << 8) | FLUSH, 0, 0);
    host.wait(12);
    expect(new Map(host.done())).toEqual(
      new Map([
        [0, IO],
        [1, OK],
      ]),
    );
  });
});
