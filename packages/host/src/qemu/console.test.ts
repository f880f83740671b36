// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { Console, ConsoleError } from "./console.ts";

const make = () => {
  const sent: string[] = [];
  const console = new Console((bytes) => void sent.push(bytes.toString()));
  return { console, sent, say: (text: string) => console.feed(Buffer.from(text)) };
};

describe("Console", () => {
  it("matches what is there already, what comes later, and what comes in pieces", async () => {
    const { console, say } = make();
    say("boot ok\n");
    await console.waitFor(/boot ok/, { timeoutMs: 50 });
    const later = console.waitFor(/login: /, { timeoutMs: 1000 });
    say("lo");
    say("gin: ");
    expect((await later).index).toBe(1);
  });

  it("looks behind the last match, so that an old line does not answer a new question", async () => {
    const { console, say } = make();
    say("42\n");
    await console.waitFor(/42/, { timeoutMs: 50 });
    await expect(console.waitFor(/42/, { timeoutMs: 20 })).rejects.toThrow(/did not appear/);
    await console.waitFor(/42/, { timeoutMs: 20, from: "start" });
  });

  it("skip() forgets what is there", async () => {
    const { console, say } = make();
    say("old answer");
    console.skip();
    await expect(console.waitFor(/answer/, { timeoutMs: 20 })).rejects.toBeInstanceOf(ConsoleError);
  });

  it("says where it stood when the time is up or the machine ends", async () => {
    const { console, say } = make();
    say("one\n\ntwo\n");
    const late = await console.waitFor(/three/, { timeoutMs: 10 }).catch((error: unknown) => error as ConsoleError);
    expect(late).toMatchObject({ reason: "timeout", tail: "one\ntwo" });
    const waiting = console.waitFor(/three/, { timeoutMs: 1000 }).catch((error: unknown) => error as ConsoleError);
    console.close("QEMU ended");
    expect(await waiting).toMatchObject({ reason: "closed" });
    await expect(console.waitFor(/x/, { timeoutMs: 1000 })).rejects.toThrow(/QEMU ended before/);
    await console.waitFor(/two/, { timeoutMs: 10 });
  });

  it("joins characters that come in pieces and keeps a bounded text", async () => {
    const { console, say } = make();
    const euro = Buffer.from("€");
    console.feed(euro.subarray(0, 1));
    console.feed(euro.subarray(1));
    expect(console.text).toBe("€");
    const waiting = console.waitFor(/END/, { timeoutMs: 5000 });
    for (let i = 0; i < 10; i++) say("x".repeat(1 << 20));
    say("END");
    await waiting;
    expect(console.text.length).toBeLessThanOrEqual(8 << 20);
    expect(console.dropped).toBeGreaterThan(0);
  });

  it("ignores the state that a global pattern would carry", async () => {
    const { console, say } = make();
    const pattern = /a/g;
    say("a a");
    await console.waitFor(pattern, { timeoutMs: 20 });
    await console.waitFor(pattern, { timeoutMs: 20 });
  });

  it("types", () => {
    const { console, sent } = make();
    console.type("ls\r");
    expect(sent).toEqual(["ls\r"]);
  });
});
