// SPDX-License-Identifier: Apache-2.0
// disk and vif of xl.cfg: the forms that its manuals give, and what becomes of them.
import { truncateSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { Folder } from "../../test/files.ts";
import type { System } from "../index.ts";
import { readXlDisk, readXlVif } from "./xl-devices.ts";

const folder = new Folder();
afterAll(() => folder.remove());
truncateSync(folder.write("root.img", ""), 1 << 20);

describe("disk", () => {
  const file = { name: "d.img", settings: { file: "/x/d.img" } };
  const raw = { name: "d.img", settings: { file: "/x/d.img", format: "raw" } };
  const ro = { disk: { from: "data", readOnly: true } };
  it.each<readonly [string, object]>([
    ["data", { disk: { from: "data" } }],
    ["data,raw,xvda,rw", { disk: { from: "data" } }],
    ["data,,xvda,r", ro],
    ["data, raw, vda, ro", ro],
    ["format=raw, vdev=hda, access=ro, target=data", ro],
    ["raw:data,vda,r", ro],
    ["/x/d.img,raw,xvda,rw", { disk: { from: "d.img" }, host: raw }],
    ["/x/d.img,,hda", { disk: { from: "d.img" }, host: file }],
    ["file:/x/d.img,xvda,w", { disk: { from: "d.img" }, host: file }],
    ["phy:/dev/vg0/lv0,xvda,w", { disk: { from: "lv0" }, host: { name: "lv0", settings: { file: "/dev/vg0/lv0" } } }],
    [
      "qcow2:/x/d.q,vda",
      { disk: { from: "d.q" }, host: { name: "d.q", settings: { file: "/x/d.q", format: "qcow2" } } },
    ],
    [
      "access=rw,target=/x/a,b.img",
      { disk: { from: "a-b.img" }, host: { name: "a-b.img", settings: { file: "/x/a,b.img" } } },
    ],
  ])("%j", (text, expected) => expect(readXlDisk(text)).toEqual({ ...expected, remarks: [] }));

  it.each<readonly [string, RegExp]>([
    ["", /it names no target/],
    [",empty,hdc,cdrom", /CD drive|no target/],
    ["data,vhd,xvda", /format vhd is not supported/],
    ["data,raw,xvda,x", /"x" is no access/],
    ["data,raw,xvda,rw,more", /"more" is one part too many/],
    ["data,raw,xvda,backend=dom1", /backend is ignored/],
    ["data,acess=rw", /acess= is ignored/],
    ["/x/cd.iso,raw,hdc:cdrom,r", /a CD drive is a read-only disk/],
  ])("%j is remarked upon", (text, message) => {
    expect(
      readXlDisk(text)
        .remarks.map((remark) => remark.message)
        .join("\n"),
    ).toMatch(message);
  });

  it("gives long names their end", () => {
    expect(readXlDisk("/x/a-very-long-name-of-a-disk.img").disk).toEqual({ from: "g-name-of-a-disk.img" });
  });
});

describe("vif", () => {
  it.each<readonly [string, object]>([
    ["", { network: "xenbr0" }],
    ["bridge=lan", { network: "lan" }],
    ["mac=00:16:3e:00:00:01,bridge=lan,model=e1000,type=vif", { network: "lan", mac: "00:16:3e:00:00:01" }],
    ["rate=10Mb/s@20ms, bridge=lan, mtu=9000, vlan=3", { network: "lan", rate: "10Mb/s", mtu: 9000, vlan: 3 }],
  ])("%j", (text, network) => expect(readXlVif(text)).toEqual({ network, remarks: [] }));

  it.each<readonly [string, RegExp]>([
    ["script=vif-nat", /script is ignored/],
    ["brigde=lan", /"brigde=lan" is ignored/],
  ])("%j is remarked upon", (text, message) => {
    expect(
      readXlVif(text)
        .remarks.map((remark) => remark.message)
        .join("\n"),
    ).toMatch(message);
  });
});

describe("a guest with both", () => {
  const BASE = 'name = "x"\nkernel = "Image"\nmemory = 64\n';

  it("whose disk is a file is a system with that disk", async () => {
    const text = `${BASE}disk = [ 'root.img,raw,xvda,rw' ]\nvif = [ 'bridge=lan,rate=10Mb/s' ]\n`;
    const { system, problems } = await folder.load("x.cfg", text);
    expect(problems).toEqual([]);
    const { disks, networks, guests } = system as System;
    expect(disks).toEqual([{ name: "root.img", file: folder.file("root.img"), format: "raw", readOnly: false }]);
    expect(networks).toEqual([{ name: "lan", uplink: "none", forwards: [] }]);
    expect(guests[0]).toMatchObject({
      disks: [{ source: { disk: "root.img" }, readOnly: false }],
      networks: [{ network: "lan", rate: 1_250_000 }],
    });
  });

  it("is told where a file is missing, and what the guest will see", async () => {
    const text = `${BASE}root = "/dev/xvda1"\ndisk = [\n 'root.img,raw,xvda,rw',\n 'gone.img,raw,xvdb,w' ]\nvif = ['mac=1']\n`;
    expect(await folder.problems("x.cfg", text)).toEqual([
      expect.stringMatching(/^x.cfg:7:2: error: disk: there is no file gone.img/),
      expect.stringMatching(/^x.cfg:8:8: error: vif: "1" is no MAC address/),
      expect.stringMatching(/^x.cfg:5:1: warning: disk: guests see vda, vdb, … in the order of the list/),
    ]);
  });
});
