// SPDX-License-Identifier: Apache-2.0
// The check against a program that plays QEMU and TypeOne: that it passes only when everything was right, and what it
// says when not.
import path from "node:path";
import { REPO_ROOT, silentProgress } from "@typeone/host";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { planDemo } from "../verbs/demo.ts";
import { checkDemo } from "./check.ts";
import { exitTable, failureText, guestTable } from "./check-report.ts";
import type { PreparedDemo } from "./prepare.ts";

const DEFAULTS = {
  root: "memory",
  guests: "2",
  vcpus: "2",
  "guest-memory": "256",
  harts: "2",
  aia: "none",
  cpu: "rv64",
  sstc: "on",
};
const plan = planDemo({ ...DEFAULTS, check: true }, {});

async function check(mode: string, timeoutMs = 1500) {
  vi.stubEnv("FAKE_QEMU", mode);
  const guests = plan.guests.map((name) => ({ name, memoryMiB: 256, cpus: 2, kernel: "k", bootargs: "" }));
  const demo = { image: { args: [] }, guests, kernelVersion: "6.12" } as unknown as PreparedDemo;
  return checkDemo(demo, { plan, progress: silentProgress, timeoutMs });
}

beforeEach(() => vi.stubEnv("TYPEONE_QEMU", path.join(REPO_ROOT, "packages/host/src/qemu/fake-qemu.testing.mjs")));
afterEach(() => vi.unstubAllEnvs());

describe("checkDemo", () => {
  it("passes when both guests answer, with their counters", async () => {
    const result = await check("good", 10_000);
    expect(result.failures).toEqual([]);
    expect(result.ok).toBe(true);
    expect(result.guests.map((guest) => guest.answer)).toEqual(["42-alpha", "42-beta"]);
    expect(result.guests[0]).toMatchObject({ guestSeconds: 1.234567, instructions: 1_234_567_000 });
    expect(guestTable(result.guests)).toMatch(/alpha +2 +256 MiB +\d+\.\d\d s +1,235 M +1,203 +42-alpha/);
    expect(exitTable(result.guests)).toMatch(/mmio-load +1,200 +1,200\nwfi +3 +3/);
  });

  it("names the guest that did not come up, and where guest and host stood", async () => {
    const result = await check("half");
    expect(result.ok).toBe(false);
    expect(result.failures.map((failure) => failure.where)).toEqual(["beta"]);
    const text = failureText(result.failures);
    expect(text).toContain("boot to userland");
    expect(text).toContain("Kernel panic - not syncing");
    expect(text).toContain("stuck-in-the-mud");
  });

  it("says so when nothing came up or the machine ended", async () => {
    const silent = await check("silent", 500);
    expect(silent.failures.map((failure) => failure.where)).toEqual(["alpha", "beta"]);
    const dead = await check("die", 10_000);
    expect(dead.failures.map((failure) => failure.why).join()).toContain("QEMU ended");
  });

  it("takes no echo for an answer", async () => {
    const result = await checkQuickly("echo-only");
    expect(result.failures[0]).toMatchObject({ where: "alpha", step: "answer a typed command" });
  });

  it("fails for a guest that hears nothing", async () => {
    const result = await checkQuickly("deaf");
    expect(result.failures[0]?.step).toBe("answer a typed command");
  });
});

/** Waiting for an answer takes minutes by design; here a twentieth of a second stands for each wait of the check. */
async function checkQuickly(mode: string) {
  const real = setTimeout;
  const quick = ((callback: () => void, ms?: number) =>
    real(callback, (ms ?? 0) === 15_000 ? 100 : ms)) as typeof setTimeout;
  vi.stubGlobal("setTimeout", quick);
  try {
    return await check(mode, 5000);
  } finally {
    vi.unstubAllGlobals();
  }
}
