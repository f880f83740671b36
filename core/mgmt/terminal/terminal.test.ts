// SPDX-License-Identifier: Apache-2.0
// The terminal as a person sees it: prompt, editing, history, long answers, the hypervisor's lines in between.
import fc from "fast-check";
import { beforeEach, expect, it } from "vitest";
import { PROMPT } from "../../../tests/sim/screen.ts";
import { BUILD, TerminalUnit } from "../../../tests/sim/terminal-unit.ts";

let unit: TerminalUnit;

beforeEach(async () => {
  unit = await TerminalUnit.create();
});

const HOME = "\u001b[H";
const END = "\u001bOF";
const LEFT = "\u001b[D";
const RIGHT = "\u001b[C";
const UP = "\u001b[A";
const DOWN = "\u001b[B";
const DELETE = "\u001b[3~";
const WORD_LEFT = "\u001b[1;5D";
const WORD_RIGHT = "\u001b[1;5C";

it("shows a prompt, echoes, and edits with backspace, Ctrl-U and Ctrl-C", () => {
  expect(unit.line).toBe(PROMPT);
  unit.type("hxl\u007f\u007felp");
  expect(unit.line).toBe(`${PROMPT}help`);
  unit.type("\u0015");
  expect(unit.line).toBe(PROMPT);
  unit.type("\u007f\u0008\u0004");
  expect(unit.line).toBe(PROMPT);
  unit.type("half\u0003");
  expect(unit.screen.lines.slice(-2)).toEqual([`${PROMPT}half^C`, PROMPT]);
});

it("edits in the middle of a line", () => {
  unit.type(`bd${LEFT}c${HOME}a`);
  expect(unit.line).toBe(`${PROMPT}abcd`);
  expect(unit.screen.cursor).toBe(PROMPT.length + 1);
  unit.type(`${RIGHT}${DELETE}\u0005e\u0001\u0004`);
  expect(unit.line).toBe(`${PROMPT}bde`);
  unit.type(`\u0006\u0006\u0002\u000b`);
  expect(unit.line).toBe(`${PROMPT}b`);
  unit.type(`\u0015one two  three${WORD_LEFT}${WORD_LEFT}X${END}\u0017Y`);
  expect(unit.line).toBe(`${PROMPT}one Xtwo  Y`);
  unit.type(`${HOME}${WORD_RIGHT}Z\u001bf!\u001bb\u001bd${END}\u001b\u007f.`);
  expect(unit.line).toBe(`${PROMPT}oneZ   .`);
});

it("keeps a long line on one line of the screen, and the cursor in sight", () => {
  const text = Array.from({ length: 110 }, (_, i) => String.fromCharCode(97 + (i % 26))).join("");
  unit.type(text);
  expect(unit.line).toBe(PROMPT + text.slice(-68));
  unit.type(HOME);
  expect(unit.line).toBe(PROMPT + text.slice(0, 68));
  expect(unit.screen.cursor).toBe(PROMPT.length);
  unit.type(`${END}${"z".repeat(40)}`);
  expect(unit.line).toBe(`${PROMPT}${text.slice(-58)}${"z".repeat(10)}`);
  unit.type("\u0015");
  expect(unit.line).toBe(PROMPT);
});

it("clears the screen and keeps the line", () => {
  unit.type("version\rhe\u000c");
  expect(unit.screen.lines).toEqual([`${PROMPT}he`]);
});

it("runs a command at the end of a line, whatever ends it, once", () => {
  for (const end of ["\r", "\n", "\r\n"]) {
    unit.out = "";
    unit.type(`version${end}`);
    expect(unit.screen.lines).toEqual(["version", `TypeOne 0.1.0, build ${BUILD}`, PROMPT]);
  }
  unit.out = "";
  unit.type("\r\r");
  expect(unit.screen.lines).toEqual(["", PROMPT, PROMPT]);
});

it("goes back and forth through the last lines", () => {
  for (const line of ["one", "two", "two", "", "three"]) unit.type(`${line}\r`);
  unit.type(UP);
  expect(unit.line).toBe(`${PROMPT}three`);
  unit.type(UP);
  expect(unit.line).toBe(`${PROMPT}two`);
  unit.type(UP);
  expect(unit.line).toBe(`${PROMPT}one`);
  unit.type(UP + UP);
  expect(unit.line).toBe(`${PROMPT}one`);
  unit.type(DOWN);
  expect(unit.line).toBe(`${PROMPT}two`);
  unit.type("x\u007f");
  expect(unit.line).toBe(`${PROMPT}two`);
  unit.type(DOWN + DOWN + DOWN);
  expect(unit.line).toBe(PROMPT);
});

