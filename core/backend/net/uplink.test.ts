// SPDX-License-Identifier: Apache-2.0
// The host's NIC as a port: frames out without a copy, tags of VLANs, checksums and segments for a NIC that makes none,
// senders that wait for room, a NIC that fails; frames in; and a guest that goes while the NIC reads its memory.
import { ethernet, type HostVirtioNet, LINUX, NET, NetRig, sum16, type TestNic, testMac as mac } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";

const BROADCAST = 0xffff_ffff_ffffn;
const OUTSIDE = 0x11_2233_4455_02n;
const UP = 0xf;

beforeAll(async () => void (await NetRig.load()), 120_000);

interface World {
  rig: NetRig;
  lan: number;
  nic: number;
  device: HostVirtioNet;
  a: TestNic;
  b: TestNic;
}

async function world(offloads: boolean, vlan = 0): Promise<World> {
  const rig = await NetRig.load(1);
  const lan = rig.sw("lan");
  const { nic, device } = rig.uplink(lan, { offloads });
  const a = rig.nic(lan, { mac: mac(1), vlan }, 0x1_0000);
  const b = rig.nic(lan, { mac: mac(2) }, 0x1_0000);
  expect([a.up(), b.up()]).toEqual([UP, UP]);
  b.top(8);
  return { rig, lan, nic, device, a, b };
}

const frame = (to: bigint, from: bigint, length = 64) =>
  ethernet(
    to,
    from,
    0x1234,
    Array.from({ length: length - 14 }, (_, i) => (i * 3 + length) & 255),
  );
const tagged = (inner: Uint8Array, vlan: number) =>
  Uint8Array.from([...inner.subarray(0, 12), 0x81, 0, vlan >> 8, vlan & 255, ...inner.subarray(12)]);
const sentBy = ({ device }: World) => device.sent.splice(0);

/** TCP over IPv4, its checksum left to the device. */
function tcp(payload: number): Uint8Array {
  const bytes = ethernet(OUTSIDE, mac(1), 0x0800, new Uint8Array(40 + payload));
  bytes.set(
    [0x45, 0, (payload + 40) >> 8, (payload + 40) & 255, 0, 9, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2],
    14,
  );
  const sum = 0xffff - sum16(bytes.subarray(14, 34));
  bytes.set([sum >> 8, sum & 255], 24);
  bytes.set([0x50, 0x18], 46);
  for (let i = 54; i < bytes.length; i++) bytes[i] = (i * 5 + (i >> 8)) & 255;
  const pseudo = sum16(bytes.subarray(26, 34), 6 + payload + 20);
  bytes.set([pseudo >> 8, pseudo & 255], 50);
  return bytes;
}
const isSound = (bytes: Uint8Array) =>
  sum16(bytes.subarray(14, 34)) === 0xffff &&
  sum16(bytes.subarray(34), sum16(bytes.subarray(26, 34), 6 + bytes.length - 34)) === 0xffff;
const WANTS = { flags: 1, start: 34, offset: 16 };

