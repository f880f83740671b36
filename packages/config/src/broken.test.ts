// SPDX-License-Identifier: Apache-2.0
// A broken configuration of every kind: what a person reads, with line and fix. All problems come at once, nothing is
// thrown, and nothing that is broken gives a system.
import { afterAll, describe, expect, it } from "vitest";
import { Folder, imageHeader } from "../test/files.ts";

const folder = new Folder();
afterAll(() => folder.remove());

folder.write("empty", "");
folder.write("folder/x", "");
folder.write("gzip", Uint8Array.of(0x1f, 0x8b, 8, 0));
folder.write("elf", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 243, 0));
folder.write("elf-x86", Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0));
const bzImage = Buffer.alloc(0x300);
bzImage.write("MZ", 0, "latin1");
bzImage.write("HdrS", 0x202, "latin1");
folder.write("bzImage", bzImage);
const arm = Buffer.alloc(64);
arm.write("ARM\x64", 0x38, "latin1");
folder.write("arm64", arm);
folder.write("big-endian", imageHeader({ flags: 1n }));
folder.write("crooked", imageHeader({ offset: 0x1000n }));
folder.write("text", "#!/bin/sh\necho not a kernel\n");
folder.write("zboot", Buffer.from("MZ\0\0zimg....", "latin1"));
folder.write("flat", Uint8Array.of(0x13, 0, 0, 0));
folder.sparse("large", imageHeader({ size: 40n << 20n }), 1 << 20);
folder.sparse("initrd-large", Uint8Array.of(0), 30 << 20);
folder.write("tree.dtb", "not a tree");
folder.write("tree.dts", "/dts-v1/;\n/ {\n  a = <&x>;\n};\n");

/** One guest in YAML; its lines are 2 (name), 3 (kernel), 4 (memory), 5 and on (more). */
const guest = (more: string, base = {}): string => {
  const lines = { name: "a", kernel: "Image", memory: "64MiB", ...base };
  const settings = Object.entries(lines).map(([key, value]) => `${key}: ${value}`);
  return [
    "guests:",
    `  - ${settings.join("\n    ")}`,
    ...more
      .split("\n")
      .filter(Boolean)
      .map((line) => `    ${line}`),
  ].join("\n");
};
const two = (first: string, second: string, host = ""): string =>
  [
    `${host}`,
    "guests:",
    `  - {name: a, kernel: Image, memory: 64, ${first}}`,
    `  - {name: b, kernel: Image, memory: 64, ${second}}`,
  ].join("\n");

type Case = readonly [name: string, file: string, text: string, ...expected: RegExp[]];

