// SPDX-License-Identifier: Apache-2.0
import { mkdtempSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { trace } from "@typeone/spec";
import { describe, expect, it } from "vitest";
import { FAKE_HOST, fakeGuest, fakeHost } from "../testing/fake-host.ts";
import { typeone } from "../testing/run.ts";
import { lastLinesOf } from "./log.ts";
import { topOf } from "./top-model.ts";
import { hostKeys } from "./run.ts";

describe("logs and dmesg", () => {
  it("print what there is, whole or its end", async () => {
    expect(await typeone("logs web", { host: fakeHost() })).toMatchObject({ code: 0, out: "one\ntwo\nthree\n" });
    expect((await typeone("logs web -n 2", { host: fakeHost() })).out).toBe("two\nthree\n");
    expect((await typeone("logs web -n 1 -f", { host: fakeHost() })).out).toBe("three\n");
    expect((await typeone("dmesg", { host: fakeHost() })).out).toBe("typeone: boot\ntypeone: guests\n");
    expect((await typeone("dmesg -n 1 --json", { host: fakeHost() })).out).toBe('{"text":"typeone: guests"}\n');
    expect((await typeone("logs nobody", { host: fakeHost() })).code).toBe(3);
  });

  it("count lines from the end", () => {
    const last = (text: string, lines: number) => lastLinesOf(Buffer.from(text), lines).toString();
    expect([last("a\nb\nc\n", 2), last("a\nb\nc", 2), last("a\nb\n", 9), last("", 3), last("a\n", 0)]).toEqual([
      "b\nc\n",
      "b\nc",
      "a\nb\n",
      "",
      "",
    ]);
    expect(last("\n\nx\n", 2)).toBe("\nx\n");
  });
});

describe("mem", () => {
  it("dumps in pieces, as text, JSON and raw", async () => {
    const { out } = await typeone("mem web 0x80000041 20", { host: fakeHost() });
    expect(out).toBe(
      "000080000041  41 42 43 44 45 46 47 48  49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|\n" +
        "000080000051  51 52 53 54                                       |QRST|\n",
    );
    expect(JSON.parse((await typeone("mem web 0x41 3 --json", { host: fakeHost() })).out)).toEqual({
      guest: "web",
      gpa: "0x41",
      bytes: "414243",
    });
    expect((await typeone("mem web 0x0 5000 --raw", { host: fakeHost() })).out).toHaveLength(5000);
  });
});

describe("crash", () => {
  it("lists and shows", async () => {
    expect((await typeone("crash ls", { host: fakeHost() })).out).toContain(
      "db        0  0x80200010  2026-01-01T00:00:05.000Z  access to nothing\n",
    );
    const { out } = await typeone("crash show db", { host: fakeHost() });
    expect(out).toContain("cause   access to nothing\n");
    expect(out).toContain("ra  0x0  sp  0x1");
    expect(out).toMatch(/0 {2}mmio-load {2}0x80200010 {2}0x10000000 {2}0x0\n/);
    expect(out).not.toContain("fault of the hypervisor");
    expect((await typeone("crash show web", { host: fakeHost() })).code).toBe(3);
    expect(JSON.parse((await typeone("crash show db --json", { host: fakeHost() })).out)).toMatchObject({ reason: 3 });
  });
});

describe("host", () => {
  it.each([
    ["host info", "hypervisor    TypeOne 0.1.0 for riscv64, build abc123"],
    ["host cpu", "   0   0  online  25.0 s  75.0%     10    3       7  web/0"],
    ["host mem", "0x90000000  256 MiB  guest web"],
    ["host irq", " 10     0  1,234  uart"],
    ["host stats", "VMIDs in use          2"],
  ])("%s", async (line, wanted) => {
    const { code, out } = await typeone(line, { host: fakeHost() });
    expect([code, out]).toEqual([0, expect.stringContaining(wanted)]);
    expect((await typeone(`${line} -o json`, { host: fakeHost() })).out).toSatisfy(
      (text: string) => JSON.parse(text) !== undefined,
    );
  });

  it("is reset and stopped only when that is meant", async () => {
    const host = fakeHost();
    expect(await typeone("host reset", { host, answer: "no" })).toMatchObject({
      code: 1,
      asked: ["Reset host lab with 2 guests?"],
    });
    expect(await typeone("stop", { host, answer: "no" })).toMatchObject({
      code: 1,
      asked: ["End host lab while web runs?"],
    });
    expect(host.calls).toEqual([]);
    await typeone("host reset --yes", { host, answer: "no" });
    await typeone("stop", { host });
    await typeone("stop lab --keep-host", { host });
    expect(host.calls).toEqual(["host reset", 'stop {"keepHost":false}', 'stop {"keepHost":true}']);
  });

  it("names those that run", async () => {
    expect((await typeone("hosts -q", { host: fakeHost() })).out).toBe("lab\n");
    expect(await typeone("hosts")).toMatchObject({ code: 0, out: "" });
    expect((await typeone("daemon", { host: fakeHost() })).out).toBe(
      "host lab is served by process 101, channel ready\n",
    );
    expect(JSON.parse((await typeone("version --json", { host: fakeHost() })).out)).toMatchObject({
      typeone: "0.1.0",
      host: { name: "lab" },
    });
    expect((await typeone("version")).code).toBe(0);
  });
});

describe("top", () => {
  const at = (seconds: number, run: number, exits: number) => ({
    host: { ...FAKE_HOST, uptimeNs: seconds * 1e9 },
    harts: [
      { index: 0, online: true, id: "0", idleNs: seconds * 0.25e9, timerInterrupts: 0, ipis: 0, externalInterrupts: 0 },
    ],
    guests: [fakeGuest("a", 1, { runTimeNs: run * 1e9, exits }), fakeGuest("b", 2, { memoryBytes: 1 << 30 })],
  });

  it("makes rates of two samples, sorted", () => {
    const top = topOf(at(12, 6, 500), at(10, 5, 100), { by: "cpu", reverse: false });
    expect(top).toMatchObject({ seconds: 2, harts: [{ busy: 0.75 }] });
    expect(top.guests.map(({ name, cpu, exitsPerSecond }) => [name, cpu, exitsPerSecond])).toEqual([
      ["a", 0.5, 200],
      ["b", 0, 0],
    ]);
    const names = (by: "memory" | "name", reverse: boolean) =>
      topOf(at(1, 1, 1), undefined, { by, reverse }).guests.map(({ name }) => name);
    expect([names("memory", false), names("name", false), names("name", true)]).toEqual([
      ["b", "a"],
      ["a", "b"],
      ["b", "a"],
    ]);
  });

  it("does not take a new guest's counters for a former one's", () => {
    const top = topOf(at(12, 1, 5), at(10, 5, 100), { by: "cpu", reverse: false });
    expect(top.guests.find(({ name }) => name === "a")).toMatchObject({ cpu: 0, exitsPerSecond: 0 });
  });

  it("prints for scripts as often as asked", async () => {
    const { code, out } = await typeone("top -b -n 2 -d 0.1 -s name", { host: fakeHost() });
    expect(code).toBe(0);
    expect(out.match(/NAME\* /g)).toHaveLength(2);
    expect(out).toContain("lab  up 1:40  2 guests, 1 running  memory 448 MiB free of 960 MiB\n");
    const lines = (await typeone("top -n 2 -d 0.1 -o json", { host: fakeHost() })).out.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as { host: string }).host)).toEqual(["lab", "lab"]);
  });
});

