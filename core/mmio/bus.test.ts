// SPDX-License-Identifier: Apache-2.0
// A guest's bus with its real devices, console and interrupt controller: who answers where, and what reaches the vCPUs
// (hostile row B03: every width at every place).
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { atomics, loadUnit, type UnitModule } from "@typeone/sim";

const [PLIC, UART, RTC] = [1, 2, 3] as const;
const [OK, INVALID, RANGE, BUSY, LIMIT] = [0, -1, -4, -5, -8] as const;
const RAM = 0x8000_0000n;
const RAM_SIZE = 0x1000_0000n;
const PLIC_BASE = 0xc00_0000n;
const UART_BASE = 0x1000_0000n;
const RTC_BASE = 0x10_1000n;
const [UART_IRQ, RTC_IRQ] = [10, 11] as const;
const CSR_TIME = 0xc01;

let unit: UnitModule;
let guest: number;
let access: number;
let time = 0n;

beforeAll(async () => {
  let hart = 0;
  unit = await loadUnit("core/mmio/bus.testing.ts", {
    hw: {
      hart: () => hart,
      csrRead: (csr: number) => (csr === CSR_TIME ? time : 0n),
      csrWrite: () => {},
      csrSet: () => {},
      csrClear: () => {},
      sbi: () => 0n,
      ...atomics(() => unit),
    },
  });
  const arena = unit.scratch(1 << 20);
  access = arena + (1 << 20) - 64;
  hart = call("testSetup", arena, access);
}, 120_000);
beforeEach(() => {
  time = 1000n;
  guest = call("testGuest", RAM, RAM_SIZE, 2);
});

const call = (name: string, ...args: (number | bigint)[]) => Number(unit.exports[name]!(...args));
const named = (name: string) => Number((unit.exports[name] as unknown as WebAssembly.Global).value);
const word = (at: number) => unit.view().getUint32(at, true);
const add = (kind: number, base: bigint, size: bigint, irq = 0) =>
  call("testAdd", guest, base, size, kind | (irq << 8));
const level = (vcpu: number) => word(call("vcpuOf", guest, vcpu) + named("LEVEL"));

function perform(
  write: number,
  gpa: bigint,
  value: bigint,
  width: number,
): { status: number; value: bigint; offset: bigint } {
  const view = unit.view();
  view.setBigUint64(access, 0x5151n, true);
  view.setBigUint64(access + 8, value, true);
  view.setUint32(access + 16, width, true);
  view.setUint32(access + 20, write, true);
  const peeked = BigInt(unit.exports["busPeek"]!(guest, gpa, width)!);
  const status = Number(unit.exports["busAccess"]!(guest, gpa, access));
  if (!write && peeked !== -1n) expect([status, unit.view().getBigUint64(access + 8, true)]).toEqual([0, peeked]);
  expect(word(call("lockOf", guest)), "the guest's lock is free again").toBe(0);
  return { status, value: unit.view().getBigUint64(access + 8, true), offset: unit.view().getBigUint64(access, true) };
}
function read(gpa: bigint, width = 4): number {
  const answer = perform(0, gpa, 0n, width);
  expect(answer.status).toBe(0);
  return Number(answer.value);
}
const write = (gpa: bigint, value: number, width = 4) => expect(perform(1, gpa, BigInt(value), width).status).toBe(0);
const claim = (vcpu: number) => PLIC_BASE + 0x200004n + BigInt(vcpu) * 0x1000n;

/** The board of every guest; both lines enabled for vCPU 1 only. */
function board(): void {
  expect([
    add(PLIC, PLIC_BASE, 0x60_0000n),
    add(UART, UART_BASE, 0x100n, UART_IRQ),
    add(RTC, RTC_BASE, 0x1000n, RTC_IRQ),
  ]).toEqual([0, 0, 0]);
  for (const irq of [UART_IRQ, RTC_IRQ]) write(PLIC_BASE + BigInt(irq * 4), 1);
  write(PLIC_BASE + 0x2080n, (1 << UART_IRQ) | (1 << RTC_IRQ));
}

