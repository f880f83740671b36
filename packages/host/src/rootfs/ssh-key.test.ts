// SPDX-License-Identifier: Apache-2.0
import { mkdtemp, rm, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { run, findProgram } from "../run.ts";
import { ensureSshKey, formatKey } from "./ssh-key.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("ensureSshKey", () => {
  it("makes a key that only its owner reads, once", async () => {
    const first = await ensureSshKey(dir);
    expect((await stat(first.path)).mode & 0o777).toBe(0o600);
    expect(await ensureSshKey(dir)).toEqual(first);
    expect(first.publicKey).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI\S+ typeone-guests$/);
  });

  it("is what ssh-keygen takes for the same key", async ({ skip }) => {
    if (!(await findProgram("ssh-keygen"))) skip("this machine has no ssh-keygen");
    const key = await ensureSshKey(dir);
    const { stdout, code } = await run("ssh-keygen", ["-y", "-f", key.path]);
    expect(code).toBe(0);
    expect(stdout.trim()).toBe(key.publicKey);
  });
});

describe("formatKey", () => {
  it("pads the secret part to 8 bytes and holds both halves", () => {
    const [seed, point] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const { secret } = formatKey(seed, point, Buffer.alloc(4, 3));
    const whole = Buffer.from(secret.replace(/-----.*-----\n/g, ""), "base64");
    expect(whole.subarray(0, 15).toString()).toBe("openssh-key-v1\0");
    expect(whole.includes(Buffer.concat([seed, point]))).toBe(true);
    const body = whole.subarray(whole.indexOf(Buffer.alloc(8, 3)));
    expect(body.length % 8).toBe(0);
  });
});
