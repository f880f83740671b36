// SPDX-License-Identifier: Apache-2.0
// Network devices of guests on one switch: configuration, the way of a frame, control commands, limits, ports that go
// while frames are on their way, and headers that lie (hostile row E10).
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ethernet, LINUX, NET, NetRig, REG, type TestNic, type VirtioBench, testMac as mac } from "@typeone/sim";

const BROADCAST = 0xffff_ffff_ffffn;
const UP = 0xf;
const text = (length: number, seed = 1) => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);

let bench: VirtioBench;
let rig: NetRig;
let lan: number;
let a: TestNic;
let b: TestNic;
let c: TestNic;

beforeAll(async () => void (await NetRig.load()), 120_000);

beforeEach(async () => {
  rig = await NetRig.load();
  bench = rig.bench;
  lan = rig.sw("lan");
  [a, b, c] = [1, 2, 3].map((n) => rig.nic(lan, { mac: mac(n) })) as [TestNic, TestNic, TestNic];
  for (const nic of [a, b, c]) {
    expect(nic.up()).toBe(UP);
    nic.offer(...Array.from({ length: 8 }, () => [1600]));
  }
});

const frame = (to: bigint, from: bigint, length = 64) => ethernet(to, from, 0x1234, text(length - 14));

describe("configuration", () => {
  it("has address, status, pairs and MTU, at any width, and cannot be written", () => {
    const bytes = [0x52, 0x54, 0, 0, 0, 1, 1, 0, 1, 0, 0xdc, 5];
    for (let at = 0; at < 16; at++) {
      for (const width of [1, 2, 4, 8]) {
        const expected = Array.from({ length: width }, (_, i) => BigInt(bytes[at + i] ?? 0) << BigInt(8 * i));
        const before = bench.perform(a.device, 0, REG.config + at, 0, width);
        expect(before).toEqual({ status: 0, value: expected.reduce((x, y) => x | y) });
        expect(bench.perform(a.device, 1, REG.config + at, 0xff, width).status).toBe(0);
      }
    }
  });
  it("offers several pairs only where there are some", () => {
    bench.store(a.device, REG.featuresSelect, 0);
    expect(BigInt(bench.load(a.device, REG.features)) & NET.mq).toBe(0n);
    const d = rig.nic(lan, { mac: mac(4) }, 0x8000, 2);
    bench.store(d.device, REG.featuresSelect, 0);
    expect(BigInt(bench.load(d.device, REG.features)) & NET.mq).toBe(NET.mq);
  });
});

describe("a frame", () => {
  it("goes to its receiver only, whole, with an empty header, however it is cut", () => {
    for (const length of [14, 15, 60, 64, 127, 128, 129, 590, 1514]) {
      for (const piece of [1, 5, 12, 13, 100, 2000]) {
        if (length / piece > 50) continue;
        const sent = frame(mac(2), mac(1), length);
        a.send(sent, {}, piece);
        const got = b.take();
        expect(got).toHaveLength(1);
        expect(got[0]!.frame).toEqual(sent);
        expect(got[0]!.header).toEqual({ flags: 0, gso: 0, headers: 0, size: 0, start: 0, offset: 0, buffers: 1 });
        expect(c.take()).toEqual([]);
        b.offer([1600]);
      }
    }
    expect(a.counters().drops.every((n) => n === 0)).toBe(true);
  });
  it("interrupts the receiver once for a batch", () => {
    bench.store(b.device, REG.interruptAck, 3);
    for (let i = 0; i < 5; i++) a.put(Uint8Array.from([...new Uint8Array(12), ...frame(mac(2), mac(1))]));
    a.kick();
    expect(b.take()).toHaveLength(5);
    expect(a.tx.collect()).toHaveLength(5);
    expect(bench.load(b.device, REG.interruptStatus)).toBe(1);
    expect(b.counters()).toMatchObject({ received: 5, receivedBytes: 320 });
    expect(a.counters()).toMatchObject({ sent: 5, sentBytes: 320 });
  });
  it("to all goes to all others", () => {
    a.send(frame(BROADCAST, mac(1)));
    expect([a, b, c].map((nic) => nic.take().length)).toEqual([0, 1, 1]);
  });
});