describe("frames out", () => {
  it("go to the NIC when nobody inside has the address, and by its address when it was learned", async () => {
    const w = await world(false);
    for (const length of [60, 116, 117, 128, 600, 700, 1514]) {
      const out = frame(OUTSIDE, mac(1), length);
      w.a.send(out, {}, 500);
      expect(w.b.take()).toHaveLength(1);
      w.b.top(8);
      const [got] = sentBy(w);
      expect(got!.frame).toEqual(out);
      expect(got!.header).toEqual(new Uint8Array(12));
      w.rig.bench.call("nicSent", w.nic);
    }
    w.rig.inject(w.nic, frame(mac(1), OUTSIDE));
    w.a.send(frame(OUTSIDE, mac(1)));
    expect(w.b.take()).toEqual([]);
    expect(sentBy(w)).toHaveLength(1);
    w.a.send(frame(mac(2), mac(1)));
    expect(sentBy(w)).toEqual([]);
  });

  it("are read from the sender's memory, whose chain comes back when the NIC is done; short ones are copied", async () => {
    const w = await world(true);
    w.device.hold();
    const [long, short] = [w.a.put(new Uint8Array([...new Uint8Array(12), ...frame(OUTSIDE, mac(1), 1400)])), 0];
    const copies = w.rig.bench.copies;
    w.a.kick();
    expect(w.rig.bench.copies - copies).toBeLessThan(40);
    expect(w.a.tx.collect()).toEqual([]);
    w.a.put(new Uint8Array([...new Uint8Array(12), ...frame(OUTSIDE, mac(1), 100 + short)]));
    w.a.kick();
    expect(w.a.tx.collect()).toHaveLength(1);
    expect(sentBy(w)).toHaveLength(2);
    w.device.release();
    w.rig.bench.call("nicSent", w.nic);
    expect(w.a.tx.collect().map(({ id }) => id)).toEqual([long]);
  });

  it("with a large payload stay whole for a NIC that cuts them, and are cut and summed for one that does not", async () => {
    for (const offloads of [true, false]) {
      const w = await world(offloads);
      const large = tcp(4000);
      w.a.send(large, { ...WANTS, gso: 1, size: 1400, headers: 1 }, 900);
      const out = sentBy(w);
      if (offloads) {
        expect(out).toHaveLength(1);
        expect(out[0]!.frame).toEqual(large);
        expect([...out[0]!.header]).toEqual([1, 1, 54, 0, 0x78, 5, 34, 0, 16, 0, 0, 0]);
      } else {
        expect(out.map((one) => one.frame.length)).toEqual([1454, 1454, 1254]);
        expect(out.every((one) => isSound(one.frame) && one.header.every((byte) => byte === 0))).toBe(true);
        expect(out.flatMap((one) => [...one.frame.subarray(54)])).toEqual([...large.subarray(54)]);
      }
      w.a.send(tcp(500), WANTS);
      const [one] = sentBy(w);
      expect(isSound(one!.frame)).toBe(!offloads);
      expect(one!.header[0]).toBe(offloads ? 1 : 0);
    }
  });

  it("get their VLAN's tag, and offloads move with it", async () => {
    for (const offloads of [true, false]) {
      const w = await world(offloads, 77);
      for (const length of [64, 130, 1514]) {
        const out = frame(OUTSIDE, mac(1), length);
        w.a.send(out);
        expect(sentBy(w)[0]!.frame).toEqual(tagged(out, 77));
      }
      expect(w.b.take()).toEqual([]);
      const large = tcp(3000);
      w.a.send(large, { ...WANTS, gso: 1, size: 1400 });
      const out = sentBy(w);
      if (offloads) {
        expect(out[0]!.frame).toEqual(tagged(large, 77));
        expect([...out[0]!.header]).toEqual([1, 1, 58, 0, 0x78, 5, 38, 0, 16, 0, 0, 0]);
      } else {
        const inner = out.map((one) => Uint8Array.from([...one.frame.subarray(0, 12), ...one.frame.subarray(16)]));
        expect(inner.every(isSound)).toBe(true);
        expect(out.every((one) => one.frame[12] === 0x81 && one.frame[15] === 77)).toBe(true);
        expect(inner.flatMap((one) => [...one.subarray(54)])).toEqual([...large.subarray(54)]);
      }
    }
  });

  it("of an isolated port go nowhere else", async () => {
    const w = await world(false);
    const c = w.rig.nic(w.lan, { mac: mac(3), isolated: 1 }, 0x8000);
    c.up();
    c.send(frame(BROADCAST, mac(3)));
    expect([w.b.take().length, sentBy(w).length]).toEqual([0, 1]);
    c.send(frame(mac(2), mac(3)));
    expect([w.b.take().length, sentBy(w).length, c.drops("nowhere")]).toEqual([0, 0, 1]);
  });
});

describe("a NIC without room", () => {
  it("lets senders wait in their own queues, and they go on", async () => {
    const w = await world(true);
    w.device.hold();
    const put = () => w.a.put(new Uint8Array([...new Uint8Array(12), ...frame(OUTSIDE, mac(1), 60)]));
    // One unicast outside, so that nothing is flooded.
    w.rig.inject(w.nic, frame(mac(1), OUTSIDE));
    for (let i = 0; i < 128; i++) {
      put();
      w.a.kick();
      expect(w.a.tx.collect()).toHaveLength(1);
    }
    put();
    w.a.kick();
    w.a.kick();
    expect(w.a.tx.collect()).toEqual([]);
    expect(sentBy(w)).toHaveLength(128);
    w.device.release();
    w.rig.bench.call("nicSent", w.nic);
    expect(w.rig.bench.call("testRequested", w.rig.bench.guest)).not.toBe(0);
    w.rig.bench.call("virtioContinue", w.rig.bench.guest);
    expect(w.a.tx.collect()).toHaveLength(1);
    expect(sentBy(w)).toHaveLength(1);
    expect(w.a.counters().drops.slice(0, 8)).toEqual(Array(8).fill(0));
  });

  it("or that fails gives everything back, and costs its frames only", async () => {
    const w = await world(true);
    w.device.hold();
    w.a.put(new Uint8Array([...new Uint8Array(12), ...frame(OUTSIDE, mac(1), 1400)]));
    w.a.kick();
    expect(w.a.tx.collect()).toEqual([]);
    expect(w.rig.bench.call("virtioQuiet", w.b.device)).toBe(1);
    w.rig.bench.call("virtioWake", w.b.device);
    w.b.up();
    w.b.top(4);
    w.rig.bench.call("nicFail", w.nic, w.rig.bench.named("WHY"));
    expect(w.a.tx.collect()).toHaveLength(1);
    w.rig.inject(w.nic, frame(mac(1), OUTSIDE));
    w.a.send(frame(OUTSIDE, mac(1)));
    expect(w.a.drops("uplink")).toBe(1);
    w.a.send(frame(mac(2), mac(1)));
    expect(w.b.take().length).toBeGreaterThan(0);
  });
});

