// SPDX-License-Identifier: Apache-2.0
// Devices in the form that the hypervisor reads.
import { afterAll, describe, expect, it } from "vitest";
import { FdtTree, parse } from "@typeone/fdt";
import { Folder } from "../../test/files.ts";
import {
  compileDevice,
  compileGuest,
  diskSettings,
  diskProperties,
  fillChosen,
  formatProblems,
  type Guest,
  hasErrors,
} from "../index.ts";
import { guestDiskSchema, loadSystem, machineOptions, type System, toGuestDisk } from "../index.ts";

const folder = new Folder();
afterAll(() => folder.remove());

async function load(file: string): Promise<System> {
  const { system, problems } = await loadSystem(file);
  expect(hasErrors(problems), formatProblems(problems, { color: "never" })).toBe(false);
  return system as System;
}

describe("compile", () => {
  it("a guest's devices are the nodes of the binding, and blobs take the place of files", async () => {
    const text = `disks: {data: {size: 1GiB}}
networks: {lan: user, alone: none, wan: user}
guests:
  - {name: a, kernel: debian, memory: 128, interrupts: aia, hotplug: 2, consoles: 2, rng: true, balloon: {bus: mmio},
     disks: ["data,slice=2048+1MiB,rate=1MB/s,iops=7,queues=2,bus=mmio,serial=s", "file=ram.img,overlay=1MiB,ro", "size=8M"],
     networks: ["lan,mac=52:54:00:AB:00:01,vlan=7,rate=8Mbit/s,isolated,mtu=1400,queues=2", wan]}`;
    folder.sparse("ram.img", Uint8Array.of(1), 4096);
    const loaded = await load(folder.write("d.yaml", text));
    const guest = loaded.guests[0] as Guest;
    const { root } = parse(compileGuest(guest, new Map([["disk@1", 9]])));
    expect([root.string("typeone,interrupts"), root.u32("typeone,hotplug")]).toEqual(["aia", 2]);
    const [disk, file, ram] = ["disk@0", "disk@1", "disk@2"].map((name) => root.child(name));
    expect([disk?.string("compatible"), disk?.string("typeone,source")]).toEqual(["typeone,disk", "data"]);
    const wide = ["first-sector", "sectors", "rate", "iops"].map((name) => disk?.get(`typeone,${name}`));
    expect(wide.map((bytes) => bytes?.length)).toEqual([8, 8, 8, 8]);
    expect(wide.map((_, i) => disk?.u64(`typeone,${["first-sector", "sectors", "rate", "iops"][i]}`))).toEqual([
      2048n,
      2048n,
      1_000_000n,
      7n,
    ]);
    expect([disk?.u32("typeone,queues"), disk?.string("typeone,bus"), disk?.string("typeone,serial")]).toEqual([
      2,
      "mmio",
      "s",
    ]);
    // With a layer of its own the guest may write.
    expect([file?.u32("typeone,blob"), file?.u64("typeone,overlay"), file?.has("read-only")]).toEqual([
      9,
      1024n,
      false,
    ]);
    expect([ram?.u64("typeone,size"), ram?.get("typeone,size")?.length, ram?.has("reg")]).toEqual([8192n, 8, false]);
    const net = root.child("net@0");
    expect([net?.string("typeone,switch"), net?.get("local-mac-address")]).toEqual([
      "lan",
      Uint8Array.of(0x52, 0x54, 0, 0xab, 0, 1),
    ]);
    expect([net?.u32("typeone,vlan"), net?.u64("typeone,rate"), net?.has("typeone,isolated")]).toEqual([
      7,
      1_000_000n,
      true,
    ]);
    expect([net?.u32("typeone,mtu"), net?.u32("typeone,queues")]).toEqual([1400, 2]);
    expect(root.child("net@1")?.properties.size).toBe(2);
    expect(root.child("console@0")?.u32("typeone,ports")).toBe(2);
    expect(root.child("rng@0")?.string("compatible")).toBe("typeone,rng");
    expect(root.child("balloon@0")?.string("typeone,bus")).toBe("mmio");

    const chosen = new FdtTree().ensure("/chosen");
    fillChosen(chosen, loaded);
    expect(
      chosen.children.map((node) => [node.name, node.string("typeone,name"), node.string("typeone,uplink")]),
    ).toEqual([
      ["switch@0", "lan", "nic0"],
      ["switch@1", "alone", undefined],
      ["switch@2", "wan", "nic1"],
    ]);
    const { disks, nics } = machineOptions(loaded.host, loaded);
    expect(disks?.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual([["data", 1 << 30]]);
    expect(nics?.map(({ name }) => name)).toEqual(["lan", "wan"]);
  });

  it("a disk's settings and the disk are the same", () => {
    for (const text of [
      "data",
      "data,slice=2048+7,overlay=1M,rate=5",
      "size=8M,ro,bus=mmio",
      "file=/x.img,slice=1MiB+",
    ]) {
      const disk = toGuestDisk(guestDiskSchema.parse(text), "/");
      expect(toGuestDisk(guestDiskSchema.parse(diskSettings(disk)), "/")).toEqual(disk);
    }
  });

  it("what is attached is a tree with one node", () => {
    const disk = toGuestDisk(guestDiskSchema.parse("data,ro"), "/");
    const { root } = parse(compileDevice("disk", diskProperties(disk)));
    expect(root.children.map(({ name }) => name)).toEqual(["disk@0"]);
    expect(root.child("disk@0")?.has("read-only")).toBe(true);
  });
});