describe("control commands", () => {
  const RX = LINUX | NET.ctrlVq | NET.ctrlRx;
  const table = (...macs: number[][]) => [macs.length, 0, 0, 0, ...macs.flat()];
  const group = (last: number) => [1, 0, 0x5e, 0, 0, last];
  const groupOf = (last: number) => 0x00_5e_00_01n | (BigInt(last) << 40n);
  const got = (to: bigint) => {
    a.send(frame(to, mac(1)));
    const count = b.take().length;
    if (count) b.offer([1600]);
    return count;
  };
  beforeEach(() => {
    expect(b.up(RX)).toBe(UP);
    b.offer([1600]);
  });

  it("restrict what is received, and nothing is restricted before", () => {
    expect([got(mac(9)), got(groupOf(1)), got(BROADCAST)]).toEqual([1, 1, 1]);
    expect([b.command(0, 0, 0), b.command(0, 1, 0)]).toEqual([0, 0]);
    expect([got(mac(2)), got(mac(9)), got(groupOf(1)), got(BROADCAST)]).toEqual([1, 0, 0, 1]);
    expect(b.command(1, 0, ...table([0x52, 0x54, 0, 0, 0, 9]), ...table(group(1)))).toBe(0);
    expect([got(mac(9)), got(groupOf(1))]).toEqual([1, 1]);
    expect(b.command(0, 1, 1)).toBe(0);
    expect(got(groupOf(7))).toBe(1);
    expect([b.command(1, 0, ...table(), ...table()), b.command(0, 1, 0)]).toEqual([0, 0]);
    expect([got(mac(9)), got(groupOf(1))]).toEqual([0, 0]);
    expect([b.command(0, 0, 1), got(mac(9))]).toEqual([0, 1]);
  });
  it("with more addresses than are looked at let everything of the kind through", () => {
    expect([b.command(0, 0, 0), b.command(0, 1, 0)]).toEqual([0, 0]);
    const many = Array.from({ length: 65 }, (_, i) => [2, 0, 0, 0, 0, i]);
    expect(b.command(1, 0, ...table(...many), ...table())).toBe(0);
    expect([got(mac(9)), got(groupOf(1))]).toEqual([1, 0]);
  });
  it("that are cut short, unknown or not offered are refused and change nothing", () => {
    expect(b.command(0, 0, 0)).toBe(0);
    for (const bad of [
      [0],
      [0, 0],
      [0, 2, 1],
      [1, 0],
      [1, 0, 1, 0, 0, 0, 1, 2, 3],
      [1, 0, 0, 0, 0, 0],
      [1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0],
      [1, 0, ...table([0x52, 0x54, 0, 0, 0, 9]), 5, 0, 0, 0],
      [1, 1, 2, 2, 2, 2, 2, 2],
      [2, 0, 5, 0],
      [4, 0, 1, 0],
      [4, 1, 1, 0],
      [255, 255, 255],
    ]) {
      expect(b.command(...bad), bad.join()).toBe(1);
    }
    expect(got(mac(9))).toBe(0);
  });
});

describe("a sender beyond its rate", () => {
  const RATE = 1_000_000n;
  it("waits in its own queue, and nobody else does", () => {
    const d = rig.nic(lan, { mac: mac(4), rate: RATE });
    d.up();
    b.offer(...Array.from({ length: 40 }, () => [200]));
    // The bucket is full with 65,536 bytes: overdraw it.
    let sent = 0;
    for (let i = 0; i < 200 && d.tx.room > 0; i++) {
      d.put(Uint8Array.from([...new Uint8Array(12), ...frame(mac(9), mac(4), 1500)]));
      d.kick();
      sent += d.tx.collect().length;
    }
    expect(sent).toBe(Math.ceil(65_536 / 1512));
    expect(d.tx.room).toBe(0);
    a.send(frame(mac(2), mac(1)));
    expect(b.take().length).toBeGreaterThan(0);
    // Nothing goes on before the timer, and then as much as was earned.
    expect(bench.call("virtioContinue", bench.guest)).toBe(0);
    const due = BigInt(bench.call("timersNext", 0));
    expect(due > bench.time).toBe(true);
    bench.time = due;
    bench.call("timersExpire", bench.time);
    expect(bench.call("testRequested", bench.guest)).not.toBe(0);
    bench.call("virtioContinue", bench.guest);
    const more = d.tx.collect().length;
    expect(more).toBe(Math.ceil(16_384 / 1512));
    const elapsed = Number(due - 1000n) / 1e9;
    expect((sent + more - 1) * 1512).toBeLessThanOrEqual(65_536 + elapsed * Number(RATE) + 1512);
  });
});

