// SPDX-License-Identifier: Apache-2.0
// What changes something: guests come, change and go; vCPUs; the machine's end; tracing. Each is only begun here, and the
// event stream tells when it is done. Called in the channel's worker, once per request however often its frame comes.
import { createFromBlobs, CreateRequest } from "../../guest/create";
import * as life from "../../guest/lifecycle";
import { refusalWords } from "../../guest/refusal";
import { guestByHandle } from "../../guest/table";
import { pauseVcpu, resumeVcpu, setAffinity, setPriority, setWeight } from "../../guest/vcpu-control";
import { setVcpuCount } from "../../guest/vcpu-count";
import { Vcpu } from "../../guest/vcpu";
import { ticksPerSecond } from "../../host/clock";
import { Status } from "../../lib/status";
import { traceEnable } from "../../trace/control";
import { TRACE_ALL } from "../../trace/spec";
import { powerOff, restartMachine } from "../commands/system";
import * as wire from "../wire";
import {
  WIRE_CREATED_SIZE,
  WIRE_CREATED_WORDS,
  WIRE_CREATED_WORDS_SIZE,
  WIRE_REFUSAL_SIZE,
  WireCreate,
  WireCreated,
  WireGuestAction,
  WireHostAction,
  WireTraceControl,
  WireVcpuAction,
  WireVcpuCount,
} from "../wire-structs";
import { addRecord, putText, refuse } from "./answer";
import { vcpuByHandle } from "./vcpus";
import { now } from "../../arch/seam";

/** Between the answer to HostAction and its deed: parts of a second, so that the answer gets away. */
const LAST_WORDS: u64 = 5;

// @lock none: the channel's worker only.
const request: usize = memory.data(<i32>offsetof<CreateRequest>(), 8);
/** HostAction that is to be done at `hostActionAt`, 0 for none. */
let hostAction: u32 = 0;
let hostActionAt: u64 = 0;

export function createGuest(body: usize): i32 {
  const ask = changetype<WireCreate>(body);
  if (ask.start > 1) return Status.Invalid;
  const wanted = changetype<CreateRequest>(request);
  wanted.description = ask.description;
  wanted.kernel = ask.kernel;
  wanted.ramdisk = ask.ramdisk;
  wanted.tree = ask.tree;
  const status = createFromBlobs(wanted);
  const at = addRecord(WIRE_CREATED_SIZE);
  const answer = changetype<WireCreated>(at);
  if (status == Status.Ok) {
    const guest = wanted.made;
    answer.guest = guest.id;
    answer.generation = guest.generation;
    if (ask.start) life.guestStart(guest);
  } else {
    putText(at + WIRE_CREATED_WORDS, WIRE_CREATED_WORDS_SIZE, refusalWords());
  }
  return status;
}

export function changeGuest(body: usize): i32 {
  const ask = changetype<WireGuestAction>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  switch (ask.action) {
    case wire.WIRE_ACTION_START:
      return told(life.guestStart(guest));
    case wire.WIRE_ACTION_PAUSE:
      return told(life.guestPause(guest));
    case wire.WIRE_ACTION_RESUME:
      return told(life.guestResume(guest));
    case wire.WIRE_ACTION_RESET:
      return told(life.guestReset(guest));
    case wire.WIRE_ACTION_REBOOT:
      return told(life.guestReboot(guest));
    case wire.WIRE_ACTION_SHUTDOWN:
      return told(life.guestShutdown(guest));
    case wire.WIRE_ACTION_POWER_OFF:
      return told(life.guestPowerOff(guest));
    case wire.WIRE_ACTION_DESTROY:
      return told(life.guestDestroy(guest));
    default:
      return refuse(Status.Unsupported, "there is no such action");
  }
}

/** Answers with an empty refusal, or one that says what the status means for a guest. */
function told(status: i32): i32 {
  if (status == Status.Ok) {
    addRecord(WIRE_REFUSAL_SIZE);
    return status;
  }
  if (status == Status.Busy) return refuse(status, "something else is being done with it");
  return status == Status.Invalid ? refuse(status, "it is not in a state for that") : status;
}

export function changeVcpu(body: usize): i32 {
  const ask = changetype<WireVcpuAction>(body);
  const vcpu = vcpuByHandle(guestByHandle(ask.guest, ask.generation), ask.vcpu);
  if (changetype<usize>(vcpu) == 0) return Status.NotFound;
  const status = actOn(vcpu, ask.action, ask.value);
  if (status == Status.Ok || status == Status.Busy || status == Status.Invalid) return told(status);
  if (status == Status.Range) return refuse(status, "priorities are 0 to 7, weights 1 to 10000");
  if (status == Status.NotFound) return refuse(status, "none of those harts runs");
  return refuse(status, "its scheduling policy does not allow that, or there is no such action");
}

function actOn(vcpu: Vcpu, action: u32, value: u64): i32 {
  switch (action) {
    case wire.WIRE_VCPU_ACTION_PAUSE:
      return pauseVcpu(vcpu);
    case wire.WIRE_VCPU_ACTION_RESUME:
      return resumeVcpu(vcpu);
    case wire.WIRE_VCPU_ACTION_AFFINITY:
      return setAffinity(vcpu, value);
    case wire.WIRE_VCPU_ACTION_PRIORITY:
      return setPriority(vcpu, value);
    case wire.WIRE_VCPU_ACTION_WEIGHT:
      return setWeight(vcpu, value);
    default:
      return Status.Unsupported;
  }
}

export function changeCount(body: usize): i32 {
  const ask = changetype<WireVcpuCount>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  const status = setVcpuCount(guest, ask.count);
  return status == Status.Ok ? told(status) : refuse(status, refusalWords());
}

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
