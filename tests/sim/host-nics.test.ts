// SPDX-License-Identifier: Apache-2.0
// The host's VirtIO NICs in the whole core: frames both ways, floods, merged buffers, and devices that lie or disappear.
import { type Aia, loadCore } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";
import {
  CORE,
  ADDRESS,
  AGREED,
  BUSY,
  DROPPED,
  Host,
  IO,
  LIMIT,
  MAC,
  MEMORY,
  MTU,
  NIC_ERRORS,
  NIC_FAILED,
  OK,
  pattern,
  PLACES,
  RECEIVED,
} from "./host-devices.ts";

beforeAll(async () => void (await loadCore(CORE)), 240_000);

describe("the host's NICs", () => {
  const NIC = { mac: ADDRESS, via: "pci" } as const;
  const boot = (options: object = {}, aia: Aia = "aplic-imsic"): Promise<Host> =>
    Host.boot({ aia, nics: [{ ...NIC, ...options }] });

  it.each(PLACES)("sends and receives over $via, aia $aia", async ({ via, aia }) => {
    const host = await boot({ via, mtu: 4000 }, aia);
    expect(BigInt(host.machine.ask("testNic", 0, MAC))).toBe(0x563412005452n);
    expect(host.ofNic(MTU)).toBe(4000);
    expect(host.machine.console).toContain("nic0: 52:54:00:12:34:56, MTU 4000");
    host.machine.ram.write(MEMORY, pattern(100, 3));
    expect(
      host.send(5, [
        [MEMORY, 14],
        [MEMORY + 20, 60],
      ]),
    ).toBe(OK);
    expect(host.done()).toEqual([[5, 0]]);
    const [sent] = host.nic.sent;
    expect(Buffer.from(sent!.header).toString("hex")).toBe("050000000000000000000000");
    expect([...sent!.frame]).toEqual([...pattern(100, 3).slice(0, 14), ...pattern(100, 3).slice(20, 80)]);
    expect(host.machine.ask("testListen", 0)).toBe(OK);
    const frames = [60, 1514, 4014].map((length, index) => pattern(length, index));
    host.nic.inject(...frames);
    host.done();
    const got = host.frames();
    expect(got.map(({ bytes }) => Buffer.from(bytes).toString("hex"))).toEqual(
      frames.map((frame) => Buffer.from(frame).toString("hex")),
    );
    host.machine.check();
  });

  it("agrees on offloads only if they are there", async () => {
    const plain = await boot();
    expect(plain.ofNic(AGREED) & 0x1803).toBe(0);
    const rich = await boot({ offloads: true });
    expect(rich.ofNic(AGREED) & 0x1fff).toBe(0x1823);
    expect(rich.ofNic(MTU)).toBe(1500);
  });

  it("takes a flood in pieces, loses nothing and keeps its order", async () => {
    const host = await boot();
    host.machine.ask("testListen", 0);
    const frames = Array.from({ length: 1500 }, (_, index) => pattern(60 + (index % 40), index));
    host.nic.inject(...frames);
    const got: Uint8Array[] = [];
    for (let round = 0; round < 200 && got.length < frames.length; round++) {
      host.done(2);
      got.push(...host.frames().map(({ bytes }) => bytes));
    }
    expect(got.length).toBe(1500);
    got.forEach((bytes, index) => expect(Buffer.compare(bytes, frames[index]!)).toBe(0));
    expect(host.nic.waiting).toBe(0);
    host.nic.inject(pattern(64, 1));
    host.done();
    expect(host.frames().length).toBe(1);
    host.machine.check();
  });

  it("puts frames that are larger than a buffer together", async () => {
    const host = await boot();
    host.machine.ask("testListen", 0);
    const frames = [pattern(9014, 1), pattern(30_000, 2), pattern(64, 3)];
    host.nic.inject(...frames);
    host.done();
    const got = host.frames();
    expect(got.map(({ pieces, buffers }) => [pieces, buffers])).toEqual([
      [2, 2],
      [4, 4],
      [1, 1],
    ]);
    got.forEach(({ bytes }, index) => expect(Buffer.compare(bytes, frames[index]!)).toBe(0));
  });

  it("takes whole frames from a device that does not merge", async () => {
    const host = await boot({ merge: false });
    host.machine.ask("testListen", 0);
    host.nic.inject(pattern(1514, 1));
    host.done();
    expect(host.frames().map(({ bytes, pieces }) => [bytes.length, pieces])).toEqual([[1514, 1]]);
  });

  it("has no buffers until somebody wants frames", async () => {
    const host = await boot();
    host.nic.inject(pattern(64, 1));
    host.done();
    expect([host.nic.waiting, host.ofNic(RECEIVED), host.ofNic(DROPPED)]).toEqual([1, 0, 0]);
    host.machine.ask("testListen", 0);
    host.done();
    expect(host.frames().length).toBe(1);
  });

  it("says Busy when its queue is full, and tells when there is room", async () => {
    const host = await boot();
    host.nic.hold();
    let count = 0;
    while (host.send(count, [[MEMORY, 60]]) === OK) count++;
    expect(count).toBe(128);
    expect(host.send(200, [[MEMORY, 60]])).toBe(BUSY);
    host.nic.release();
    expect(host.done().length).toBe(128);
    expect(host.machine.ask("testRooms")).toBe(1);
    const many = Array.from({ length: 24 }, (_, index) => [MEMORY + index, 3] as const);
    expect(host.send(1, many)).toBe(LIMIT);
    expect(host.send(2, many.slice(0, 23))).toBe(OK);
  });

  const lies = [
    ...(["id", "length", "index"] as const).map((kind) => ({ kind, queue: 0 })),
    ...(["id", "twice", "index"] as const).map((kind) => ({ kind, queue: 1 })),
  ];
  it.each(lies)("gives one up that lies ($kind, queue $queue)", async ({ kind, queue }) => {
    const host = await boot();
    host.machine.ask("testListen", 0);
    host.nic.hold();
    for (const number of [1, 2, 3]) host.send(number, [[MEMORY, 60]]);
    host.nic.lie(queue, kind);
    if (queue === 0) host.nic.inject(pattern(64, 1), pattern(64, 2));
    else host.nic.release();
    expect(host.done().map(([number]) => number)).toEqual(expect.arrayContaining([1, 2, 3]));
    expect(host.ofNic(NIC_FAILED)).toBe(1);
    expect(host.ofNic(NIC_ERRORS)).toBeGreaterThan(0);
    expect(host.machine.console.split("nic0 answers nonsense").length).toBe(2);
    expect(host.send(9, [[MEMORY, 60]])).toBe(IO);
    expect(host.nic.running).toBe(false);
    host.machine.check();
  });

  it.each([0, 17, 0xffff])("gives one up whose frame claims %i buffers", async (claim) => {
    const host = await boot();
    host.machine.ask("testListen", 0);
    host.nic.claim = claim;
    host.nic.inject(pattern(64, 1));
    host.done();
    expect(host.ofNic(NIC_FAILED)).toBe(1);
  });

  it("lets go of frames when the device disappears", async () => {
    const host = await boot({}, "none");
    host.nic.hold();
    host.send(1, [[MEMORY, 60]]);
    host.send(2, [[MEMORY, 60]]);
    host.nic.gone = true;
    host.wait(12);
    expect(host.done()).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(host.machine.console).toContain("nic0 is gone or asks for a reset");
  });
});