describe("a port that goes", () => {
  const gone = (nic: TestNic) => {
    bench.call("netUnplug", nic.device);
    bench.call("portDestroy", nic.port);
  };
  it("gets nothing any more, and its address is free", () => {
    a.send(frame(mac(2), mac(1)));
    expect(b.take()).toHaveLength(1);
    gone(b);
    a.send(frame(mac(2), mac(1)));
    a.send(frame(BROADCAST, mac(1)));
    expect(b.take()).toEqual([]);
    expect(bench.load(b.device, REG.config + 6, 2)).toBe(0);
    const d = rig.nic(lan, { mac: mac(2) });
    d.up();
    d.offer([1600]);
    a.send(frame(mac(2), mac(1)));
    expect(d.take()).toHaveLength(1);
    bench.call("netDestroy", b.device);
  });

  it("while a frame for it is on its way, gets nothing, nor does who gets its record (another hart)", () => {
    a.send(frame(mac(2), mac(1)));
    expect(b.take()).toHaveLength(1);
    const other = rig.sw("other");
    for (const to of [mac(2), BROADCAST]) {
      const victim = rig.nic(lan, { mac: mac(5) });
      victim.up();
      victim.offer([1600]);
      let heir: TestNic | undefined;
      let reads = 0;
      // The last look at the sender's memory is the copy of the frame's beginning.
      bench.onCopyIn = (_hpa, length) => {
        if (length !== 76 || reads++ > 0) return;
        bench.onCopyIn = () => {};
        gone(victim);
        heir = rig.nic(other, { mac: mac(6) }, 0x2000 * 3);
        heir.up();
      };
      a.send(frame(to === BROADCAST ? to : mac(5), mac(1)));
      expect(reads).toBe(1);
      expect(victim.take()).toEqual([]);
      expect(heir!.counters()).toMatchObject({ received: 0, drops: Array(10).fill(0) });
      b.take();
      c.take();
      bench.call("netUnplug", heir!.device);
      bench.call("portDestroy", heir!.port);
    }
  });

  it("as the sender's, stops it from sending", () => {
    gone(a);
    a.put(Uint8Array.from([...new Uint8Array(12), ...frame(mac(2), mac(1))]));
    a.kick();
    expect(a.tx.collect()).toEqual([]);
    expect(b.take()).toEqual([]);
  });

  it("or is quiet, is not written to", () => {
    expect(bench.call("virtioQuiet", b.device)).toBe(1);
    const before = bench.host.slice();
    for (const to of [mac(2), BROADCAST]) {
      a.put(Uint8Array.from([...new Uint8Array(12), ...frame(to, mac(1))]));
      const put = bench.host.slice();
      for (let at = 0; at < put.length; at++) if (put[at] !== before[at]) before[at] = put[at]!;
    }
    a.kick();
    expect(b.take()).toEqual([]);
    expect(b.drops("down")).toBe(2);
  });
});

describe("hostile senders (E10)", () => {
  it("send frames too short, too long, or without a header: dropped and counted", () => {
    for (const length of [1, 11, 12, 13, 25]) a.sendRaw(text(length));
    expect(a.drops("short")).toBe(5);
    for (const length of [1515, 5000]) a.send(frame(mac(2), mac(1), length));
    expect(a.drops("long")).toBe(2);
    expect(b.take()).toEqual([]);
    expect(bench.field(a.device, "BROKEN")).toBe(0);
  });
  it("send 64 KiB and more: dropped after one look at the beginning", () => {
    for (const length of [65_550, 0x20_000]) {
      const head = a.tx.offer(
        Array.from({ length: Math.ceil(length / 0x1000) }, () => ({ gpa: a.area, length: 0x1000, write: false })),
      );
      expect(head).toBeGreaterThanOrEqual(0);
      const copies = bench.copies;
      a.kick();
      expect(a.tx.collect()).toHaveLength(1);
      expect(bench.copies - copies).toBeLessThan(60);
    }
    expect(a.drops("long")).toBe(2);
  });
  it("send with addresses that are not theirs: dropped, and nobody loses its own", () => {
    a.send(frame(mac(3), mac(2)));
    a.send(frame(mac(3), BROADCAST));
    a.send(frame(mac(3), 0n));
    a.send(frame(mac(3), mac(1) | 1n));
    expect(a.drops("spoofed")).toBe(4);
    expect(c.take()).toEqual([]);
    for (let i = 0; i < 20; i++) a.send(frame(mac(3), mac(100 + i)));
    expect(c.take()).toHaveLength(8);
    expect(a.drops("spoofed")).toBe(16);
    c.send(frame(mac(2), mac(3)));
    expect(b.take()).toHaveLength(1);
  });
  it("send tagged frames: dropped", () => {
    a.send(ethernet(mac(2), mac(1), 0x8100, text(60)));
    a.send(ethernet(mac(2), mac(1), 0x88a8, text(60)));
    expect(a.drops("vlan")).toBe(2);
    expect(b.take()).toEqual([]);
  });
  it("change a header behind the check: receivers get what was checked", () => {
    const sent = frame(mac(2), mac(1), 200);
    a.put(Uint8Array.from([...new Uint8Array(12), ...sent]));
    bench.onCopyIn = (hpa, length) => {
      if (length !== 128) return;
      bench.onCopyIn = (at) => {
        // After the copy of the first bytes: the source becomes another's.
        void at;
        bench.host.fill(
          0xee,
          Number(hpa - bench.hpa(a.area)) + bench.at(a.area),
          Number(hpa - bench.hpa(a.area)) + bench.at(a.area) + 128,
        );
      };
    };
    a.kick();
    const [got] = b.take();
    expect(got!.frame).toEqual(sent);
    expect(got!.header.flags).toBe(0);
  });
});
