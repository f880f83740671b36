// SPDX-License-Identifier: Apache-2.0
// `typeone disk` and `typeone net`: tables to the letter, JSON, and what is asked of the host.
import { mkdtempSync, truncateSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { fakeHost } from "../testing/fake-host.ts";
import { FAKE_DISKS, FAKE_NETWORKS } from "../testing/fake-devices.ts";
import { typeone } from "../testing/run.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "typeone-devices-"));
for (const [name, bytes] of [
  ["x.img", 4096],
  ["odd.img", 100],
] as const) {
  writeFileSync(path.join(folder, name), "");
  truncateSync(path.join(folder, name), bytes);
}

const run = async (line: string) => {
  const host = fakeHost();
  return { ...(await typeone(line, { host, cwd: folder })), calls: host.calls };
};

describe("disk ls", () => {
  it("is two tables", async () => {
    expect((await run("disk ls")).out).toBe(
      [
        "GUEST  DISK   OF          SIZE  MODE              OVERLAY   READ  WRITTEN  ERRORS  STATE",
        "web    disk0  data       4 GiB  rw                      -  5 MiB  136 KiB       0  ok",
        "web    disk1  data+2048  4 GiB  overlay  3 MiB of 512 MiB  5 MiB  136 KiB       0  ok",
        "db     disk0  empty RAM  1 MiB  rw                      -  5 MiB  136 KiB       2  failed",
        "",
        "HOST DISK   SIZE  MODE  USERS   READ  WRITTEN  ERRORS  STATE  WHERE",
        "data       8 GiB  ro        2  5 MiB  136 KiB       0  ok     pci 00:08.0",
        "",
      ].join("\n"),
    );
  });

  it("is of one guest, JSON, or names", async () => {
    const { out } = await run("block-list db");
    expect(out).toMatch(/^GUEST[^\n]*\ndb [^\n]*\n$/);
    expect(JSON.parse((await run("disk ls --json")).out)).toEqual(FAKE_DISKS);
    expect((await run("disk ls -q")).out).toBe("data\n");
    expect((await run("disk ls nobody")).code).toBe(3);
  });

  it("counts", async () => {
    const { out } = await run("disk stats web");
    expect(out.split("\n")[1]).toBe(
      "web disk0  1,200  5,242,880      34  139,264        3         0       0          0       7",
    );
    expect((await run("disk stats")).out).toContain("host data");
  });
});

describe("disk attach", () => {
  it.each([
    ["data", { source: { disk: "data" }, readOnly: false }],
    ["disk0,ro", { source: { disk: "disk0" }, readOnly: true }],
    [
      "data,overlay=1M,rate=1MB/s",
      { rate: 1_000_000, source: { disk: "data" }, readOnly: false, overlayBytes: 1 << 20 },
    ],
    ["size=8M,queues=2", { queues: 2, source: { bytes: 8 << 20 }, readOnly: false }],
    ["file=x.img", { source: { file: path.join(folder, "x.img") }, readOnly: false }],
  ])("%s", async (text, disk) => {
    const { code, err, calls } = await run(`disk attach web ${text}`);
    expect(code).toBe(0);
    expect(err).toContain("web: disk2 attached, at pci 00:03.0\n");
    const [call = ""] = calls;
    expect(call.startsWith("attach web ")).toBe(true);
    expect(JSON.parse(call.slice("attach web ".length))).toEqual(disk);
  });

  it.each([
    ["dat", 3, /the host has no disk dat\nfix: did you mean data\?/],
    ["disk1", 3, /the host has no disk disk1/],
    ["zebra", 3, /the host has no disk zebra\nfix: it has data/],
    ["data,overly=1M", 2, /typeone disk attach: error: there is no "overly" here\n {2}fix: did you mean "overlay"/],
    ["data,queues=9", 2, /error: queues: 9 is out of range\n {2}fix: write 1 to 8/],
    ["file=gone.img", 2, /error: file: there is no file .*gone.img/],
    ["file=odd.img", 2, /100 bytes, which are no whole sectors/],
    ["./x.img", 2, /"\.\/x.img" is a file's name\n {2}fix: write "file=.\/x.img"/],
  ])("%s is refused", async (text, wanted, message) => {
    const { code, err, calls } = await run(`disk attach web ${text}`);
    expect([code, calls]).toEqual([wanted, []]);
    expect(err).toMatch(message);
  });

  it("answers JSON", async () => {
    expect(JSON.parse((await run("disk attach web data --json")).out)).toMatchObject({ guest: "web", index: 2 });
  });
});

describe("disk detach and limit", () => {
  it.each([
    ["detach web 1", 'detach web disks 1 {"force":false,"wait":true}', "web: disk1 detached\n"],
    ["detach web disk0 --force", 'detach web disks 0 {"force":true,"wait":true}', "web: disk0 detached\n"],
    ["detach web cow --no-wait", 'detach web disks 1 {"force":false,"wait":false}', "web: disk1 asked for\n"],
    ["detach web 0 -t 1.5", 'detach web disks 0 {"force":false,"wait":true,"timeoutMs":1500}', "web: disk0 detached\n"],
    [
      "limit web 0 --rate 1MiB/s --iops 5000",
      'limits web disks 0 {"rate":1048576,"iops":5000}',
      "web: disk0 limited to 1 MiB/s, 5,000 requests/s\n",
    ],
    ["limit web 0 --rate none", 'limits web disks 0 {"rate":0}', "web: disk0 limited to any rate, any requests/s\n"],
    [
      "limit web 1 --overlay 1GiB",
      'limits web disks 1 {"overlayBytes":1073741824}',
      "web: disk1 limited to any rate, any requests/s\n",
    ],
  ])("%s", async (line, call, said) => {
    expect(await run(`disk ${line}`)).toMatchObject({ code: 0, calls: [call], err: said });
  });

  it.each([
    ["detach web 5", 3, "guest web has no disk 5\nfix: it has disk0, disk1"],
    ["detach web data", 2, "data is the name of several\nfix: say which: disk0, disk1"],
    ["detach nobody 0", 3, "nobody"],
    ["limit web 0", 2, "say --rate, --iops, --overlay"],
    ["limit web 0 --rate fast", 2, '--rate: "fast" is no rate'],
    ["limit web 0 --iops many", 2, "--iops must be a whole number"],
    ["limit web 0 --overlay 1GB", 2, "--overlay must be a size"],
  ])("%s is refused", async (line, code, message) => {
    const result = await run(`disk ${line}`);
    expect([result.code, result.calls]).toEqual([code, []]);
    expect(result.err).toContain(message);
  });
});

describe("net ls and stats", () => {
  it("is a table, network by network", async () => {
    expect((await run("net ls")).out).toBe(
      [
        "NETWORK  PORT       MAC                VLAN      RATE  LINK  STATE",
        "lan      host nic0  02:54:31:00:00:01     -         -  up    ok",
        "lan      web net0   52:54:00:00:00:01    10  10 MiB/s  up    ok     isolated, mtu 1400",
        "lan      db net0    52:54:00:00:00:09     -         -  down  ok",
        "alone    -          -                     -         -  -     -",
        "",
      ].join("\n"),
    );
  });

  it("is of one guest, JSON, or names", async () => {
    expect((await run("network-list db")).out).toMatch(/^NETWORK[^\n]*\nlan +db net0 [^\n]*\n$/);
    expect(JSON.parse((await run("net ls -o json")).out)).toEqual(FAKE_NETWORKS);
    expect((await run("network ls -q")).out).toBe("lan\nalone\n");
  });

  it("counts ports and switches", async () => {
    const { out } = await run("net stats");
    expect(out).toContain("lan      web net0      1,500  120,000        2   900  80,000        0       0\n");
    expect(out).toContain("\n\nNETWORK  PORTS  UPLINK  STATIONS  TO ONE  TO ALL  TO NONE\n");
    expect(out).toContain("lan          2  nic0           3   2,400      12        1\n");
  });
});

describe("net attach, detach and limit", () => {
  it.each([
    [
      "attach web lan",
      'attach web {"network":"lan","isolated":false}',
      "web: net1 attached to lan as 52:54:00:00:00:02, at pci 00:11.0\n",
    ],
    ["detach web 0", 'detach web nets 0 {"force":false,"wait":true}', "web: net0 detached\n"],
    ["detach web 52:54:00:00:00:01 -f", 'detach web nets 0 {"force":true,"wait":true}', "web: net0 detached\n"],
    ["limit web net0 --rate 8Mbit/s", 'limits web nets 0 {"rate":1000000}', "web: net0 limited to 976.6 KiB/s\n"],
  ])("%s", async (line, call, said) => {
    expect(await run(`net ${line}`)).toMatchObject({ code: 0, calls: [call], err: said });
  });

  it("says when a network is new and looks like another", async () => {
    const { code, err } = await run("net attach web lam,vlan=3");
    expect([code, err]).toEqual([0, expect.stringContaining("there was no network lam before; did you mean lan?")]);
  });

  it.each([
    ["attach web lan,mac=01:00:00:00:00:00", 2, "is a multicast address"],
    ["attach web lan,vlan=0", 2, "vlan: 0 is out of range"],
    ["detach web 3", 3, "guest web has no net 3\nfix: it has net0"],
    ["limit web 0", 2, "rate is missing"],
  ])("%s is refused", async (line, code, message) => {
    const result = await run(`net ${line}`);
    expect([result.code, result.calls]).toEqual([code, []]);
    expect(result.err).toContain(message);
  });
});

describe("info", () => {
  it("names a guest's disks and networks", async () => {
    const { out } = await run("info web");
    expect(out).toMatch(
      /^disks +disk0 of data, 4 GiB\n {2,}disk1 of data, 4 GiB, overlay\nnetworks +net0 on lan, 52:54:00:00:00:01, VLAN 10\n/m,
    );
    expect(JSON.parse((await run("info db --json")).out)).toMatchObject({
      disks: [{ state: "failed" }],
      networks: [{ network: "lan" }],
    });
  });
});

describe("help", () => {
  it("shows the verbs, and one with its words", async () => {
    expect((await run("disk --help")).out).toContain("attach");
    const { out } = await run("disk attach --help");
    expect(out).toContain("Usage: typeone disk attach [options] NAME DISK");
    expect(out).toContain("overlay=SIZE");
    expect((await run("--help")).out).toContain("its disks, and the host's");
  });
});
