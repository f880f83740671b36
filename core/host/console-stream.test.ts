// SPDX-License-Identifier: Apache-2.0
// Consoles as the toolstack reads and writes them, against a plain model: what it acknowledges it has, in order and once;
// while it follows nothing is lost, whatever a person's screen shows meanwhile; and what is lost is counted.
import { atomics, loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { beforeEach, expect, it } from "vitest";

const WINDOW = 0x1_0000_0000n;
const TICKS_PER_SECOND = 1_000_000_000n;
const SCROLL = 16384;
const TX = 4096;

let unit: UnitModule;
let time: bigint;
let slow: boolean;
let fifo: number;
let shown: number[];
let buffer: number;
let hart: number;

const call = (name: string, ...args: (number | bigint)[]): number => Number(unit.exports[name]!(...args));

beforeEach(async () => {
  time = 5_000_000_000n;
  slow = false;
  fifo = 0;
  shown = [];
  unit = await loadUnit("core/host/stream.testing.ts", {
    env: { abort: () => expect.fail("a check of the core failed") },
    hw: {
      hart: () => hart,
      csrRead: () => time,
      csrSet: () => {},
      csrWrite: () => {},
      sbi: () => 0n,
      mapDevice: () => WINDOW,
      linearBase: () => 0n,
      mmioRead8: (hva: bigint) => (hva - WINDOW === 5n ? (fifo > 0 ? 0 : 0x60) : hva - WINDOW === 2n ? 0xc1 : 0),
      mmioWrite8: (hva: bigint, value: number) => {
        if (hva !== WINDOW) return;
        shown.push(value);
        if (slow) fifo++;
      },
      ...atomics(() => unit),
    },
  });
  const arena = unit.scratch(0x40000);
  buffer = unit.scratch(0x20000);
  hart = call("testHost", arena, arena + 0x40000);
  expect(call("testConsole")).toBe(0);
  const names = unit.scratch(64);
  unit.bytes().set(Buffer.from("alpha\0"), names);
  call("testGuest", 1, names);
});

/** Every byte of the stream says where it is. */
const byteAt = (position: number): number => 0x20 + ((position * 7 + (position >> 6)) % 90);

/** The guest sends `count` bytes from stream position `from` on; answers how many its UART took. */
function send(from: number, count: number): number {
  const at = buffer + 0x10000;
  for (let i = 0; i < count; i++) unit.bytes()[at + i] = byteAt(from + i);
  return call("testTransmit", 1, at, count);
}

function read(position: number, most = 4080): { position: number; end: number; lost: number; bytes: Uint8Array } {
  unit.view().setUint32(buffer, position, true);
  const count = call("testRead", 1, buffer, most);
  const [begun = 0, end = 0, lost = 0] = new Uint32Array(unit.memory.buffer.slice(buffer, buffer + 12));
  return { position: begun, end, lost, bytes: unit.bytes().slice(buffer + 16, buffer + 16 + count) };
}

/** Time passes, the screen's slow bytes leave, workers work. */
function pass(ticks: bigint) {
  time += ticks;
  fifo = 0;
  unit.exports["timersExpire"]!(time);
  call("serialInterrupt", 0);
  while (call("testWork", 64) !== 0);
}

function settle() {
  for (let i = 0; i < 300; i++) pass(TICKS_PER_SECOND / 100n);
}

function write(position: number, length: number): { position: number; room: number } {
  unit.view().setUint32(buffer, position, true);
  for (let i = 0; i < length; i++) unit.bytes()[buffer + 64 + i] = byteAt(position + i);
  call("testWrite", 1, buffer, buffer + 64, length);
  return { position: unit.view().getUint32(buffer, true), room: unit.view().getUint32(buffer + 4, true) };
}

it("holds the guest back at what is not acknowledged, and goes on as that comes", () => {
  slow = true;
  read(0);
  expect(send(0, 40_000)).toBe(SCROLL + TX);
  expect(call("testLost", 1)).toBe(0);
  // Reading the same again acknowledges nothing.
  expect(read(0, 100).bytes.length).toBe(100);
  expect(send(SCROLL + TX, 10)).toBe(0);
  const drained = call("testDrained");
  expect(read(1000).end).toBe(SCROLL + 1000);
  expect(call("testDrained")).toBe(drained + 1);
  expect(send(SCROLL + TX, 2000)).toBe(1000);
  // Then the screen alone holds it back.
  call("testUnfollow", 1);
  slow = false;
  settle();
  expect(call("testOut", 1)).toBeGreaterThan(SCROLL + 1000);
});

it("begins at the oldest byte where it has not what is wanted, and counts what nobody saw", () => {
  call("focusConsole", 0);
  slow = true;
  call("testGuest", 2, buffer);
  call("focusConsole", 2);
  expect(send(0, 20_000)).toBe(20_000);
  expect(call("testLost", 1)).toBe(20_000 - SCROLL);
  const answer = read(0);
  expect(answer).toMatchObject({ position: 20_000 - SCROLL, end: 20_000, lost: 20_000 - SCROLL });
  expect(read(20_001).position).toBe(20_000 - SCROLL);
  expect(read(0xffff_ffff).position).toBe(20_000 - SCROLL);
  expect(read(20_000).bytes.length).toBe(0);
});

it("shows a person a followed console, too, and says what that screen missed", () => {
  read(0);
  call("focusConsole", 1);
  slow = true;
  let [sent, position] = [0, 0];
  for (let round = 0; round < 12; round++) {
    sent += send(sent, 8000);
    position += read(position).bytes.length;
  }
  slow = false;
  settle();
  expect(position).toBeGreaterThan(40_000);
  expect(call("testLost", 1)).toBe(0);
  expect(Buffer.from(shown).toString("latin1")).toMatch(/\d+ bytes went to the toolstack only: this line is slower/);
});

it("takes input once and in order, whatever is repeated or out of place", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: -300, max: 300 }), fc.nat({ max: 700 })), { maxLength: 40 }),
      (all) => {
        let at = write(0, 0).position;
        while (call("testReceive", 1) >= 0);
        const from = at;
        const total = call("testIn", 1);
        const heard: number[] = [];
        for (const [by, length] of all) {
          const offset = Math.max(by, -at);
          const position = at + offset;
          const answer = write(position, length);
          const fits = offset > 0 ? 0 : Math.max(0, Math.min(length + offset, 1024 - (at - from - heard.length)));
          expect(answer.position).toBe(at + fits);
          at += fits;
          expect(answer.room).toBe(1024 - (at - from - heard.length));
          if (length % 3 !== 0)
            for (let byte = call("testReceive", 1); byte >= 0; byte = call("testReceive", 1)) heard.push(byte);
        }
        for (let byte = call("testReceive", 1); byte >= 0; byte = call("testReceive", 1)) heard.push(byte);
        expect(heard).toEqual(Array.from({ length: at - from }, (_, index) => byteAt(from + index)));
        expect(call("testIn", 1)).toBe(total + heard.length);
      },
    ),
    { numRuns: 100 },
  );
});