describe("the region table", () => {
  it("refuses what is empty, crooked, wraps, or overlaps RAM, a region or a line", () => {
    expect(add(PLIC, 0x1000n, 0n)).toBe(INVALID);
    expect(add(PLIC, 0x1004n, 8n)).toBe(INVALID);
    expect(add(PLIC, 0x1000n, 12n)).toBe(INVALID);
    expect(add(PLIC, 0xffff_ffff_ffff_f000n, 0x1008n)).toBe(RANGE);
    expect(add(PLIC, 0x1000n, (1n << 64n) - 8n)).toBe(RANGE);
    for (const [base, size] of [
      [RAM, 8n],
      [RAM - 8n, 16n],
      [RAM + RAM_SIZE - 8n, 32n],
      [0n, (1n << 64n) - 8n],
    ] as const) {
      expect(add(PLIC, base, size)).toBe(BUSY);
    }
    expect(add(PLIC, RAM + RAM_SIZE, 0x1000n)).toBe(OK);
    expect(add(PLIC, RAM - 0x1000n, 0x1000n)).toBe(OK);
    expect(add(UART, RAM - 8n, 8n)).toBe(BUSY);
    expect(add(UART, RAM - 0x1008n, 16n)).toBe(BUSY);
    expect(add(UART, 0x1000n, 0x100n, 5)).toBe(OK);
    expect(add(UART, 0x2000n, 0x100n, 5)).toBe(BUSY);
    expect(add(UART, 0xffff_ffff_ffff_f000n, 0x1000n)).toBe(OK);
    expect(word(guest + named("REGIONS"))).toBe(4);
  });

  it("takes sixteen and no more", () => {
    for (let i = 0; i < 16; i++) expect(add(9, BigInt(i) * 0x1000n, 0x1000n)).toBe(OK);
    expect(add(9, 0x10000n, 0x1000n)).toBe(LIMIT);
    expect(perform(0, 0xf000n, 0n, 1).offset).toBe(0n);
    expect(perform(0, 0x10000n, 0n, 1).offset).toBe(0x5151n);
  });

  it("finds the one region that holds the whole access, at its offset, and refuses what is not aligned", () => {
    const regions: { base: bigint; size: bigint }[] = [];
    for (let i = 0n; i < 15n; i++) regions.push({ base: 0x1000n + i * 0x100n, size: 0x80n + (i % 3n) * 0x40n });
    regions.push({ base: (1n << 64n) - 16n, size: 16n });
    for (const { base, size } of regions) expect(add(9, base, size)).toBe(OK);
    const near = fc.tuple(fc.constantFrom(...regions), fc.bigInt({ min: -20n, max: 270n }));
    const gpas = fc.oneof(
      near.map(([region, by]) => BigInt.asUintN(64, region.base + by)),
      fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    );
    fc.assert(
      fc.property(gpas, fc.constantFrom(1, 2, 4, 8), fc.nat(1), (gpa, width, direction) => {
        const inside = regions.find(({ base, size }) => gpa >= base && gpa + BigInt(width) <= base + size);
        const hit = gpa % BigInt(width) === 0n ? inside : undefined;
        const answer = perform(direction, gpa, 7n, width);
        expect(answer.status).toBe(1); // kind 9 is no device
        expect(answer.offset).toBe(hit ? gpa - hit.base : 0x5151n);
      }),
      { numRuns: 3000 },
    );
  });
});

