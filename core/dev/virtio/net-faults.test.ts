// SPDX-License-Identifier: Apache-2.0
// The hypervisor goes wrong while it brings a frame from one guest to another: its hart has then no lock and no chain of
// either, both devices can be reset, and others go on sending.
import { ethernet, NetRig, REG, type TestNic, testMac as mac } from "@typeone/sim";
import { beforeAll, beforeEach, expect, it } from "vitest";

let rig: NetRig;
let a: TestNic;
let b: TestNic;
let c: TestNic;

beforeAll(async () => void (await NetRig.load()), 120_000);
beforeEach(async () => {
  rig = await NetRig.load();
  const lan = rig.sw("lan");
  [a, b, c] = [1, 2, 3].map((n) => rig.nic(lan, { mac: mac(n) })) as [TestNic, TestNic, TestNic];
  for (const nic of [a, b, c]) nic.up();
  b.offer(...Array.from({ length: 8 }, () => [1600]));
});

it("leaves nothing behind that anybody waits for", () => {
  const { bench } = rig;
  const across = bench.copyAcross;
  bench.copyAcross = () => {
    throw new Error("a fault of the hypervisor");
  };
  const frame = (from: bigint) => ethernet(mac(2), from, 0x1234, new Uint8Array(900));
  a.put(Uint8Array.from([...new Uint8Array(12), ...frame(mac(1))]));
  expect(() => a.kick()).toThrow("a fault of the hypervisor");
  bench.copyAcross = across;
  bench.call("releaseAll");
  bench.call("netFaulted");
  c.send(frame(mac(3)));
  expect(b.take()).toHaveLength(1);
  expect(bench.store(b.device, REG.status, 0)).toBe(0);
  expect(bench.call("virtioQuiet", a.device)).toBe(1);
  expect(bench.store(a.device, REG.status, 0)).toBe(0);
});
