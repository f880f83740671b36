// SPDX-License-Identifier: Apache-2.0
// The pieces of boot images. What runs before the hypervisor is compiled for this machine and given trees and files here;
// that images boot was seen under QEMU and U-Boot, and is for tests/qemu to repeat.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { FdtTree, parse, serialize } from "@typeone/fdt";
import { crc32 } from "@typeone/protocol";
import { describe, expect, it } from "vitest";
import { elfOf } from "./elf.ts";
import { chosenFragment } from "./image.ts";
import { encodeTable, farJump, jumpTarget } from "./lead-in.ts";
import { bootScript, scriptImage } from "./uboot.ts";

describe("jumps", () => {
  it("are read", () => {
    // j 0x40 · j -8
    expect(jumpTarget(Buffer.from("6f000004", "hex"))).toBe(0x40);
    expect(jumpTarget(Buffer.from("6ff09fff", "hex"))).toBe(-8);
    expect(() => jumpTarget(Buffer.from("13000000", "hex"))).toThrow("does not begin with a jump");
  });

  it.each([0x1000, 0xf_c000, 0x0fc0_0000, 0x7ff, 0x800, 0xfff, -0x1800])("are made: %i", (distance) => {
    const code = Buffer.from(farJump(distance));
    const [auipc, jalr] = [code.readUInt32LE(0), code.readInt32LE(4)];
    expect([auipc & 0xfff, jalr & 0xfffff]).toEqual([0x297, 0x28067]);
    expect(((auipc & 0xfffff000) | 0) + (jalr >> 20)).toBe(distance);
  });
});

describe("an ELF", () => {
  it("has its pieces at their places", () => {
    const file = Buffer.concat(
      elfOf(0x80200000, [
        { hpa: 0x80200000, data: Buffer.from("abc"), bytes: 99 },
        { hpa: 0x90000000, data: Buffer.alloc(5000, 1) },
      ]),
    );
    expect([file.readUInt16LE(18), file.readUInt16LE(56), file.readBigUInt64LE(24)]).toEqual([243, 2, 0x80200000n]);
    const words = (at: number) => [8, 24, 32, 40].map((offset) => Number(file.readBigUInt64LE(at + offset)));
    expect(words(64)).toEqual([4096, 0x80200000, 3, 99]);
    expect(words(120)).toEqual([8192, 0x90000000, 5000, 5000]);
    expect(file.subarray(4096, 4099).toString()).toBe("abc");
    expect(file[8192 + 4999]).toBe(1);
  });
});

describe("a script for U-Boot", () => {
  it("has the header that its source command checks", () => {
    const image = Buffer.from(scriptImage(bootScript("system.img"), "TypeOne"));
    expect(image.subarray(0, 4).toString("hex")).toBe("27051956");
    expect(image.subarray(28, 32).toString("hex")).toBe("051a0600");
    expect(image.readUInt32BE(12)).toBe(image.length - 64);
    expect(image.readUInt32BE(24)).toBe(crc32(image.subarray(64)));
    const blank = Buffer.from(image.subarray(0, 64)).fill(0, 4, 8);
    expect(image.readUInt32BE(4)).toBe(crc32(blank));
    expect(image.readUInt32BE(64)).toBe(image.length - 72);
    expect(image.subarray(72).toString()).toContain("booti ${kernel_addr_r} - ${fdtcontroladdr}\n");
  });
});

const gcc = spawnSync("gcc", ["--version"]).status === 0;

/** Runs lead_in() over files: table, host tree, fragment; writes the tree that the hypervisor would get. */
const HARNESS = `
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "${path.join(import.meta.dirname, "lead-in.c")}"
static u8 *load(const char *name) {
  FILE *f = fopen(name, "rb"); u8 *data = calloc(1, 1 << 20);
  if (fread(data, 1, 1 << 20, f) == 0) exit(3);
  fclose(f); return data;
}
int main(int argc, char **argv) {
  struct { struct table t; struct copy c[2]; } all = {0};
  char file[] = "0123456789abcdef";
  u8 *out = calloc(1, 1 << 20), *host = load(argv[1]);
  all.t.tree = (u64)out; all.t.tree_space = atoi(argv[4]); all.t.fragment = (u64)load(argv[2]); all.t.copy_count = 2;
  all.c[0] = (struct copy){(u64)file + 4, (u64)file, 8};
  all.c[1] = (struct copy){(u64)file, (u64)file + 8, 3};
  const u8 *tree = (const u8 *)lead_in(&all.t, host);
  FILE *f = fopen(argv[3], "wb");
  fwrite(tree, 1, get(tree + TOTAL), f); fclose(f);
  puts(file);
  return tree == host;
}`;

