// SPDX-License-Identifier: Apache-2.0
// Uplinks over NICs that do half of what there is, or say strange things of themselves: nobody waits for ever because of
// somebody else's frame that was refused, and no slot's buffer is too small.
import { ethernet, headerBytes, NetRig, sum16, type TestNic, testMac as mac } from "@typeone/sim";
import { beforeAll, describe, expect, it } from "vitest";

const OUTSIDE = 0x11_2233_4455_02n;
const UP = 0xf;
const MSS6 = 8;
const V6 = { flags: 1, gso: 4, size: MSS6, start: 54, offset: 16 };
const V4 = { flags: 1, gso: 1, start: 34, offset: 16 };

beforeAll(async () => void (await NetRig.load()), 120_000);

async function world(mtu = 1500) {
  const rig = await NetRig.load(1);
  const lan = rig.sw("lan");
  const { nic, device } = rig.uplink(lan, { offloads: true, tso6: false, mtu });
  const nics = [1, 2, 3].map((n) => rig.nic(lan, { mac: mac(n) }, 0x1_0000)) as [TestNic, TestNic, TestNic];
  for (const one of nics) expect(one.up()).toBe(UP);
  // One unicast outside, so that nothing is flooded.
  rig.inject(nic, ethernet(mac(1), OUTSIDE, 0x1234, new Uint8Array(46)));
  return { rig, nic, device, nics };
}

function tcp4(from: bigint, payload: number): Uint8Array {
  const bytes = ethernet(OUTSIDE, from, 0x0800, new Uint8Array(40 + payload).fill(0x5a, 40));
  const length = payload + 40;
  bytes.set([0x45, 0, length >> 8, length & 255, 0, 9, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2], 14);
  const sum = 0xffff - sum16(bytes.subarray(14, 34));
  bytes.set([sum >> 8, sum & 255], 24);
  bytes.set([0x50, 0x18], 46);
  return bytes;
}

function tcp6(from: bigint, payload: number): Uint8Array {
  const bytes = ethernet(OUTSIDE, from, 0x86dd, new Uint8Array(60 + payload).fill(0xa5, 60));
  const length = payload + 20;
  bytes.set([0x60, 0, 0, 0, length >> 8, length & 255, 6, 64], 14);
  bytes.set([0x50, 0x18], 66);
  return bytes;
}

/** One chain of pieces that do not touch each other. */
function sendScattered(nic: TestNic, bytes: Uint8Array): void {
  const buffers = [];
  for (let at = 0; at < bytes.length; at += 100) {
    const gpa = nic.area + 0x2000n + BigInt(at * 2);
    nic.rig.bench.writeGuest(gpa, bytes.subarray(at, at + 100));
    buffers.push({ gpa, length: Math.min(100, bytes.length - at), write: false });
  }
  nic.tx.offer(buffers);
  nic.kick();
}

describe("a sender that waits for slots", () => {
  it("goes on although another's frame was refused meanwhile", async () => {
    const { rig, nic, device, nics } = await world();
    const [a, b, c] = nics;
    device.hold();
    for (let i = 0; i < 38; i++) c.send(ethernet(OUTSIDE, mac(3), 0x1234, new Uint8Array(46)));
    expect(device.held).toBe(38);
    // 100 slots are needed, 90 are free.
    a.send(tcp6(mac(1), 100 * MSS6), V6);
    expect([device.held, a.counters().sent]).toEqual([38, 0]);
    // Too many pieces to list, too long to copy.
    sendScattered(b, Uint8Array.from([...headerBytes({ ...V4, size: 1400 }), ...tcp4(mac(2), 4000)]));
    expect(b.drops("uplink")).toBe(1);
    const goOn = () => {
      rig.bench.time += 1_000_000n;
      rig.bench.call("timersExpire", rig.bench.time);
      rig.bench.call("virtioContinue", rig.bench.guest);
    };
    goOn();
    device.release();
    rig.bench.call("nicSent", nic);
    goOn();
    expect(a.counters().sent).toBe(1);
    expect(a.tx.collect()).toHaveLength(1);
  });
});

describe("a NIC with a tiny MTU that cuts frames itself", () => {
  it("gets their first bytes without harm to the next slot", async () => {
    const { rig, nic, device, nics } = await world(68);
    const [a] = nics;
    device.hold();
    for (let i = 0; i < 6; i++) a.send(tcp4(mac(1), 600), { ...V4, size: 20 });
    expect(device.held).toBe(6);
    device.release();
    rig.bench.call("nicSent", nic);
    expect(a.tx.collect()).toHaveLength(6);
    device.sent.splice(0);
    for (let i = 0; i < 200; i++) {
      a.send(tcp4(mac(1), 600), { ...V4, size: 20 });
      rig.bench.call("nicSent", nic);
    }
    expect(device.sent.every((one) => one.frame.length === 654)).toBe(true);
    expect(device.sent).toHaveLength(200);
  });
});

describe("a NIC whose queue has one entry and no indirect descriptors", () => {
  it("gets no frame that needs more", async () => {
    const rig = await NetRig.load(1);
    const lan = rig.sw("lan");
    const { device } = rig.uplink(lan, { queueMost: 1, indirect: false });
    const a = rig.nic(lan, { mac: mac(1) }, 0x1_0000);
    a.up();
    for (let i = 0; i < 3; i++) a.send(ethernet(OUTSIDE, mac(1), 0x1234, new Uint8Array(46)));
    expect([a.drops("uplink"), device.sent.length]).toEqual([3, 0]);
  });
});

describe("a NIC that is done with frames as fast as others send them", () => {
  it("keeps an interrupt busy only for what it had at its beginning", async () => {
    const { rig, nic } = await world();
    rig.bench.call("testEcho", nic);
    expect(rig.bench.call("testEchoes")).toBe(1);
    rig.bench.call("nicSent", nic);
    expect(rig.bench.call("testEchoes")).toBeLessThan(5);
  });
});
