// SPDX-License-Identifier: Apache-2.0
// Guest consoles, the multiplexer and the output ring together, on a 16550 that can be slow: who sees what, which keys
// are ours, and that nothing a guest sends is control, is lost without a word, or holds anybody up.
import { atomics, loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";

const WINDOW = 0x1_0000_0000n;
const TICKS_PER_SECOND = 1_000_000_000n;
const KEY = 0x1d;

/** A 16550 with a 16-byte FIFO; `slow` keeps what was written until `drain`. */
class Uart {
  out = "";
  in: number[] = [];
  slow = false;
  private fifo: number[] = [];
  private ier = 0;

  read(register: number): number {
    if (register === 0) return this.in.shift() ?? 0;
    if (register === 2) return 0xc1;
    if (register === 5) return (this.in.length ? 1 : 0) | (this.fifo.length ? 0 : 0x60);
    throw new Error(`read of UART register ${register}`);
  }
  write(register: number, value: number) {
    if (register === 1) this.ier = value;
    if (register !== 0) return;
    if (this.fifo.length >= 16) throw new Error("the transmit FIFO overflowed");
    this.fifo.push(value);
    if (!this.slow) this.drain();
  }
  drain() {
    this.out += String.fromCharCode(...this.fifo);
    this.fifo = [];
  }
  pending(): boolean {
    return ((this.ier & 1) !== 0 && this.in.length > 0) || ((this.ier & 2) !== 0 && this.fifo.length === 0);
  }
}

let unit: UnitModule;
let uart: Uart;
let time: bigint;
let looks = 0;
let buffer: number;
let hart: number;

function call(name: string, ...args: (number | bigint)[]): number {
  return Number(unit.exports[name]!(...args));
}

/** Everything that interrupts and workers would do now; at most `most` rounds of it. */
function settle(most = 2000) {
  for (let i = 0; i < most; i++) {
    const worked = call("testWork", 64);
    if (!uart.pending() && worked === 0) return;
    if (uart.pending()) call("serialInterrupt", 0);
  }
}

/** Time passes, slow bytes leave, timers fire. */
function pass(ticks: bigint) {
  time += ticks;
  uart.drain();
  unit.exports["timersExpire"]!(time);
  settle();
}

function type(...keys: (string | number)[]) {
  for (const key of keys) uart.in.push(...(typeof key === "number" ? [key] : [...Buffer.from(key, "latin1")]));
  settle();
}

function send(number: number, bytes: Uint8Array | string): number {
  const data = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes;
  unit.bytes().set(data, buffer);
  const taken = call("testSend", number, buffer, data.length);
  settle();
  return taken;
}

function receivedBy(number: number): string {
  let text = "";
  for (let byte = call("testReceive", number); byte >= 0; byte = call("testReceive", number)) {
    text += String.fromCharCode(byte);
  }
  return text;
}

/** What came out since the last look. */
function seen(): string {
  const text = uart.out;
  uart.out = "";
  return text;
}

beforeEach(async () => {
  uart = new Uart();
  time = 5_000_000_000n;
  unit = await loadUnit("core/host/host.testing.ts", {
    env: { abort: () => expect.fail("a check of the core failed") },
    hw: {
      hart: () => hart,
      csrRead: () => time,
      csrSet: () => {},
      csrWrite: () => {},
      sbi: (extension: number, func: number, byte: bigint) => {
        if (extension === 0x4442434e && func === 2) uart.out += String.fromCharCode(Number(byte));
        return 0n;
      },
      mapDevice: () => WINDOW,
      linearBase: () => 0n,
      mmioRead8: (hva: bigint) => (looks++, uart.read(Number(hva - WINDOW))),
      mmioWrite8: (hva: bigint, value: number) => uart.write(Number(hva - WINDOW), value),
      ...atomics(() => unit),
    },
  });
  const arena = unit.scratch(0x40000);
  buffer = unit.scratch(0x10000);
  hart = call("testHost", arena, arena + 0x40000);
  expect(call("testConsole")).toBe(0);
  for (const [number, name] of [
    [1, "alpha"],
    [2, "beta"],
  ] as const) {
    const at = buffer + 0xff00 + number * 16;
    unit.bytes().set(Buffer.from(`${name}\0`), at);
    call("testGuest", number, at);
  }
  seen();
});

describe("the host's screen", () => {
  it("shows whole lines of guests behind their names", () => {
    send(1, "hel");
    expect(seen()).toBe("");
    send(2, "other\r\n");
    send(1, "lo\r\nlogin: ");
    expect(seen()).toBe("[beta] other\r\n[alpha] hello\r\n");
  });

  it("escapes whatever a guest could do harm with", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        send(1, bytes);
        send(1, "\n");
        const shown = seen();
        expect(shown).toMatch(/^(\[alpha\] [\t -~]*\r\n)*$/);
        expect(call("outputFocus")).toBe(0);
        expect(receivedBy(1) + receivedBy(2)).toBe("");
      }),
      { numRuns: 200 },
    );
  });

  it("splits lines that are too long and loses none of their bytes", () => {
    send(1, `${"x".repeat(1000)}\n`);
    const lines = seen().trimEnd().split("\r\n");
    expect(lines.every((line) => line.startsWith("[alpha] ") && line.length <= 168)).toBe(true);
    expect(lines.map((line) => line.slice(8)).join("")).toBe("x".repeat(1000));
  });
});

