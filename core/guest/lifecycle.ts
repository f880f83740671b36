// SPDX-License-Identifier: Apache-2.0
// A guest's life after it exists: stop, pause, restart, destroy. A request only says what is wanted and calls the
// vCPUs off their harts; the lifecycle worker does the rest in bounded steps once all of them have left, so no exit
// ever waits for another hart. Memory is cleared before it is given back or used again.
import * as hw from "../hw";
import { irqchipReset, unmapStage2, vcpuRequest } from "../arch/seam";
import { timerCancel, Timer } from "../host/timers";
import { detachConsole } from "../host/console";
import { thisHart } from "../host/hart";
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import { residence } from "../sched/wake";
import { askHart } from "../sched/harts";
import { schedStart, schedStop } from "../sched/sched";
import { STATE_STOPPED } from "../sched/entity";
import { Worker, workerInit, workerWake } from "../sched/worker";
import { busReset, busStop } from "../mmio/events";
import {
  Guest,
  GUEST_CRASHED,
  GUEST_CREATED,
  GUEST_EMPTY,
  GUEST_PAUSED,
  GUEST_RESTARTING,
  GUEST_RUNNING,
  GUEST_SHUTDOWN,
} from "./guest";
import { clearGuest, giveGuestMemory, mapGuestMemory, takeGuestMemory } from "./memory";
import { Description } from "./description";
import { traceGuest } from "../trace/events";
import { loadAndStart } from "./load";
import { guestByIndex, guestCount } from "./table";
import { HSM_STARTED, HSM_STOPPED, HSM_SUSPENDED, REQUEST_LEAVE, Vcpu } from "./vcpu";

/** Guest RAM cleared in one step of the worker. */
const CLEAR_STEP: u64 = 0x20_0000;

// @lock per boot: made once.
let worker: usize = 0;

/** Boot: makes the worker. */
export function lifecycleInit(made: Worker): void {
  worker = changetype<usize>(made);
  workerInit(made, changetype<u32>(lifecycleStep.index), 0, 1);
}

export function vcpuAt(guest: Guest, index: u32): Vcpu {
  return changetype<Vcpu>(load<usize>(guest.vcpus + index * sizeof<usize>()));
}

// ---- Requests, from any context.

/** The guest powers off. Busy: something else is being done with it. */
export function guestShutdown(guest: Guest): i32 {
  return ask(guest, GUEST_SHUTDOWN);
}

/** The guest starts again from clean memory. */
export function guestRestart(guest: Guest): i32 {
  return ask(guest, GUEST_RESTARTING);
}

/** The terminal's word for it; also starts a guest that is shut down or crashed. */
export function guestReset(guest: Guest): i32 {
  return guestRestart(guest);
}

/** The guest goes, with everything it has. */
export function guestDestroy(guest: Guest): i32 {
  return ask(guest, WANT_DESTROY);
}

/** The guest was stopped by the hypervisor; its crash record is already written. */
export function guestStopCrashed(guest: Guest): i32 {
  return ask(guest, GUEST_CRASHED);
}

/** All vCPUs leave their harts and stay off. */
export function guestPause(guest: Guest): i32 {
  return guest.state == GUEST_RUNNING ? ask(guest, GUEST_PAUSED) : Status.Invalid;
}

/** A paused guest goes on. */
export function guestResume(guest: Guest): i32 {
  acquire(guest.lock);
  const status: i32 = guest.state == GUEST_PAUSED && guest.wanted == 0 ? Status.Ok : Status.Invalid;
  if (status == Status.Ok) {
    guest.state = GUEST_RUNNING;
    traceGuest(guest);
    for (let i: u32 = 0; i < guest.vcpuCount; i++) {
      const hsm = vcpuAt(guest, i).hsm;
      if (hsm == HSM_STARTED || hsm == HSM_SUSPENDED) schedStart(vcpuAt(guest, i));
    }
  }
  release(guest.lock);
  return status;
}

/** `wanted` for destroy: GUEST_EMPTY itself means that nothing is wanted. */
const WANT_DESTROY: u32 = 100;