it("gives a follower every byte, whatever the guest, the screen and the time do", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("send"), count: fc.nat({ max: 9000 }) }),
    fc.record({ kind: fc.constant("read"), count: fc.nat({ max: 4080 }) }),
    fc.record({ kind: fc.constant("again"), count: fc.nat({ max: 4080 }) }),
    fc.record({ kind: fc.constant("focus"), count: fc.nat({ max: 1 }) }),
    fc.record({ kind: fc.constant("slow"), count: fc.nat({ max: 1 }) }),
    fc.record({ kind: fc.constant("pass"), count: fc.nat({ max: 30 }) }),
  );
  let sent = 0;
  let position = 0;
  const take = (most: number) => {
    const answer = read(position, most);
    expect(answer.position).toBe(position);
    expect(answer.bytes.length).toBe(Math.min(most, answer.end - position));
    answer.bytes.forEach((byte, index) => {
      if (byte !== byteAt(position + index)) expect.fail(`byte ${position + index} is ${byte}`);
    });
    return answer.bytes.length;
  };
  take(0);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      for (const { kind, count } of steps) {
        if (kind === "send") sent += send(sent, count);
        else if (kind === "read") position += take(count);
        else if (kind === "again") take(count);
        else if (kind === "focus") call("focusConsole", count);
        else if (kind === "slow") slow = count === 1;
        else for (let i = 0; i < count; i++) pass(TICKS_PER_SECOND / 100n);
        expect(sent - position).toBeLessThanOrEqual(SCROLL + TX);
        expect(call("testLost", 1)).toBe(0);
      }
    }),
    { numRuns: 120 },
  );
  while (take(4080) > 0) position += read(position).bytes.length;
  expect(position).toBe(sent);
  expect(sent).toBeGreaterThan(100_000);
});
