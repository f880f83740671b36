// SPDX-License-Identifier: Apache-2.0
// Moving a hart from one vCPU to another: everything that assembly does not save on each exit. Trap context, called
// by run.ts only when the vCPU really changes.
import * as hw from "../../hw";
import { Hart } from "../../host/hart";
import { timerArm, timerCancel, Timer } from "../../host/timers";
import { schedUnloaded } from "../../sched/sched";
import { Vcpu } from "../../guest/vcpu";
import { loadAia, unloadAia } from "./aia";
import { fpEnter, fpLeave } from "./fp";
import { leaveInterrupts } from "./irq/files";
import { cleanForVcpu, useVmid } from "./vmid";
import { stage2Hgatp } from "./stage2";
import { hostHasSstc, now, TIMER_OFF } from "./timer";
import {
  CSR_HGATP,
  CSR_HSTATUS,
  CSR_HTIMEDELTA,
  CSR_HVIP,
  CSR_SCOUNTEREN,
  CSR_SENVCFG,
  CSR_SSTATUS,
  CSR_VSATP,
  CSR_VSCAUSE,
  CSR_VSEPC,
  CSR_VSIE,
  CSR_VSSCRATCH,
  CSR_VSSTATUS,
  CSR_VSTIMECMP,
  CSR_VSTVAL,
  CSR_VSTVEC,
  HGATP_VMID_SHIFT,
  SIE_STIE,
} from "./csr";

/** Takes the vCPU's state out of this hart. Its timer, if it has one running, goes on as a host timer. */
export function unloadVcpu(vcpu: Vcpu, hart: Hart): void {
  fpLeave(vcpu, hart);
  vcpu.hstatus = hw.csrRead(CSR_HSTATUS);
  vcpu.sstatus = hw.csrRead(CSR_SSTATUS);
  vcpu.hvip = hw.csrRead(CSR_HVIP);
  vcpu.vsstatus = hw.csrRead(CSR_VSSTATUS);
  // Off, so that what this vCPU waits for does not keep an idle hart awake.
  vcpu.vsie = hw.csrSwap(CSR_VSIE, 0);
  vcpu.vstvec = hw.csrRead(CSR_VSTVEC);
  vcpu.vsscratch = hw.csrRead(CSR_VSSCRATCH);
  vcpu.vsepc = hw.csrRead(CSR_VSEPC);
  vcpu.vscause = hw.csrRead(CSR_VSCAUSE);
  vcpu.vstval = hw.csrRead(CSR_VSTVAL);
  vcpu.vsatp = hw.csrRead(CSR_VSATP);
  vcpu.scounteren = hw.csrRead(CSR_SCOUNTEREN);
  vcpu.senvcfg = hw.csrRead(CSR_SENVCFG);
  if (hostHasSstc()) {
    vcpu.timer = hw.csrRead(CSR_VSTIMECMP);
    // A guest that masks its timer must not be woken by it: the deadline may be long past.
    if (vcpu.vsie & SIE_STIE) armClock(vcpu);
  }
  unloadAia(vcpu);
  leaveInterrupts(vcpu, hart);
  hart.loaded = 0;
  schedUnloaded(vcpu);
}

/** Puts the vCPU's state into this hart, which schedNext chose for it. */
export function loadVcpu(vcpu: Vcpu, hart: Hart): void {
  hart.loaded = changetype<usize>(vcpu);
  useVmid(vcpu.guest, hart);
  vcpu.loadedVmid = vcpu.guest.vmid;
  hw.csrWrite(CSR_HGATP, stage2Hgatp(vcpu.guest.stage2Root) | ((<u64>vcpu.guest.vmid) << HGATP_VMID_SHIFT));
  hw.csrWrite(CSR_HTIMEDELTA, vcpu.guest.timeDelta);
  hw.csrWrite(CSR_HSTATUS, vcpu.hstatus);
  hw.csrWrite(CSR_SSTATUS, vcpu.sstatus);
  hw.csrWrite(CSR_HVIP, vcpu.hvip);
  hw.csrWrite(CSR_VSSTATUS, vcpu.vsstatus);
  hw.csrWrite(CSR_VSIE, vcpu.vsie);
  hw.csrWrite(CSR_VSTVEC, vcpu.vstvec);
  hw.csrWrite(CSR_VSSCRATCH, vcpu.vsscratch);
  hw.csrWrite(CSR_VSEPC, vcpu.vsepc);
  hw.csrWrite(CSR_VSCAUSE, vcpu.vscause);
  hw.csrWrite(CSR_VSTVAL, vcpu.vstval);
  hw.csrWrite(CSR_VSATP, vcpu.vsatp);
  hw.csrWrite(CSR_SCOUNTEREN, vcpu.scounteren);
  hw.csrWrite(CSR_SENVCFG, vcpu.senvcfg);
  loadAia(vcpu);
  if (hostHasSstc()) {
    hw.csrWrite(CSR_VSTIMECMP, vcpu.timer);
    timerCancel(changetype<Timer>(vcpu.clock));
  }
  fpEnter(vcpu, hart);
  cleanForVcpu(vcpu, hart);
}

/** Lets a host timer stand in for the guest's own: the vCPU is off its hart, or the host has no Sstc. */
export function armClock(vcpu: Vcpu): void {
  const clock = changetype<Timer>(vcpu.clock);
  if (vcpu.timer == TIMER_OFF) {
    timerCancel(clock);
    return;
  }
  const at = now();
  const guestNow = at + vcpu.guest.timeDelta;
  const wait = vcpu.timer > guestNow ? vcpu.timer - guestNow : 0;
  if (wait > TIMER_OFF - 1 - at) timerCancel(clock);
  else timerArm(clock, vcpu.home, at + wait);
}
