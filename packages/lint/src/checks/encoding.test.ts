// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { countInstructions, findGuestRegisterUse, usesGuestRegisters } from "./encoding.ts";

it.each([
  ["fld fa0,0(a0)", 0x00053507],
  ["fsd fa0,0(a0)", 0x00a53027],
  ["flw fa0,0(a0)", 0x00052507],
  ["fadd.d fa0,fa1,fa2", 0x02c5f553],
  ["fmadd.d fa0,fa1,fa2,fa3", 0x6ac5f543],
  ["c.fld fa0,0(a0)", 0x2108],
  ["c.fsd fa0,0(a0)", 0xa108],
  ["c.fldsp fa0,0(sp)", 0x2502],
  ["c.fsdsp fa0,0(sp)", 0xa02a],
  ["frcsr a0", 0x00302573],
  ["fscsr a0", 0x00351073],
  ["vsetvli t0,a0,e8,m1,ta,ma", 0x0c0572d7],
  ["vle8.v v0,(a0)", 0x02050007],
])("%s uses registers of the guest", (_, encoding) => {
  expect(usesGuestRegisters(encoding)).toBe(true);
});

it.each([
  ["ret", 0x8082],
  ["c.addiw a0,1", 0x2505],
  ["c.j .", 0xa001],
  ["c.ldsp a0,0(sp)", 0x6502],
  ["c.sw a0,0(a0)", 0xc108],
  ["fence", 0x0ff0000f],
  ["ld a0,0(a0)", 0x00053503],
  ["amoswap.w a0,a0,(a0)", 0x08a5252f],
  ["csrr a0,hstatus", 0x60002573],
  ["csrr a0,time", 0xc0102573],
  ["ecall", 0x00000073],
])("%s does not", (_, encoding) => {
  expect(usesGuestRegisters(encoding)).toBe(false);
});

const LISTING = `
0000000080200000 <fp_save>:
    80200000:	00a53027          	fsd	fa0,0(a0)
0000000080200004 <trap>:
    80200004:	00053503          	ld	a0,0(a0)
    80200008:	2108                	fld	fa0,0(a0)
`;

it("names the symbol and the address, and spares the allowed symbol", () => {
  const allowed = new Set(["fp_save"]);
  expect(findGuestRegisterUse(LISTING, allowed)).toEqual([
    { symbol: "trap", address: "80200008", text: "fld fa0,0(a0)" },
  ]);
  expect(findGuestRegisterUse(LISTING, new Set())).toHaveLength(2);
  expect(countInstructions(LISTING)).toBe(3);
});
