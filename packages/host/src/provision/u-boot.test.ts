// SPDX-License-Identifier: Apache-2.0
// The cache; the download itself is tried by the QEMU tests on every clean machine.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { cachedUBoot } from "./u-boot.ts";

let dir = "";

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
  const sha256 = createHash("sha256").update("loader").digest("hex");
  const manifest = { package: "u-boot-qemu", version: "1", path: "u-boot-1", bytes: 6, sha256 };
  await writeFile(path.join(dir, "u-boot.json"), JSON.stringify(manifest));
  await writeFile(path.join(dir, "u-boot-1"), "loader");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

it("answers an unharmed file's absolute path", async () => {
  expect((await cachedUBoot(dir))?.path).toBe(path.join(dir, "u-boot-1"));
});

it.each([
  ["a byte changed", () => writeFile(path.join(dir, "u-boot-1"), "loadet")],
  ["a missing file", () => rm(path.join(dir, "u-boot-1"))],
  ["a broken manifest", () => writeFile(path.join(dir, "u-boot.json"), "{")],
])("refuses %s", async (_what, harm) => {
  await harm();
  expect(await cachedUBoot(dir)).toBeUndefined();
});
