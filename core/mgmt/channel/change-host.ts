// SPDX-License-Identifier: Apache-2.0
// What changes the machine: tracing, and its end, which comes a moment after the answer. Called in the channel's worker.
import { now } from "../../arch/seam";
import { ticksPerSecond } from "../../host/clock";
import { Status } from "../../lib/status";
import { traceEnable } from "../../trace/control";
import { TRACE_ALL } from "../../trace/spec";
import { powerOff, restartMachine } from "../commands/system";
import * as wire from "../wire";
import { WireHostAction, WireTraceControl } from "../wire-structs";
import { refuse } from "./answer";

/** Between the answer to HostAction and its deed: parts of a second, so that the answer gets away. */
const LAST_WORDS: u64 = 5;

// @lock none: the channel's worker only.
/** HostAction that is to be done at `hostActionAt`, 0 for none. */
let hostAction: u32 = 0;
let hostActionAt: u64 = 0;

export function changeTrace(body: usize): i32 {
  const mask = changetype<WireTraceControl>(body).mask;
  if (mask & ~TRACE_ALL) return refuse(Status.Invalid, "there are no such kinds of trace records");
  traceEnable(mask);
  return Status.Ok;
}

export function changeHost(body: usize): i32 {
  const action = changetype<WireHostAction>(body).action;
  if (action != wire.WIRE_HOST_ACTION_POWER_OFF && action != wire.WIRE_HOST_ACTION_RESET) return Status.Unsupported;
  hostAction = action;
  hostActionAt = now() + ticksPerSecond() / LAST_WORDS;
  return Status.Ok;
}

/** When a HostAction is to be done; all ones if none is. */
export function hostActionDue(): u64 {
  return hostAction != 0 ? hostActionAt : u64.MAX_VALUE;
}

/** Does it when it is time. Comes back only if firmware cannot. */
export function hostActionStep(at: u64): void {
  if (hostAction == 0 || at < hostActionAt) return;
  const action = hostAction;
  hostAction = 0;
  if (action == wire.WIRE_HOST_ACTION_RESET) restartMachine(0);
  else powerOff(0);
}
