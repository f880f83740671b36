// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createKeyFilter, createOutputFilter } from "./keys.ts";

const type = (...pieces: string[]) => {
  const filter = createKeyFilter();
  let sent = "";
  for (const piece of pieces) {
    const result = filter(Buffer.from(piece, "latin1"));
    sent += result.send.toString("latin1");
    if (result.quit) return { sent, quit: true };
  }
  return { sent, quit: false };
};

/** Cuts a text into pieces at arbitrary places. */
const pieces = (alphabet: string) =>
  fc.array(fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 6 }), { maxLength: 12 });

describe("the key filter", () => {
  it("passes everything, Ctrl-C and escapes included, and quits on Ctrl-] q", () => {
    expect(type("ls\r\u0003\u001b[A")).toEqual({ sent: "ls\r\u0003\u001b[A", quit: false });
    expect(type("ls\u001dqmore")).toEqual({ sent: "ls", quit: true });
    expect(type("a\u001d", "Q")).toEqual({ sent: "a", quit: true });
  });

  it("leaves the hypervisor's own keys to the hypervisor", () => {
    expect(type("\u001d1")).toEqual({ sent: "\u001d1", quit: false });
    expect(type("\u001d\u001dq")).toEqual({ sent: "\u001d\u001dq", quit: false });
    expect(type("\u001d")).toEqual({ sent: "", quit: false });
  });

  it("does not care where the terminal cuts what is typed", () => {
    fc.assert(
      fc.property(pieces("\u001dq1a"), (parts) => {
        expect(type(...parts)).toEqual(type(parts.join("")));
      }),
    );
  });
});

describe("the output filter", () => {
  const show = (...parts: string[]) => {
    const filter = createOutputFilter();
    return parts.map((part) => filter(Buffer.from(part, "latin1")).toString("latin1")).join("");
  };

  it("drops the question for the cursor and nothing else", () => {
    expect(show("alpha:~# \u001b[6n", "x")).toBe("alpha:~# x");
    expect(show("\u001b[0m\u001b[", "6", "nok\u001b[6m\u001b\u001b[6n")).toBe("\u001b[0mok\u001b[6m\u001b");
  });

  it("equals a replacement over the whole text, wherever it is cut", () => {
    fc.assert(
      fc.property(pieces("\u001b[6na"), (parts) => {
        // A letter at the end flushes what could have become a question.
        expect(show(...parts, "z")).toBe(`${parts.join("")}z`.replaceAll("\u001b[6n", ""));
      }),
    );
  });
});
