// SPDX-License-Identifier: Apache-2.0
// What the scheduler schedules: a guest's vCPU, or a worker of the hypervisor (a vCPU without a guest, run to its
// next pause by calling a function). The scheduling fields are guarded by the queue lock of the entity's home hart.
import { Context } from "../arch/seam";

// ---- kind
export const KIND_VCPU: u32 = 0;
export const KIND_WORKER: u32 = 1;

// ---- state
/** Not schedulable: never started, stopped by HSM, or its guest is paused or dead. */
export const STATE_STOPPED: u32 = 0;
/** In a hart's queue. */
export const STATE_READY: u32 = 1;
/** On a hart. */
export const STATE_RUNNING: u32 = 2;
/** Waits for an interrupt or for work. */
export const STATE_BLOCKED: u32 = 3;

// ---- place
/** In no list: stopped, blocked, or on a hart. */
export const PLACE_NONE: u32 = 0;
/** Among those that may run now. */
export const PLACE_QUEUED: u32 = 1;
/** Rate-monotonic and out of budget: ready, but not before its next period. */
export const PLACE_THROTTLED: u32 = 2;

// ---- policy
export const POLICY_PRIORITY: u32 = 0;
export const POLICY_MONOTONIC: u32 = 1;
export const POLICY_PINNED: u32 = 2;

@unmanaged
export class Entity extends Context {
  kind: u32 = 0;
  state: u32 = 0;
  policy: u32 = 0;
  /** Higher runs first, 0 to 7. */
  priority: u32 = 0;
  /** Share among entities of equal priority, 1 to 10,000; 256 is normal. */
  weight: u32 = 0;
  /** Index of the hart whose queue it belongs to. */
  home: u32 = 0;
  /** Bit per hart index on which it may run. */
  affinity: u64 = 0;
  /** Longest run in timer ticks before an equal gets its turn. */
  slice: u64 = 0;
  /** Rate-monotonic: period and budget in timer ticks. */
  period: u64 = 0;
  budget: u64 = 0;
  /** Policy's own state (see the policy's file). */
  virtualTime: u64 = 0;
  periodEnd: u64 = 0;
  budgetLeft: u64 = 0;
  /** When it last came onto a hart, and became ready, in timer ticks. */
  runningSince: u64 = 0;
  readySince: u64 = 0;
  /** Accounting in timer ticks. */
  runTime: u64 = 0;
  waitTime: u64 = 0;
  switches: u64 = 0;
  /** Links of the list that holds it (see `place`). */
  next: usize = 0;
  previous: usize = 0;
  /** All entities that the scheduler knows, singly linked. */
  nextMember: usize = 0;
  /** Which list holds it: PLACE_*. */
  place: u32 = 0;
  /** 0 when its registers are all in memory, else 1 + index of the hart that still holds some: it cannot move then. */
  residence: u32 = 0;
  /** Set atomically by a wake-up, consumed by the block that it must defeat (no lost wake-ups). */
  wake: u32 = 0;
}