describe("a guest's board", () => {
  it("carries output from the UART to the console, and its interrupt to the vCPU that enabled it", () => {
    board();
    for (const byte of [72, 105]) write(UART_BASE, byte, 1);
    const scroll = call("scrollOf", guest);
    expect(word(call("txOf", guest) + 8) - word(call("txOf", guest) + 12)).toBe(0);
    expect([...unit.bytes().subarray(word(scroll), word(scroll) + word(scroll + 8))]).toEqual([72, 105]);
    expect([level(0), level(1)]).toEqual([0, 0]);
    write(UART_BASE + 1n, 2, 1);
    expect([level(0), level(1)]).toEqual([0, 1]);
    expect([read(claim(0)), read(claim(1))]).toEqual([0, UART_IRQ]);
    expect(level(1)).toBe(0);
    expect(read(UART_BASE + 2n, 1)).toBe(2);
    write(claim(1), UART_IRQ);
    expect([level(1), read(claim(1))]).toEqual([0, 0]);
  });

  it("lets most registers be peeked at: LSR and all of the controller but a claim", () => {
    board();
    const peek = (gpa: bigint, width = 4) => Number(unit.exports["busPeek"]!(guest, gpa, width));
    expect([peek(UART_BASE + 5n, 1), peek(UART_BASE + 5n, 4), peek(UART_BASE, 1), peek(RTC_BASE)]).toEqual([
      0x60, -1, -1, -1,
    ]);
    expect([peek(PLIC_BASE + 40n), peek(PLIC_BASE + 0x2080n), peek(claim(1) - 4n), peek(claim(1))]).toEqual([
      1, 0xc00, 0, 0,
    ]);
    write(UART_BASE + 1n, 2, 1);
    expect([peek(PLIC_BASE + 0x1000n), peek(claim(1)), peek(claim(1) + 1n, 1), peek(0x5000n)]).toEqual([
      0x400, -1, -1, -1,
    ]);
  });

  it("raises the UART's line again if it is still up when completed", () => {
    board();
    write(UART_BASE + 1n, 1, 1);
    call("consoleGuestInput", word(guestConsole()), 65);
    expect(level(1)).toBe(1);
    expect(read(claim(1))).toBe(UART_IRQ);
    write(claim(1), UART_IRQ);
    expect([level(1), read(claim(1)), read(UART_BASE, 1)]).toEqual([1, UART_IRQ, 65]);
    write(claim(1), UART_IRQ);
    expect(level(1)).toBe(0);
  });

  it("lets the clock's alarm interrupt without a further access", () => {
    board();
    write(RTC_BASE + 0x10n, 1);
    write(RTC_BASE + 0xcn, 0);
    write(RTC_BASE + 0x8n, 5000);
    expect(BigInt.asUintN(64, unit.exports["timersNext"]!(0) as unknown as bigint)).toBe(5000n);
    time = 4999n;
    unit.exports["timersExpire"]!(time);
    expect(level(1)).toBe(0);
    time = 5000n;
    unit.exports["timersExpire"]!(time);
    expect([level(1), read(claim(1)), word(call("lockOf", guest))]).toEqual([1, RTC_IRQ, 0]);
    write(RTC_BASE + 0x1cn, 1);
    write(claim(1), RTC_IRQ);
    expect(level(1)).toBe(0);
  });

  it("is quiet after a reset, and no alarm comes after a stop", () => {
    board();
    write(UART_BASE + 1n, 2, 1);
    write(RTC_BASE + 0x10n, 1);
    write(RTC_BASE + 0x8n, 5000);
    unit.exports["busReset"]!(guest);
    expect([read(UART_BASE + 1n, 1), read(RTC_BASE + 0x18n), read(RTC_BASE + 0x10n)]).toEqual([0, 0, 0]);
    expect(read(claim(1))).toBe(UART_IRQ); // The controller is reset by its own: what was pending is served once.
    write(claim(1), UART_IRQ);
    expect(read(claim(1))).toBe(0);
    write(RTC_BASE + 0x8n, 6000);
    unit.exports["busStop"]!(guest);
    expect(BigInt.asUintN(64, unit.exports["timersNext"]!(0) as unknown as bigint)).toBe((1n << 64n) - 1n);
  });

  it("answers or refuses every width at every place in and around its devices (B03)", () => {
    board();
    for (const [base, size] of [
      [UART_BASE, 0x100n],
      [RTC_BASE, 0x1000n],
      [PLIC_BASE + 0x5f_f000n, 0x1000n],
    ] as const) {
      for (let gpa = base - 8n; gpa < base + 0x20n; gpa++) probe(gpa);
      for (let gpa = base + size - 16n; gpa < base + size + 8n; gpa++) probe(gpa);
    }
    function probe(gpa: bigint): void {
      for (const width of [1, 2, 4, 8]) {
        for (const direction of [0, 1]) {
          const { status } = perform(direction, gpa, (1n << 64n) - 1n, width);
          expect([0, 1]).toContain(status);
          const end = gpa + BigInt(width);
          const whole = [
            [UART_BASE, UART_BASE + 8n],
            [RTC_BASE, RTC_BASE + 0x1000n],
            [PLIC_BASE, PLIC_BASE + 0x60_0000n],
          ].some(([from, to]) => gpa >= from! && end <= to!);
          if (!whole || gpa % BigInt(width) !== 0n) expect(status).toBe(1);
          if (status === 0 && direction === 0) expect(perform(0, gpa, 0n, width).value >> 32n).toBe(0n);
        }
      }
    }
  });
});

/** Where the guest's record holds its console. */
function guestConsole(): number {
  return guest + named("CONSOLE");
}
