// SPDX-License-Identifier: Apache-2.0
// What may be asked of a guest's life, by people and by the guest itself. A request only says what is wanted and calls
// the vCPUs off their harts; the lifecycle worker (advance.ts) does the rest in bounded steps once all of them have
// left, so no exit ever waits for another hart. Trap and worker context, without the guest's lock held.
//
// One rule settles what meets: a request replaces one of lower rank, is already done if it is the same, and is
// answered Busy if something of higher rank is under way.
import * as hw from "../hw";
import { now, vcpuRequest } from "../arch/seam";
import { ticksPerSecond } from "../host/clock";
import { thisHart } from "../host/hart";
import { acquire, release } from "../lib/lock";
import { print, printDec, printText } from "../lib/print";
import { Status } from "../lib/status";
import { WIRE_EVENT_RESTART_LIMIT } from "../mgmt/wire";
import { askHart } from "../sched/harts";
import { schedStart } from "../sched/sched";
import { STATE_STOPPED } from "../sched/entity";
import { Worker, workerWake } from "../sched/worker";
import { Description, END_DESTROY, END_RESTART } from "./description";
import { postEvent } from "./events";
import { Guest, GUEST_CRASHED, GUEST_CREATED, GUEST_EMPTY, GUEST_PAUSED, GUEST_RUNNING, GUEST_SHUTDOWN } from "./guest";
import { changeState } from "./state";
import { HSM_STARTED, HSM_SUSPENDED, REQUEST_LEAVE, Vcpu } from "./vcpu";

export { guestReboot, guestShutdown } from "./polite";

// ---- wanted, by rank
export const WANT_NOTHING: u32 = 0;
/** Off its harts, to go on later. */
export const WANT_PAUSE: u32 = 1;
/** Kernel and ramdisk in place, the first vCPU started. */
export const WANT_START: u32 = 2;
/** The same from clean memory. */
export const WANT_RESTART: u32 = 3;
/** Off, its memory given back. */
export const WANT_OFF: u32 = 4;
/** The same, because the hypervisor stopped it. */
export const WANT_CRASHED: u32 = 5;
/** Gone. */
export const WANT_DESTROY: u32 = 6;

/** A restart after this many seconds of running is not part of a loop. */
const QUIET_SECONDS: u64 = 60;

// @lock per boot: made once.
let worker: usize = 0;

/** Boot: who does what is wanted (advance.ts). */
export function lifecycleWorker(made: Worker): void {
  worker = changetype<usize>(made);
}

export function vcpuAt(guest: Guest, index: u32): Vcpu {
  return changetype<Vcpu>(load<usize>(guest.vcpus + index * sizeof<usize>()));
}

// ---- What people ask.

/** Starts a guest that is created, off or crashed. Invalid while it runs. */
export function guestStart(guest: Guest): i32 {
  if (guest.state == GUEST_RUNNING || guest.state == GUEST_PAUSED) return Status.Invalid;
  // Memory that was taken at run time is cleared first: nobody knows what it held before the machine's reset.
  return ask(guest, guest.state == GUEST_CREATED && guest.first ? WANT_START : WANT_RESTART);
}

/** It starts again from clean memory, in whatever state it is; its count of quick restarts begins anew. */
export function guestReset(guest: Guest): i32 {
  guest.quickRestarts = 0;
  return ask(guest, WANT_RESTART);
}

/** It is off at once, as if its power was cut. */
export function guestPowerOff(guest: Guest): i32 {
  return guest.state == GUEST_SHUTDOWN && guest.wanted == WANT_NOTHING ? Status.Ok : ask(guest, WANT_OFF);
}

/** It goes, with everything it has. */
export function guestDestroy(guest: Guest): i32 {
  return ask(guest, WANT_DESTROY);
}

/** All vCPUs leave their harts and stay off. Invalid unless it runs. */
export function guestPause(guest: Guest): i32 {
  if (guest.state == GUEST_PAUSED && guest.wanted == WANT_NOTHING) return Status.Ok;
  return guest.state == GUEST_RUNNING ? ask(guest, WANT_PAUSE) : Status.Invalid;
}