/** Says what is wanted of the guest. A crash or a destroy overrides a pause; the same twice is fine. */
function ask(guest: Guest, wanted: u32): i32 {
  acquire(guest.lock);
  let status: i32 = Status.Ok;
  if (guest.state == GUEST_EMPTY) status = Status.NotFound;
  else if (guest.wanted != 0 && guest.wanted != wanted && guest.wanted != GUEST_PAUSED) status = Status.Busy;
  if (status == Status.Ok) {
    guest.wanted = wanted;
    guest.cleared = 0;
    for (let i: u32 = 0; i < guest.vcpuCount; i++) callOff(vcpuAt(guest, i));
  }
  release(guest.lock);
  if (status == Status.Ok) workerWake(changetype<Worker>(worker));
  return status;
}

/** Tells the vCPU to leave its hart. The one that runs here now does so on its way out of this exit. */
function callOff(vcpu: Vcpu): void {
  hw.atomicOr(changetype<usize>(vcpu) + offsetof<Vcpu>("requests"), REQUEST_LEAVE);
  if (thisHart().loaded == changetype<usize>(vcpu)) askHart(thisHart().index);
  else if (vcpu.state != STATE_STOPPED) vcpuRequest(vcpu, REQUEST_LEAVE);
}

/** run.ts: a called-off vCPU is off its hart. */
export function vcpuHasLeft(vcpu: Vcpu): void {
  workerWake(changetype<Worker>(worker));
}

// ---- The worker.

/** One bounded step for each guest of which something is wanted. Answers 1 while there is more to do at once. */
function lifecycleStep(argument: usize): u32 {
  let more: u32 = 0;
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    if (guest.wanted == 0) continue;
    thisHart().workingFor = changetype<usize>(guest);
    if (allOff(guest)) more |= advance(guest);
  }
  return more;
}

/** Whether no vCPU of the guest is on a hart or in a queue. Those that wait somewhere are taken out. */
function allOff(guest: Guest): bool {
  let off = true;
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    const vcpu = vcpuAt(guest, i);
    if (vcpu.state != STATE_STOPPED && residence(vcpu) == 0) schedStop(vcpu);
    if (vcpu.state != STATE_STOPPED || residence(vcpu) != 0) off = false;
  }
  return off;
}

/** The next step towards what is wanted. Answers 1 if there are more. */
function advance(guest: Guest): u32 {
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    timerCancel(changetype<Timer>(vcpuAt(guest, i).clock));
    hw.atomicAnd(changetype<usize>(vcpuAt(guest, i)) + offsetof<Vcpu>("requests"), ~REQUEST_LEAVE);
  }
  if (guest.wanted == GUEST_PAUSED) {
    settle(guest, GUEST_PAUSED);
    return 0;
  }
  if (guest.cleared < guest.ramSize && guest.rangeCount != 0) {
    guest.cleared = clearGuest(guest, guest.cleared, CLEAR_STEP);
    return 1;
  }
  for (let i: u32 = 0; i < guest.vcpuCount; i++) vcpuAt(guest, i).hsm = HSM_STOPPED;
  if (guest.wanted == GUEST_RESTARTING) restart(guest);
  else dissolve(guest);
  return 0;
}

function settle(guest: Guest, state: u32): void {
  acquire(guest.lock);
  guest.state = state;
  traceGuest(guest);
  guest.wanted = 0;
  release(guest.lock);
}

/** Clean memory, devices as at power-on, the kernel loaded anew. */
function restart(guest: Guest): void {
  guest.restarts += 1;
  settle(guest, GUEST_CREATED);
  acquire(guest.lock);
  irqchipReset(guest);
  busReset(guest);
  release(guest.lock);
  if (guest.rangeCount == 0 && !bringMemory(guest)) {
    settle(guest, GUEST_SHUTDOWN);
    return;
  }
  loadAndStart(guest, 0);
}

function bringMemory(guest: Guest): bool {
  const description = changetype<Description>(guest.description);
  if (takeGuestMemory(guest, description.staticHpa) != Status.Ok) return false;
  if (mapGuestMemory(guest) == Status.Ok) return true;
  unmapStage2(guest);
  giveGuestMemory(guest);
  return false;
}

/** Everything goes back. The VMID is given up too: its next owner begins in a generation that forgets it. */
function dissolve(guest: Guest): void {
  const wanted = guest.wanted;
  unmapStage2(guest);
  giveGuestMemory(guest);
  guest.vmidGeneration = 0;
  busStop(guest);
  acquire(guest.lock);
  irqchipReset(guest);
  busReset(guest);
  if (wanted == WANT_DESTROY) detachConsole(guest.console);
  release(guest.lock);
  settle(guest, wanted == WANT_DESTROY ? GUEST_EMPTY : wanted);
}