describe("a guest that goes while the NIC has its memory", () => {
  it("is not quiet before that is over, and a reset waits", async () => {
    const w = await world(true);
    w.device.hold();
    w.a.put(new Uint8Array([...new Uint8Array(12), ...frame(OUTSIDE, mac(1), 1400)]));
    w.a.kick();
    const { bench } = w.rig;
    expect(bench.store(w.a.device, 0x70, 0)).toBe(3);
    expect(bench.call("virtioQuiet", w.a.device)).toBe(0);
    w.device.release();
    bench.call("nicSent", w.nic);
    expect(bench.call("virtioQuiet", w.a.device)).toBe(1);
    expect(w.b.take()).toHaveLength(1);
    bench.call("netDestroy", w.a.device);
    bench.call("portDestroy", w.a.port);
    w.rig.inject(w.nic, frame(mac(1), OUTSIDE));
    expect(w.b.take().length).toBe(1);
  });
});

describe("frames in", () => {
  it("go to whom they are for; tagged ones into their VLAN, without the tag", async () => {
    const w = await world(false, 77);
    w.a.top(8);
    for (const length of [60, 117, 1000]) {
      const inner = frame(mac(1), OUTSIDE, length);
      w.rig.inject(w.nic, tagged(inner, 77));
      expect(w.a.take().map((got) => got.frame)).toEqual([inner]);
      w.rig.inject(w.nic, tagged(inner, 78));
      w.rig.inject(w.nic, inner);
      expect(w.a.take()).toEqual([]);
      expect(w.b.take().map((got) => got.frame)).toEqual([inner]);
    }
    w.rig.inject(w.nic, frame(BROADCAST, OUTSIDE));
    expect([w.a.take().length, w.b.take().length]).toEqual([0, 1]);
  });

  it("with checksums to complete are checked as a guest's are", async () => {
    const w = await world(true);
    w.a.up(LINUX);
    w.a.top(8);
    const inner = tcp(200);
    inner.set(inner.slice(6, 12), 0);
    inner.set([2, 0, 0, 0, 0, 9], 6);
    w.rig.inject(w.nic, inner, WANTS);
    expect(w.a.take()[0]!.header).toMatchObject({ flags: 1, start: 34, offset: 16 });
    for (const lie of [{ start: 35 }, { start: 60_000 }, { offset: 6 }, { gso: 1, size: 100 }, { gso: 5 }]) {
      w.rig.inject(w.nic, inner, { ...WANTS, ...lie });
    }
    w.rig.inject(w.nic, tagged(inner, 0), { flags: 1, start: 10, offset: 0 });
    expect(w.a.take()).toEqual([]);
  });

  it("with a guest's own address are dropped; one that a guest merely uses goes to who was outside", async () => {
    const w = await world(false);
    w.a.top(8);
    w.rig.inject(w.nic, frame(mac(1), mac(2)));
    expect(w.a.take()).toEqual([]);
    w.b.send(frame(BROADCAST, mac(50)));
    w.a.take();
    sentBy(w);
    w.rig.inject(w.nic, frame(mac(1), mac(50)));
    expect(w.a.take()).toHaveLength(1);
    w.a.send(frame(mac(50), mac(1)));
    expect([w.b.take().length, sentBy(w).length]).toEqual([0, 1]);
    w.b.send(frame(BROADCAST, mac(50)));
    expect(w.b.drops("spoofed")).toBe(1);
  });

  it("of a NIC that claims a huge MTU are no longer than ours", async () => {
    const rig = await NetRig.load(1);
    const lan = rig.sw("lan");
    const { nic } = rig.uplink(lan, { offloads: true, mtu: 65_535 });
    const b = rig.nic(lan, { mac: mac(2), mtu: 9000 }, 0x1_0000);
    b.up(LINUX & ~NET.guestCsum & ~NET.guestTso4 & ~NET.guestTso6);
    b.top(16);
    for (const payload of [8960, 8961, 12_000]) {
      const inner = tcp(payload);
      inner.set([...inner.subarray(6, 12), 2, 0, 0, 0, 0, 9].slice(6), 6);
      inner.set([0x52, 0x54, 0, 0, 0, 2], 0);
      rig.inject(nic, inner, WANTS);
      expect(b.take().map((got) => isSound(got.frame))).toEqual(payload === 8960 ? [true] : []);
    }
  });

  it("of any length hurt nobody", async () => {
    const w = await world(false);
    for (const length of [1, 13, 14, 17]) w.rig.inject(w.nic, new Uint8Array(length).fill(0xff));
    w.rig.inject(w.nic, frame(BROADCAST, OUTSIDE, 1515));
    w.rig.inject(w.nic, frame(BROADCAST, OUTSIDE, 9000));
    expect(w.b.take()).toEqual([]);
  });
});
