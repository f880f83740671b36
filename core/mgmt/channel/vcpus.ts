// SPDX-License-Identifier: Apache-2.0
// vCPUs as they are: scheduling, times, exits by kind, registers. Counters of those that run meanwhile may be a moment old.
// Called in the channel's worker; reads only.
import {
  faultRegisterCount,
  faultRegisterName,
  now,
  readRegister,
  stateRegister,
  stateRegisterName,
} from "../../arch/seam";
import { exitCount, EXIT_KINDS, exitsOf } from "../../guest/exit";
import { exitName } from "../../guest/exit-name";
import { Guest } from "../../guest/guest";
import { vcpuAt } from "../../guest/lifecycle";
import { guestByHandle } from "../../guest/table";
import { Vcpu } from "../../guest/vcpu";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { Entity, STATE_BLOCKED, STATE_READY, STATE_RUNNING } from "../../sched/entity";
import { residence } from "../../sched/wake";
import {
  WIRE_EXIT_COUNT_NAME,
  WIRE_EXIT_COUNT_NAME_SIZE,
  WIRE_EXIT_COUNT_SIZE,
  WIRE_REGISTER_NAME,
  WIRE_REGISTER_NAME_SIZE,
  WIRE_REGISTER_SIZE,
  WIRE_VCPU_INFO_SIZE,
  WireExitCount,
  WireRegister,
  WireVcpuFrom,
  WireVcpuHandle,
  WireVcpuInfo,
} from "../wire-structs";
import { addRecord, putText, refuse } from "./answer";

// ---- VcpuInfo.state
const STOPPED: u32 = 0;
const WAITING: u32 = 1;
const READY: u32 = 2;
const RUNNING: u32 = 3;

/** The vCPU that a handle names, null if there is none. */
export function vcpuByHandle(guest: Guest, index: u32): Vcpu {
  return changetype<usize>(guest) != 0 && index < guest.vcpuCount ? vcpuAt(guest, index) : changetype<Vcpu>(0);
}

export function listVcpus(body: usize): i32 {
  const ask = changetype<WireVcpuFrom>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  for (let i = ask.from; i < guest.vcpuCount; i++) {
    const at = addRecord(WIRE_VCPU_INFO_SIZE);
    if (!at) break;
    fill(changetype<WireVcpuInfo>(at), vcpuAt(guest, i));
  }
  return Status.Ok;
}

function fill(info: WireVcpuInfo, vcpu: Vcpu): void {
  info.index = vcpu.index;
  info.hart = vcpu.home;
  info.state = stateOf(vcpu);
  info.hsm = vcpu.hsm;
  info.policy = vcpu.policy;
  info.priority = vcpu.priority;
  info.weight = vcpu.weight;
  info.paused = vcpu.paused;
  info.affinity = vcpu.affinity;
  info.runTime = runTimeOf(vcpu);
  info.waitTime = waitTimeOf(vcpu);
  info.switches = vcpu.switches;
  info.exits = exitsOf(vcpu);
  info.interrupts = vcpu.interrupts;
}

function stateOf(vcpu: Vcpu): u32 {
  const state = vcpu.state;
  if (state == STATE_RUNNING) return RUNNING;
  if (state == STATE_READY) return READY;
  return state == STATE_BLOCKED ? WAITING : STOPPED;
}

/** Ticks on harts, with the run that goes on now. */
export function runTimeOf(vcpu: Vcpu): u64 {
  return timeOf(vcpu, STATE_RUNNING);
}

/** Ticks ready but on no hart. */
export function waitTimeOf(vcpu: Vcpu): u64 {
  return timeOf(vcpu, STATE_READY);
}

/** What was charged so far, and what will be for the time that it is in `state` now; read anew if a charge came between. */
function timeOf(vcpu: Vcpu, state: u32): u64 {
  const charged =
    changetype<usize>(vcpu) + (state == STATE_RUNNING ? offsetof<Entity>("runTime") : offsetof<Entity>("waitTime"));
  let total: u64 = 0;
  for (let tries: u32 = 0; tries < 3; tries++) {
    const before = hw.atomicLoad(charged);
    total = load<u64>(charged);
    const since = state == STATE_RUNNING ? vcpu.runningSince : vcpu.readySince;
    const at = now();
    if (vcpu.state == state && at > since) total += at - since;
    if (hw.atomicLoad(charged) == before) break;
  }
  return total;
}

export function listExits(body: usize): i32 {
  const ask = changetype<WireVcpuHandle>(body);
  const vcpu = vcpuByHandle(guestByHandle(ask.guest, ask.generation), ask.vcpu);
  if (changetype<usize>(vcpu) == 0) return Status.NotFound;
  for (let kind: u32 = 0; kind < EXIT_KINDS; kind++) {
    const at = addRecord(WIRE_EXIT_COUNT_SIZE);
    changetype<WireExitCount>(at).count = exitCount(vcpu, kind);
    putText(at + WIRE_EXIT_COUNT_NAME, WIRE_EXIT_COUNT_NAME_SIZE, exitName(kind));
  }
  return Status.Ok;
}

/** General registers, then those by name. Busy while a hart has some of them. */
export function listRegisters(body: usize): i32 {
  const ask = changetype<WireVcpuHandle>(body);
  const vcpu = vcpuByHandle(guestByHandle(ask.guest, ask.generation), ask.vcpu);
  if (changetype<usize>(vcpu) == 0) return Status.NotFound;
  const switches = vcpu.switches;
  const away = residence(vcpu) == 0;
  for (let i: u32 = 0; i < faultRegisterCount(); i++) addRegister(faultRegisterName(i), readRegister(vcpu, i + 1));
  for (let i: u32 = 0; stateRegisterName(i).length != 0; i++) addRegister(stateRegisterName(i), stateRegister(vcpu, i));
  if (away && residence(vcpu) == 0 && vcpu.switches == switches) return Status.Ok;
  return refuse(Status.Busy, "it is on a hart: pause the vCPU or its guest first");
}

/** One record of a register. */
export function addRegister(name: string, value: u64): void {
  const at = addRecord(WIRE_REGISTER_SIZE);
  if (!at) return;
  changetype<WireRegister>(at).value = value;
  putText(at + WIRE_REGISTER_NAME, WIRE_REGISTER_NAME_SIZE, name);
}
