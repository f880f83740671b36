// SPDX-License-Identifier: Apache-2.0
// Taking a device from a guest that exists. The guest is asked to let go of it (pciDetach), or not even asked; then the
// device is made quiet, leaves its slot, and is given back. A worker goes through these steps, looking again in a moment
// where somebody else is to act. It holds the creation lock for each look, as everybody does who makes or ends devices.
import { now } from "../../arch/seam";
import { pciDetach, pciRemove } from "../../dev/pci/host";
import { isWorkedOn } from "../../dev/virtio/deferred";
import { virtioQuiet } from "../../dev/virtio/state";
import { ticksPerSecond } from "../../host/clock";
import { thisHart } from "../../host/hart";
import { KIND_TIMER_WAKE, Timer, timerArm, timerInit } from "../../host/timers";
import { Status } from "../../lib/status";
import { Worker, workerInit, workerWake } from "../../sched/worker";
import { creationBegin, creationEnd } from "../create";
import { Guest, GUEST_RUNNING } from "../guest";
import { refuse } from "../refusal";
import { guestByIndex, guestCount } from "../table";
import { unmakeDevice } from "./make";
import { MAX_DEVICES } from "./node";
import { deviceAt, deviceOf, GuestDevice } from "./table";

// ---- leaving
const STAYS: u32 = 0;
/** As soon as the guest lets it go. */
export const LEAVES: u32 = 1;
/** Whatever the guest thinks. */
export const LEAVES_NOW: u32 = 2;

const PRIORITY: u32 = 4;
/** How often in a second it looks again. */
const LOOKS: u64 = 200;

// @lock none: the scheduler guards a worker, its list a timer.
const workerPtr: usize = memory.data(<i32>offsetof<Worker>(), 16);
const again: usize = memory.data(<i32>offsetof<Timer>(), 8);

/** Boot. */
export function leaveInit(): i32 {
  timerInit(changetype<Timer>(again), KIND_TIMER_WAKE, workerPtr);
  return workerInit(changetype<Worker>(workerPtr), changetype<u32>(leaveStep.index), 0, PRIORITY);
}

/** Begins to take a device away: LEAVES or LEAVES_NOW. NotFound, Unsupported on MMIO. Worker context, without the creation lock. */
export function detachDevice(guest: Guest, kind: u32, unit: u32, how: u32): i32 {
  creationBegin();
  const at = deviceOf(guest, kind, unit);
  let status: i32 = Status.Ok;
  if (changetype<usize>(at) == 0) status = refuse(Status.NotFound, "it has no such device");
  else if (at.base != 0) status = refuse(Status.Unsupported, "devices on VirtIO-MMIO stay as long as the guest");
  else at.leaving = max(at.leaving, how);
  creationEnd();
  if (status == Status.Ok) workerWake(changetype<Worker>(workerPtr));
  return status;
}

function leaveStep(argument: usize): u32 {
  let waits = false;
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    for (let j: u32 = 0; j < MAX_DEVICES; j++) {
      if (deviceAt(guest, j).leaving != STAYS && !gone(guest, deviceAt(guest, j))) waits = true;
    }
  }
  if (waits) timerArm(changetype<Timer>(again), thisHart().index, now() + ticksPerSecond() / LOOKS);
  return 0;
}

/** One look at a device that is to go. */
function gone(guest: Guest, at: GuestDevice): bool {
  creationBegin();
  // Its guest may have gone meanwhile, and the device with it.
  const ends = at.leaving != STAYS && isFree(guest, at) && isIdle(guest, at) && pciRemove(at.device) == Status.Ok;
  if (ends) unmakeDevice(at);
  const done = at.leaving == STAYS;
  creationEnd();
  return done;
}

/** It leaves memory alone, and no vCPU is in the middle of what was deferred for it. */
function isIdle(guest: Guest, at: GuestDevice): bool {
  return virtioQuiet(at.device) && (guest.state != GUEST_RUNNING || !isWorkedOn(at.device));
}

function isFree(guest: Guest, at: GuestDevice): bool {
  return at.leaving == LEAVES_NOW || guest.state != GUEST_RUNNING || pciDetach(at.device) == Status.Ok;
}
