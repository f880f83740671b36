// SPDX-License-Identifier: Apache-2.0
// A guest access that stage 2 does not map: a device register (emulated), RAM that is mapped on demand, or nothing
// (the guest gets the access fault of bare hardware). Trap context. @spec priv §21.6.3
import * as hw from "../../hw";
import { thisHart } from "../../host/hart";
import { Status } from "../../lib/status";
import { Access, Forbidden, Handled, Retry } from "../../mmio/access";
import { busAccess } from "../../mmio/bus";
import { countExit, EXIT_ACCESS_FAULT, EXIT_MMIO_LOAD, EXIT_MMIO_STORE } from "../../guest/exit";
import { guestCrash, CRASH_FORBIDDEN } from "../../guest/crash";
import { Vcpu } from "../../guest/vcpu";
import { schedYield } from "../../sched/sched";
import { readRegister, writeRegister } from "./context";
import {
  CAUSE_FETCH_ACCESS,
  CAUSE_FETCH_GUEST_PAGE_FAULT,
  CAUSE_LOAD_ACCESS,
  CAUSE_STORE_ACCESS,
  CAUSE_STORE_GUEST_PAGE_FAULT,
  CSR_HTINST,
  CSR_HTVAL,
  CSR_STVAL,
} from "./csr";
import { Decoded, decodeRaw, decodeTransformed } from "./decode";
import { fetchInstruction, NO_INSTRUCTION } from "./fetch";
import { raiseException } from "./inject";
import { NOT_QUICK, quickLoad } from "./quick-load";

/** One Access and one Decoded per hart. @lock none: each hart uses its own. */
const ACCESS_STRIDE: usize = 64;
const accesses: usize = memory.data(1024, 8);
const decodeds: usize = memory.data(1024, 8);

/** Answers 1 if a callee-saved register of the guest was written, else 0. */
export function guestPageFault(vcpu: Vcpu, cause: u64): u32 {
  const htinst = hw.csrRead(CSR_HTINST);
  const gva = hw.csrRead(CSR_STVAL);
  const gpa = (hw.csrRead(CSR_HTVAL) << 2) | (gva & 3);
  const quick = quickLoad(vcpu, htinst, gpa);
  return quick != NOT_QUICK ? quick : slowFault(vcpu, cause, htinst, gpa);
}

/** Everything but a load without effect. Answers 1: any register may have been written. */
function slowFault(vcpu: Vcpu, cause: u64, htinst: u64, gpa: u64): u32 {
  const gva = hw.csrRead(CSR_STVAL);
  const slot = <usize>thisHart().index * ACCESS_STRIDE;
  const decoded = changetype<Decoded>(decodeds + slot);
  let status: i32 = Status.Unsupported;
  if (cause != CAUSE_FETCH_GUEST_PAGE_FAULT && !isPseudo(htinst)) {
    if (htinst != 0) {
      status = decodeTransformed(htinst, decoded);
    } else {
      const instruction = fetchInstruction(vcpu.pc);
      if (instruction == NO_INSTRUCTION) return 1; // unmapped meanwhile: executed again, it gives the guest its own fault
      status = decodeRaw(instruction, decoded);
    }
  }
  if (status != Status.Ok) refuse(vcpu, cause, gva, gpa);
  else emulate(vcpu, decoded, changetype<Access>(accesses + slot), gpa, gva);
  return 1;
}

/** The hardware's own access while walking the guest's tables: 0x3000 or 0x3020, never an instruction. */
function isPseudo(htinst: u64): bool {
  return htinst != 0 && (htinst & 1) == 0;
}

function emulate(vcpu: Vcpu, decoded: Decoded, access: Access, gpa: u64, gva: u64): void {
  access.width = decoded.width;
  access.write = decoded.isStore;
  access.vcpu = vcpu.index;
  access.value = 0;
  if (decoded.isStore) access.value = truncate(readRegister(vcpu, decoded.register), decoded.width);
  countExit(vcpu, decoded.isStore ? EXIT_MMIO_STORE : EXIT_MMIO_LOAD, gpa);
  const answer = busAccess(vcpu.guest, gpa, access);
  if (answer == Handled) {
    if (!decoded.isStore) writeRegister(vcpu, decoded.register, extend(access.value, decoded));
    vcpu.pc += decoded.length;
  } else if (answer == Retry) {
    schedYield();
  } else if (answer == Forbidden) {
    guestCrash(vcpu, CRASH_FORBIDDEN, gpa);
  } else {
    raiseException(vcpu, decoded.isStore ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, gva);
  }
}

/** Nothing is there, or nothing that this instruction may touch. */
function refuse(vcpu: Vcpu, cause: u64, gva: u64, gpa: u64): void {
  countExit(vcpu, EXIT_ACCESS_FAULT, gpa);
  let fault = CAUSE_LOAD_ACCESS;
  if (cause == CAUSE_FETCH_GUEST_PAGE_FAULT) fault = CAUSE_FETCH_ACCESS;
  else if (cause == CAUSE_STORE_GUEST_PAGE_FAULT) fault = CAUSE_STORE_ACCESS;
  raiseException(vcpu, fault, gva);
}

function truncate(value: u64, width: u32): u64 {
  return width == 8 ? value : value & (((<u64>1) << ((<u64>width) << 3)) - 1);
}

function extend(value: u64, decoded: Decoded): u64 {
  if (decoded.width == 8) return value;
  const shift = <u64>(64 - (decoded.width << 3));
  return decoded.signExtend ? <u64>((<i64>(value << shift)) >> shift) : (value << shift) >> shift;
}
