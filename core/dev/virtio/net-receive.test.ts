// SPDX-License-Identifier: Apache-2.0
// Receive buffers of every shape, against a plain model: a frame comes whole into as many buffers as the driver allows,
// or not at all, and buffers that were too few stay for the next. Several queues get whole flows.
import { ethernet, LINUX, NET, NetRig, type TestNic, testMac as mac } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";

const HEADER = 12;
const MOST = 64;

beforeAll(async () => void (await NetRig.load()), 120_000);

/** Buffers that a frame with its header takes of those on offer, -1 if it finds no room. */
function needed(offered: readonly (readonly number[])[], total: number, mergeable: boolean): number {
  const sizes = offered.map((pieces) => pieces.reduce((a, b) => a + b));
  if (sizes.length === 0) return -1;
  if (sizes[0]! >= total) return 1;
  // The number of buffers stands in the first piece of the first buffer.
  if (!mergeable || offered[0]![0]! < HEADER) return -1;
  let sum = 0;
  for (let i = 0; i < Math.min(sizes.length, MOST); i++) {
    sum += sizes[i]!;
    if (sum >= total) return i + 1;
  }
  return -1;
}

const chain = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 700 }), fc.constant(1536)), {
  minLength: 1,
  maxLength: 3,
});
const step = fc.oneof(
  fc.record({ kind: fc.constant("offer" as const), pieces: chain }),
  fc.record({
    kind: fc.constant("send" as const),
    length: fc.oneof(fc.integer({ min: 14, max: 1514 }), fc.integer({ min: 100, max: 140 })),
  }),
);

describe("receive buffers", () => {
  it("take a frame whole or not at all", async () => {
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(step, { minLength: 5, maxLength: 60 }), async (mergeable, steps) => {
        const rig = await NetRig.load();
        const lan = rig.sw("lan");
        const [a, b] = [rig.nic(lan, { mac: mac(1) }), rig.nic(lan, { mac: mac(2) }, 0x1_8000)];
        a.up();
        b.up(mergeable ? LINUX : LINUX & ~NET.mergeable);
        const offered: number[][] = [];
        let at = 0;
        let dropped = 0;
        for (const [i, op] of steps.entries()) {
          if (op.kind === "offer") {
            const bytes = op.pieces.reduce((x, y) => x + y);
            if (b.rx.room < op.pieces.length || at + bytes > 0xc000) continue;
            // Pieces that stand side by side are one to the device: whether a header fits the first is not to be seen here.
            if (op.pieces[0]! < HEADER && bytes >= HEADER) continue;
            b.offerAt(at, op.pieces);
            at += bytes;
            offered.push(op.pieces);
            continue;
          }
          const sent = ethernet(
            mac(2),
            mac(1),
            0x1234,
            Array.from({ length: op.length - 14 }, (_, k) => (k + i) & 0xff),
          );
          a.send(sent);
          const count = needed(offered, HEADER + op.length, mergeable);
          const got = b.take();
          if (count < 0) {
            dropped += 1;
            expect(got).toEqual([]);
          } else {
            offered.splice(0, count);
            expect(got).toHaveLength(1);
            expect(got[0]!.frame).toEqual(sent);
            expect(got[0]!.header.buffers).toBe(count);
          }
          expect(b.drops("noRoom")).toBe(dropped);
        }
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  it("that a hostile driver makes end in a bounded look, and hurt nobody else", async () => {
    const rig = await NetRig.load();
    const lan = rig.sw("lan");
    const [a, b, c] = [1, 2, 3].map((n) => rig.nic(lan, { mac: mac(n) })) as [TestNic, TestNic, TestNic];
    for (const nic of [a, b, c]) nic.up();
    b.offer(...Array.from({ length: 60 }, () => [13]));
    c.offer([1600]);
    const sent = ethernet(0xffff_ffff_ffffn, mac(1), 0x1234, new Uint8Array(1400));
    a.send(sent);
    expect(b.take()).toEqual([]);
    expect(b.drops("noRoom")).toBe(1);
    expect(c.take()[0]!.frame).toEqual(sent);
    // A buffer that may only be read, and a ring that names no descriptor.
    b.up();
    b.rx.offer([{ gpa: b.area + 0x4000n, length: 2000, write: false }]);
    a.send(sent);
    expect(b.drops("noRoom")).toBe(2);
    c.offer([1600]);
    b.up();
    b.rx.put(999);
    b.rx.publish();
    a.send(sent);
    expect(rig.bench.field(b.device, "BROKEN")).toBe(1);
    expect(c.take()).toHaveLength(1);
    expect(a.counters().sent).toBe(3);
  });
});

describe("several pairs of queues", () => {
  it("get whole flows each, by the driver's number of them", async () => {
    const rig = await NetRig.load();
    const lan = rig.sw("lan");
    const a = rig.nic(lan, { mac: mac(1) });
    const b = rig.nic(lan, { mac: mac(2) }, 0x1_8000, 4);
    a.up();
    const rings = b.upPairs(LINUX | NET.ctrlVq | NET.mq);
    for (const ring of rings) ring.offer([{ gpa: b.area + 0x8000n, length: 1600, write: true }]);
    const udp = (port: number) => {
      const ip = new Uint8Array(40);
      ip.set([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, port >> 8, port & 255, 0, 53]);
      return ethernet(mac(2), mac(1), 0x0800, ip);
    };
    a.send(udp(1000));
    expect(rings.map((ring) => ring.usedIndex)).toEqual([1, 0, 0, 0]);
    expect(b.command(4, 0, 5, 0)).toBe(1);
    expect(b.command(4, 0, 0, 0)).toBe(1);
    expect(b.command(4, 0, 4, 0)).toBe(0);
    const hits = new Set<number>();
    for (let port = 2000; port < 2040; port++) {
      const before = rings.map((ring) => ring.usedIndex);
      for (let again = 0; again < 2; again++) {
        for (const ring of rings) {
          ring.collect();
          if (ring.out.size === 0) ring.offer([{ gpa: b.area + 0x8000n, length: 1600, write: true }]);
        }
        a.send(udp(port));
      }
      const delta = rings.map((ring, i) => ring.usedIndex - before[i]!);
      expect([...delta].sort()).toEqual([0, 0, 0, 2]);
      hits.add(delta.indexOf(2));
    }
    expect(hits.size).toBe(4);
  });
});
