// SPDX-License-Identifier: Apache-2.0
// The short way through an emulated load: hardware gave the transformed instruction, and reading the register has no
// effect on its device. Everything stays in machine registers: no Decoded, no Access, no lock. Trap context, before
// the general way (fault-guest.ts), which does whatever is refused here and gives the same answer for the rest.
import { EXIT_MMIO_LOAD, remember } from "../../guest/exit";
import { Vcpu } from "../../guest/vcpu";
import { busPeek } from "../../mmio/bus";
import { writeRegister } from "./context";

// A transformed load (@spec priv §21.6.3):  | 0 ... 0 | funct3 14:12 | rd 11:7 | 00000 c 1 |, c is 0 if compressed.
const FIXED_BITS: u64 = ~(<u64>0x7f82);
const LOAD: u64 = 1;
const LENGTH_BIT: u32 = 2;
const UNSIGNED: u32 = 4;

/** This load is not of the quick kind; nothing was done. */
export const NOT_QUICK: u32 = 2;
/** x8, x9, x18 to x27: a short way back into the guest does not load them (guest/run.ts). */
const CALLEE_SAVED: u32 = 0x0ffc_0300;

/** Does the load of `htinst` at `gpa` and steps over it: 1 if into a callee-saved register, 0 if not; or NOT_QUICK. */
export function quickLoad(vcpu: Vcpu, htinst: u64, gpa: u64): u32 {
  if ((htinst & FIXED_BITS) != LOAD) return NOT_QUICK;
  const word = <u32>htinst;
  const funct3 = word >> 12;
  // Eight bytes wide nothing can be peeked at, so the one encoding that is no load (7) is refused there.
  const width: u32 = 1 << (funct3 & 3);
  const value = busPeek(vcpu.guest, gpa, width);
  if (value < 0) return NOT_QUICK;
  const pc = vcpu.pc;
  remember(vcpu, EXIT_MMIO_LOAD, pc, gpa);
  const register = (word >> 7) & 31;
  writeRegister(vcpu, register, extend(<u64>value, funct3));
  vcpu.pc = pc + 2 + (word & LENGTH_BIT);
  return (CALLEE_SAVED >> register) & 1;
}

function extend(value: u64, funct3: u32): u64 {
  if (funct3 & UNSIGNED) return value;
  const unused = <u64>(64 - (8 << (funct3 & 3)));
  return <u64>((<i64>(value << unused)) >> (<i64>unused));
}
