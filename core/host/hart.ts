// SPDX-License-Identifier: Apache-2.0
// One record per host hart, reached as `thisHart()` in a single instruction. Filled at boot; afterwards only its own
// hart writes it, except where a field says otherwise. Assembly knows the first fields: see runtime/offsets.h.
import * as hw from "../hw";
import { FaultFrame } from "../arch/seam";

export { MAX_HARTS } from "../limits";

// ---- reschedule
export const RESCHEDULE: u32 = 1;
/** Every exit of this hart is to be traced: it costs untraced exits nothing to look for both at once. */
export const TRACED: u32 = 2;

@unmanaged
export class Hart extends FaultFrame {
  // ---- Known to assembly and the shim.
  /** Top of this hart's hypervisor stack (hva). */
  stackTop: u64 = 0;
  /** Value of the last firmware call. */
  sbiValue: u64 = 0;
  /** Number of this hart in firmware's terms. */
  id: u64 = 0;

  /** 0 to hartCount - 1, the boot hart first. */
  index: u32 = 0;

  // ---- Known to TypeScript only.
  /** 1 once the hart takes part in scheduling. */
  online: u32 = 0;
  /** The Entity that runs here now, 0 when idle. Other harts read it atomically to decide on a kick. */
  current: usize = 0;
  /** The vCPU whose floating-point registers are in this hart, 0 if none. */
  fpOwner: usize = 0;
  /** The vCPU whose CSRs are in this hart, 0 if none. */
  loaded: usize = 0;
  /** Generation of VMIDs that this hart's translation caches know. */
  vmidGeneration: u32 = 0;
  /** What the host timer is set to; all ones means off. */
  timerSet: u64 = 0;
  /** When the running entity must give way; all ones means never (tickless). */
  sliceEnd: u64 = 0;
  /** Atomically, by any hart: RESCHEDULE when this hart must call schedNext before it enters a guest again. TRACED: below. */
  reschedule: u32 = 0;
  /** 1 while something else waits for this hart; set under its queue's lock, by any hart. */
  contended: u32 = 0;
  /** The guest that this hart works for now in a worker: who is to blame if it faults. Else 0. */
  workingFor: usize = 0;
  /** 1 while this hart does work of its own (a host interrupt, scheduling): a fault then is no guest's. */
  ownWork: u32 = 0;
  /** Mask of the kinds of records that this hart writes now (trace/control.ts). */
  tracing: u32 = 0;
  /** 1 while a fault of the hypervisor is being contained; a second one then stops the machine. */
  containing: u32 = 0;
  // ---- Counters.
  ipisReceived: u64 = 0;
  timerInterrupts: u64 = 0;
  externalInterrupts: u64 = 0;
  idleTime: u64 = 0;

  /** Its ring of trace records (trace/ring.ts), 0 if none. */
  trace: usize = 0;
  tracePad: u32 = 0;

  // ---- Written by assembly at an exit, only while exits are traced (hw.noteExits).
  /** When it happened, in timer ticks. */
  exitTime: u64 = 0;
  /** Interrupt lines into the guest, as the architecture has them. */
  exitLines: u64 = 0;
}

/** The record of the hart that executes this. */
export function thisHart(): Hart {
  return changetype<Hart>(hw.hart());
}
