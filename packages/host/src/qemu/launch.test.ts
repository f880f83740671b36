// SPDX-License-Identifier: Apache-2.0
// Against a program that plays QEMU: what is tested is our side of the pipe, the control socket and the process's end.
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

  it("says that QEMU is missing and what to do", async () => {
    vi.stubEnv("TYPEONE_QEMU", "/nonexistent/qemu");
    await expect(findQemu()).rejects.toMatchObject({ fix: "run: npm run doctor" });
  });
});
