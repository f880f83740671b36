// SPDX-License-Identifier: Apache-2.0
// Run directories, locks and what is kept in them: others are kept out, two daemons cannot be, nothing is kept twice.
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openDaemonLog } from "./daemon-log.ts";
import { KeptStream } from "./kept-stream.ts";
import { lockHolder, takeLock } from "./lock.ts";
import { isAlive, ownId, processId } from "./process-id.ts";
import { hostPaths, makeRunDir, runRoot } from "./run-dir.ts";
import { readJsonFile, stateSchema, writeJsonFile } from "./state.ts";
import { type TracePiece, encodeTraceHeader, encodeTracePiece, TraceDecoder } from "./trace.ts";

let root: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), "typeone-run-"));
});

afterEach(() => rm(root, { recursive: true, force: true }));

it("is where the environment says, and else the user's own", () => {
  expect(runRoot({ TYPEONE_RUN_DIR: "/x/y", XDG_RUNTIME_DIR: "/run/user/7" })).toBe("/x/y");
  expect(runRoot({ XDG_RUNTIME_DIR: "/run/user/7" })).toBe("/run/user/7/typeone");
  expect(runRoot({})).toBe(path.join(os.tmpdir(), `typeone-${process.getuid?.()}`));
});

it("takes no name that leaves its folder, and no path that is too long for a socket", () => {
  for (const name of ["", "..", ".", "a/b", "-x", "a".repeat(32), "a b", "a\0"])
    expect(() => hostPaths(name, root)).toThrow(/is no name for a host/);
  expect(hostPaths("web-1.x", root).api).toBe(path.join(root, "web-1.x", "api.sock"));
  expect(() => hostPaths("x", `/${"a".repeat(100)}`)).toThrow(/too long for a socket/);
});

it("is made for its owner only, and refused when it is not his alone", async () => {
  const paths = hostPaths("one", path.join(root, "all"));
  await makeRunDir(paths);
  await makeRunDir(paths);
  for (const dir of [path.dirname(paths.dir), paths.dir, paths.consoles, paths.crashes])
    expect((await stat(dir)).mode & 0o777).toBe(0o700);
  await chmod(paths.dir, 0o755);
  await expect(makeRunDir(paths)).rejects.toThrow(/can be entered by others \(mode 755\)/);
});

it("refuses a folder that somebody put there: open to others, a link, a file", async () => {
  const open = hostPaths("x", path.join(root, "open"));
  await mkdir(path.dirname(open.dir), { mode: 0o777 });
  await chmod(path.dirname(open.dir), 0o777);
  await expect(makeRunDir(open)).rejects.toMatchObject({ code: "unsafe" });
  const linked = hostPaths("x", path.join(root, "linked"));
  await mkdir(path.join(root, "elsewhere"), { mode: 0o700 });
  await symlink(path.join(root, "elsewhere"), path.dirname(linked.dir));
  await expect(makeRunDir(linked)).rejects.toThrow(/is not a folder/);
  const file = hostPaths("x", path.join(root, "file"));
  await writeFile(path.dirname(file.dir), "");
  await expect(makeRunDir(file)).rejects.toMatchObject({ code: "unsafe" });
});

it("knows a process by its start, not by its number alone", async () => {
  const own = ownId();
  expect(isAlive(own)).toBe(true);
  expect(isAlive({ ...own, startTime: `${Number(own.startTime) + 1}` })).toBe(false);
  const child = spawn("sleep", ["60"], { stdio: "ignore" });
  const id = processId(child.pid ?? -1);
  expect(id && isAlive(id)).toBe(true);
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("exit", resolve));
  expect(id && isAlive(id)).toBe(false);
  expect(processId(0x7fff_fff0)).toBeUndefined();
});

it("has one lock, which a dead process does not keep", async () => {
  const file = path.join(root, "daemon.pid");
  const lock = takeLock(file);
  expect(lock).toBeDefined();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(takeLock(file)).toBeUndefined();
  lock?.release();
  expect(lockHolder(file)).toBeUndefined();
  for (const stale of [JSON.stringify({ pid: process.pid, startTime: "1" }), "garbage", ""]) {
    await writeFile(file, stale);
    const taken = takeLock(file);
    expect(taken).toBeDefined();
    expect(lockHolder(file)).toEqual(ownId());
    taken?.release();
  }
});

