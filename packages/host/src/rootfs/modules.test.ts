// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { runForBytes } from "./program.ts";
import { chooseModules, loadOrder, modulesOf, needsOf, releaseOf } from "./modules.ts";
import type { TarEntry } from "./tar.ts";

async function entry(name: string, modinfo: string): Promise<TarEntry> {
  const packed = await runForBytes({
    step: "test",
    program: "xz",
    args: ["-c", "--check=crc32"],
    input: `\0${modinfo}\0`,
  });
  const path = `usr/lib/modules/6.1-riscv64/kernel/${name}.ko.xz`;
  return { kind: "file", name: path, mode: 0o644, uid: 0, gid: 0, target: "", data: packed };
}

const kernel = async () =>
  modulesOf([
    await entry("fs/ext4/ext4", "depends=jbd2,mbcache\0softdep=pre: crc32c\0"),
    await entry("fs/jbd2/jbd2", "depends="),
    await entry("fs/mbcache", "depends="),
    await entry("crypto/crc32c", "depends="),
    await entry("drivers/virtio-rng", "depends="),
  ]);

describe("needsOf", () => {
  it.each([
    ["depends=a,b-c", ["a", "b_c"]],
    ["depends=", []],
    ["softdep=pre: x y post: z", ["x", "y"]],
    ["softdep=post: z", []],
    ["nodepends=q", []],
  ])("%s", (field, expected) => {
    expect(needsOf(Buffer.from(`ELF\0${field}\0rest`))).toEqual(expected);
  });
});

describe("loadOrder", () => {
  it("has each module behind what it needs, once", async () => {
    const { order, files } = await loadOrder(await kernel(), ["jbd2", "ext4", "not-a-module"]);
    expect(order).toEqual(["jbd2", "mbcache", "crc32c", "ext4"]);
    expect([...files.keys()].sort()).toEqual([...order].sort());
  });
});

describe("chooseModules", () => {
  it("takes what fits and what that needs", async () => {
    const chosen = await chooseModules(await kernel(), ["fs/ext4/*"]);
    expect(chosen.map((module) => module.name).sort()).toEqual(["crc32c", "ext4", "jbd2", "mbcache"]);
  });

  it("knows a module by its name with underscores", async () => {
    expect((await chooseModules(await kernel(), ["drivers/virtio-rng"])).map(({ name }) => name)).toEqual([
      "virtio_rng",
    ]);
  });
});

describe("releaseOf", () => {
  it("comes from the kernel's own lists", async () => {
    const list = { ...(await entry("x", "")), name: "usr/lib/modules/6.1-riscv64/modules.builtin" };
    expect(releaseOf([list])).toBe("6.1-riscv64");
    expect(() => releaseOf([])).toThrow("no modules");
  });
});
