// SPDX-License-Identifier: Apache-2.0
// Disks and networks in a configuration: what is wrong with them is said with line and fix, and what is right is kept.
import { truncateSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { Folder } from "../../test/files.ts";

const folder = new Folder();
afterAll(() => folder.remove());

const qcow2 = Buffer.alloc(512);
qcow2.write("QFI\xfb", 0, "latin1");
qcow2.writeBigUInt64BE(8n << 20n, 24);
folder.write("q.qcow2", qcow2);
folder.write("hidden.img", qcow2);
for (const name of ["data.img", "other.img"]) truncateSync(folder.write(name, ""), 1 << 20);
folder.write("odd.img", "odd");
folder.write("nothing.img", "");
folder.write("folder/x", "");

/** A system in YAML. Line 1: disks, 2: networks, 3: guest a, 4: guest b. */
function system(parts: { disks?: string; networks?: string; a?: string; b?: string; host?: string }): string {
  const guest = (name: string, more: string): string =>
    `{name: ${name}, kernel: Image, memory: 64${more === "" ? "" : `, ${more}`}}`;
  return [
    `disks: {${parts.disks ?? "data: ./data.img, q: q.qcow2"}}`,
    `networks: {${parts.networks ?? "lan: user, wan: none"}}`,
    `guests: [${guest("a", parts.a ?? "")},`,
    `         ${guest("b", parts.b ?? "")}]`,
    ...(parts.host === undefined ? [] : [`host: {${parts.host}}`]),
  ].join("\n");
}
const disk = (text: string) => system({ a: `disks: [${text}]` });
const net = (text: string) => system({ a: `networks: [${text}]` });

type Case = readonly [name: string, text: string, ...expected: RegExp[]];

const CASES: readonly Case[] = [
  // The system's.
  [
    "a disk's name",
    system({ disks: '"a b": data.img' }),
    /^s.yaml:1:\d+: error: disks\["a b"\]: "a b" will not do: a disk's name is 1 to 20/,
  ],
  [
    "no file",
    system({ disks: "data: dta.img" }),
    /^s.yaml:1:9: error: disks.data.file: there is no file dta.img\n {2}fix: did you mean data.img\?\n {7}or give the disk a size/,
  ],
  ["a folder", system({ disks: "data: folder" }), /disks.data.file: folder is a folder/],
  ["an empty file", system({ disks: "data: nothing.img" }), /disks.data.file: nothing.img is empty/],
  [
    "qcow2 as raw",
    system({ disks: "data: hidden.img" }),
    /disks.data.format: hidden.img is a qcow2 image, not a raw one\n {2}fix: write format: "qcow2"/,
  ],
  [
    "raw as qcow2",
    system({ disks: "data: {file: data.img, format: qcow2}" }),
    /disks.data.format: data.img is no qcow2 image\n {2}fix: write format: "raw"/,
  ],
  [
    "a size that does not count",
    system({ disks: "data: {file: data.img, size: 2MiB}" }),
    /warning: disks.data.size: 2 MiB do not count: data.img is there, with 1 MiB/,
  ],
  [
    "a qcow2 that would be made",
    system({ disks: "data: {file: no.qcow2, size: 2MiB}" }),
    /there is no file no.qcow2, and only raw files are made\n {2}fix: make it: qemu-img create/,
  ],
  ["a decimal size", system({ disks: "data: {size: 2GB}" }), /disks.data.size: 2GB is not clear/],
  [
    "a format",
    system({ disks: "data: {file: data.img, format: vmdk}" }),
    /disks.data.format: must be one of raw, qcow2, not "vmdk"/,
  ],
  [
    "an unknown setting of a disk",
    system({ disks: "data: {file: data.img, readonly: true}" }),
    /disks.data.readonly: there is no setting "readonly"\n {2}fix: did you mean "readOnly"\?/,
  ],
  [
    "a disk of another type",
    system({ disks: "data: 7" }),
    /^s.yaml:1:9: error: disks.data: must be a text or a group of settings, not 7/,
  ],
  [
    "one file twice",
    system({ disks: "data: data.img, more: ./data.img" }),
    /disks.more.file: is the same file as disk data, and one of them may be written/,
  ],
  [
    "a name that means an order",
    system({ disks: "disk1: data.img" }),
    /disks.disk1: "disk1" also means disk 1 in the order of the list, and this is disk 0/,
  ],
  [
    "nine disks",
    system({ disks: Array.from({ length: 9 }, (_, i) => `d${i}: {size: 1MiB}`).join(", ") }),
    /error: disks: 9 are too many: the limit is 8/,
  ],
  [
    "nine networks",
    system({ networks: Array.from({ length: 9 }, (_, i) => `n${i}: none`).join(", ") }),
    /error: networks: 9 are too many: the limit is 8/,
  ],
  [
    "five NICs",
    system({ networks: Array.from({ length: 5 }, (_, i) => `n${i}: user`).join(", ") }),
    /networks.n4.uplink: 5 networks have an uplink; the host has at most 4 NICs/,
  ],
  [
    "a network's name",
    system({ networks: "abcdefghijklmnop: user" }),
    /"abcdefghijklmnop" will not do: a network's name is 1 to 15/,
  ],
  [
    "an uplink",
    system({ networks: "lan: usr" }),
    /networks.lan: must be one of user, none, not "usr"\n {2}fix: did you mean "user"\?/,
  ],
  [
    "an uplink, long",
    system({ networks: "lan: {uplink: tap0}" }),
    /networks.lan.uplink: must be one of user, none, not "tap0"/,
  ],
  [
    "a forward",
    system({ networks: "lan: {uplink: user, forwards: ['2222:22']}" }),
    /networks.lan.forwards\[0\]: "2222:22" is no forwarded port\n {2}fix: write it like "127.0.0.1:2222 -> 10.0.2.15:22"/,
  ],
  [
    "a forward to elsewhere",
    system({ networks: "lan: {uplink: user, forwards: ['22 -> 10.0.3.1:22']}" }),
    /10.0.3.1 is not in the user network/,
  ],
  [
    "a port that is none",
    system({ networks: "lan: {uplink: user, forwards: ['70000 -> 22']}" }),
    /there is no port 70000/,
  ],
  [
    "an address that is none",
    system({ networks: "lan: {uplink: user, forwards: ['1.2.3.400:70 -> 22']}" }),
    /1.2.3.400 is no address/,
  ],
  [
    "a forward without uplink",
    system({ networks: "lan: {forwards: ['2222 -> 22']}" }),
    /networks.lan.forwards: ports are forwarded into a network without an uplink\n {2}fix: add uplink: "user"/,
  ],
  [
    "a port twice",
    system({
      networks: "lan: {uplink: user, forwards: ['2222 -> 22']}, wan: {uplink: user, forwards: ['2222 -> 23']}",
    }),
    /networks.wan.forwards\[0\]: port 2222 of this machine leads into network lan already/,
  ],
  // A guest's disks.
  [
    "an unknown disk",
    disk("dat"),
    /^s.yaml:3:\d+: error: guests\[0\].disks\[0\].from: there is no disk dat\n {2}fix: did you mean "data"\?/,
  ],
  [
    "an unknown disk, none there",
    system({ disks: "", a: "disks: [web]" }),
    /there is no disk web\n {2}fix: name it under the system's disks: web: ".\/web.img"/,
  ],
  ["a disk by order that is not there", disk("disk2"), /there is no disk disk2/],
  [
    "a file's name as a disk",
    disk("./x.img"),
    /guests\[0\].disks\[0\]: ".\/x.img" is a file's name\n {2}fix: write "file=.\/x.img"/,
  ],
  ["a word of a disk", disk('"data,overlay"'), /disks\[0\]: overlay has no value\n {2}fix: write overlay=…/],
  [
    "an unknown word of a disk",
    disk('"data,overly=1M"'),
    /there is no "overly" here\n {2}fix: did you mean "overlay"\?/,
  ],
  ["no source", disk('"ro"'), /there is no disk ro/],
  ["no source at all", disk('"overlay=1M"'), /disks\[0\]: does not say what the disk is of/],
  ["two sources", disk('"size=1M,file=data.img"'), /has more than one source/],
  ["a RAM disk of nothing", disk("{from: {}}"), /disks\[0\].from: is made of a file or has a size, one of them/],
  [
    "a RAM disk's unknown setting",
    disk("{from: {fil: x}}"),
    /disks\[0\].from.fil: there is no setting "fil"\n {2}fix: did you mean "file"\?/,
    /disks\[0\].from: is made of a file or has a size/,
  ],
  ["a RAM disk's file", disk("'file=gone.img'"), /disks\[0\].from.file: there is no file gone.img/],
  [
    "a RAM disk of odd bytes",
    disk("'file=odd.img'"),
    /the file has 3 bytes, which are no whole sectors of 512\n {2}fix: fill it up: truncate -s %512 odd.img/,
  ],
  ["a RAM disk of qcow2", disk("'file=q.qcow2'"), /the file is a qcow2 image; a RAM disk's content is raw/],
  ["an overlay's size", disk('"data,overlay=1GB"'), /disks\[0\].overlay: 1GB is not clear/],
  ["an overlay too small", disk('"data,overlay=4KiB"'), /4 KiB is out of range\n {2}fix: write 64 KiB to 1 TiB/],
  [
    "an overlay above the host",
    disk('"data,overlay=2GiB"'),
    /disks\[0\].overlay: up to 2 GiB are kept in memory, but the host has 1 GiB/,
  ],
  ["queues", disk('"data,queues=9"'), /disks\[0\].queues: 9 is out of range\n {2}fix: write 1 to 8/],
  [
    "a serial too long",
    disk(`{from: data, serial: ${"a".repeat(21)}}`),
    /disks\[0\].serial: .* will not do: a serial is 1 to 20/,
  ],
  ["a rate", disk('"data,rate=fast"'), /disks\[0\].rate: "fast" is no rate\n {2}fix: write bytes a second, or/],
  ["a bus", disk('"data,bus=scsi"'), /disks\[0\].bus: must be one of pci, mmio, not "scsi"/],
  [
    "a slice of bytes",
    disk("{from: data, slice: {first: 100B}}"),
    /disks\[0\].slice.first: 100B is not in whole sectors of 512 bytes/,
  ],
  [
    "a slice beyond the disk",
    disk('"data,slice=2048+1"'),
    /disks\[0\].slice: sectors 2048 to 2048 leave disk data, which has 2048 sectors \(1 MiB\)\n {2}fix: begin below sector 2048/,
  ],
  [
    "a slice too long",
    disk('"data,slice=1024+1MiB"'),
    /sectors 1024 to 3071 leave disk data.*\n {2}fix: write at most 1024 sectors/,
  ],
  ["a slice beyond a qcow2", disk('"q,slice=0+16385"'), /which has 16384 sectors \(8 MiB\)/],
  [
    "a slice beyond a disk that is to be made",
    system({ disks: "data: {size: 1MiB}", a: 'disks: ["data,slice=2048+"]' }),
    /which has 2048 sectors/,
  ],
  [
    "a read-only disk written",
    system({ disks: "data: {file: data.img, readOnly: true}", a: "disks: [data]" }),
    /disks\[0\].from: disk data of the host is read-only\n {2}fix: add readOnly: true \(ro\), or an overlay/,
  ],
  [
    "two writers",
    system({ a: "disks: [data]", b: "disks: [data]" }),
    /^s.yaml:4:\d+: error: guests\[1\].disks\[0\].from: guest a writes disk data too: that destroys what is on it\n {2}fix: add an overlay or readOnly/,
  ],
  [
    "two writers, by name and order",
    system({ a: "disks: [data]", b: "disks: [disk0]" }),
    /error: guests\[1\].disks\[0\].from: guest a writes disk data too/,
  ],
  [
    "two writers in one guest",
    disk("data, data"),
    /guests\[0\].disks\[1\].from: another disk of this guest writes disk data too/,
  ],
  [
    "overlapping slices",
    system({ a: 'disks: ["data,slice=0+1024"]', b: 'disks: ["data,slice=1023+"]' }),
    /guest a writes sectors 1023 to 2047 of disk data too/,
  ],
  [
    "two writers, not at once",
    system({ a: "disks: [data]", b: "disks: [data], autostart: false" }),
    /^s.yaml:4:\d+: warning: guests\[1\].disks\[0\].from: guest a writes disk data too/,
  ],
  [
    "a reader under a writer",
    system({ a: "disks: [data]", b: 'disks: ["data,ro"]' }),
    /warning: guests\[1\].disks\[0\].from: guest a writes disk data, which changes under this one/,
  ],
  [
    "a writer over an overlay",
    system({ a: 'disks: ["data,overlay=1M"]', b: "disks: [data]" }),
    /warning: guests\[1\].disks\[0\].from: guest a reads disk data, which changes under it/,
  ],
  [
    "nine disks of a guest",
    disk(Array.from({ length: 9 }, () => "'size=1M'").join(", ")),
    /guests\[0\].disks: 9 are too many: the limit is 8/,
  ],
  [
    "nine MMIO devices",
    system({ a: `disks: [${Array.from({ length: 8 }, () => "'size=1M,bus=mmio'").join(", ")}], rng: {bus: mmio}` }),
    /9 devices are on bus mmio, which has 8 slots/,
  ],
  [
    "RAM disks above the host",
    disk("'size=1GiB'"),
    /guests\[0\].memory: up to this guest, guests take 1.1 GiB|guests\[0\].memory: up to this guest/,
  ],
  ["a slice of nothing", disk("{from: data, slice: {sectors: 0}}"), /a part of a disk has at least a sector/],
  // A guest's networks.
  [
    "an unknown network",
    net("lam"),
    /guests\[0\].networks\[0\].network: there is no network lam\n {2}fix: did you mean "lan"\?/,
  ],
  [
    "no network there",
    system({ networks: "", a: "networks: [lan]" }),
    /there is no network lan\n {2}fix: name it under the system's networks: lan: "user"/,
  ],
  ["a MAC", net('"lan,mac=52:54:00"'), /networks\[0\].mac: "52:54:00" is no MAC address\n {2}fix: write it like/],
  [
    "a multicast MAC",
    net('"lan,mac=53:54:00:00:00:01"'),
    /53:54:00:00:00:01 is a multicast address, which no single interface can have\n {2}fix: write "52:54:00:00:00:01"/,
  ],
  ["a zero MAC", net('"lan,mac=00:00:00:00:00:00"'), /the address is all zero/],
  [
    "one MAC twice",
    system({ a: 'networks: ["lan,mac=52:54:00:00:00:01"]', b: 'networks: ["lan,mac=52-54-00-00-00-01"]' }),
    /guests\[1\].networks\[0\].mac: guest a has 52:54:00:00:00:01 on network lan too/,
  ],
  ["a VLAN", net('"lan,vlan=4095"'), /networks\[0\].vlan: 4095 is out of range\n {2}fix: write 1 to 4094/],
  ["an MTU", net("{network: lan, mtu: 60}"), /networks\[0\].mtu: 60 is out of range\n {2}fix: write 68 to 9000/],
  ["a word of a network", net('"lan,isolate"'), /there is no "isolate" here\n {2}fix: did you mean "isolated"\?/],
  ["no name of a network", net('"mac=1"'), /networks\[0\]: does not say which network/],
  [
    "a missing network",
    net("{vlan: 1}"),
    /networks\[0\].network: is missing\n {2}fix: write for example network: "lan"/,
  ],
  ["five interfaces", net("lan, lan, lan, lan, lan"), /guests\[0\].networks: 5 are too many: the limit is 4/],
  // Other devices.
  [
    "aia on a host without",
    system({ a: "interrupts: aia" }),
    /warning: guests\[0\].interrupts: the guest wants aia, .*\n {2}fix: write aia: "aplic-imsic" for the host/,
  ],
  ["consoles", system({ a: "consoles: 5" }), /guests\[0\].consoles: 5 is out of range/],
  [
    "an unknown setting of a console",
    system({ a: "consoles: {port: 1}" }),
    /consoles.ports: is missing/,
    /consoles.port: there is no setting "port"\n {2}fix: did you mean "ports"/,
  ],
  ["interrupts", system({ a: "interrupts: gic" }), /guests\[0\].interrupts: must be one of plic, aia, not "gic"/],
  ["hot-plug slots", system({ a: "hotplug: 5" }), /guests\[0\].hotplug: 5 is out of range\n {2}fix: write 0 to 4/],
  [
    "another word for disks",
    system({ a: "drives: [data]" }),
    /there is no setting "drives"\n {2}fix: did you mean "disks"\?/,
  ],
  [
    "another word for networks",
    system({ a: "vif: [lan]" }),
    /there is no setting "vif"\n {2}fix: did you mean "networks"\?/,
  ],
];

describe("broken disks and networks", () => {
  it.each(CASES.map((sample) => [sample[0], sample] as const))("%s", async (_, [, text, ...expected]) => {
    const { system: loaded } = await folder.load("s.yaml", text);
    const found = await folder.problems("s.yaml", text);
    expect(found, found.join("\n")).toHaveLength(expected.length);
    for (const [i, wanted] of expected.entries()) expect(found[i]).toMatch(wanted);
    expect(loaded === undefined).toBe(found.some((line) => /^[^\n]*: error: /.test(line)));
  });

  it("in other forms stands at its line too", async () => {
    const toml =
      '[disks]\ndata = "gone.img"\n[[guests]]\nname = "a"\nkernel = "Image"\nmemory = 64\nnetworks = ["lan"]\n';
    expect(await folder.problems("s.toml", toml)).toEqual([
      expect.stringMatching(/^s.toml:2:1: error: disks.data.file: there is no file gone.img/),
      expect.stringMatching(/^s.toml:7:\d+: error: guests\[0\].networks\[0\].network: there is no network lan/),
    ]);
    const ts =
      "export default {\n disks: { data: { file: './data.img' } },\n guests: [{ name: 'a', kernel: 'Image', memory: 64,\n  disks: ['daata'] }] };\n";
    expect(await folder.problems("s.ts", ts)).toEqual([
      expect.stringMatching(/^s.ts:4:\d+: error: guests\[0\].disks\[0\].from: there is no disk daata/),
    ]);
    const dts =
      '/dts-v1/;\n/ { chosen { a { compatible = "xen,domain"; memory = <0x10000>;\n  m { compatible = "multiboot,kernel"; typeone,file = "Image"; };\n  disk@0 { compatible = "typeone,disk";\n    typeone,source = "data"; };\n}; }; };\n';
    expect(await folder.problems("s.dts", dts)).toEqual([
      expect.stringMatching(/^s.dts:5:5: error: \/chosen\/a\/disk@0: typeone,source: there is no disk data/),
    ]);
  });

  it("of one guest's file: networks are its own, disks are the system's", async () => {
    const text = "name: a\nkernel: Image\nmemory: 64\nnetworks: [lan]\ndisks: [data]\n";
    expect(await folder.problems("s.yaml", text)).toEqual([
      expect.stringMatching(/^s.yaml:5:\d+: error: disks.0.from: there is no disk data: only a system names disks/),
    ]);
    const running = { harts: 2, memoryBytes: 1 << 30 };
    expect(await folder.problems("s.yaml", text, { running })).toEqual([]);
    expect(await folder.problems("s.yaml", text, { running: { ...running, disks: ["root"] } })).toHaveLength(1);
    expect(await folder.problems("s.yaml", text, { running: { ...running, disks: ["data"] } })).toEqual([]);
  });
});
