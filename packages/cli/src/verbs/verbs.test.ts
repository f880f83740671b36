// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from "node:child_process";
import path from "node:path";
import { REPO_ROOT, StepError } from "@typeone/host";
import { describe, expect, it } from "vitest";
import { report } from "../dispatch.ts";
import { PLAIN } from "../output/style.ts";
import { formatCount, formatTable } from "../report.ts";
import { planDemo } from "./demo.ts";
import { findingLines } from "./doctor.ts";
import { menuLines } from "./menu.ts";

const DEFAULTS = {
  guests: "2",
  vcpus: "2",
  "guest-memory": "256",
  root: "disk",
  harts: "2",
  aia: "none",
  cpu: "rv64",
  sstc: "on",
};
const cli = (...args: string[]) =>
  spawnSync(process.execPath, [path.join(REPO_ROOT, "scripts/bootstrap.mjs"), ...args], {
    encoding: "utf8",
    cwd: REPO_ROOT,
  });

describe("planDemo", () => {
  it("is what the README says: two guests of 2 vCPUs and 256 MiB on 2 harts", () => {
    const plan = planDemo(DEFAULTS, { rows: 40, columns: 100 });
    expect(plan).toMatchObject({
      guests: ["alpha", "beta"],
      root: "disk",
      vcpus: 2,
      guestMemoryMiB: 256,
      log: "normal",
      seed: "random",
    });
    expect(plan.machine).toMatchObject({ harts: 2, memoryMiB: 1536, icount: "off" });
    expect(plan.terminal).toEqual({ rows: 40, columns: 100 });
  });

  it("counts exactly in a check without disks, and gives a bigger party a bigger host", () => {
    expect(planDemo({ ...DEFAULTS, check: true }, {})).toMatchObject({ log: "quiet", machine: { icount: "off" } });
    expect(planDemo({ ...DEFAULTS, root: "memory", check: true }, {})).toMatchObject({
      log: "quiet",
      seed: "fixed",
      machine: { icount: "on" },
    });
    expect(planDemo({ ...DEFAULTS, guests: "9", "guest-memory": "512" }, {}).machine.memoryMiB).toBeGreaterThanOrEqual(
      9 * 512 + 384,
    );
  });

  it.each([
    [{ guests: "0" }, "--guests"],
    [{ guests: "10" }, "--guests"],
    [{ vcpus: "9" }, "--vcpus"],
    [{ harts: "two" }, "--harts"],
    [{ root: "nfs" }, "--root"],
    [{ aia: "gic" }, "--aia"],
    [{ memory: "1.5" }, "--memory"],
  ])("refuses %j", (change, option) => {
    expect(() => planDemo({ ...DEFAULTS, ...change }, {})).toThrow(option);
  });
});

describe("what people read", () => {
  it("aligns tables and groups digits", () => {
    expect(
      formatTable(
        [{ title: "a" }, { title: "n", align: "right" }],
        [
          ["x", "10"],
          ["yy", "7"],
        ],
      ),
    ).toBe("a    n\n──  ──\nx   10\nyy   7");
    expect([0, 999, 1000, 1234567].map(formatCount)).toEqual(["0", "999", "1,000", "1,234,567"]);
  });

  it("prints a failure with its fix and no trace, and a defect with its trace", () => {
    const lines: string[] = [];
    const context = {
      stderr: { write: (text: string | Uint8Array) => lines.push(String(text)) },
      errorStyle: PLAIN,
      env: {},
    };
    expect(report(new StepError({ step: "boot", why: "no\nluck", fix: "try again" }), context)).toBe(1);
    expect(lines.join("")).toBe("error: boot\n  no\n  luck\nfix: try again\n");
    lines.length = 0;
    report(new StepError({ step: "boot", why: "no luck" }), { ...context, env: { TYPEONE_DEBUG: "1" } });
    expect(lines.join("")).toMatch(/\n\s+at /);
    lines.length = 0;
    expect(report(new TypeError("oops"), context)).toBe(1);
    expect(lines.join("")).toMatch(/defect[\s\S]*TypeError: oops\n\s+at /);
  });

  it("describes every script it is given", () => {
    expect(menuLines({ demo: "x", pretest: "y", odd: "node odd.mjs" })).toEqual([
      expect.stringMatching(/^ {2}npm run demo {2}two Debian guests/),
      "  npm run odd   node odd.mjs",
    ]);
  });

  it("puts the fix below what is bad", () => {
    const lines = findingLines([{ what: "QEMU", verdict: "bad", detail: "missing", fix: "one\ntwo" }]);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toContain("two");
  });
});

describe("the command line", { timeout: 120_000 }, () => {
  it("refuses verbs and options that are not there", () => {
    const verb = cli("dmo");
    expect([verb.status, verb.stderr]).toEqual([2, expect.stringContaining("did you mean demo?")]);
    const option = cli("demo", "--chekc");
    expect([option.status, option.stderr]).toEqual([2, expect.stringContaining("--chekc")]);
  });

  it("shows the menu", () => {
    const menu = cli("menu");
    expect(menu.status).toBe(0);
    expect(menu.stdout).toContain("npm run demo");
  });

  it("refuses a number out of range before anything is done", () => {
    const demo = cli("demo", "--harts", "0");
    expect([demo.status, demo.stderr]).toEqual([2, expect.stringContaining("--harts must be a whole number")]);
  });
});
