// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keysOf } from "./keys.ts";
import { createQuestionFilter } from "./questions.ts";
import { clip, frame } from "./screen.ts";

describe("keys", () => {
  it("have names; unknown sequences are dropped", () => {
    expect(keysOf(Buffer.from("qR\u001b[A\u001bOB\u0003\r\u001b[99;5u\u001b"))).toEqual([
      "q",
      "R",
      "up",
      "down",
      "ctrl-c",
      "enter",
      "escape",
    ]);
  });
});

describe("frames", () => {
  it("cut lines to the window, colours apart", () => {
    expect(clip("abcdef", 4)).toBe("abcd");
    expect(clip("\u001b[1mabc\u001b[22mdef", 4)).toBe("\u001b[1mabc\u001b[22md");
    expect(clip("漢字x", 3)).toBe("漢x");
    const text = frame(["one", "two", "three"], { columns: 4, rows: 2 });
    expect(text).toBe("\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J");
  });
});

describe("questions to the terminal", () => {
  const QUESTIONS = [
    "\u001b[6n",
    "\u001b[c",
    "\u001b[>0c",
    "\u001b[?6n",
    "\u001bZ",
    "\u001b]11;?\u0007",
    "\u001b]10;?\u001b\\",
  ];

  it("are kept back however they are cut, and nothing else is", () => {
    const part = fc.oneof(
      fc.constantFrom(...QUESTIONS),
      fc.constantFrom("text ", "\u001b[31m", "\u001b[2J", "é", "[6n", "\r\n"),
    );
    fc.assert(
      fc.property(fc.array(part), fc.array(fc.nat(12)), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(""));
        const filter = createQuestionFilter();
        const out: Buffer[] = [];
        let at = 0;
        for (const cut of cuts) out.push(filter.pass(bytes.subarray(at, (at += cut))));
        out.push(filter.pass(bytes.subarray(at)), filter.open());
        const wanted = parts.filter((piece) => !QUESTIONS.includes(piece)).join("");
        expect(Buffer.concat(out).toString()).toBe(wanted);
      }),
    );
  });

  it("go through once the person types", () => {
    const filter = createQuestionFilter();
    expect(filter.pass(Buffer.from("a\u001b[")).toString()).toBe("a");
    expect(filter.open().toString()).toBe("\u001b[");
    expect(filter.pass(Buffer.from("\u001b[6n")).toString()).toBe("\u001b[6n");
  });
});
