// SPDX-License-Identifier: Apache-2.0
// A vCPU's power states: start, stop, suspend, and waiting for an interrupt. Neutral: the architecture supplies the
// initial registers and whether an interrupt is pending. Trap and worker context.
import { initContext, interruptPending, TIMER_OFF } from "../arch/seam";
import { virtioHandOver } from "../dev/virtio/deferred";
import * as hw from "../hw";
import { thisHart } from "../host/hart";
import { Timer, timerCancel } from "../host/timers";
import { askHart } from "../sched/harts";
import { schedBlock, schedStart, schedStop } from "../sched/sched";
import {
  HSM_STARTED,
  HSM_STOPPED,
  HSM_SUSPENDED,
  REQUEST_DEVICE,
  REQUEST_EXTERNAL,
  REQUEST_LEAVE,
  REQUEST_MOVE,
  Vcpu,
} from "./vcpu";

/**
 * Power-on registers; the vCPU's state is in no hart. Software interrupts sent since its start, or that ended its
 * suspend, stay pending, and its external interrupt is looked at anew.
 */
export function resetVcpu(vcpu: Vcpu, address: u64, argument: u64): void {
  timerCancel(changetype<Timer>(vcpu.clock));
  vcpu.timer = TIMER_OFF;
  vcpu.resetOnWake = 0;
  const pending = vcpu.hsm == HSM_SUSPENDED ? vcpu.hvip : 0;
  initContext(vcpu, address, argument);
  vcpu.hvip = pending;
  hw.atomicOr(changetype<usize>(vcpu) + offsetof<Vcpu>("requests"), REQUEST_EXTERNAL);
}

/**
 * Starts a stopped vCPU at gpa `address` with `argument` in its second argument register; guest's lock held.
 * The registers are set when it is next entered: its stop may not have left the hart yet.
 */
export function startVcpu(vcpu: Vcpu, address: u64, argument: u64): void {
  vcpu.startAddress = address;
  vcpu.startArgument = argument;
  vcpu.resetOnWake = 1;
  // What was asked of it before it stopped is void, but for work of its guest; what is asked from now on is not.
  const stays = REQUEST_LEAVE | REQUEST_MOVE | REQUEST_DEVICE;
  hw.atomicAnd(changetype<usize>(vcpu) + offsetof<Vcpu>("requests"), stays);
  vcpu.hsm = HSM_STARTED;
  schedStart(vcpu);
}

/** The calling vCPU stops itself. Guest's lock held. */
export function stopCurrentVcpu(vcpu: Vcpu): void {
  vcpu.hsm = HSM_STOPPED;
  schedStop(vcpu);
  virtioHandOver(vcpu);
}

/** The calling vCPU waits for an interrupt that it has enabled; others see it as suspended meanwhile. */
export function suspendCurrentVcpu(vcpu: Vcpu): void {
  vcpu.hsm = HSM_SUSPENDED;
  waitForInterrupt(vcpu);
  // Through the scheduler in any case: that is where a suspend ends, and where a non-retentive one begins anew.
  askHart(thisHart().index);
}

/** The calling vCPU has nothing to do until an interrupt: gives the hart away unless one is pending already. */
export function waitForInterrupt(vcpu: Vcpu): void {
  if (!interruptPending()) schedBlock(vcpu);
}

/** About to be entered: a suspend is over. */
export function endSuspend(vcpu: Vcpu): void {
  if (vcpu.hsm == HSM_SUSPENDED) vcpu.hsm = HSM_STARTED;
}
