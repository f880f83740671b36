// SPDX-License-Identifier: Apache-2.0
// The limit of what a network device sends: nothing that its guest does makes it larger, and who lifts it is obeyed at once.
import { ethernet, NetRig, type TestNic, testMac as mac } from "@typeone/sim";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

const RATE = 1_000_000n;
const FULL = 65_536;
const BYTES = 1512;
let rig: NetRig;
let nic: TestNic;

beforeAll(async () => void (await NetRig.load()), 120_000);
beforeEach(async () => {
  rig = await NetRig.load();
  nic = rig.nic(rig.sw("lan"), { mac: mac(4), rate: RATE });
  nic.up();
});

/** Sends until the limit says no. */
function exhaust(): number {
  let sent = 0;
  for (let i = 0; i < 200 && nic.tx.room > 0; i++) sent += sendOne();
  return sent;
}
function sendOne(): number {
  nic.put(Uint8Array.from([...new Uint8Array(12), ...ethernet(mac(9), mac(4), 0x1234, new Uint8Array(1486))]));
  nic.kick();
  return nic.tx.collect().length;
}

describe("a device with a limit", () => {
  it("does not get around it by resets", () => {
    const sent = exhaust();
    expect(sent).toBe(Math.ceil(FULL / BYTES));
    for (let i = 0; i < 20; i++) {
      rig.bench.writeGuest(nic.area, new Uint8Array(0x1800));
      nic.up();
      expect(sendOne()).toBe(0);
    }
    rig.bench.time += 1_000_000_000n;
    rig.bench.call("timersExpire", rig.bench.time);
    rig.bench.call("virtioContinue", rig.bench.guest);
    expect(nic.tx.collect()).toHaveLength(1);
  });

  it("goes on at once when it is lifted, also while it waits for long", () => {
    exhaust();
    rig.bench.call("portSetRate", nic.port, 0n);
    rig.bench.call("timersExpire", rig.bench.time);
    rig.bench.call("virtioContinue", rig.bench.guest);
    expect(nic.tx.collect()).toHaveLength(64);
  });

  it("may lose it while it sends (another hart)", () => {
    rig.bench.call("portSetRate", nic.port, 0n);
    expect(rig.bench.call("portSpend", nic.port, 1500)).toBe(0);
  });
});