const CASES: readonly Case[] = [
  // The text itself.
  ["YAML syntax", "s.yaml", "guests:\n  - name: [a\n", /^s.yaml:3:1: error: .*flow/i],
  [
    "a key twice",
    "s.yaml",
    "host: {}\nhost: {}\n",
    /^s.yaml:2:1: error: Map keys must be unique[\s\S]*fix: remove one/,
  ],
  [
    "a tab in YAML",
    "s.yaml",
    "host:\n\tharts: 2\n",
    /^s.yaml:2:1: error: Tabs are not allowed[\s\S]*fix: indent with blanks/,
  ],
  ["a list on top", "s.yaml", "- a\n", /error: must be a group of settings \(host, guests\), not \["a"\]/],
  ["an empty file", "s.yaml", "", /error: must be a group of settings/],
  ["JSON syntax", "s.json", '{\n "host": {\n', /^s.json:3:1: error/],
  ["JSON with a comma", "s.json", '{\n "host": {},\n}\n', /^s.json:3:1: error: .*fix: JSON wants double quotes/s],
  ["TOML syntax", "s.toml", "[host]\nharts = = 2\n", /^s.toml:2:9: error/],
  ["TOML key twice", "s.toml", "[host]\nharts = 2\nharts = 3\n", /^s.toml:3:1: error/],
  ["an unknown kind of file", "s.ini", "x", /nothing is known of files that end with .ini\n {2}fix: TypeOne reads .ts/],
  ["no guests in a tree", "s.dts", "/dts-v1/;\n/ { };\n", /has no guests: there is no xen,domain node/],
  ["DTS syntax", "s.dts", "/dts-v1/;\n/ {\n  a = <1\n};\n", /^s.dts:4:1: error: expected a number/],
  // TypeScript.
  ["TS syntax", "s.ts", "export default {\n  guests: [ }\n};\n", /^s.ts:2:13: error: Unexpected "}"/],
  [
    "TS that throws",
    "s.ts",
    "const a: any = {};\n\nexport default { x: a.b.c };\n",
    /^s.ts:3:25: error: fails when it is run: Cannot read/,
  ],
  ["TS that throws a text", "s.ts", "throw 'no';\nexport default {};", /error: fails when it is run: no/],
  [
    "TS import",
    "s.ts",
    "import x from './gone.ts';\nexport default x;\n",
    /^s.ts:1:15: error: imports .\/gone.ts, which is not there/,
  ],
  ["TS without default", "s.ts", "export const a = 1;\n", /has no default export\n {2}fix: end the file with/],
  [
    "TS setting",
    "s.ts",
    'import { defineSystem } from "@typeone/config";\nconst a = { name: "a", kernel: "Image",\n memory: "1MB" };\nexport default defineSystem({ guests: [a] });\n',
    /^s.ts:3:2: error: guests\[0\].memory: 1MB is not clear/,
  ],
  [
    "TS computed",
    "s.ts",
    "const make = (i: number) => ({ name: `a b${i}`, kernel: 'Image', memory: 64 });\nexport default {\n  guests: [1].map(make),\n};\n",
    /^s.ts:3:3: error: guests\[0\].name: "a b1" will not do/,
  ],
  // Single settings, in every format.
  [
    "an unknown setting",
    "s.yaml",
    guest("memroy: 1"),
    /^s.yaml:5:5: error: guests\[0\].memroy: there is no setting "memroy"\n {2}fix: did you mean "memory"\?/,
  ],
  ["an unknown setting, other word", "s.yaml", guest("initrd: x"), /fix: did you mean "ramdisk"\?/],
  [
    "an unknown setting, no idea",
    "s.yaml",
    guest("zzzzz: x"),
    /fix: remove it; the settings here are name, kernel, ramdisk/,
  ],
  ["disk is not a setting", "s.yaml", guest("disk: [x]"), /there is no setting "disk"/],
  [
    "an unknown group",
    "s.json",
    '{\n  "hosts": {}\n}',
    /^s.json:2:3: error: hosts: there is no setting "hosts"\n {2}fix: did you mean "host"/,
  ],
  [
    "unknown in TOML",
    "s.toml",
    '[host]\nharts = 2\n[[guests]]\nname = "a"\nkernel = "Image"\nmemory = 64\nvcpu = 2\n',
    /^s.toml:7:1: error: guests\[0\].vcpu: .*\n {2}fix: did you mean "vcpus"/,
  ],
  ["a setting twice removed", "s.toml", "host.hart = 2\n", /^s.toml:1:6: error: host.hart: /],
  [
    "no kernel",
    "s.yaml",
    "guests:\n  - name: a\n    memory: 64\n",
    /^s.yaml:2:5: error: guests\[0\].kernel: is missing\n {2}fix: write for example kernel: "\.\/Image" or "debian"/,
  ],
  [
    "a wrong type",
    "s.yaml",
    guest("vcpus: two"),
    /^s.yaml:5:5: error: guests\[0\].vcpus: must be a number, not "two"\n {2}fix: write for example vcpus: 2/,
  ],
  ["a fraction", "s.yaml", guest("vcpus: 1.5"), /must be a whole number, not 1.5/],
  ["too many vCPUs", "s.yaml", guest("vcpus: 9"), /guests\[0\].vcpus: 9 is out of range\n {2}fix: write 1 to 8/],
  ["too few vCPUs", "s.yaml", guest("vcpus: 0"), /0 is out of range\n {2}fix: write 1 to 8/],
  [
    "a wrong word",
    "s.yaml",
    guest("onCrash: restat"),
    /must be one of destroy, restart, preserve, not "restat"\n {2}fix: did you mean "restart"/,
  ],
  [
    "a name with blanks",
    "s.yaml",
    guest("", { name: "a b" }),
    /^s.yaml:2:5: error: guests\[0\].name: "a b" will not do: a name is 1 to 31 of/,
  ],
  ["a name too long", "s.yaml", guest("", { name: "a".repeat(32) }), /will not do: a name is 1 to 31/],
  [
    "no memory at all",
    "s.yaml",
    guest("", { memory: 0 }),
    /^s.yaml:4:5: error: .*0 bytes is out of range\n {2}fix: write 2 MiB to 1 TiB/,
  ],
  ["memory with a decimal unit", "s.yaml", guest("", { memory: "64MB" }), /64MB is not clear: .*\n {2}fix: write MiB/],
  ["memory in words", "s.yaml", guest("", { memory: "much" }), /"much" is not a size\n {2}fix: write a number of MiB/],
  [
    "memory in bits of pages",
    "s.yaml",
    guest("", { memory: "4097KiB" }),
    /is not in whole pages of 4 KiB\n {2}fix: write "5 MiB"/,
  ],
  ["memory of another type", "s.yaml", guest("", { memory: "true" }), /must be a number or a text, not true/],
  ["harts in words", "s.yaml", guest("affinity: first"), /"first" names no harts\n {2}fix: write harts like/],
  ["harts backwards", "s.yaml", guest("affinity: 3-1"), /3-1 runs backwards\n {2}fix: write 1-3/],
  ["no harts", "s.yaml", guest("affinity: 1,^1"), /no hart is left/],
  ["static memory off its boundary", "s.yaml", guest('staticMemory: "0xa0001000"'), /is not a multiple of 2 MiB/],
  [
    "static memory in words",
    "s.yaml",
    guest("staticMemory: low"),
    /"low" is not an address\n {2}fix: write it like "0xa0000000", or true/,
  ],
  [
    "too many harts",
    "s.yaml",
    "host: {harts: 17}",
    /^s.yaml:1:8: error: host.harts: 17 is out of range\n {2}fix: write 1 to 16/,
  ],
  [
    "too many guests",
    "s.yaml",
    `guests:\n${Array.from({ length: 65 }, (_, i) => `  - {name: g${i}, kernel: Image, memory: 4, autostart: false}`).join("\n")}`,
    /guests: 65 are too many: the limit is 64/,
  ],
  // Several settings at once.
  [
    "one name twice",
    "s.yaml",
    two("", "name: a").replace("name: b, ", ""),
    /^s.yaml:4:\d+: error: guests\[1\].name: there is already a guest a/,
  ],
  [
    "more memory than the host has",
    "s.yaml",
    two("", "", "host: {memory: 128}"),
    /^s.yaml:4:.*guests\[1\].memory: up to this guest, guests take 128 MiB and the hypervisor and their files 22 MiB, but the host has 128 MiB\n {2}fix: give the host at least "150MiB"/,
  ],
  [
    "static memory that does not fit",
    "s.yaml",
    two("staticMemory: true", "staticMemory: true", "host: {memory: 300}"),
    /guests\[0\].memory: .*give the host at least "324MiB"/s,
  ],
  [
    "overlapping static memory",
    "s.yaml",
    two('staticMemory: "0xa0000000"', 'staticMemory: "0xa2000000"'),
    /guests\[1\].staticMemory: 0xa2000000 to 0xa5ffffff overlaps the memory of a, 0xa0000000 to 0xa3ffffff\n {2}fix: begin at 0xa4000000/,
  ],
  [
    "overlap with one that starts later",
    "s.yaml",
    two('staticMemory: "0xa0000000"', 'autostart: false, staticMemory: "0xa2000000"'),
    /warning: guests\[1\].staticMemory: .*fix: do not run b and a at once/s,
  ],
  [
    "static memory on the hypervisor",
    "s.yaml",
    guest('staticMemory: "0x80200000"'),
    /0x80200000 belongs to firmware and the hypervisor.*begin at 0x81200000/s,
  ],
  [
    "static memory beyond the host",
    "s.yaml",
    guest('staticMemory: "0xc0000000"'),
    /0xc0000000 to 0xc3ffffff leaves the host's memory, which ends at 0xbfffffff/,
  ],
  [
    "static memory on the tree",
    "s.yaml",
    guest('staticMemory: "0xbc000000"'),
    /overlaps the host's device tree at 0xbfe00000/,
  ],
  [
    "an absent hart",
    "s.yaml",
    guest("affinity: [0, 4]"),
    /^s.yaml:5:5: error: guests\[0\].affinity: hart 4 is not there: the host has harts 0 to 1\n/,
  ],
  ["all harts taken away", "s.yaml", guest('affinity: "all,^0-1"'), /leaves no hart of the host/],
  ["more vCPUs than harts", "s.yaml", guest("vcpus: 3"), /warning: guests\[0\].vcpus: 3 vCPUs share 2 harts/],
  [
    "fewer at most than at first",
    "s.yaml",
    guest("vcpus: 2\nmaxVcpus: 1"),
    /^s.yaml:6:5: error: guests\[0\].maxVcpus: 1 are fewer than the 2/,
  ],
  [
    "pinned to one hart",
    "s.yaml",
    two("policy: pinned, affinity: 1", "policy: pinned, affinity: 1", "host: {harts: 3}"),
    /guests\[1\].affinity: there is no hart left for each of its pinned vCPUs: a own some of 1/,
  ],
  [
    "more pinned vCPUs than harts",
    "s.yaml",
    guest("policy: pinned\nvcpus: 3"),
    /3 pinned vCPUs need a hart each, and it may use 2/,
  ],
  [
    "every hart pinned",
    "s.yaml",
    guest("policy: pinned\nvcpus: 2"),
    /guests\[0\].policy: pinned vCPUs own every hart of the host \(harts 0 to 1\)/,
  ],
  [
    "a guest without hart beside pinned ones",
    "s.yaml",
    two("policy: pinned, affinity: 1", "affinity: 1"),
    /guests\[1\].affinity: its harts \(1\) all belong to pinned guests: a/,
  ],
  [
    "no period",
    "s.yaml",
    guest("policy: rate-monotonic"),
    /guests\[0\].periodUs: is missing: policy rate-monotonic needs it\n {2}fix: write for example periodUs: 10000/,
    /budgetUs: is missing/,
  ],
  [
    "a budget above its period",
    "s.yaml",
    guest("policy: rate-monotonic\nperiodUs: 1000\nbudgetUs: 2000"),
    /^s.yaml:7:5: error: guests\[0\].budgetUs: 2000 of 1000 µs are more than a vCPU may have\n {2}fix: write 950 or less/,
  ],
  [
    "budgets above the host",
    "s.yaml",
    guest("policy: rate-monotonic\nperiodUs: 1000\nbudgetUs: 900\nvcpus: 3"),
    /budgets take 270 % of a hart's time; harts 0 to 1 can promise 190 %/,
    /warning: guests\[0\].vcpus: 3 vCPUs/,
  ],
  [
    "a period without effect",
    "s.yaml",
    guest("periodUs: 1000"),
    /warning: guests\[0\].periodUs: has no effect: the guest's policy is priority/,
  ],
  // Files.
  [
    "no such kernel",
    "s.yaml",
    guest("", { kernel: "Imgae" }),
    /^s.yaml:3:5: error: guests\[0\].kernel: there is no file Imgae\n {2}fix: did you mean Image\?/,
  ],
  ["no such folder", "s.yaml", guest("", { kernel: "gone/Image" }), /fix: there is no folder gone either/],
  ["a folder", "s.yaml", guest("", { kernel: "folder" }), /folder is a folder/],
  ["an empty kernel", "s.yaml", guest("", { kernel: "empty" }), /empty is empty/],
  [
    "a compressed kernel",
    "s.yaml",
    guest("", { kernel: "gzip" }),
    /the file is compressed with gzip\n {2}fix: unpack it: gunzip/,
  ],
  ["an ELF kernel", "s.yaml", guest("", { kernel: "elf" }), /the file is an ELF file.*objcopy -O binary/s],
  ["another machine's ELF", "s.yaml", guest("", { kernel: "elf-x86" }), /the file is an ELF program for x86-64/],
  ["a bzImage", "s.yaml", guest("", { kernel: "bzImage" }), /the file is an x86 kernel \(bzImage\)/],
  ["an arm64 Image", "s.yaml", guest("", { kernel: "arm64" }), /the file is an arm64 kernel/],
  ["a big-endian Image", "s.yaml", guest("", { kernel: "big-endian" }), /the file is a big-endian kernel/],
  [
    "an Image that contradicts itself",
    "s.yaml",
    guest("", { kernel: "crooked" }),
    /has an Image header that contradicts itself/,
  ],
  ["a script", "s.yaml", guest("", { kernel: "text" }), /the file is a text, not a kernel/],
  ["a zboot image", "s.yaml", guest("", { kernel: "zboot" }), /compressed EFI image/],
  [
    "a flat binary",
    "s.yaml",
    guest("", { kernel: "flat" }),
    /^s.yaml:3:5: note: guests\[0\].kernel: has no Linux Image header/,
  ],
  [
    "no ramdisk there",
    "s.yaml",
    guest("ramdisk: gone"),
    /^s.yaml:5:5: error: guests\[0\].ramdisk: there is no file gone/,
  ],
  ["a kernel as ramdisk", "s.yaml", guest("ramdisk: Image"), /guests\[0\].ramdisk: the file is a kernel/],
  [
    "too little for the kernel",
    "s.yaml",
    guest("", { kernel: "large", memory: 32 }),
    /^s.yaml:4:5: error: guests\[0\].memory: 32 MiB are too little: its kernel takes 40 MiB at 2 MiB, its device tree 64 KiB\n {2}fix: write at least "44MiB"/,
  ],
  [
    "too little for the ramdisk",
    "s.yaml",
    guest("ramdisk: initrd-large", { memory: 32 }),
    /its kernel takes 1 MiB at 2 MiB, its ramdisk 30 MiB.*fix: write at least "34MiB"/s,
  ],
  [
    "too little for Debian",
    "s.yaml",
    guest("ramdisk: debian", { kernel: "debian", memory: 32 }),
    /32 MiB are too little for Debian's kernel/,
  ],
  [
    "no device tree",
    "s.yaml",
    guest("deviceTree: tree.dtb"),
    /guests\[0\].deviceTree: is no device tree: 10 bytes are too few.*dtc -O dtb/s,
  ],
  [
    "a wrong source of a tree",
    "s.yaml",
    guest("deviceTree: tree.dts"),
    /is no device tree: tree.dts:3:8: there is no node &x/,
  ],
  // xl.cfg.
  [
    "xl: no =",
    "s.cfg",
    'name = "a"\nkernel\nmemory = 64\n',
    /^s.cfg:2:7: error: kernel: behind kernel there is the end of the line, not =\n {2}fix: write kernel = …/,
  ],
  [
    "xl: an open text",
    "s.cfg",
    'name = "a\nkernel = "Image"\nmemory = 64\n',
    /^s.cfg:1:8: error: name: the text does not end on its line/,
  ],
  [
    "xl: an open list",
    "s.cfg",
    'name = "a"\nkernel = "Image"\nmemory = 64\ndisk = [ "a",\n',
    /^s.cfg:4:8: error: disk: the list does not end\n {2}fix: add \]/,
  ],
  [
    "xl: a bare word",
    "s.cfg",
    'name = web\nkernel = "Image"; memory = 64',
    /^s.cfg:1:8: error: name: web is not a value\n {2}fix: write a number, a text in quotes/,
  ],
  [
    "xl: memory in words",
    "s.cfg",
    'name = "a"\nkernel = "Image"\nmemory = "512M"\n',
    /^s.cfg:3:1: error: memory: "512M" is not a number\n {2}fix: write a number of MiB/,
  ],
  [
    "xl: too many vCPUs",
    "s.cfg",
    'name = "a"\nkernel = "Image"\nmemory = 64\nvcpus = 64\n',
    /^s.cfg:4:1: error: vcpus: 64 is out of range\n {2}fix: write 1 to 8/,
  ],
  [
    "xl: an unknown action",
    "s.cfg",
    'name = "a"\nkernel = "Image"\nmemory = 64\non_crash = "ignore"\n',
    /^s.cfg:4:1: error: on_crash: "ignore" is not an action\n {2}fix: write one of destroy, restart, preserve/,
  ],
  [
    "xl: an absent hart",
    "s.cfg",
    'name = "a"\nkernel = "Image"\nmemory = 64\ncpus = "7"\n',
    /^s.cfg:4:1: error: cpus: hart 7 is not there/,
  ],
  // Trees.
  [
    "tree: an unknown file",
    "s.dts",
    '/dts-v1/;\n/ { chosen { a { compatible = "xen,domain"; memory = <0x10000>; cpus = <1>;\n  module@90000000 { compatible = "multiboot,kernel", "multiboot,module"; reg = <0x0 0x90000000 0x0 0x1000>; };\n}; }; };\n',
    /^s.dts:3:3: error: \/chosen\/a\/module@90000000: it is not known which file the kernel at 0x90000000 is\n {2}fix: add typeone,file/,
  ],
  [
    "tree: no kernel",
    "s.dts",
    '/dts-v1/;\n/ { chosen {\n  a { compatible = "xen,domain"; memory = <0x10000>; };\n}; };\n',
    /^s.dts:3:3: error: \/chosen\/a: kernel: is missing/,
  ],
  [
    "tree: too many vCPUs",
    "s.dts",
    '/dts-v1/;\n/ { chosen { a { compatible = "xen,domain"; memory = <0x10000>;\n  cpus = <9>;\n  m { compatible = "multiboot,kernel"; typeone,file = "Image"; }; }; }; };\n',
    /^s.dts:3:3: error: \/chosen\/a: cpus: 9 is out of range/,
  ],
  [
    "tree: a property of another type",
    "s.dts",
    '/dts-v1/;\n/ { chosen { a { compatible = "xen,domain";\n  memory = "much";\n  m { compatible = "multiboot,kernel"; typeone,file = "Image"; }; }; }; };\n',
    /^s.dts:3:3: error: \/chosen\/a: memory: is not one or two cells/,
  ],
];

