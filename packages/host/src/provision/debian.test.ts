// SPDX-License-Identifier: Apache-2.0
// The cache; the download itself is tried by the demo on every clean machine.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GUEST_SUITE, cachedDebianFiles } from "./debian.ts";

let dir = "";

async function fill(change: Record<string, unknown> = {}): Promise<void> {
  const entry = async (name: string, text: string) => {
    await writeFile(path.join(dir, name), text);
    const sha256 = createHash("sha256").update(text).digest("hex");
    return { package: name, version: "1", path: name, bytes: text.length, sha256 };
  };
  const manifest = {
    schema: 1,
    suite: GUEST_SUITE,
    kernel: await entry("k", "kernel"),
    busybox: await entry("b", "box"),
  };
  await writeFile(path.join(dir, "manifest.json"), JSON.stringify({ ...manifest, ...change }));
}

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("cachedDebianFiles", () => {
  it("answers absolute paths of unharmed files", async () => {
    await fill();
    const files = await cachedDebianFiles(dir);
    expect(files?.kernel.path).toBe(path.join(dir, "k"));
    expect(files?.fromCache).toBe(true);
  });

  it.each([
    ["a byte changed", () => writeFile(path.join(dir, "k"), "kernal")],
    ["a truncated file", () => writeFile(path.join(dir, "b"), "bo")],
    ["a missing file", () => rm(path.join(dir, "b"))],
    ["a broken manifest", () => writeFile(path.join(dir, "manifest.json"), "{")],
    ["another suite", () => fill({ suite: "sid" })],
    ["a newer schema", () => fill({ schema: 2 })],
  ])("refuses %s", async (_what, harm) => {
    await fill();
    await harm();
    expect(await cachedDebianFiles(dir)).toBeUndefined();
  });
});
