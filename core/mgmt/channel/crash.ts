// SPDX-License-Identifier: Apache-2.0
// A guest's crash record: why it was stopped, the registers and the last exits of its vCPU then. Called in the channel's
// worker; reads only.
import { faultRegisterName } from "../../arch/seam";
import { CRASH_REGISTERS, crashExit, crashReason, CrashRecord, crashRegister } from "../../guest/crash";
import { TrailEntry } from "../../guest/exit";
import { exitName } from "../../guest/exit-name";
import { TRAIL_BYTES } from "../../limits";
import { guestByHandle } from "../../guest/table";
import { Status } from "../../lib/status";
import {
  WIRE_CRASH_CAUSE,
  WIRE_CRASH_CAUSE_SIZE,
  WIRE_CRASH_SIZE,
  WIRE_TRAIL_EXIT_NAME,
  WIRE_TRAIL_EXIT_NAME_SIZE,
  WIRE_TRAIL_EXIT_SIZE,
  WireCrash,
  WireGuestHandle,
  WireTrailExit,
  WireVcpuFrom,
} from "../wire-structs";
import { addRecord, putText } from "./answer";
import { addRegister } from "./vcpus";

const MOST_EXITS: u32 = TRAIL_BYTES / <u32>offsetof<TrailEntry>();

/** The record of the guest that a handle names, null if there is no such guest. */
function recordOf(body: usize): CrashRecord {
  const ask = changetype<WireGuestHandle>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  return changetype<CrashRecord>(changetype<usize>(guest) != 0 ? guest.crash : 0);
}

export function answerCrash(body: usize): i32 {
  const record = recordOf(body);
  if (changetype<usize>(record) == 0) return Status.NotFound;
  const at = addRecord(WIRE_CRASH_SIZE);
  if (record.reason == 0) return Status.Ok;
  const crash = changetype<WireCrash>(at);
  crash.reason = record.reason;
  crash.vcpu = record.vcpu;
  crash.pc = record.pc;
  crash.detail = record.detail;
  crash.hypervisorPc = record.hypervisorPc;
  crash.hypervisorValue = record.hypervisorValue;
  crash.when = record.when;
  while (crash.trail < MOST_EXITS && changetype<usize>(crashExit(record, crash.trail)) != 0) crash.trail += 1;
  crash.registers = CRASH_REGISTERS;
  putText(at + WIRE_CRASH_CAUSE, WIRE_CRASH_CAUSE_SIZE, crashReason(record.reason));
  return Status.Ok;
}

/** Newest first, from the `from`th on. */
export function listCrashExits(body: usize): i32 {
  const record = recordOf(body);
  if (changetype<usize>(record) == 0) return Status.NotFound;
  for (let back = changetype<WireVcpuFrom>(body).from; back < MOST_EXITS; back++) {
    const entry = crashExit(record, back);
    const at = changetype<usize>(entry) != 0 ? addRecord(WIRE_TRAIL_EXIT_SIZE) : 0;
    if (!at) break;
    const exit = changetype<WireTrailExit>(at);
    exit.pc = entry.pc;
    exit.detail = entry.detail;
    exit.func = entry.func;
    exit.kind = entry.kind;
    putText(at + WIRE_TRAIL_EXIT_NAME, WIRE_TRAIL_EXIT_NAME_SIZE, exitName(entry.kind));
  }
  return Status.Ok;
}

/** pc, then the general registers. */
export function listCrashRegisters(body: usize): i32 {
  const record = recordOf(body);
  if (changetype<usize>(record) == 0) return Status.NotFound;
  if (record.reason == 0) return Status.Ok;
  addRegister("pc", crashRegister(record, 0));
  for (let i: u32 = 1; i < CRASH_REGISTERS; i++) addRegister(faultRegisterName(i - 1), crashRegister(record, i));
  return Status.Ok;
}