describe("a broken configuration", () => {
  it.each(CASES.map((sample) => [sample[0], sample] as const))("%s", async (_, [, file, text, ...expected]) => {
    const { system } = await folder.load(file, text);
    const found = await folder.problems(file, text);
    expect(found, found.join("\n")).toHaveLength(expected.length);
    for (const [i, wanted] of expected.entries()) expect(found[i]).toMatch(wanted);
    // Errors and only errors forbid to run.
    expect(system === undefined).toBe(found.some((line) => /^[^\n]*: error: /.test(line)));
  });

  it("shows all problems at once, in the order of the file", async () => {
    const text = guest("vcpus: 20\nonReboot: no-such\nzork: 1", { name: "a b", kernel: "gone", memory: "1PB" });
    const lines = (await folder.problems("s.yaml", text)).map((problem) => /^s.yaml:(\d+)/.exec(problem)?.[1]);
    expect(lines).toEqual(["2", "4", "5", "6", "7"]);
  });

  it("checks guests that are sound beside one that is not", async () => {
    const text = two("vcpus: 20", "kernel: elf, affinity: 9").replace(
      "kernel: Image, memory: 64, kernel: elf",
      "kernel: elf, memory: 64",
    );
    const problems = await folder.problems("s.yaml", text);
    expect(problems).toHaveLength(3);
    expect(problems.join("\n")).toMatch(/vcpus: 20[\s\S]*ELF|ELF[\s\S]*vcpus: 20/);
  });

  it("is not there", async () => {
    const { loadSystem } = await import("./index.ts");
    const { system, problems } = await loadSystem(folder.file("gone.yaml"));
    expect(system).toBeUndefined();
    expect(problems).toEqual([expect.objectContaining({ severity: "error", message: "there is no such file" })]);
  });
});
