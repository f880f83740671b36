// SPDX-License-Identifier: Apache-2.0
// The script itself is proved by booting it (tests/qemu); here are the parts around it.
import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { INIT_SCRIPT, buildInitramfs, guestBootargs, initramfsEntries } from "./initramfs.ts";

describe("guestBootargs", () => {
  it("is quiet and goes to a shell unless told otherwise", () => {
    expect(guestBootargs({ name: "a" })).toBe("console=ttyS0 quiet typeone.name=a");
    const all = { name: "a", mode: "poweroff", log: "normal", terminal: { rows: 40, columns: 132 } } as const;
    expect(guestBootargs(all)).toBe("console=ttyS0 typeone.name=a typeone.mode=poweroff typeone.tty=40x132");
  });
});

describe("the init script", () => {
  it("is a shell script without syntax errors", () => {
    expect(spawnSync("sh", ["-n"], { input: INIT_SCRIPT }).status).toBe(0);
    const rc = initramfsEntries(new Uint8Array()).find((entry) => entry.name === "etc/shrc");
    expect(rc?.kind === "file" && spawnSync("sh", ["-n"], { input: String(rc.data) }).status).toBe(0);
  });

  it("reads name, mode and size from the command line", () => {
    const loop = /^name=guest.*\n|^read -r line[\s\S]*?^done$/gm;
    const parts = (INIT_SCRIPT.match(loop) ?? []).join("\n").replace("< /proc/cmdline", "");
    const script = `${parts}\necho "$name|$mode|\${size%x*}|\${size#*x}"`;
    const result = spawnSync("sh", ["-c", script], {
      input: "console=ttyS0 typeone.name=x1 typeone.mode=reboot typeone.tty=40x132\n",
      encoding: "utf8",
    });
    expect(result.stdout.trim()).toBe("x1|reboot|40|132");
  });
});

describe("buildInitramfs", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(path.join(os.tmpdir(), "typeone-test-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it("gives the same file for the same busybox and another one for another", async () => {
    const busybox = path.join(dir, "busybox");
    await writeFile(busybox, "one");
    const file = { package: "busybox-static", version: "1", path: busybox, bytes: 3, sha256: "1" };
    const first = await buildInitramfs(file, dir);
    const bytes = await readFile(first.path);
    expect(first.bytes).toBe(bytes.length);
    await rm(first.path);
    const again = await buildInitramfs(file, dir);
    expect(again.path).toBe(first.path);
    expect((await readFile(again.path)).equals(bytes)).toBe(true);
    expect((await buildInitramfs({ ...file, sha256: "2" }, dir)).path).not.toBe(first.path);
  });
});
