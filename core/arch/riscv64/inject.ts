// SPDX-License-Identifier: Apache-2.0
// Interrupts and exceptions into a guest. A vCPU that is on this hart is changed at once; any other through its
// `requests` (one atomic word, set first, then a wake or a kick), which its hart applies before it next enters.
// Trap and worker context.
import * as hw from "../../hw";
import { thisHart } from "../../host/hart";
import { Vcpu, REQUEST_EXTERNAL, REQUEST_FENCE, REQUEST_FENCE_I, REQUEST_SOFT, REQUEST_TIMER } from "../../guest/vcpu";
import { Entity } from "../../sched/entity";
import { schedWake } from "../../sched/sched";
import { askHart } from "../../sched/harts";
import { hostHasSstc } from "./timer";
import {
  CSR_HSTATUS,
  CSR_HVICTL,
  CSR_HVIP,
  CSR_SSTATUS,
  CSR_VSCAUSE,
  CSR_VSEPC,
  CSR_VSIE,
  CSR_VSIP,
  CSR_VSSTATUS,
  CSR_VSTVAL,
  CSR_VSTVEC,
  HSTATUS_SPVP,
  HVICTL_IID_SHIFT,
  HVIP_VSEIP,
  HVIP_VSSIP,
  HVIP_VSTIP,
  IRQ_S_EXT,
  SSTATUS_SIE,
  SSTATUS_SPIE,
  SSTATUS_SPP,
} from "./csr";

/** Whether the vCPU's CSRs are in this hart. */
export function isHere(vcpu: Vcpu): bool {
  return thisHart().loaded == changetype<usize>(vcpu);
}

/** Asks the vCPU's hart for something before it next enters; interrupts the hart that has it and wakes it. */
export function vcpuRequest(vcpu: Vcpu, bits: u32): void {
  hw.atomicOr(changetype<usize>(vcpu) + offsetof<Vcpu>("requests"), bits);
  const residence = hw.atomicLoad(changetype<usize>(vcpu) + offsetof<Vcpu>("residence"));
  if (residence) askHart(residence - 1);
  schedWake(vcpu);
}

/** The interrupt controller drives the vCPU's external interrupt to `level`. The guest's lock is held. */
export function vcpuSetExternal(vcpu: Vcpu, level: u32): void {
  vcpu.externalLevel = level;
  if (!isHere(vcpu)) vcpuRequest(vcpu, REQUEST_EXTERNAL);
  else if (level) inject(vcpu, HVIP_VSEIP);
  else hw.csrClear(CSR_HVIP, HVIP_VSEIP);
}

/**
 * The external interrupt of an AIA guest's vCPU, whose CSRs are in this hart, is at `level` (0 while a hardware file has it).
 * Without a file the guest finds it in stopi only if hvictl names it with a priority. @spec aia §6.3.3
 */
export function driveExternal(vcpu: Vcpu, level: u32): void {
  hw.csrWrite(CSR_HVICTL, (IRQ_S_EXT << HVICTL_IID_SHIFT) | (<u64>level));
  if (level == 0) hw.csrClear(CSR_HVIP, HVIP_VSEIP);
  else if (!(hw.csrRead(CSR_HVIP) & HVIP_VSEIP)) inject(vcpu, HVIP_VSEIP);
}

/** Another vCPU, or this one, sends a software interrupt. */
export function vcpuSendSoft(vcpu: Vcpu): void {
  if (isHere(vcpu)) hw.csrSet(CSR_HVIP, HVIP_VSSIP);
  else vcpuRequest(vcpu, REQUEST_SOFT);
}

/** The timer of a vCPU whose own compare register cannot fire has expired (host/timers.ts). */
export function vcpuTimerExpired(entity: Entity): void {
  const vcpu = changetype<Vcpu>(entity);
  // With Sstc its own compare register says so as soon as it is on a hart again; to wake it is enough.
  if (hostHasSstc()) schedWake(vcpu);
  else if (isHere(vcpu)) inject(vcpu, HVIP_VSTIP);
  else vcpuRequest(vcpu, REQUEST_TIMER);
}

/** Raises lines of the vCPU on this hart. */
function inject(vcpu: Vcpu, lines: u64): void {
  vcpu.interrupts += 1;
  hw.csrSet(CSR_HVIP, lines);
}

/** Applies and clears what was asked of the vCPU, whose CSRs are in this hart. Answers the bits that were set. */
export function applyRequests(vcpu: Vcpu): u32 {
  const bits = hw.atomicSwap(changetype<usize>(vcpu) + offsetof<Vcpu>("requests"), 0);
  if (bits & REQUEST_SOFT) inject(vcpu, HVIP_VSSIP);
  if (bits & REQUEST_TIMER) inject(vcpu, HVIP_VSTIP);
  if (bits & REQUEST_EXTERNAL) {
    if (hw.atomicLoad(changetype<usize>(vcpu) + offsetof<Vcpu>("externalLevel"))) inject(vcpu, HVIP_VSEIP);
    else hw.csrClear(CSR_HVIP, HVIP_VSEIP);
  }
  if (bits & REQUEST_FENCE) hw.fenceGuest(-1);
  if (bits & REQUEST_FENCE_I) hw.fenceInstructions();
  return bits;
}

/** Whether an interrupt that the guest has enabled is pending in the vCPU on this hart: WFI must not wait then. */
export function interruptPending(): bool {
  return (hw.csrRead(CSR_VSIP) & hw.csrRead(CSR_VSIE)) != 0;
}

/** Interrupt lines into the vCPU on this hart, as the architecture has them. */
export function interruptLines(): u64 {
  return hw.csrRead(CSR_HVIP);
}

/** REQUEST_SOFT, REQUEST_TIMER and REQUEST_EXTERNAL for the lines that have come up since they were `before`. */
export function linesRaised(before: u64): u32 {
  const raised = hw.csrRead(CSR_HVIP) & ~before;
  let bits: u32 = raised & HVIP_VSSIP ? REQUEST_SOFT : 0;
  if (raised & HVIP_VSTIP) bits |= REQUEST_TIMER;
  return raised & HVIP_VSEIP ? bits | REQUEST_EXTERNAL : bits;
}

/** Delivers an exception to the vCPU on this hart as its own hardware would. @spec priv §21.2.11, §12.1.1 */
export function raiseException(vcpu: Vcpu, cause: u64, value: u64): void {
  const status = hw.csrRead(CSR_VSSTATUS);
  const fromSupervisor = (hw.csrRead(CSR_HSTATUS) & HSTATUS_SPVP) != 0;
  let next = status & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE);
  if (fromSupervisor) next |= SSTATUS_SPP;
  if (status & SSTATUS_SIE) next |= SSTATUS_SPIE;
  hw.csrWrite(CSR_VSSTATUS, next);
  hw.csrWrite(CSR_VSEPC, vcpu.pc);
  hw.csrWrite(CSR_VSCAUSE, cause);
  hw.csrWrite(CSR_VSTVAL, value);
  vcpu.pc = hw.csrRead(CSR_VSTVEC) & ~(<u64>3);
  hw.csrSet(CSR_HSTATUS, HSTATUS_SPVP);
  hw.csrSet(CSR_SSTATUS, SSTATUS_SPP);
}