it("reads back what it wrote, and nothing from a damaged file", async () => {
  const file = path.join(root, "state.json");
  const state = { version: 1, name: "x", file: "/f", qemu: ownId(), startedAt: "now" } as const;
  await writeJsonFile(file, state);
  expect(await readJsonFile(file, stateSchema)).toEqual(state);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await writeFile(file, (await readFile(file, "utf8")).slice(0, 40));
  expect(await readJsonFile(file, stateSchema)).toBeUndefined();
});

it("keeps a stream's newest bytes, and knows where it goes on after any restart", async () => {
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 1, max: 300 }), fc.constantFrom("go on", "restart", "jump", "remark")), {
        maxLength: 25,
      }),
      fc.nat({ max: 0xffff_ffff }),
      async (steps, start) => {
        const file = path.join(root, `${turn++}.log`);
        const options = { fileBytes: 500, files: 3 };
        let kept = new KeptStream(file, options);
        let position = start;
        let all = "";
        let heard = "";
        kept.listen((bytes) => (heard += Buffer.from(bytes).toString()));
        for (const [at, [length, what]] of steps.entries()) {
          if (what === "restart") kept = new KeptStream(file, options);
          if (what === "jump") position = (position + 1000) >>> 0;
          if (what === "remark") {
            kept.remark("[gap]");
            all += "[gap]";
          }
          const text = String.fromCharCode(97 + (at % 26)).repeat(length);
          kept.append("a", position, Buffer.from(text));
          position = (position + length) >>> 0;
          all += text;
          expect(kept.position("a")).toBe(position);
          expect(new KeptStream(file, options).position("a")).toBe(position);
          expect(kept.position("b")).toBeUndefined();
        }
        const history = kept.history().toString();
        expect(all.endsWith(history)).toBe(true);
        expect(history.length).toBeLessThanOrEqual(3 * 500);
        expect(history.length).toBeGreaterThanOrEqual(Math.min(all.length, 700));
        expect(kept.tail(200).toString()).toBe(all.slice(-200));
        expect(steps.some(([, what]) => what === "restart") || heard === all).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

it("keeps its own log within bounds, one line an entry", async () => {
  const file = path.join(root, "daemon.log");
  await writeFile(file, "x".repeat((1 << 20) + 1));
  const log = openDaemonLog(file);
  log.write("first\nsecond");
  log.write("y".repeat(5000));
  expect((await readFile(file, "utf8")).split("\n")[0]).toMatch(/^\d{4}-.*Z first$/);
  expect((await stat(file)).size).toBeLessThan(3000);
  expect((await stat(`${file}.1`)).size).toBe((1 << 20) + 1);
});

it("takes a trace apart again, in pieces of any size", () => {
  const piece = fc.record({
    hart: fc.nat({ max: 15 }),
    position: fc.nat({ max: 0xffff_ffff }),
    lost: fc.nat({ max: 0xffff_ffff }),
    bytes: fc.nat({ max: 9 }).map((count) => new Uint8Array(count * 32).fill(count)),
  });
  fc.assert(
    fc.property(fc.array(piece), fc.integer({ min: 1, max: 400 }), (pieces, size) => {
      const header = { ticksPerSecond: 10_000_000, harts: 2 };
      const stream = Buffer.concat([encodeTraceHeader(header), ...pieces.map(encodeTracePiece)]);
      const decoder = new TraceDecoder();
      const got: TracePiece[] = [];
      for (let at = 0; at < stream.length; at += size) got.push(...decoder.push(stream.subarray(at, at + size)));
      expect(decoder.header).toEqual(header);
      expect(got).toEqual(pieces);
    }),
  );
  expect(() => new TraceDecoder().push(Buffer.alloc(5000, "x"))).toThrow(/no trace/);
});
