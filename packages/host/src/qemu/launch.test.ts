// SPDX-License-Identifier: Apache-2.0
// Against a program that plays QEMU: what is tested is our side of the pipe, the control socket and the process's end.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StepError } from "../errors.ts";
import { findQemu, launch } from "./launch.ts";

const folders = () => readdirSync(os.tmpdir()).filter((name) => name.startsWith("typeone-vm-"));

beforeEach(() => vi.stubEnv("TYPEONE_QEMU", path.join(import.meta.dirname, "fake-qemu.testing.mjs")));
afterEach(() => vi.unstubAllEnvs());

describe("launch", () => {
  it("connects serial line and monitor, and leaves nothing behind when killed", async () => {
    const machine = await launch([]);
    await machine.console.waitFor(/TYPEONE-GUEST-UP beta/, { timeoutMs: 5000 });
    expect(await machine.monitor.human("info registers")).toBe("ran info registers");
    await expect(machine.monitor.execute("bad")).rejects.toThrow("no such command");
    expect(await machine.monitor.execute("query-status")).toEqual({});
    await machine.kill();
    expect((await machine.exited).signal).toBe("SIGKILL");
    await expect(machine.monitor.execute("query-status")).rejects.toThrow(/closed/);
    await expect(machine.console.waitFor(/never/, { timeoutMs: 5000 })).rejects.toThrow(/QEMU ended/);
    expect(() => process.kill(machine.pid, 0)).toThrow();
  });

  it("tells QEMU's own words when it refuses to start", async () => {
    vi.stubEnv("FAKE_QEMU", "refuse");
    const before = folders().length;
    const error = await launch([]).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StepError);
    expect((error as StepError).why).toContain("no such processor");
    expect(folders().length).toBeLessThanOrEqual(before);
  });

  it("takes QEMU along when a signal ends us", async () => {
    const script = `
      import { launch } from ${JSON.stringify(path.join(import.meta.dirname, "launch.ts"))};
      const machine = await launch([]);
      process.stdout.write(String(machine.pid) + "\\n");
    `;
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    const pid = Number(
      await new Promise<string>((resolve) => child.stdout.once("data", (data) => resolve(String(data)))),
    );
    expect(pid).toBeGreaterThan(1);
    process.kill(pid, 0);
    child.kill("SIGTERM");
    expect(await ended).toBe(143);
    await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow(), { timeout: 5000 });
  });

  it("says that QEMU is missing and what to do", async () => {
    vi.stubEnv("TYPEONE_QEMU", "/nonexistent/qemu");
    await expect(findQemu()).rejects.toMatchObject({ fix: "run: npm run doctor" });
  });
});