it("keeps the last 16 lines, and passes over escape sequences that it does not know", () => {
  for (let i = 0; i < 20; i++) unit.type(`line${i}\r`);
  unit.type(UP.repeat(30));
  expect(unit.line).toBe(`${PROMPT}line4`);
  unit.type("\u0010\u000e");
  expect(unit.line).toBe(`${PROMPT}line5`);
  unit.type("\u0015ab\u001b[5~c\u001b[38;5;1m\u001bOPd\u00e4\u001b\u001b[D\u001b[C");
  expect(unit.line).toBe(`${PROMPT}abcd`);
});

it("brings the prompt, what was typed and the cursor back below lines of the host and of guests", () => {
  unit.call("testGuest", 1, unit.text("alpha", 0x8000));
  unit.type(`guest li${LEFT}`);
  unit.call("testSend", 1, unit.text("hello\n"), 6);
  unit.settle();
  expect(unit.screen.lines.slice(-2)).toEqual(["[alpha] hello", `${PROMPT}guest li`]);
  unit.call("testSay", 42n);
  expect(unit.screen.lines.slice(-2)).toEqual(["typeone: value 42", `${PROMPT}guest li`]);
  expect(unit.screen.cursor).toBe(PROMPT.length + 7);
});

it("prints a long answer as the UART takes it, loses nothing of it, and Ctrl-C ends it", () => {
  for (let i = 0; i < 1200; i++) unit.call("testSay", BigInt(i));
  unit.out = "";
  unit.sends = false;
  unit.type("log\r");
  expect(unit.out.length).toBeLessThan(20);
  unit.type("version\r");
  for (let i = 0; i < 200; i++) {
    unit.sends = true;
    unit.call("serialInterrupt", 0);
    unit.sends = false;
    unit.settle();
  }
  const lines = unit.screen.lines;
  const end = lines.indexOf(`${PROMPT}version`);
  expect(lines[end - 1]).toBe("value 1199");
  expect(lines.at(-1)).toBe(PROMPT);
  const values = lines.slice(2, end).map((line) => Number(line.replace("value ", "")));
  expect(values).toEqual(values.map((_, i) => 1200 - values.length + i));
  unit.type("log\r");
  unit.type("\u0003");
  unit.out = "";
  unit.sends = true;
  for (let i = 0; i < 200; i++) unit.call("serialInterrupt", 0);
  unit.settle();
  expect(unit.line).toBe(PROMPT);
  expect(unit.out).not.toContain("value 1199");
});

it("says nothing while a guest's console is shown, and the rest when the host is back", () => {
  for (let i = 0; i < 1200; i++) unit.call("testSay", BigInt(i));
  unit.call("testGuest", 1, unit.text("alpha", 0x8000));
  unit.out = "";
  unit.sends = false;
  unit.type("log\r");
  unit.type("\u001d1");
  unit.sends = true;
  for (let i = 0; i < 100; i++) unit.call("serialInterrupt", 0);
  unit.settle();
  expect(unit.out).not.toContain("value 1199");
  unit.type("\u001d0");
  for (let i = 0; i < 100; i++) unit.call("serialInterrupt", 0);
  unit.settle();
  expect(unit.screen.lines.slice(-2)).toEqual(["value 1199", PROMPT]);
});

it("shows the log again, all of it, and marks nothing twice", () => {
  for (let i = 0; i < 1200; i++) unit.call("testSay", BigInt(i));
  unit.out = "";
  unit.type("log\r");
  const lines = unit.screen.lines;
  expect(lines[0]).toBe("log");
  expect(unit.line).toBe(PROMPT);
  const values = lines.slice(2, -1).map((line) => Number(line.replace("value ", "")));
  expect(values.length).toBeGreaterThan(1000);
  expect(values).toEqual(Array.from({ length: values.length }, (_, i) => 1200 - values.length + i));
});

it("survives whatever is typed, and comes back to a prompt", () => {
  const word = fc.constantFrom(
    "guest ",
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
      unit.out = "";
      unit.type(parts.join(""));
      unit.type("\u001b[B\u0003\u0003");
      expect(unit.line).toBe(PROMPT);
      expect(unit.out).toMatch(/^[\u0020-\u007e\r\n\b\u001b]*$/);
    }),
    { numRuns: 100 },
  );
});
