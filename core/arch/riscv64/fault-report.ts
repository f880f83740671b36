// SPDX-License-Identifier: Apache-2.0
// A fault of the hypervisor in RISC-V's words, for the report.
import {
  CSR_HGATP,
  CSR_HSTATUS,
  CSR_HVIP,
  CSR_SATP,
  CSR_SIE,
  CSR_SIP,
  CSR_SSTATUS,
  CSR_VSATP,
  HSTATUS_GVA,
  HSTATUS_SPV,
  HSTATUS_SPVP,
  HSTATUS_VTW,
  SSTATUS_FS_MASK,
  SSTATUS_SIE,
  SSTATUS_SPIE,
  SSTATUS_SPP,
  SSTATUS_SUM,
  CAUSE_BREAKPOINT,
  CAUSE_FETCH_ACCESS,
  CAUSE_FETCH_PAGE_FAULT,
  CAUSE_ILLEGAL_INSTRUCTION,
  CAUSE_LOAD_ACCESS,
  CAUSE_LOAD_GUEST_PAGE_FAULT,
  CAUSE_LOAD_MISALIGNED,
  CAUSE_LOAD_PAGE_FAULT,
  CAUSE_STORE_ACCESS,
  CAUSE_STORE_GUEST_PAGE_FAULT,
  CAUSE_STORE_MISALIGNED,
  CAUSE_STORE_PAGE_FAULT,
} from "./csr";
import * as hw from "../../hw";
import { print, printHex } from "../../lib/print";
import { FaultFrame } from "./fault";

/** A failed assertion or an operation that WebAssembly forbids reaches the hardware as a breakpoint. */
export function isFailedCheck(frame: FaultFrame): bool {
  return frame.faultCause == CAUSE_BREAKPOINT;
}

export function describeCause(cause: u64): string {
  if (cause == CAUSE_BREAKPOINT) return "a check failed";
  if (cause == CAUSE_ILLEGAL_INSTRUCTION) return "illegal instruction";
  if (cause == CAUSE_LOAD_PAGE_FAULT) return "load from an unmapped address";
  if (cause == CAUSE_STORE_PAGE_FAULT) return "store to an unmapped or read-only address";
  if (cause == CAUSE_FETCH_PAGE_FAULT) return "jump to an address that is not code";
  if (cause == CAUSE_LOAD_ACCESS) return "load access fault";
  if (cause == CAUSE_STORE_ACCESS) return "store access fault";
  if (cause == CAUSE_FETCH_ACCESS) return "fetch access fault";
  if (cause == CAUSE_LOAD_MISALIGNED || cause == CAUSE_STORE_MISALIGNED) return "misaligned access";
  if (cause == CAUSE_LOAD_GUEST_PAGE_FAULT || cause == CAUSE_STORE_GUEST_PAGE_FAULT) return "guest-page fault";
  return "unexpected trap";
}

export function faultRegisterCount(): u32 {
  return 31;
}

// prettier-ignore
const NAMES: StaticArray<string> = [
  "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
  "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

/** The ABI name of x1 + index. */
export function faultRegisterName(index: u32): string {
  return unchecked(NAMES[index]);
}

/** x1 + index at the fault. */
export function faultRegister(frame: FaultFrame, index: u32): u64 {
  return load<u64>(changetype<usize>(frame) + offsetof<FaultFrame>("x1") + ((<usize>index) << 3));
}

/** This hart's control registers, with the names of the fields that are set. */
export function reportStatus(): void {
  const sstatus = hw.csrRead(CSR_SSTATUS);
  show("sstatus=", sstatus);
  field("SIE", sstatus & SSTATUS_SIE);
  field("SPIE", sstatus & SSTATUS_SPIE);
  field("SPP", sstatus & SSTATUS_SPP);
  field("FS", sstatus & SSTATUS_FS_MASK);
  field("SUM", sstatus & SSTATUS_SUM);
  const hstatus = hw.csrRead(CSR_HSTATUS);
  show("  hstatus=", hstatus);
  field("GVA", hstatus & HSTATUS_GVA);
  field("SPV", hstatus & HSTATUS_SPV);
  field("SPVP", hstatus & HSTATUS_SPVP);
  field("VTW", hstatus & HSTATUS_VTW);
  show("\nsatp=", hw.csrRead(CSR_SATP));
  show("  hgatp=", hw.csrRead(CSR_HGATP));
  show("  vsatp=", hw.csrRead(CSR_VSATP));
  show("\nsie=", hw.csrRead(CSR_SIE));
  show("  sip=", hw.csrRead(CSR_SIP));
  show("  hvip=", hw.csrRead(CSR_HVIP));
  print("\n");
}

function show(name: string, value: u64): void {
  print(name);
  printHex(value);
}

function field(name: string, bits: u64): void {
  if (bits == 0) return;
  print(" ");
  print(name);
}