describe("console without a terminal", () => {
  it("types standard input and prints the answer", async () => {
    const host = fakeHost();
    const { code, out, err } = await typeone("console web", { host, stdin: "uname\n" });
    expect([code, out, err]).toEqual([0, "# UNAME\n", ""]);
    expect(host.calls).toEqual(['console web {"from":"now"}']);
    expect((await typeone("console nobody", { host })).code).toBe(3);
  });
});

describe("keys of a host's terminal", () => {
  it("keep q and d, and hand on the others", () => {
    const type = (...pieces: string[]) => {
      const keys = hostKeys();
      return pieces.map((piece) => {
        const { send, leave } = keys(Buffer.from(piece));
        return [send.toString(), leave];
      });
    };
    expect(type("ls\x1d", "1x")).toEqual([
      ["ls", undefined],
      ["\x1d1x", undefined],
    ]);
    expect(type("a\x1dq")).toEqual([["a", "quit"]]);
    expect(type("\x1d", "D")).toEqual([
      ["", undefined],
      ["", "detach"],
    ]);
    expect(type("\x1d\x1d", "q")).toEqual([
      ["\x1d\x1d", undefined],
      ["q", undefined],
    ]);
  });
});

describe("trace", () => {
  const bytes = new Uint8Array(3 * trace.TRACE_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  // One record from before it was switched on, then two exits.
  [
    [1n, 5],
    [1_000_000_100n, 8],
    [1_000_000_200n, 8],
  ].forEach(([time, duration], i) => {
    const at = i * trace.TRACE_RECORD_BYTES;
    view.setBigUint64(at + trace.TRACE_TIME, BigInt(time as bigint), true);
    view.setUint32(at + trace.TRACE_DURATION, Number(duration), true);
    view.setUint8(at + trace.TRACE_KIND, trace.TRACE_EXIT);
    view.setUint8(at + trace.TRACE_SUB, trace.EXIT_SBI_TIMER);
    view.setUint8(at + trace.TRACE_GUEST, 1);
  });
  const traced = () => Object.assign(fakeHost(), { pieces: [{ hart: 0, position: 0, lost: 3, bytes }] });

  it("is switched on and off again around a table", async () => {
    const host = traced();
    const { code, out } = await typeone("trace -b -s 1", { host });
    expect([code, out]).toEqual([0, expect.stringContaining("web/0")]);
    expect(host.calls).toEqual([`trace ${trace.TRACE_ALL}`, "trace 0"]);
    expect(JSON.parse((await typeone("trace --json -s 1", { host })).out)).toMatchObject({
      vcpus: [{ guest: 1 }],
      harts: [{ lost: 0 }],
    });
  });

  it("makes histograms", async () => {
    expect((await typeone("trace --histogram -s 1", { host: traced() })).out).toMatch(/^sbi-timer: 2, mean 800 ns/);
    expect((await typeone("trace --histogram -s 1 -g db", { host: traced() })).out).toBe("no exits\n");
    expect(JSON.parse((await typeone("trace --histogram --json -s 1", { host: traced() })).out)).toMatchObject({
      kinds: [{ name: "sbi-timer", count: 2 }],
    });
  });

  it("writes a file for Perfetto", async () => {
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), "typeone-cli-")), "t.json");
    const { code, err } = await typeone(["trace", "-o", file, "-s", "1"], { host: traced() });
    expect([code, err]).toEqual([0, expect.stringContaining("2 records")]);
    const events = (
      JSON.parse(readFileSync(file, "utf8")) as { traceEvents: { name: string; args: { name?: string } }[] }
    ).traceEvents;
    expect(events.filter(({ name }) => name === "sbi-timer")).toHaveLength(2);
    expect(events.some(({ args }) => args.name === "web")).toBe(true);
    expect((await typeone(["trace", "-o", "/nonexistent/t.json"], { host: traced() })).code).toBe(3);
  });
});
