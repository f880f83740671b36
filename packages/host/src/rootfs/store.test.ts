// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hashOf } from "./recipe.ts";
import { type ImageManifest, readManifest, storeImage, workFolder } from "./store.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function store(key: string): Promise<ImageManifest> {
  const work = await workFolder(dir);
  const file = async (name: string) => {
    await writeFile(path.join(work, name), `${name} of ${key}`);
    return path.join(work, name);
  };
  const files = { kernel: await file("kernel"), ramdisk: await file("ramdisk"), disk: await file("disk") };
  const about = { recipe: "r", kernelVersion: "6", packages: [], seconds: 1 };
  const manifest = await storeImage(dir, { kind: "base", key, files, ...about });
  await rm(work, { recursive: true });
  return manifest;
}

describe("the store of images", () => {
  it("answers what was put there, read-only, and drops the one before", async () => {
    await store("one");
    const two = await store("two");
    expect(await readManifest(dir, "base")).toEqual(two);
    expect(await readManifest(dir, "tools")).toBeUndefined();
    expect((await readdir(dir)).filter((name) => name.includes("one"))).toEqual([]);
    expect((await stat(path.join(dir, two.files.disk.name))).mode & 0o222).toBe(0);
  });

  it.each(["kernel", "ramdisk", "disk"] as const)(
    "does not answer an image whose %s somebody wrote to",
    async (name) => {
      const file = path.join(dir, (await store("one")).files[name].name);
      await rm(file);
      await writeFile(file, `${name} of on!`);
      expect(await readManifest(dir, "base")).toBeUndefined();
    },
  );

  it("removes the folders of builds that died, and no others", async () => {
    await writeFile(path.join(dir, "work-notes"), "");
    const mine = await workFolder(dir);
    await rm(mine, { recursive: true });
    await writeFile(path.join(dir, "work-999999999"), "");
    await workFolder(dir);
    expect((await readdir(dir)).sort()).toEqual([`work-${process.pid}`, "work-notes"].sort());
  });
});

describe("hashOf", () => {
  it("differs when a byte moves from one part to the next", () => {
    expect(hashOf(["ab", "c"])).not.toBe(hashOf(["a", "bc"]));
    expect(hashOf(["a", ""])).not.toBe(hashOf(["", "a"]));
    expect(hashOf(["a", "b"])).toBe(hashOf(["a", Buffer.from("b")]));
  });
});
