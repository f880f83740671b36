// SPDX-License-Identifier: Apache-2.0
// The lifecycle worker: brings guests to what is wanted of them (lifecycle.ts), each in steps of at most 2 MiB of
// memory, so that no hart is kept for long. A step that another request overtakes is harmless: every step can be done
// again. Worker context; the only place that takes memory from a guest or starts its first vCPU.
import * as hw from "../hw";
import { irqchipReset, now, unmapStage2 } from "../arch/seam";
import { detachConsole } from "../host/console";
import { thisHart } from "../host/hart";
import { ticksPerSecond } from "../host/clock";
import { KIND_TIMER_WAKE, Timer, timerArm, timerCancel, timerInit } from "../host/timers";
import { acquire, release } from "../lib/lock";
import { print, printDec, printText } from "../lib/print";
import { Status } from "../lib/status";
import { WIRE_EVENT_DESTROYED } from "../mgmt/wire";
import { busReset, busStop } from "../mmio/events";
import { STATE_STOPPED } from "../sched/entity";
import { schedRemove, schedStop } from "../sched/sched";
import { residence } from "../sched/wake";
import { Worker, workerInit } from "../sched/worker";
import { creationBegin, creationEnd } from "./create";
import { Description } from "./description";
import { devicesForget, devicesQuiet, releaseDevices, resetDevices } from "./devices/devices";
import { postEvent } from "./events";
import {
  Guest,
  GUEST_CRASHED,
  GUEST_EMPTY,
  GUEST_LOADING,
  GUEST_PAUSED,
  GUEST_RESTARTING,
  GUEST_RUNNING,
  GUEST_SHUTDOWN,
} from "./guest";
import {
  lifecycleWorker,
  vcpuAt,
  WANT_CRASHED,
  WANT_DESTROY,
  WANT_NOTHING,
  WANT_PAUSE,
  WANT_RESTART,
  WANT_START,
} from "./lifecycle";
import { loadStep } from "./load";
import { clearGuest, giveGuestMemory, mapGuestMemory, takeGuestMemory } from "./memory";
import { giveModules } from "./modules";
import { startVcpu } from "./power";
import { changeState } from "./state";
import { guestByIndex, guestCount } from "./table";
import { HSM_STOPPED, REQUEST_LEAVE, Vcpu } from "./vcpu";

/** Guest RAM cleared in one step. */
const CLEAR_STEP: u64 = 0x20_0000;

/** Before guests of normal priority, of which there may be many and busy; behind those whose time is critical. */
const PRIORITY: u32 = 4;

// ---- phase
const PHASE_NONE: u32 = 0;
const PHASE_CLEAR: u32 = 1;
const PHASE_LOAD: u32 = 2;

/** How often in a second it looks whether a device is quiet by now. */
const MOMENTS: u64 = 1000;
/** Longer than any request stays at a host device (host/virtio/watch.ts). */
const QUIET_SECONDS: u64 = 120;

// @lock none: the worker's own. The guest that had the last step, and the timer that wakes it.
let turn: u32 = 0;
const again: usize = memory.data(<i32>offsetof<Timer>(), 8);

/** Boot: makes the worker. */
export function lifecycleInit(made: Worker): void {
  lifecycleWorker(made);
  timerInit(changetype<Timer>(again), KIND_TIMER_WAKE, changetype<usize>(made));
  workerInit(made, changetype<u32>(lifecycleStep.index), 0, PRIORITY);
}

/** A bounded step for one guest of which something is wanted, in turn. Answers 1 while there is more to do at once. */
function lifecycleStep(argument: usize): u32 {
  for (let i: u32 = 0; i < guestCount(); i++) {
    turn = turn + 1 < guestCount() ? turn + 1 : 0;
    const guest = guestByIndex(turn);
    if (guest.wanted == WANT_NOTHING) continue;
    thisHart().workingFor = changetype<usize>(guest);
    if (allOff(guest) && advance(guest, guest.wanted) != 0) return 1;
  }
  return 0;
}

/**
 * Whether no vCPU of the guest is on a hart or in a queue. Those that wait somewhere are taken out. With the lock held
 * all the while: else one that is still to be looked at could start one that was.
 */
function allOff(guest: Guest): bool {
  let off = true;
  acquire(guest.lock);
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    const vcpu = vcpuAt(guest, i);
    if (vcpu.state != STATE_STOPPED && residence(vcpu) == 0) schedStop(vcpu);
    if (vcpu.state != STATE_STOPPED || residence(vcpu) != 0) off = false;
  }
  release(guest.lock);
  return off;
}

/** The next step towards what is wanted. Answers 1 if there are more. */
function advance(guest: Guest, wanted: u32): u32 {
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    // A paused guest's timers go on: without Sstc this one is all that a vCPU has.
    if (wanted != WANT_PAUSE) timerCancel(changetype<Timer>(vcpuAt(guest, i).clock));
    hw.atomicAnd(changetype<usize>(vcpuAt(guest, i)) + offsetof<Vcpu>("requests"), ~REQUEST_LEAVE);
  }
  if (wanted == WANT_PAUSE) return settle(guest, wanted, GUEST_PAUSED);
  if (wanted == WANT_START) return startStep(guest);
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    vcpuAt(guest, i).hsm = HSM_STOPPED;
    vcpuAt(guest, i).paused = 0;
  }
  if (!areQuiet(guest) && !waitedEnough(guest)) return later();
  guest.quietSince = 0;
  if (guest.dirty && guest.rangeCount != 0) return clearStep(guest, wanted);
  if (wanted == WANT_RESTART) return makeFresh(guest);
  return dissolve(guest, wanted);
}

