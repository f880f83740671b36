// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from "node:child_process";
import { chmod, link, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { plainName, readTar } from "./tar.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const pack = (...options: string[]): Buffer =>
  execFileSync("tar", ["-c", "--format=gnu", "--owner=root:0", "--group=shadow:42", ...options, "-C", dir, "."]);

describe("readTar", () => {
  it("reads what tar writes: kinds, modes, owners, long names, contents", async () => {
    const long = `${"deep/".repeat(30)}name`;
    await mkdir(path.join(dir, path.dirname(long)), { recursive: true });
    await writeFile(path.join(dir, long), "x".repeat(700));
    await writeFile(path.join(dir, "tool"), "run");
    await chmod(path.join(dir, "tool"), 0o2755);
    await link(path.join(dir, "tool"), path.join(dir, "twin"));
    await symlink("../".repeat(50), path.join(dir, "up"));
    const entries = new Map([...readTar(pack("--sort=name"))].map((entry) => [entry.name, entry]));
    expect(entries.get("")?.kind).toBe("directory");
    expect(entries.get(long)?.data.toString()).toBe("x".repeat(700));
    expect(entries.get("tool")).toMatchObject({ kind: "file", mode: 0o2755, uid: 0, gid: 42 });
    expect(entries.get("twin")).toMatchObject({ kind: "hardlink", target: "tool" });
    expect(entries.get("up")).toMatchObject({ kind: "symlink", target: "../".repeat(50) });
  });

  it("refuses an archive that ends early", async () => {
    await writeFile(path.join(dir, "file"), "x".repeat(2000));
    const whole = pack();
    expect(() => [...readTar(whole.subarray(0, 2048))]).toThrow("ends inside");
  });
});

describe("plainName", () => {
  it("drops dressing and refuses to leave the folder", () => {
    expect(plainName("./usr//bin/")).toBe("usr/bin");
    expect(() => plainName("usr/../../etc")).toThrow("leaves its folder");
  });
});
