// SPDX-License-Identifier: Apache-2.0
// Floating-point registers, moved only when a vCPU really uses them. While a hart holds somebody else's registers,
// sstatus.FS is off, so the guest's first FP instruction exits here; illegal instructions are then not delegated.
// No vCPU ever sees another's values: a fresh one starts from its zeroed context. Trap context.
import * as hw from "../../hw";
import { Hart } from "../../host/hart";
import { Vcpu } from "../../guest/vcpu";
import { Context } from "./context";
import {
  CAUSE_ILLEGAL_INSTRUCTION,
  CSR_HEDELEG,
  CSR_SSTATUS,
  CSR_VSSTATUS,
  SSTATUS_FS_CLEAN,
  SSTATUS_FS_DIRTY,
  SSTATUS_FS_MASK,
} from "./csr";

const ILLEGAL: u64 = (<u64>1) << CAUSE_ILLEGAL_INSTRUCTION;

function registers(vcpu: Vcpu): usize {
  return changetype<usize>(vcpu) + offsetof<Context>("f0");
}

/** Whether this hart's floating-point registers are the vCPU's own, up to date. */
function holds(vcpu: Vcpu, hart: Hart): bool {
  return hart.fpOwner == changetype<usize>(vcpu) && vcpu.fpHart == hart.index;
}

/** Entering: the instructions work only if this hart holds the vCPU's own registers. */
export function fpEnter(vcpu: Vcpu, hart: Hart): void {
  hw.csrClear(CSR_SSTATUS, SSTATUS_FS_MASK);
  if (holds(vcpu, hart)) {
    hw.csrSet(CSR_SSTATUS, SSTATUS_FS_CLEAN);
    hw.csrSet(CSR_HEDELEG, ILLEGAL);
  } else {
    hw.csrClear(CSR_HEDELEG, ILLEGAL);
  }
}

/** Leaving a hart: saves what changed. The registers stay here too, valid until another vCPU needs the place. */
export function fpLeave(vcpu: Vcpu, hart: Hart): void {
  const dirty = (hw.csrRead(CSR_SSTATUS) & SSTATUS_FS_MASK) == SSTATUS_FS_DIRTY;
  if (dirty && holds(vcpu, hart)) hw.fpSave(registers(vcpu));
}

/** An illegal instruction while FS was off: 1 if giving the vCPU its registers may cure it, else it is the guest's own. */
export function fpTrap(vcpu: Vcpu, hart: Hart): u32 {
  if (holds(vcpu, hart) || !(hw.csrRead(CSR_VSSTATUS) & SSTATUS_FS_MASK)) return 0;
  hw.csrSet(CSR_SSTATUS, SSTATUS_FS_MASK);
  hw.fpRestore(registers(vcpu));
  hart.fpOwner = changetype<usize>(vcpu);
  vcpu.fpHart = hart.index;
  fpEnter(vcpu, hart);
  return 1;
}

/** The vCPU restarts: its registers are zero, wherever they were. */
export function fpForget(vcpu: Vcpu): void {
  memory.fill(registers(vcpu), 0, offsetof<Context>() - offsetof<Context>("f0"));
  vcpu.fpHart = u32.MAX_VALUE;
}
