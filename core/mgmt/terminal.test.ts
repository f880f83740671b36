// SPDX-License-Identifier: Apache-2.0
// The terminal as a person sees it: prompt, editing, history, commands, the hypervisor's lines in between. The screen
// is a small model of a terminal, so what counts is what stands there, not which bytes drew it.
import { loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { beforeEach, expect, it } from "vitest";

const WINDOW = 0x1_0000_0000n;
const PROMPT = "typeone> ";

let unit: UnitModule;
let hart: number;
let out: string;
let keys: number[];
let buffer: number;

function call(name: string, ...args: (number | bigint)[]): number {
  return Number(unit.exports[name]!(...args));
}

function settle() {
  for (let i = 0; i < 1000; i++) {
    if (keys.length) call("serialInterrupt", 0);
    if (call("testWork", 1000) === 0 && keys.length === 0) return;
  }
  throw new Error("the terminal never comes to rest");
}

function type(text: string) {
  keys.push(...Buffer.from(text, "latin1"));
  settle();
}

/** What a terminal of endless width shows: lines, the last being where the cursor is. */
function screen(): string[] {
  const lines: string[] = [""];
  let column = 0;
  const put = (char: string) => {
    const line = lines.at(-1)!.padEnd(column);
    lines[lines.length - 1] = line.slice(0, column) + char + line.slice(column + 1);
    column += 1;
  };
  for (const [token] of out.matchAll(/\u001b\[[0-9;]*[A-Za-z]|[^]/g)) {
    if (token === "\r") column = 0;
    else if (token === "\n") {
      lines.push("");
      column = 0;
    } else if (token === "\b") column = Math.max(0, column - 1);
    else if (token === "\u001b[K") lines[lines.length - 1] = lines.at(-1)!.slice(0, column);
    else if (token.startsWith("\u001b")) expect(token).toBe("\u001b[0m");
    else put(token);
  }
  lines[lines.length - 1] = lines.at(-1)!.slice(0, column);
  return lines;
}

const cursorLine = () => screen().at(-1)!;

beforeEach(async () => {
  out = "";
  keys = [];
  const atomic = (at: number, change: (before: number) => number) => {
    const before = unit.view().getUint32(at, true);
    unit.view().setUint32(at, change(before) >>> 0, true);
    return before;
  };
  unit = await loadUnit("core/mgmt/mgmt.testing.ts", {
    env: { abort: () => expect.fail("a check of the core failed") },
    hw: {
      hart: () => hart,
      csrRead: () => 7_000_000n,
      csrSet: () => {},
      csrWrite: () => {},
      sbi: () => 0n,
      buildId: (at: number) => (unit.bytes().set(Buffer.from("0123456789abcdef"), at), 16),
      mapDevice: () => WINDOW,
      linearBase: () => 0n,
      imageStart: () => 0x8020_0000n,
      imageEnd: () => 0x8040_0000n,
      mmioRead8: (hva: bigint) => {
        if (hva === WINDOW) return keys.shift() ?? 0;
        return hva === WINDOW + 5n ? 0x60 | (keys.length ? 1 : 0) : 0xc1;
      },
      mmioWrite8: (hva: bigint, value: number) => {
        if (hva === WINDOW) out += String.fromCharCode(value);
      },
      atomicLoad: (at: number) => unit.view().getUint32(at, true),
      atomicSwap: (at: number, value: number) => atomic(at, () => value),
      atomicOr: (at: number, value: number) => atomic(at, (before) => before | value),
      atomicAnd: (at: number, value: number) => atomic(at, (before) => before & value),
      atomicAdd: (at: number, value: number) => atomic(at, (before) => before + value),
      atomicCompareSwap: (at: number, expected: number, value: number) =>
        atomic(at, (before) => (before === expected ? value : before)),
    },
  });
  const arena = unit.scratch(0x40000);
  buffer = unit.scratch(0x10000);
  hart = call("testHost", arena, arena + 0x40000);
  expect(call("testConsole")).toBe(0);
  out = "";
  expect(call("testTerminal")).toBe(0);
});

it("shows a prompt, echoes, and edits with backspace, Ctrl-U and Ctrl-C", () => {
  expect(cursorLine()).toBe(PROMPT);
  type("hxl\u007f\u007felp");
  expect(cursorLine()).toBe(`${PROMPT}help`);
  type("\u0015");
  expect(cursorLine()).toBe(PROMPT);
  type("\u007f\u0008");
  expect(cursorLine()).toBe(PROMPT);
  type("half\u0003");
  expect(screen().slice(-2)).toEqual([`${PROMPT}half^C`, PROMPT]);
});

it("runs a command at the end of a line, whatever ends it, once", () => {
  for (const end of ["\r", "\n", "\r\n"]) {
    out = "";
    type(`version${end}`);
    expect(screen()).toEqual(["version", "TypeOne 0.1.0, build 0123456789abcdef", PROMPT]);
  }
  out = "";
  type("\r\r");
  expect(screen()).toEqual(["", PROMPT, PROMPT]);
});

it("answers every word of its help, and says what it does not know", () => {
  type("help\r");
  const help = screen();
  for (const verb of [
    "guest list",
    "guest stats",
    "guest destroy",
    "vcpu list",
    "host info",
    "host cpu",
    "log",
    "shutdown",
  ]) {
    expect(help.some((line) => line.startsWith(verb))).toBe(true);
  }
  out = "";
  type("frobnicate now\r");
  expect(screen()[1]).toBe("there is no command frobnicate; help lists them");
  out = "";
  type("guest stats nobody\r");
  expect(screen()[1]).toBe("there is no guest nobody; guest list shows them");
  for (const line of ["guest", "guest stats", "guest frob x", "vcpu", "host", "host x"]) {
    out = "";
    type(`${line}\r`);
    expect(screen().length).toBe(3);
    expect(cursorLine()).toBe(PROMPT);
  }
});

it("answers programs in one line of JSON", () => {
  out = "";
  type("host info -j\r");
  expect(JSON.parse(screen()[1]!)).toMatchObject({ host: { build: "0123456789abcdef", harts: 1, interrupts: "none" } });
  out = "";
  type("host cpu -j\r");
  expect(JSON.parse(screen()[1]!)).toMatchObject({ hart: 0, id: 100, timer: 0 });
});

it("goes back and forth through the last lines", () => {
  for (const line of ["one", "two", "two", "", "three"]) type(`${line}\r`);
  const up = "\u001b[A";
  const down = "\u001b[B";
  type(up);
  expect(cursorLine()).toBe(`${PROMPT}three`);
  type(up);
  expect(cursorLine()).toBe(`${PROMPT}two`);
  type(up);
  expect(cursorLine()).toBe(`${PROMPT}one`);
  type(up + up);
  expect(cursorLine()).toBe(`${PROMPT}one`);
  type(down);
  expect(cursorLine()).toBe(`${PROMPT}two`);
  type("x\u007f");
  expect(cursorLine()).toBe(`${PROMPT}two`);
  type(down + down + down);
  expect(cursorLine()).toBe(PROMPT);
});

it("keeps only the last eight lines, and passes over other escape sequences", () => {
  for (let i = 0; i < 12; i++) type(`line${i}\r`);
  type("\u001b[A".repeat(20));
  expect(cursorLine()).toBe(`${PROMPT}line4`);
  type("\u0015ab\u001b[3~\u001b[1;5Cc\u001bOd");
  expect(cursorLine()).toBe(`${PROMPT}abcd`);
});

it("brings the prompt and what was typed back below lines of the host and of guests", () => {
  const name = buffer + 0x8000;
  unit.bytes().set(Buffer.from("alpha\0"), name);
  call("testGuest", 1, name);
  type("guest li");
  unit.bytes().set(Buffer.from("hello\n"), buffer);
  call("testSend", 1, buffer, 6);
  settle();
  expect(screen().slice(-2)).toEqual(["[alpha] hello", `${PROMPT}guest li`]);
  call("testSay", 42n);
  expect(screen().slice(-2)).toEqual(["typeone: value 42", `${PROMPT}guest li`]);
});

it("shows the log again, all of it, and marks nothing twice", () => {
  for (let i = 0; i < 1200; i++) call("testSay", BigInt(i));
  out = "";
  type("log\r");
  const lines = screen();
  expect(lines[0]).toBe("log");
  expect(cursorLine()).toBe(PROMPT);
  const values = lines.slice(2, -1).map((line) => Number(line.replace("value ", "")));
  expect(values.length).toBeGreaterThan(1000);
  expect(values).toEqual(Array.from({ length: values.length }, (_, i) => 1200 - values.length + i));
});

it("survives whatever is typed, and comes back to a prompt", () => {
  const word = fc.constantFrom(
    "guest",
    "list",
    "stats",
    "vcpu",
    "host",
    "info",
    "cpu",
    "-j",
    "log",
    "help",
    "1",
    "x".repeat(200),
    " ",
    "\t",
  );
  const noise = fc
    .uint8Array({ maxLength: 40 })
    .map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 0x1d)).toString("latin1"));
  fc.assert(
    fc.property(fc.array(fc.oneof(word, noise, fc.constant("\r")), { maxLength: 30 }), (parts) => {
      out = "";
      type(parts.join(""));
      type("\u001b[B\u0003");
      expect(cursorLine()).toBe(PROMPT);
      expect(out).toMatch(/^[\u0020-\u007e\r\n\b\u001b]*$/);
    }),
    { numRuns: 100 },
  );
});
