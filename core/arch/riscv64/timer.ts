// SPDX-License-Identifier: Apache-2.0
// Time and the host's timer. Uses Sstc where the host has it, else the firmware's TIME extension.
// @lock per boot: `hasSstc` is set once by the boot hart.
import * as hw from "../../hw";
import { thisHart } from "../../host/hart";
import { CSR_STIMECMP, CSR_TIME } from "./csr";
import { SBI_EXT_TIME, SBI_TIME_SET_TIMER } from "./sbi-spec";

/** A deadline that never comes. */
export const TIMER_OFF: u64 = u64.MAX_VALUE;

let hasSstc: u32 = 0;

/** Boot: says whether stimecmp and vstimecmp exist. */
export function setTimerKind(sstc: u32): void {
  hasSstc = sstc;
}

/** Whether the host has Sstc. */
export function hostHasSstc(): u32 {
  return hasSstc;
}

/** Host time in timebase ticks. */
export function now(): u64 {
  return hw.csrRead(CSR_TIME);
}

/** Asks for a timer interrupt on this hart at `deadline` (host ticks); TIMER_OFF for none. */
export function setHostTimer(deadline: u64): void {
  const hart = thisHart();
  if (hart.timerSet == deadline) return;
  hart.timerSet = deadline;
  if (hasSstc) hw.csrWrite(CSR_STIMECMP, deadline);
  else hw.sbi(<u32>SBI_EXT_TIME, <u32>SBI_TIME_SET_TIMER, deadline, 0, 0);
}
