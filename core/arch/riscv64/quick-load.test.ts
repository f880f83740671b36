// SPDX-License-Identifier: Apache-2.0
// The short way through emulated loads against what the instruction set says such a load does, on a guest's own board.
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { loadUnit, type UnitModule } from "@typeone/sim";

const PLIC = 0xc00_0000n;
const UART = 0x1000_0000n;
const RTC = 0x10_1000n;
const PC = 0xffff_ffff_8000_1000n;

let unit: UnitModule;
let guest: number;
let vcpu: number;
const call = (name: string, ...args: (number | bigint)[]) => Number(unit.exports[name]!(...args));
const named = (name: string) => Number((unit.exports[name] as unknown as WebAssembly.Global).value);

beforeAll(async () => {
  let hart = 0;
  const word = (at: number, change: (before: number) => number): number => {
    const view = new DataView(unit.memory.buffer);
    const before = view.getUint32(at, true);
    view.setUint32(at, change(before), true);
    return before;
  };
  unit = await loadUnit("core/arch/riscv64/quick-load.testing.ts", {
    hw: {
      hart: () => hart,
      csrRead: () => 0n,
      csrWrite: () => {},
      sbi: () => 0n,
      atomicOr: (at: number, bits: number) => word(at, (before) => before | bits),
      atomicAdd: (at: number, by: number) => word(at, (before) => before + by),
      atomicSwap: (at: number, value: number) => word(at, () => value),
      atomicCompareSwap: (at: number, from: number, to: number) =>
        word(at, (before) => (before === from ? to : before)),
      atomicLoad: (at: number) => word(at, (before) => before),
    },
  });
  const arena = unit.scratch(1 << 20);
  const access = arena + (1 << 20) - 64;
  hart = call("testSetup", arena, access);
  guest = call("testGuest", 0x8000_0000n, 0x1000_0000n, 1);
  for (const [kind, base, size] of [
    [1, PLIC, 0x60_0000n],
    [2 | (10 << 8), UART, 0x100n],
    [3 | (11 << 8), RTC, 0x1000n],
  ] as const) {
    expect(call("testAdd", guest, base, size, kind)).toBe(0);
  }
  vcpu = call("testVcpu", guest);
  // Source 31 enabled: a word whose top bit is set.
  const view = unit.view();
  for (const [gpa, value] of [
    [PLIC + 40n, 5n],
    [PLIC + 0x2000n, 0x8000_0400n],
  ] as const) {
    view.setBigUint64(access + 8, value, true);
    view.setUint32(access + 16, 4, true);
    view.setUint32(access + 20, 1, true);
    expect(call("busAccess", guest, gpa, access)).toBe(0);
  }
}, 120_000);

/** The bytes that a load of `width` at `gpa` may be answered with here; undefined for what needs the general way. */
function peekable(gpa: bigint, width: number): bigint | undefined {
  if (gpa === UART + 5n && width === 1) return 0x60n;
  if (gpa < PLIC || gpa >= PLIC + 0x60_0000n || width !== 4 || gpa % 4n !== 0n) return undefined;
  if (gpa === PLIC + 40n) return 5n;
  return gpa === PLIC + 0x2000n ? 0x8000_0400n : 0n;
}

const places = fc.oneof(
  fc.constantFrom(
    UART + 5n,
    UART + 5n,
    PLIC + 40n,
    PLIC + 0x2000n,
    PLIC + 0x2000n,
    PLIC + 0x20_0000n,
    PLIC + 0x20_0004n,
  ),
  fc.tuple(fc.constantFrom(PLIC, UART, RTC), fc.nat(0x40)).map(([base, offset]) => base + BigInt(offset)),
  fc.bigInt({ min: 0n, max: (1n << 50n) - 1n }),
);
const loads = fc
  .tuple(fc.constantFrom(0, 1, 2, 2, 3, 4, 5, 6, 7), fc.nat(31), fc.constantFrom(1n, 3n))
  .map(([funct3, rd, low]) => (BigInt(funct3) << 12n) | (BigInt(rd) << 7n) | low);
const words = fc.oneof(
  { weight: 8, arbitrary: loads },
  { weight: 1, arbitrary: fc.tuple(loads, fc.nat(63)).map(([load, bit]) => load ^ (1n << BigInt(bit))) },
  { weight: 1, arbitrary: fc.constantFrom(0n, 0x3000n, 0x3020n, 0x23n, 0x2003n | (1n << 15n)) },
);

it("does what the load does, or nothing", () => {
  fc.assert(
    fc.property(words, places, (htinst, gpa) => {
      const view = unit.view();
      const register = (index: number) => vcpu + named("X0") + index * 8;
      for (let i = 0; i < 32; i++) view.setBigUint64(register(i), BigInt(i) * 0x0101_0101n, true);
      view.setBigUint64(vcpu + named("PC"), PC, true);
      const before = unit.exports["loadsCounted"]!(vcpu) as bigint;
      const funct3 = Number((htinst >> 12n) & 7n);
      const isLoad = (htinst & ~0x7f82n) === 1n && funct3 !== 7;
      const value = isLoad ? peekable(gpa, 1 << (funct3 & 3)) : undefined;

      const rd = Number((htinst >> 7n) & 31n);
      const calleeSaved = rd === 8 || rd === 9 || (rd >= 18 && rd <= 27);
      const notQuick = 2;
      expect(call("quickLoad", vcpu, htinst, gpa)).toBe(value === undefined ? notQuick : calleeSaved ? 1 : 0);

      for (let i = 0; i < 32; i++) {
        let want = BigInt(i) * 0x0101_0101n;
        if (value !== undefined && i === rd && i !== 0) {
          want = funct3 < 4 ? BigInt.asUintN(64, BigInt.asIntN(8 << (funct3 & 3), value)) : value;
        }
        expect(unit.view().getBigUint64(register(i), true)).toBe(want);
      }
      const step = value === undefined ? 0n : htinst & 2n ? 4n : 2n;
      expect(unit.view().getBigUint64(vcpu + named("PC"), true)).toBe(PC + step);
      const counted = (unit.exports["loadsCounted"]!(vcpu) as bigint) - before;
      expect(counted).toBe(value === undefined ? 0n : 1n);
    }),
    { numRuns: 3000 },
  );
});
