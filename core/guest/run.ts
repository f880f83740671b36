// SPDX-License-Identifier: Apache-2.0
// The loop of a hart: an exit comes in, it is dealt with, and a context goes out. The common path is the three
// lines of `runHart`; everything else happens only when the scheduler or another hart asks for it. Trap context.
import {
  applyRequests,
  bringInterrupts,
  handleExit,
  interruptLines,
  loadVcpu,
  now,
  pendingInterrupts,
  serveInterrupts,
  unloadVcpu,
  updateWaitTrap,
  vcpuRequest,
} from "../arch/seam";
import { virtioContinue, virtioHandOver } from "../dev/virtio/deferred";
import * as hw from "../hw";
import { Hart, thisHart } from "../host/hart";
import { machineStopped } from "../host/panic";
import { KIND_WORKER, STATE_BLOCKED, STATE_STOPPED } from "../sched/entity";
import { mustMove } from "../sched/harts";
import { needsReschedule, schedBlock, schedNext, schedStop, schedWake } from "../sched/sched";
import { Worker, workerRun } from "../sched/worker";
import { mustReschedule, traceArm, traceFollow } from "../trace/control";
import { traceEnter, traceExit, traceInjected, traceSwitch, traceWorker } from "../trace/run";
import { contain } from "./contain";
import { vcpuHasLeft } from "./lifecycle";
import { endSuspend, resetVcpu } from "./power";
import { REQUEST_DEVICE, REQUEST_LEAVE, REQUEST_MOVE, Vcpu } from "./vcpu";

/** What assembly passes in place of a context when the hypervisor itself faulted; 0 is an idle hart. */
const FAULT: usize = 1;

/** In an answer: load every register. Without it the callee-saved ones are still the guest's own, as C left them. */
const ALL_REGISTERS: usize = 1;

/** One trap: `context` is the vCPU that exited, 0 or FAULT. Answers what to enter next, 0 to idle. */
export function runHart(context: usize): usize {
  if (context <= FAULT) return wake(context);
  const changed = handleExit(changetype<Vcpu>(context));
  return needsReschedule() ? attend(context | changed) : context | changed;
}

/** The exit is dealt with; the hart is traced, or was asked to look who is next. */
function attend(entered: usize): usize {
  const hart = thisHart();
  if (hart.tracing) traceExit(changetype<Vcpu>(entered & ~ALL_REGISTERS), hart);
  return mustReschedule(hart) ? next(hart) : entered;
}

/** No guest was interrupted: an idle hart has an interrupt, or the hypervisor itself faulted. */
function wake(context: usize): usize {
  const hart = thisHart();
  if (context == FAULT) contain(hart);
  else pendingInterrupts(hart);
  return next(hart);
}

/** Lets the scheduler choose until a vCPU is ready to be entered or nothing is left to do. */
export function next(hart: Hart): usize {
  if (machineStopped()) hw.park();
  hart.ownWork = 1;
  const entered = choose(hart);
  if (hart.tracing) traceArm(hart);
  hart.ownWork = 0;
  return entered;
}

function choose(hart: Hart): usize {
  while (true) {
    traceFollow(hart);
    serveInterrupts(hart);
    const entity = schedNext();
    if (hart.tracing) traceSwitch(entity, hart);
    if (changetype<usize>(entity) == 0) {
      if (hart.loaded) leaveHart(changetype<Vcpu>(hart.loaded), hart);
      if (!needsReschedule()) return 0;
    } else if (entity.kind == KIND_WORKER) {
      if (hart.loaded && rests(changetype<Vcpu>(hart.loaded))) leaveHart(changetype<Vcpu>(hart.loaded), hart);
      runWorker(changetype<Worker>(changetype<usize>(entity)), hart);
      // A worker with much to do comes again at once: whom its hart's interrupts wake does not wait for its end.
      pendingInterrupts(hart);
    } else if (prepare(changetype<Vcpu>(changetype<usize>(entity)), hart) && !needsReschedule()) {
      // Who was unloaded for it may have come into this hart's queue by that, and nobody else would say so again.
      return changetype<usize>(entity) | ALL_REGISTERS;
    }
  }
}

/** Stopped: somebody may wait for it to be off, perhaps this very worker. Blocked: off its hart a host timer wakes it. */
function rests(vcpu: Vcpu): bool {
  return vcpu.state == STATE_STOPPED || vcpu.state == STATE_BLOCKED;
}

function runWorker(worker: Worker, hart: Hart): void {
  const began = hart.tracing ? now() : 0;
  workerRun(worker);
  if (hart.tracing) traceWorker(worker, hart, began);
  hart.workingFor = 0;
}

/** Brings the vCPU's state here and does what was asked of it; false if it must not run. */
function prepare(vcpu: Vcpu, hart: Hart): bool {
  if (vcpu.resetOnWake) {
    if (hart.loaded == changetype<usize>(vcpu)) unloadVcpu(vcpu, hart);
    resetVcpu(vcpu, vcpu.startAddress, vcpu.startArgument);
  }
  if (hart.loaded != changetype<usize>(vcpu)) {
    if (hart.loaded) leaveHart(changetype<Vcpu>(hart.loaded), hart);
    loadVcpu(vcpu, hart);
  }
  if (hart.tracing) hart.exitLines = interruptLines();
  const requests = applyRequests(vcpu);
  const ready = bringInterrupts(vcpu, hart);
  if (hart.tracing) traceInjected(vcpu, hart);
  const more = (requests & REQUEST_DEVICE) != 0 && goOn(vcpu, hart);
  if (requests & REQUEST_LEAVE || vcpu.paused) {
    // It stays loaded until the scheduler has let go of it: no sooner may another hart have it.
    schedStop(vcpu);
    virtioHandOver(vcpu);
    return false;
  }
  // The scheduler calls it off this hart when it is asked next.
  if (requests & REQUEST_MOVE && mustMove(vcpu, hart.index)) return false;
  if (more) {
    // Its slice pays; whom this hart's interrupts wake does not wait for the end of it.
    pendingInterrupts(hart);
    return false;
  }
  if (!ready) {
    // Another hart still has some of its state, and wakes it.
    schedBlock(vcpu);
    return false;
  }
  endSuspend(vcpu);
  updateWaitTrap(hart);
  if (hart.tracing) traceEnter(vcpu, hart);
  return true;
}

/** Deferred work of its guest's devices, as if in an exit of the vCPU: a fault is that guest's. True: there is more. */
function goOn(vcpu: Vcpu, hart: Hart): bool {
  hart.ownWork = 0;
  const more = virtioContinue(vcpu.guest);
  hart.ownWork = 1;
  if (more) vcpuRequest(vcpu, REQUEST_DEVICE);
  return more;
}

/** Takes the vCPU's state out; a request that came just before would have kicked a hart that no longer has it. */
function leaveHart(vcpu: Vcpu, hart: Hart): void {
  unloadVcpu(vcpu, hart);
  if (hw.atomicLoad(changetype<usize>(vcpu) + offsetof<Vcpu>("requests"))) schedWake(vcpu);
  // Whatever made it leave, somebody may wait for the last vCPU of its guest to be off.
  if (vcpu.guest.wanted != 0) vcpuHasLeft(vcpu);
}