describe.runIf(gcc)("what runs before the hypervisor", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "typeone-image-"));
  const at = (name: string): string => path.join(folder, name);
  writeFileSync(at("harness.c"), HARNESS);
  const built = spawnSync("gcc", ["-O1", "-g", "-fsanitize=undefined", "-o", at("harness"), at("harness.c")], {
    encoding: "utf8",
  });

  function merged(host: FdtTree, fragment: Uint8Array, space = 1 << 20): { code: number; text: string; tree: FdtTree } {
    expect(built.stderr).not.toContain("error");
    writeFileSync(at("host.dtb"), serialize(host));
    writeFileSync(at("fragment.dtb"), fragment);
    const { status, stdout, stderr } = spawnSync(
      at("harness"),
      [at("host.dtb"), at("fragment.dtb"), at("out.dtb"), String(space)],
      { encoding: "utf8" },
    );
    expect(stderr).toBe("");
    return { code: status ?? -1, text: stdout.trim(), tree: parse(readFileSync(at("out.dtb"))) };
  }

  const system = new FdtTree();
  system.ensure("/chosen").assign({ "#address-cells": 2, "typeone,policy": "pinned", bootargs: "not ours" });
  system.ensure("/chosen/guest-a").assign({ compatible: "xen,domain", cpus: 2, "typeone,name": "a" });
  system.ensure("/chosen/guest-a/module@90000000").assign({ compatible: ["multiboot,kernel"], bootargs: "quiet" });
  system.ensure("/chosen/other").assign({ compatible: "other" });
  const fragment = chosenFragment(system);

  const host = (chosen: "with" | "without"): FdtTree => {
    const tree = new FdtTree(undefined, { reservations: [{ address: 0x80000000n, size: 0x80000n }], bootCpu: 1 });
    tree.root.assign({ compatible: "riscv-virtio", "#address-cells": 2 });
    tree.ensure("/memory@80000000").assign({ device_type: "memory", chosen: "no" });
    if (chosen === "with") tree.ensure("/chosen").assign({ "#address-cells": 1, "stdout-path": "/soc/uart" });
    tree.ensure("/soc/chosen").assign({ compatible: "a trap" });
    return tree;
  };

  it("takes only guests and our settings along", () => {
    const { root } = parse(fragment);
    expect([...root.properties.keys()]).toEqual(["#address-cells", "typeone,policy"]);
    expect(root.children.map(({ name }) => name)).toEqual(["guest-a"]);
  });

  it.each(["with", "without"] as const)("adds the guests to a tree %s /chosen", (chosen) => {
    const wanted = host(chosen);
    wanted.ensure("/chosen").assign({ "#address-cells": 2, "typeone,policy": "pinned" });
    for (const child of parse(fragment).root.children) wanted.ensure("/chosen").add(child.clone());
    const { code, tree } = merged(host(chosen), fragment);
    expect(code).toBe(0);
    const plain = (of: FdtTree) =>
      Object.fromEntries(
        [...of.nodes()].map((node) => [
          node.path,
          Object.fromEntries(
            [...node.properties].map(([name, value]) => [name, Buffer.from(value).toString("hex")]).sort(),
          ),
        ]),
      );
    expect(plain(tree)).toEqual(plain(wanted));
    expect([tree.reservations, tree.bootCpu]).toEqual([wanted.reservations, wanted.bootCpu]);
  });

  it("moves files in their order, also over themselves", () => {
    // 01234567 to 4: 0123 01234567 cdef; then 3 of what lies at 8.
    expect(merged(host("with"), fragment).text).toBe("456301234567cdef");
  });

  it("hands firmware's tree on when it cannot add to it", () => {
    expect(merged(host("with"), fragment, 100).code).toBe(1);
    expect(merged(host("with"), Buffer.alloc(64)).code).toBe(1);
  });
});

it("the table is what lead-in.c reads", () => {
  const table = Buffer.from(
    encodeTable({ stack: 1, next: 2, tree: 3, treeSpace: 4, fragment: 5, copies: [{ to: 6, from: 7, bytes: 8 }] }),
  );
  expect(Array.from({ length: table.length / 8 }, (_, i) => Number(table.readBigUInt64LE(i * 8)))).toEqual([
    1, 2, 3, 4, 5, 1, 6, 7, 8,
  ]);
});
