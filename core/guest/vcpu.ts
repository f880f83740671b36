// SPDX-License-Identifier: Apache-2.0
// A guest's virtual CPU: registers (Context), scheduling (Entity), and what other harts ask of it. `requests` is the
// only door through which another hart touches a vCPU: set a bit, then kick; the owner acts before it next enters.
import { Entity } from "../sched/entity";
import { Guest } from "./guest";

// ---- HSM state, in the SBI's own numbers (@spec sbi §9)
export const HSM_STARTED: u32 = 0;
export const HSM_STOPPED: u32 = 1;
export const HSM_START_PENDING: u32 = 2;
export const HSM_STOP_PENDING: u32 = 3;
export const HSM_SUSPENDED: u32 = 4;

// ---- requests
/** Inject a supervisor software interrupt. */
export const REQUEST_SOFT: u32 = 1;
/** Look at `externalLevel` again. */
export const REQUEST_EXTERNAL: u32 = 2;
/** The guest timer expired while the vCPU was not on a hart, or the host has no Sstc. */
export const REQUEST_TIMER: u32 = 4;
/** Forget all translations of this guest on this hart before entering. */
export const REQUEST_FENCE: u32 = 8;
/** Make instruction fetches see stores of other harts before entering. */
export const REQUEST_FENCE_I: u32 = 16;
/** The guest is stopping, pausing or restarting: do not enter, leave the hart. */
export const REQUEST_LEAVE: u32 = 32;
/** Its affinity changed: go to a hart where it may run. */
export const REQUEST_MOVE: u32 = 64;
/** A VirtIO queue has work left that did not fit the budget of an exit (dev/virtio/deferred.ts). */
export const REQUEST_DEVICE: u32 = 128;

@unmanaged
export class Vcpu extends Entity {
  guest: Guest = changetype<Guest>(0);
  /** 0 to vcpuCount - 1; also the guest's hart id. */
  index: u32 = 0;
  /** Guarded by the guest's lock. */
  hsm: u32 = 0;
  /** REQUEST_* bits; atomics only. */
  requests: u32 = 0;
  /** Level of the external interrupt that the guest's interrupt controller drives. */
  externalLevel: u32 = 0;
  /** Index of the hart on which it last ran, for translation hygiene. */
  lastHart: u32 = 0;
  /** Index of the hart whose floating-point registers are this vCPU's own, all ones if none. */
  fpHart: u32 = 0;
  /** 1 while a person keeps it from running (vcpu-control.ts); guarded by the guest's lock. */
  paused: u32 = 0;
  /** HSM start and non-retentive suspend: where to resume (gpa) and with what a1. */
  startAddress: u64 = 0;
  startArgument: u64 = 0;
  /** 1 after a non-retentive suspend: begin anew at startAddress when woken. */
  resetOnWake: u32 = 0;
  pad3: u32 = 0;
  /** Its entry in a hart's timer list, for when vstimecmp cannot fire (a linear address). */
  clock: usize = 0;
  /** VMID that its last entry used. */
  loadedVmid: u32 = 0;
  /** Where in the trail of the last exits the next one goes (exit.ts). */
  trail: usize = 0;
  pad4: u32 = 0;
  /** Interrupts that were injected into it, but for those that it sends to itself and that hardware raises (Sstc). */
  interrupts: u64 = 0;
  /** Exits by kind: exit0 + EXIT_*. */
  exit0: u64 = 0;
  exit1: u64 = 0;
  exit2: u64 = 0;
  exit3: u64 = 0;
  exit4: u64 = 0;
  exit5: u64 = 0;
  exit6: u64 = 0;
  exit7: u64 = 0;
  exit8: u64 = 0;
  exit9: u64 = 0;
  exit10: u64 = 0;
  exit11: u64 = 0;
  exit12: u64 = 0;
  exit13: u64 = 0;
  exit14: u64 = 0;
  exit15: u64 = 0;
  exit16: u64 = 0;
  exit17: u64 = 0;
  exit18: u64 = 0;
  exit19: u64 = 0;
}
