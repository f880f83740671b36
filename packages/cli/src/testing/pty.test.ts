// SPDX-License-Identifier: Apache-2.0
// Verbs as a person meets them: in a terminal, which is as it was when they have ended, whatever ended them.
import { mkdtempSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { REPO_ROOT } from "@typeone/host";
import { describe, expect, it } from "vitest";
import { Pty, type PtyOptions } from "./pty.ts";

const MAIN = path.join(REPO_ROOT, "packages/cli/src/testing/fake-main.testing.ts");
const ENTER = "\u001b[?1049h";
const LEAVE = "\u001b[?1049l";

/** The verb, then what the terminal's modes are; `; exit` keeps the verb's exit code. */
function open(line: string, options: PtyOptions = {}): Pty {
  const node = `'${process.execPath}' --import tsx '${MAIN}'`;
  const script = `${node} ${line}; code=$?; stty -a | grep -o -e '-\\?icanon' -e '-\\?echo\\b'; echo "code=$code"; exit $code`;
  return Pty.spawn(["/bin/sh", "-c", script], { cwd: REPO_ROOT, ...options });
}

/** Waits for the end; the terminal must be cooked again. */
async function ended(pty: Pty): Promise<number> {
  await pty.expect(/(^|\s)icanon\s+echo\s+code=\d+/);
  return pty.exited;
}

describe("top", { timeout: 60_000 }, () => {
  it("sorts by keys, follows the window's size, and leaves with q", async () => {
    const pty = open("top -d 0.2", { rows: 12, columns: 100 });
    await pty.expect(/NAME +ID +STATE[^\n]*CPU%\*/);
    pty.type("n");
    await pty.expect(/NAME\* +ID/);
    await pty.resize(6, 30);
    await sleep(300);
    const before = pty.output.length;
    await pty.expect(/NAME/);
    await sleep(300);
    const longest = Math.max(
      ...pty.output
        .slice(before)
        .replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "\n")
        .split(/[\r\n]+/)
        .map((line) => line.length),
    );
    expect(longest).toBeLessThanOrEqual(30);
    pty.type("q");
    expect(await ended(pty)).toBe(0);
    expect([pty.output.split(ENTER).length, pty.output.split(LEAVE).length]).toEqual([2, 2]);
  });

  it("gives the terminal back on Ctrl-C, a signal and an error", async () => {
    const typed = open("top");
    await typed.expect("NAME");
    typed.type("\u0003");
    expect(await ended(typed)).toBe(0);
    expect(typed.output).toContain(LEAVE);

    const broken = open("top -d 0.1", { env: { FAIL_AFTER_MS: "1500" } });
    await broken.expect("NAME");
    expect(await ended(broken)).toBe(1);
    expect(broken.output.indexOf("TypeError: broken")).toBeGreaterThan(broken.output.indexOf(LEAVE));
  });
});

describe("console", { timeout: 60_000 }, () => {
  it("is raw until Ctrl-]", async () => {
    const pty = open("console web");
    await pty.expect("Ctrl-] leaves");
    await pty.expect("# ");
    pty.type("hello");
    await pty.expect("HELLO");
    // Ctrl-C is the guest's.
    pty.type("\u0003more");
    await pty.expect("MORE");
    pty.type("last\u001d");
    await pty.expect("left the console of web");
    expect(await ended(pty)).toBe(0);
  });
});

describe("destroy", { timeout: 60_000 }, () => {
  it("asks, and no is no", async () => {
    const pty = open("destroy web");
    await pty.expect("Destroy web?");
    pty.type("n");
    await pty.expect("nothing was done");
    expect(await ended(pty)).toBe(1);
  });

  it("takes yes for an answer", async () => {
    const pty = open("destroy web");
    await pty.expect("Destroy web?");
    pty.type("y");
    await pty.expect("web: destroyed");
    expect(await ended(pty)).toBe(0);
  });
});

describe("run in the foreground", { timeout: 60_000 }, () => {
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), "typeone-pty-")), "empty.yaml");
  writeFileSync(file, "guests: []\n");

  it("shows the host's terminal; Ctrl-] d leaves it running, Ctrl-] q ends it", async () => {
    const left = open(`run '${file}'`);
    await left.expect("leave it running");
    await left.expect("typeone> ");
    left.type("help\u001dd");
    await left.expect("host lab goes on");
    expect(await ended(left)).toBe(0);

    const quit = open(`run '${file}'`);
    await quit.expect("typeone> ");
    quit.type("\u001dq");
    await quit.expect("host lab: ended");
    expect(await ended(quit)).toBe(0);
  });
});