describe("the focus", () => {
  it("moves by number, next, previous, and says where it is", () => {
    type(KEY, "2");
    expect(seen()).toBe("typeone: console is now beta (Ctrl-] switches, Ctrl-] 0 is the host, Ctrl-] q quits)\r\n");
    expect(call("outputFocus")).toBe(2);
    const order = (...keys: (string | number)[]) => (type(KEY, ...keys), call("outputFocus"));
    expect(order("n")).toBe(0);
    expect(order(KEY)).toBe(1);
    expect(order("n")).toBe(2);
    expect(order("p")).toBe(1);
    expect(order("p")).toBe(0);
    expect(order("p")).toBe(2);
    expect(order("0")).toBe(0);
    seen();
    expect(order("7")).toBe(0);
    expect(seen()).toContain("there is no such console");
  });

  it("passes keys to the guest, and ours only when they are none", () => {
    type(KEY, "1", "ls\r", KEY, "x", "\u0003");
    expect(receivedBy(1)).toBe("ls\r\u001dx\u0003");
    expect(receivedBy(2)).toBe("");
    expect(call("testReceived")).toBe(6);
    type(KEY, "?");
    expect(seen()).toContain("Ctrl-] q");
    expect(receivedBy(1)).toBe("");
  });

  it("shows the guest raw, byte for byte", () => {
    type(KEY, "1");
    seen();
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    send(1, all);
    expect(Buffer.from(seen(), "latin1")).toEqual(Buffer.from(all));
    expect(call("outputFocus")).toBe(1);
    expect(receivedBy(1)).toBe("");
  });

  it("replays what was sent unseen, then what is new, and hides the others", () => {
    type(KEY, "2");
    send(1, "while away\r\n# ");
    expect(seen()).not.toContain("away");
    type(KEY, "1");
    send(1, "new");
    send(2, "hidden");
    expect(seen()).toMatch(/console is now alpha .*\r\nwhile away\r\n# new$/);
    type(KEY, "2");
    expect(seen()).toMatch(/\r\ntypeone: console is now beta .*\r\nhidden$/);
  });

  it("says how much was lost when the scroll-back was too small", () => {
    type(KEY, "2");
    seen();
    for (let i = 0; i < 5; i++) expect(send(1, "y".repeat(4096))).toBe(4096);
    type(KEY, "1");
    pass(1n);
    const shown = seen();
    expect(shown).toContain("typeone: 4096 bytes of this console were lost");
    expect(shown.match(/y{100,}/)?.[0].length).toBe(16384);
    type(KEY, "2", KEY, "1");
    expect(seen()).not.toContain("lost");
  });

  it("does not call lost what the host's screen has shown", () => {
    for (let i = 0; i < 9; i++) {
      send(1, `${"z".repeat(4000)}\n`);
      pass(TICKS_PER_SECOND);
    }
    seen();
    type(KEY, "1");
    pass(1n);
    expect(seen()).not.toContain("lost");
  });

  it("ends colours before the host speaks, on a line of its own", () => {
    type(KEY, "1");
    send(1, "\u001b[31mred");
    seen();
    type(KEY, "0");
    expect(seen().startsWith("\u001b[0m\r\ntypeone: console is now the host")).toBe(true);
  });

  it("takes a detached guest out of the round", () => {
    call("testDetach", 1);
    type(KEY, "n");
    expect(call("outputFocus")).toBe(2);
    type(KEY, "1");
    expect(call("outputFocus")).toBe(2);
    call("testDetach", 2);
    expect(call("outputFocus")).toBe(0);
    expect(seen()).toContain("typeone: the guest of this console is gone; console is now the host");
    type("lost keys");
    expect(receivedBy(2)).toBe("");
    type(KEY, "n");
    expect(call("outputFocus")).toBe(0);
  });
});

describe("a slow line and a flood", () => {
  it("loses nothing in focus: the guest is held back until there is room", () => {
    type(KEY, "1");
    seen();
    uart.slow = true;
    const text = Array.from({ length: 3000 }, (_, i) => `${i}.`).join("");
    let sent = 0;
    let shown = "";
    for (let i = 0; i < 5000 && shown.length < text.length; i++) {
      if (sent < text.length) sent += send(1, text.slice(sent, sent + 300));
      pass(1_400_000n);
      shown += seen();
    }
    expect(shown).toBe(text);
  });

  it("spends a bounded number of looks at the UART per exit", () => {
    type(KEY, "1");
    uart.slow = true;
    send(1, "x".repeat(600));
    looks = 0;
    expect(call("testSend", 1, buffer, 1)).toBe(1);
    expect(looks).toBeLessThan(4);
  });

  it("limits a guest that floods, tells its UART when it may go on, and keeps the host answering", () => {
    type(KEY, "1");
    seen();
    let taken = 0;
    const flood = () => {
      for (let i = 0; i < 200; i++) taken += send(1, "f".repeat(1000));
    };
    flood();
    expect(taken).toBeLessThan(65536 + 4096 + 1);
    expect(taken).toBeGreaterThanOrEqual(65536);
    expect(send(1, "f")).toBe(0);
    const drained = call("testDrained");
    type(KEY, "0");
    expect(seen()).toMatch(/console is now the host/);
    type(KEY, "1");
    seen();
    pass(TICKS_PER_SECOND / 100n);
    expect(call("testDrained")).toBeGreaterThan(drained);
    taken = 0;
    for (let i = 0; i < 100; i++) {
      flood();
      pass(TICKS_PER_SECOND / 100n);
    }
    expect(taken).toBeGreaterThan(200_000);
    expect(taken).toBeLessThan(300_000);
    expect(call("testWork", 1000)).toBe(0);
  });

  it("does not let one guest's flood delay another guest's line", () => {
    uart.slow = true;
    send(1, `${"f".repeat(100)}\n`.repeat(400));
    send(2, "short\n");
    let rounds = 0;
    while (!uart.out.includes("[beta] short") && rounds < 3000) {
      pass(1_400_000n);
      rounds += 1;
    }
    // The output ring (16 KiB) is the longest that anybody waits: 1024 FIFOs.
    expect(rounds).toBeLessThan(1100);
  });
});
