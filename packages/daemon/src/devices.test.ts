// SPDX-License-Identifier: Apache-2.0
// Disks and networks by the API's client, against a hypervisor's end that is a script.
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "@typeone/fdt";
import { WireDevice, WireDeviceFlag } from "@typeone/protocol";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { HostClient } from "./client.ts";
import { macText, slotText, toDisk } from "./convert-devices.ts";
import { type FakeHost, fakeGuest, fakeHost } from "./daemon.testing.ts";
import { checkUnused, lockedImage } from "./disk-use.ts";

let host: FakeHost;
let client: HostClient;

beforeEach(async () => {
  host = await fakeHost();
  await host.serve();
  client = host.client();
  await client.host();
});

afterEach(async () => {
  await host.close();
});

const attachMany = (name: string, kind: number, count: number): void => {
  const guest = host.hypervisor.guests.run(name);
  for (let i = 0; i < count; i++) host.hypervisor.guests.devices.attach(guest, kind);
};

describe("lists", () => {
  it("of disks: all pages, of all guests and of the host", async () => {
    attachMany("web", WireDevice.Disk, 5);
    attachMany("db", WireDevice.Disk, 1);
    const { guests, host: ofHost } = await client.disks();
    expect(guests.map(({ guest, index }) => `${guest} ${index}`)).toEqual([
      "web 0",
      "web 1",
      "web 2",
      "web 3",
      "web 4",
      "db 0",
    ]);
    expect(guests[0]).toMatchObject({
      ...{
        source: "host",
        disk: "data",
        sizeBytes: 2 << 20,
        readOnly: false,
        serial: "data",
        bus: "pci",
        slot: "00:03.0",
      },
      ...{ state: "ok", driver: "ready", attached: true, throttled: 0, errors: 0 },
    });
    expect(guests[0]).not.toHaveProperty("rate");
    expect(guests[0]).not.toHaveProperty("overlay");
    expect(ofHost.map(({ name, state, sizeBytes }) => [name, state, sizeBytes])).toEqual([
      ["data", "ok", 8 * 2 ** 30],
      ["disk1", "failed", 1 << 20],
    ]);
  });

  it("of networks: ports, switches with gaps between, NICs", async () => {
    attachMany("web", WireDevice.Net, 1);
    const { guests, switches, nics } = await client.networks();
    expect(guests[0]).toMatchObject({ guest: "web", network: "lan", mac: "52:54:00:12:34:00", mtu: 1500, rxDrops: 1 });
    expect(guests[0]).not.toHaveProperty("vlan");
    expect(switches.map(({ name, uplink }) => [name, uplink])).toEqual([
      ["lan", "nic0"],
      ["alone", undefined],
    ]);
    expect(nics[0]).toMatchObject({ name: "nic0", mac: "02:54:31:00:00:01", network: "lan", linkUp: true });
  });

  it("are refused in words where the hypervisor has none", async () => {
    host.hypervisor.guests.devices.absent = true;
    await expect(client.disks()).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe("attach", () => {
  it("sends the binding's node, and the content of a file before it", async () => {
    host.hypervisor.guests.run("web");
    const file = path.join(host.root, "x.img");
    await writeFile(file, Buffer.alloc(10_000, 7));
    const phases: string[] = [];
    const made = await client.attachDisk(
      "web",
      { source: { file }, readOnly: true },
      { onProgress: ({ phase }) => phases.push(phase) },
    );
    expect(made).toMatchObject({ guest: "web", index: 0 });
    expect(new Set(phases)).toEqual(new Set(["upload", "create"]));
    const [node] = parse(host.hypervisor.guests.devices.trees[0] as Uint8Array).root.children;
    expect([node?.name, node?.string("compatible"), node?.has("read-only")]).toEqual(["disk@0", "typeone,disk", true]);
    expect(node?.u32("typeone,blob")).toBe(1);
    // The guest holds what it needs.
    expect(host.hypervisor.guests.blobs.size).toBe(0);
  });

  it("of a network", async () => {
    host.hypervisor.guests.run("web");
    const network = { network: "lan", isolated: true, vlan: 7, mac: "52:54:00:00:00:01" } as const;
    expect(await client.attachNetwork("web", network)).toMatchObject({ guest: "web", index: 0, network: "lan" });
    const [node] = parse(host.hypervisor.guests.devices.trees[0] as Uint8Array).root.children;
    expect([node?.string("typeone,switch"), node?.u32("typeone,vlan")]).toEqual(["lan", 7]);
  });

  it("tells why not", async () => {
    attachMany("web", WireDevice.Disk, 8);
    const disk = { source: { disk: "data" }, readOnly: true } as const;
    await expect(client.attachDisk("web", disk)).rejects.toMatchObject({
      code: "limit",
      message: "guest web has no free slot: hotplug in its description says how many it has",
    });
    await expect(client.attachDisk("no", disk)).rejects.toMatchObject({ code: "not-found" });
    const gone = { source: { file: "/no/such/file" }, readOnly: true } as const;
    await expect(client.attachDisk("web", gone)).rejects.toMatchObject({ code: "invalid", message: /no such file/ });
    const wrong = { ...disk, queues: 99 };
    await expect(client.attachDisk("web", wrong)).rejects.toMatchObject({ code: "invalid", message: /queues/ });
  });
});

describe("detach", () => {
  it("waits until the guest has let go", async () => {
    attachMany("web", WireDevice.Disk, 2);
    await client.detach({ guest: "web", kind: "disks", index: 0 });
    expect((await client.disks()).guests.map(({ index }) => index)).toEqual([1]);
  });

  it("says so when it does not, and takes it by force", async () => {
    const guest = host.hypervisor.guests.run("web");
    guest.stubborn = true;
    host.hypervisor.guests.devices.attach(guest, WireDevice.Net);
    const target = { guest: "web", kind: "nets", index: 0 } as const;
    await client.detach(target, { wait: false });
    await expect(client.detach(target, { timeoutMs: 200 })).rejects.toMatchObject({
      code: "timeout",
      message: "guest web did not let go of net0 within 0.2 s",
      fix: expect.stringMatching(/echo 1 > .*remove; or typeone net detach web 0 --force/) as string,
    });
    await client.detach(target, { force: true });
    await expect(client.detach(target)).rejects.toMatchObject({ code: "not-found", message: "guest web has no net0" });
  });
});

describe("limits", () => {
  it("change alone, and go", async () => {
    attachMany("web", WireDevice.Disk, 1);
    const target = { guest: "web", kind: "disks", index: 0 } as const;
    expect(await client.setLimits(target, { rate: 1000 })).toMatchObject({ rate: 1000 });
    expect(await client.setLimits(target, { iops: 5 })).toMatchObject({ rate: 1000, iops: 5 });
    expect(await client.setLimits(target, { rate: 0 })).not.toHaveProperty("rate");
  });

  it("of a network are of its rate", async () => {
    attachMany("web", WireDevice.Net, 1);
    const target = { guest: "web", kind: "nets", index: 0 } as const;
    await expect(client.setLimits(target, { iops: 5 })).rejects.toMatchObject({ code: "invalid" });
    expect(await client.setLimits(target, { rate: 7 })).toMatchObject({ rate: 7 });
  });
});

describe("a guest that is created", () => {
  it("gets its RAM disks' content as blobs", async () => {
    const guest = await fakeGuest(host.root, "web");
    const file = path.join(host.root, "disk.img");
    await writeFile(file, Buffer.alloc(4096, 1));
    const disks = [
      { source: { disk: "data" }, readOnly: true },
      { source: { file }, readOnly: false },
    ] as const;
    const files: string[] = [];
    await client.createGuest(
      { ...guest, disks, networks: [{ network: "lan", isolated: false }], rng: {} },
      { onProgress: (line) => line.phase === "upload" && files.push(line.file) },
    );
    expect(files).toContain("disk.img");
    const request = host.hypervisor.done.filter(({ operation }) => operation === "BlobOpen");
    // Kernel, disk, description.
    expect(request).toHaveLength(3);
  });

  it("writes into contents of its own, and shares what it only reads", async () => {
    const guest = await fakeGuest(host.root, "web");
    const file = path.join(host.root, "disk.img");
    await writeFile(file, Buffer.alloc(4096, 1));
    const disk = (readOnly: boolean) => ({ source: { file }, readOnly });
    const opened = vi.spyOn(host.hypervisor.guests, "openBlob");
    const names = async (name: string, readOnly: boolean): Promise<number> => {
      opened.mockClear();
      await client.createGuest({ ...guest, name, disks: [disk(readOnly), disk(readOnly)] });
      const digests = opened.mock.calls.filter(([size]) => size === 4096).map(([, , digest]) => digest);
      return new Set(digests.map((digest) => Buffer.from(digest).toString("hex"))).size;
    };
    expect([await names("a", true), await names("b", false)]).toEqual([1, 2]);
  });

  it("is refused before anything is made if its description is too large", async () => {
    const guest = await fakeGuest(host.root, "web");
    const source = { disk: "data" };
    const many = { rate: 1, iops: 1, queues: 8, serial: "x".repeat(20), firstSector: 1, sectors: 1 };
    const disk = { source, readOnly: true, bus: "pci" as const, ...many };
    const net = { network: "x".repeat(15), isolated: true, vlan: 1, rate: 1, mtu: 68, queues: 1, bus: "pci" } as const;
    const [disks, networks] = [Array.from({ length: 8 }, () => disk), Array.from({ length: 4 }, () => net)];
    const large = { ...guest, bootargs: "x".repeat(2048), disks, networks };
    await expect(client.createGuest(large)).rejects.toMatchObject({ code: "limit", message: /the limit is 4096/ });
  });
});

describe("small parts", () => {
  it("places, addresses and flags in words", () => {
    expect([slotText(0, (1 << 8) | (3 << 3) | 2), slotText(1, 4)]).toEqual(["01:03.2", "4"]);
    expect(macText(0x5254_00ab_cd01n)).toBe("52:54:00:ab:cd:01");
    const guest = host.hypervisor.guests.run("web");
    host.hypervisor.guests.devices.attach(guest, WireDevice.Disk);
    const disk = host.hypervisor.guests.devices.disks.get(guest)?.[0];
    if (!disk) throw new Error("no disk");
    const of = (flags: number, more = {}) => toDisk({ ...disk, flags, ...more }, "web");
    expect(of(WireDeviceFlag.Overlay, { overlayUsed: 1n, overlayLimit: 2n }).overlay).toEqual({
      usedBytes: 1,
      limitBytes: 2,
    });
    expect(of(WireDeviceFlag.Broken).state).toBe("broken");
    expect(of(WireDeviceFlag.Leaving | WireDeviceFlag.Failed).state).toBe("failed");
    expect([0, 1, 3, 7, 15, 128].map((driver) => of(0, { driver }).driver)).toEqual([
      "none",
      "found",
      "found",
      "ready",
      "ready",
      "failed",
    ]);
  });

  it("QEMU's locks in words", () => {
    const said = `qemu-system-riscv64: -device virtio-blk-pci,drive=disk0: Failed to get "write" lock
Is another process using the image [/x/data.img]?`;
    expect(lockedImage(said)).toMatchObject({
      message: "/x/data.img is in use by another program, which may write it",
    });
    expect(lockedImage("qemu: no such option")).toBeUndefined();
  });

  it("a disk of another host that runs is not taken", async () => {
    const before = process.env["TYPEONE_RUN_DIR"];
    process.env["TYPEONE_RUN_DIR"] = host.root;
    try {
      const disk = { name: "data", file: "/x/data.img", readOnly: false };
      const { qemu } = host.state;
      const state = { ...host.state, qemu, disks: [{ ...disk, name: "root" }] };
      await writeFile(host.paths.state, JSON.stringify(state));
      await expect(checkUnused("other", [disk])).rejects.toMatchObject({
        code: "busy",
        message: "disk data: host default has /x/data.img as its disk root",
      });
      await checkUnused("default", [disk]);
      await checkUnused("other", [{ ...disk, file: "/y" }]);
      await writeFile(host.paths.state, JSON.stringify({ ...state, disks: [{ ...disk, readOnly: true }] }));
      await checkUnused("other", [{ ...disk, readOnly: true }]);
      await expect(checkUnused("other", [disk])).rejects.toMatchObject({ code: "busy" });
    } finally {
      if (before === undefined) delete process.env["TYPEONE_RUN_DIR"];
      else process.env["TYPEONE_RUN_DIR"] = before;
    }
  });
});