/** A paused guest goes on. */
export function guestResume(guest: Guest): i32 {
  acquire(guest.lock);
  let status: i32 = guest.state == GUEST_PAUSED ? Status.Ok : Status.Invalid;
  if (guest.wanted != WANT_NOTHING) status = Status.Busy;
  if (status == Status.Ok) {
    changeState(guest, GUEST_RUNNING);
    for (let i: u32 = 0; i < guest.vcpuCount; i++) {
      const hsm = vcpuAt(guest, i).hsm;
      if (hsm == HSM_STARTED || hsm == HSM_SUSPENDED) schedStart(vcpuAt(guest, i));
    }
  }
  release(guest.lock);
  return status;
}

// ---- What a guest brings upon itself; its description says what becomes of it.

/** It powered itself off. */
export function guestEnded(guest: Guest): i32 {
  return end(guest, changetype<Description>(guest.description).onPoweroff, WANT_OFF);
}

/** It restarted itself. */
export function guestRestarted(guest: Guest): i32 {
  return end(guest, changetype<Description>(guest.description).onReboot, WANT_OFF);
}

/** The hypervisor stopped it for what a vCPU of it did; its crash record is already written. */
export function guestCrashed(guest: Guest): i32 {
  return end(guest, changetype<Description>(guest.description).onCrash, WANT_CRASHED);
}

/**
 * The hypervisor went wrong while it worked for the guest: it stays down, whatever its description says. If that was on
 * its way down already, it is left as it is until somebody asks for something: else it might go wrong without end.
 */
export function guestFailed(guest: Guest): i32 {
  acquire(guest.lock);
  const givenUp = guest.wanted >= WANT_CRASHED;
  if (givenUp) {
    guest.wanted = WANT_NOTHING;
    changeState(guest, GUEST_CRASHED);
  }
  release(guest.lock);
  return givenUp ? <i32>Status.Ok : ask(guest, WANT_CRASHED);
}

function end(guest: Guest, policy: u32, otherwise: u32): i32 {
  if (policy == END_DESTROY) return ask(guest, WANT_DESTROY);
  if (policy != END_RESTART) return ask(guest, otherwise);
  acquire(guest.lock);
  // Two vCPUs may end it at once: that is one end.
  const restarts = guest.wanted >= WANT_RESTART || mayRestart(guest);
  const status = want(guest, restarts ? WANT_RESTART : otherwise);
  release(guest.lock);
  if (status == Status.Ok) {
    workerWake(changetype<Worker>(worker));
    if (!restarts) tellLimit(guest);
  }
  return status;
}

function tellLimit(guest: Guest): void {
  postEvent(WIRE_EVENT_RESTART_LIMIT, guest, guest.quickRestarts, guest.state);
  print("guest ");
  printText(guest.name);
  print(" stays down: it restarted ");
  printDec(guest.quickRestarts);
  print(" times without a quiet minute (typeone,restart-limit)\n");
}

/** The lock is held. Counts a restart; false when it is one too many without a quiet minute in between. */
function mayRestart(guest: Guest): bool {
  const limit = changetype<Description>(guest.description).restartLimit;
  if (now() - guest.startedAt > QUIET_SECONDS * ticksPerSecond()) guest.quickRestarts = 0;
  if (limit != 0 && guest.quickRestarts >= limit) return false;
  guest.quickRestarts += 1;
  return true;
}

/** Restarts that it has left before the limit on loops. u32.MAX_VALUE: there is none. */
export function restartsLeft(guest: Guest): u32 {
  const limit = changetype<Description>(guest.description).restartLimit;
  if (limit == 0) return u32.MAX_VALUE;
  return guest.quickRestarts < limit ? limit - guest.quickRestarts : 0;
}

/** NotFound: there is no guest. Busy: something of higher rank is under way. */
function ask(guest: Guest, wanted: u32): i32 {
  acquire(guest.lock);
  const status = want(guest, wanted);
  release(guest.lock);
  if (status == Status.Ok) workerWake(changetype<Worker>(worker));
  return status;
}

/** The lock is held. Invalid: what does not run cannot pause; by now it may not run any more. */
function want(guest: Guest, wanted: u32): i32 {
  if (guest.state == GUEST_EMPTY) return Status.NotFound;
  if (guest.wanted > wanted) return Status.Busy;
  if (wanted == WANT_PAUSE && guest.state != GUEST_RUNNING) return Status.Invalid;
  if (guest.wanted == wanted) return Status.Ok;
  guest.wanted = wanted;
  for (let i: u32 = 0; i < guest.vcpuCount; i++) callOff(vcpuAt(guest, i));
  return Status.Ok;
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
