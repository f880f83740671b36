// SPDX-License-Identifier: Apache-2.0
// One vCPU of a guest at run time: stands still, goes on, moves, gets another share. For the terminal and the toolstack;
// called by workers, never from a guest's exit. Its HSM state stays what the guest made it: the guest sees only time pass.
import { vcpuRequest } from "../arch/seam";
import * as hw from "../hw";
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import { STATE_STOPPED } from "../sched/entity";
import { mustMove } from "../sched/harts";
import { schedSetAffinity, schedSetPriority, schedSetWeight, schedStart } from "../sched/sched";
import { residence } from "../sched/wake";
import { GUEST_PAUSED, GUEST_RUNNING } from "./guest";
import { HSM_STARTED, HSM_SUSPENDED, REQUEST_LEAVE, REQUEST_MOVE, Vcpu } from "./vcpu";

/** It leaves its hart and stays off; a restart of its guest ends that. Invalid: the guest does not live. */
export function pauseVcpu(vcpu: Vcpu): i32 {
  const guest = vcpu.guest;
  acquire(guest.lock);
  const lives = guest.state == GUEST_RUNNING || guest.state == GUEST_PAUSED;
  if (lives && vcpu.paused == 0) {
    vcpu.paused = 1;
    if (vcpu.state != STATE_STOPPED) vcpuRequest(vcpu, REQUEST_LEAVE);
  }
  release(guest.lock);
  return lives ? Status.Ok : Status.Invalid;
}

/** A paused vCPU goes on, with its guest. Invalid: it is not paused. Busy: its hart has yet to let go of it; ask again. */
export function resumeVcpu(vcpu: Vcpu): i32 {
  const guest = vcpu.guest;
  let status: i32 = Status.Ok;
  acquire(guest.lock);
  if (vcpu.paused == 0) status = Status.Invalid;
  else if (vcpu.state != STATE_STOPPED || residence(vcpu) != 0) status = Status.Busy;
  else {
    vcpu.paused = 0;
    const started = vcpu.hsm == HSM_STARTED || vcpu.hsm == HSM_SUSPENDED;
    // What the guest as a whole is asked for goes on without it: it may count on the vCPU to stay off.
    if (guest.wanted == 0) {
      hw.atomicAnd(changetype<usize>(vcpu) + offsetof<Vcpu>("requests"), ~REQUEST_LEAVE);
      if (started && guest.state == GUEST_RUNNING) schedStart(vcpu);
    }
  }
  release(guest.lock);
  return status;
}

/** The harts on which it may run, a bit each by index; it leaves one that it may no longer use. As schedSetAffinity. */
export function setAffinity(vcpu: Vcpu, mask: u64): i32 {
  const status = schedSetAffinity(vcpu, mask);
  if (status == Status.Ok && mustMove(vcpu, vcpu.home) && vcpu.state != STATE_STOPPED) vcpuRequest(vcpu, REQUEST_MOVE);
  return status;
}

/** 0 (low) to 7. */
export function setPriority(vcpu: Vcpu, priority: u64): i32 {
  return schedSetPriority(vcpu, priority);
}

/** Its share among vCPUs of equal priority, 1 to 10,000. */
export function setWeight(vcpu: Vcpu, weight: u64): i32 {
  return schedSetWeight(vcpu, weight);
}