/** One of them may be on its way out (devices/leave.ts): not while it is looked at. */
function areQuiet(guest: Guest): bool {
  creationBegin();
  const quiet = devicesQuiet(guest);
  creationEnd();
  return quiet;
}

/**
 * By now no host device can have memory of the guest: their drivers end each request by then, or the device. What is still
 * in flight is what a fault of ours has left behind.
 */
function waitedEnough(guest: Guest): bool {
  if (guest.quietSince == 0) guest.quietSince = now();
  if (now() - guest.quietSince < QUIET_SECONDS * ticksPerSecond()) return false;
  creationBegin();
  devicesForget(guest);
  creationEnd();
  return true;
}

/** A host device still has memory of the guest: the worker looks again in a moment. */
function later(): u32 {
  timerArm(changetype<Timer>(again), thisHart().index, now() + ticksPerSecond() / MOMENTS);
  return 0;
}

/** What was wanted is reached, unless something else is wanted by now; then there is more to do. */
function settle(guest: Guest, wanted: u32, state: u32): u32 {
  acquire(guest.lock);
  const done = guest.wanted == wanted;
  changeState(guest, state);
  if (done) guest.wanted = WANT_NOTHING;
  release(guest.lock);
  return done ? 0 : 1;
}

/** From the first step of a phase on, its progress is its own. */
function inPhase(guest: Guest, phase: u32): void {
  if (guest.phase != phase) guest.progress = 0;
  guest.phase = phase;
}

function clearStep(guest: Guest, wanted: u32): u32 {
  if (wanted == WANT_RESTART) show(guest, guest.startedAt ? GUEST_RESTARTING : GUEST_LOADING);
  inPhase(guest, PHASE_CLEAR);
  guest.progress = clearGuest(guest, guest.progress, CLEAR_STEP);
  if (guest.progress >= guest.ramSize) {
    guest.phase = PHASE_NONE;
    guest.dirty = 0;
    guest.first = 0;
  }
  return 1;
}

function show(guest: Guest, state: u32): void {
  acquire(guest.lock);
  changeState(guest, state);
  release(guest.lock);
}

/** Devices as at power-on; from here on it is a start like the first. */
function makeFresh(guest: Guest): u32 {
  creationBegin();
  resetDevices(guest);
  creationEnd();
  acquire(guest.lock);
  if (guest.startedAt != 0) guest.restarts += 1;
  guest.politeKey = 0;
  irqchipReset(guest);
  busReset(guest);
  if (guest.wanted == WANT_RESTART) guest.wanted = WANT_START;
  release(guest.lock);
  return 1;
}

/** Memory, then kernel and ramdisk in pieces, then tree and first vCPU. */
function startStep(guest: Guest): u32 {
  show(guest, GUEST_LOADING);
  if (guest.rangeCount == 0 && !bringMemory(guest)) return cannotStart(guest, "the host has too little free memory");
  inPhase(guest, PHASE_LOAD);
  guest.dirty = 1;
  const step = loadStep(guest);
  if (step > 0) return 1;
  if (step < 0) return cannotStart(guest, "its device tree does not fit into its memory");
  return enter(guest);
}

function enter(guest: Guest): u32 {
  acquire(guest.lock);
  const first = guest.startedAt == 0;
  const starts = guest.wanted == WANT_START;
  if (starts) {
    guest.wanted = WANT_NOTHING;
    guest.startedAt = now();
    guest.first = 0;
    guest.phase = PHASE_NONE;
    if (first) guest.timeDelta = 0 - now();
    changeState(guest, GUEST_RUNNING);
    startVcpu(vcpuAt(guest, 0), guest.kernelGpa, guest.treeGpa);
  }
  release(guest.lock);
  if (starts && first) announce(guest);
  return starts ? 0 : 1;
}

function announce(guest: Guest): void {
  print("guest ");
  printText(guest.name);
  print(" runs: ");
  printDec(guest.vcpuCount);
  print(" vCPU, ");
  printDec(guest.ramSize >> 20);
  print(" MiB\n");
}

function cannotStart(guest: Guest, why: string): u32 {
  print("guest ");
  printText(guest.name);
  print(" cannot start: ");
  print(why);
  print("\n");
  return settle(guest, WANT_START, GUEST_SHUTDOWN);
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
function dissolve(guest: Guest, wanted: u32): u32 {
  // First, since a hart that takes an interrupt file back walks the tables.
  acquire(guest.lock);
  irqchipReset(guest);
  release(guest.lock);
  unmapStage2(guest);
  giveGuestMemory(guest);
  guest.first = 0;
  guest.vmidGeneration = 0;
  busStop(guest);
  timerCancel(changetype<Timer>(guest.politeTimer));
  acquire(guest.lock);
  irqchipReset(guest);
  busReset(guest);
  guest.politeKey = 0;
  release(guest.lock);
  if (wanted != WANT_DESTROY) return settle(guest, wanted, wanted == WANT_CRASHED ? GUEST_CRASHED : GUEST_SHUTDOWN);
  for (let i: u32 = 0; i < guest.vcpuCount; i++) if (schedRemove(vcpuAt(guest, i)) == Status.Busy) return 1;
  return vanish(guest);
}

/** The slot is free for another guest; handles of this one name nothing any more. */
function vanish(guest: Guest): u32 {
  creationBegin();
  releaseDevices(guest);
  creationEnd();
  giveModules(changetype<Description>(guest.description));
  acquire(guest.lock);
  detachConsole(guest.console);
  const former = guest.state;
  changeState(guest, GUEST_EMPTY);
  postEvent(WIRE_EVENT_DESTROYED, guest, 0, former);
  guest.generation += 1;
  guest.wanted = WANT_NOTHING;
  release(guest.lock);
  return 0;
}
