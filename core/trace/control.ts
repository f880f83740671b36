// SPDX-License-Identifier: Apache-2.0
// Switches tracing. What is wanted is one word for all harts; each hart follows it by itself when it next chooses what
// to run (trap context), because only it can change its own trap vector. Off, exits run the same instructions as ever.
// @lock none: `wanted` is written and read by atomics only.
import * as hw from "../hw";
import { Hart, RESCHEDULE, TRACED } from "../host/hart";
import { askHart, HARTS_KNOWN, hartSet } from "../sched/harts";
import { ringOf } from "./ring";
import { TRACE_ALL, TRACE_EXIT, TRACE_INJECT } from "./spec";

const wanted: usize = memory.data(8, 8);
/** Kinds that are found at exits. */
const AT_EXITS: u32 = (1 << TRACE_EXIT) | (1 << TRACE_INJECT);

/** Sets which kinds are traced, a bit each; 0 is off. Harts follow as soon as they are interrupted. Worker context. */
export function traceEnable(mask: u32): void {
  hw.atomicSwap(wanted, mask & TRACE_ALL);
  for (let left = hartSet(HARTS_KNOWN); left != 0; left &= left - 1) askHart(ctz<u32>(left));
}

/** What is wanted now. */
export function traceMask(): u32 {
  return hw.atomicLoad(wanted);
}

/** This hart does as wanted from now on. */
export function traceFollow(hart: Hart): void {
  const mask = traceMask();
  if (mask == hart.tracing || hart.trace == 0) return;
  ringOf(hart).current = hart.current;
  hart.tracing = mask;
  hw.noteExits(mask & AT_EXITS ? 1 : 0);
}

/** About to enter a guest: its next exit must come by the trace. */
export function traceArm(hart: Hart): void {
  if (hart.tracing & AT_EXITS) hw.atomicOr(changetype<usize>(hart) + offsetof<Hart>("reschedule"), TRACED);
}

/** Whether this hart must call schedNext before it enters a guest again. */
export function mustReschedule(hart: Hart): bool {
  return (hw.atomicLoad(changetype<usize>(hart) + offsetof<Hart>("reschedule")) & RESCHEDULE) != 0;
}
