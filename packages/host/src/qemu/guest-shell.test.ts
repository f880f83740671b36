// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { Console } from "./console.ts";
import { GuestShell, outputOf } from "./guest-shell.ts";

/** A guest that echoes what is typed until it is told not to, and answers some commands. */
function fakeGuest(answers: Readonly<Record<string, string>>): Console {
  let echo = true;
  const console: Console = new Console((bytes) => {
    for (const line of bytes.toString().split("\n").slice(0, -1)) {
      if (echo) say(`${line}\r\n`);
      if (line === "root") say("Linux\r\nroot@alpha:~# ");
      else if (line.startsWith("stty")) echo = false;
      else if (line.startsWith("printf")) {
        const number = /TYPEONE-END (\d+)/.exec(line)?.[1];
        say(`\r\nTYPEONE-END-${number}:${last === "false" ? 1 : 0}\r\n`);
      } else {
        last = line;
        say(answers[line] ?? "");
      }
    }
  });
  let last = "";
  const say = (text: string): void => console.feed(Buffer.from(text));
  say("Debian GNU/Linux 13 alpha ttyS0\r\n\r\nalpha login: ");
  return console;
}

describe("GuestShell", () => {
  it("logs in, and answers each command's output and status", async () => {
    const shell = await GuestShell.logIn(fakeGuest({ hello: "a\r\nb" }), { name: "alpha", timeoutMs: 1000 });
    expect(await shell.run("hello", { timeoutMs: 1000 })).toEqual({ status: 0, output: "a\nb" });
    expect(await shell.run("false", { timeoutMs: 1000 })).toEqual({ status: 1, output: "" });
    expect(await shell.run("hello", { timeoutMs: 1000 })).toEqual({ status: 0, output: "a\nb" });
  });

  it("rejects when the guest has another name", async () => {
    await expect(GuestShell.logIn(fakeGuest({}), { name: "beta", timeoutMs: 20 })).rejects.toThrow("did not appear");
  });
});

describe("outputOf", () => {
  it("ends at the last mark", () => {
    expect(outputOf("x\r\n\r\nTYPEONE-END-1:0\r\n", "TYPEONE-END-1")).toBe("x\n");
    expect(outputOf("nothing", "TYPEONE-END-1")).toBe("");
  });
});
