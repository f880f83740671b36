// SPDX-License-Identifier: Apache-2.0
// First registers of a vCPU, and the small per-hart settings that follow the scheduler. Trap, worker and boot context.
import * as hw from "../../hw";
import { Hart } from "../../host/hart";
import { hartByIndex } from "../../host/harts";
import { Vcpu } from "../../guest/vcpu";
import { aloneOnHart } from "../../sched/sched";
import { Context } from "./context";
import {
  CSR_HSTATUS,
  HSTATUS_SPV,
  HSTATUS_SPVP,
  HSTATUS_VSXL_64,
  HSTATUS_VTW,
  SSTATUS_SPP,
  SSTATUS_UXL_64,
} from "./csr";
import { fpForget } from "./fp";
import { SBI_EXT_HSM, SBI_HSM_HART_START } from "./sbi-spec";

/** cycle, time and instret for the guest's user mode, as firmware leaves it for Linux. */
const USER_COUNTERS: u64 = 7;

/** Registers as SBI starts a hart: a0 = hart id, a1 = argument, translation and interrupts off. @spec sbi §9.1 */
export function initContext(vcpu: Vcpu, address: u64, argument: u64): void {
  memory.fill(changetype<usize>(vcpu), 0, offsetof<Context>("timer"));
  vcpu.pc = address;
  vcpu.x10 = vcpu.index;
  vcpu.x11 = argument;
  vcpu.hstatus = HSTATUS_SPV | HSTATUS_SPVP | HSTATUS_VSXL_64 | HSTATUS_VTW;
  vcpu.sstatus = SSTATUS_SPP | SSTATUS_UXL_64;
  vcpu.vsstatus = SSTATUS_UXL_64;
  vcpu.scounteren = USER_COUNTERS;
  vcpu.lastHart = u32.MAX_VALUE;
  fpForget(vcpu);
}

/** WFI exits only if somebody else could use the hart meanwhile. */
export function updateWaitTrap(hart: Hart): void {
  if (aloneOnHart(hart.index)) hw.csrClear(CSR_HSTATUS, HSTATUS_VTW);
  else hw.csrSet(CSR_HSTATUS, HSTATUS_VTW);
}

/** Starts a stopped host hart; answers firmware's error. */
export function startHart(index: u32): i64 {
  return hw.sbi(<u32>SBI_EXT_HSM, <u32>SBI_HSM_HART_START, hartByIndex(index).id, hw.secondaryEntry(), index);
}
