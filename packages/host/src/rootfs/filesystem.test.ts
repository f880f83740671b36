// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run } from "../run.ts";
import { makeFilesystem, ownerCommands } from "./filesystem.ts";
import { Tree } from "./tree.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("ownerCommands", () => {
  it("quotes names", () => {
    expect(ownerCommands([['a "b" c', { uid: 1, gid: 2 }]])).toBe(
      'set_inode_field "/a ""b"" c" uid 1\nset_inode_field "/a ""b"" c" gid 2\n',
    );
  });
});

describe("makeFilesystem", () => {
  it("gives files the owners and modes that they have in the image, whoever makes it, and leaves holes", async () => {
    const tree = new Tree(path.join(dir, "tree"));
    await tree.write("usr/bin/tool", "x", 0o2755);
    await tree.write("usr/bin/plain file", "y", 0o644);
    tree.owners.set("usr/bin/tool", { uid: 0, gid: 42 });
    const file = path.join(dir, "disk.raw");
    await makeFilesystem(tree, { file, label: "test", sizeMiB: 64 });
    const show = async (name: string) => (await run("debugfs", ["-R", `stat "${name}"`, file])).stdout;
    expect(await show("/usr/bin/tool")).toMatch(/Mode: +02755[^]*User: +0 +Group: +42/);
    expect(await show("/usr/bin/plain file")).toMatch(/Mode: +0644[^]*User: +0 +Group: +0/);
    expect(await show("/")).toMatch(/User: +0 +Group: +0/);
    const { size, blocks } = await stat(file);
    expect(size).toBe(64 * 2 ** 20);
    expect(blocks * 512).toBeLessThan(size / 4);
    expect((await run("e2fsck", ["-f", "-n", file])).code).toBe(0);
  });
});
