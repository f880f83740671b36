// SPDX-License-Identifier: Apache-2.0
// One exit of a vCPU: decodes the cause once and hands it to what deals with it. Called by guest/run.ts with the
// guest's registers saved in its Context and its CSRs still in this hart. Everything here ends in one of three ways:
// the guest goes on, the guest gets the fault that its hardware would give, or the guest is stopped.
import * as hw from "../../hw";
import { Hart, thisHart } from "../../host/hart";
import { Vcpu } from "../../guest/vcpu";
import {
  countExit,
  EXIT_ACCESS_FAULT,
  EXIT_EXTERNAL_INTERRUPT,
  EXIT_FP,
  EXIT_ILLEGAL,
  EXIT_IPI,
  EXIT_TIMER_INTERRUPT,
  EXIT_WFI,
  EXIT_YIELD,
} from "../../guest/exit";
import { waitForInterrupt } from "../../guest/power";
import { schedYield } from "../../sched/sched";
import {
  CAUSE_FETCH_GUEST_PAGE_FAULT,
  CAUSE_ILLEGAL_INSTRUCTION,
  CAUSE_LOAD_GUEST_PAGE_FAULT,
  CAUSE_STORE_GUEST_PAGE_FAULT,
  CAUSE_VIRTUAL_INSTRUCTION,
  CAUSE_VIRTUAL_SUPERVISOR_ECALL,
  CSR_SCAUSE,
  CSR_STVAL,
} from "./csr";
import { indirectAccess } from "./aia";
import { fetchInstruction, NO_INSTRUCTION } from "./fetch";
import { fpTrap } from "./fp";
import { guestPageFault } from "./fault-guest";
import { raiseException } from "./inject";
import { hostInterrupt } from "./interrupt";
import { sbiCall } from "./vsbi/vsbi";

const WFI: u32 = 0x1050_0073;
const WRS_NTO: u32 = 0x00d0_0073;
const WRS_STO: u32 = 0x01d0_0073;

/** Deals with the exit. Answers 0 if no callee-saved register of the guest changed, which SBI calls never do; else 1. */
export function handleExit(vcpu: Vcpu): u32 {
  const cause = hw.csrRead(CSR_SCAUSE);
  if (cause == CAUSE_VIRTUAL_SUPERVISOR_ECALL) {
    sbiCall(vcpu);
    return 0;
  }
  if (cause == CAUSE_LOAD_GUEST_PAGE_FAULT || cause == CAUSE_STORE_GUEST_PAGE_FAULT) return guestPageFault(vcpu, cause);
  otherExit(vcpu, cause);
  return 1;
}

function otherExit(vcpu: Vcpu, cause: u64): void {
  if (<i64>cause < 0) interrupted(vcpu, thisHart(), cause);
  else if (cause == CAUSE_FETCH_GUEST_PAGE_FAULT) guestPageFault(vcpu, cause);
  else instructionExit(vcpu, thisHart(), cause);
}

function interrupted(vcpu: Vcpu, hart: Hart, cause: u64): void {
  const kind = hostInterrupt(hart, cause);
  countExit(vcpu, kind == 0 ? EXIT_IPI : kind == 1 ? EXIT_TIMER_INTERRUPT : EXIT_EXTERNAL_INTERRUPT, 0);
}

function instructionExit(vcpu: Vcpu, hart: Hart, cause: u64): void {
  if (cause == CAUSE_VIRTUAL_INSTRUCTION) {
    virtualInstruction(vcpu);
  } else if (cause == CAUSE_ILLEGAL_INSTRUCTION) {
    // Not delegated only while the vCPU's floating-point registers are elsewhere.
    if (fpTrap(vcpu, hart)) {
      countExit(vcpu, EXIT_FP, 0);
    } else {
      countExit(vcpu, EXIT_ILLEGAL, 0);
      raiseException(vcpu, cause, hw.csrRead(CSR_STVAL));
    }
  } else {
    // A fault that hedeleg could not delegate: it is the guest's own.
    countExit(vcpu, EXIT_ACCESS_FAULT, cause);
    raiseException(vcpu, cause, hw.csrRead(CSR_STVAL));
  }
}

/** What VS may not do by itself: WFI gives the hart away; all else is an illegal instruction to the guest. */
function virtualInstruction(vcpu: Vcpu): void {
  let instruction = <u32>hw.csrRead(CSR_STVAL);
  if (instruction == 0) instruction = fetchInstruction(vcpu.pc);
  if (instruction == NO_INSTRUCTION) return; // gone meanwhile: the guest executes whatever is there now
  if (instruction == WFI) {
    countExit(vcpu, EXIT_WFI, 0);
    vcpu.pc += 4;
    waitForInterrupt(vcpu);
  } else if (instruction == WRS_NTO || instruction == WRS_STO) {
    // It waits for another vCPU's store, in a spin lock with interrupts off: no interrupt would end a wait here.
    countExit(vcpu, EXIT_YIELD, 0);
    vcpu.pc += 4;
    schedYield();
  } else if (!indirectAccess(vcpu, instruction)) {
    countExit(vcpu, EXIT_ILLEGAL, instruction);
    raiseException(vcpu, CAUSE_ILLEGAL_INSTRUCTION, instruction);
  }
}
