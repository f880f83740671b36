// SPDX-License-Identifier: Apache-2.0
// Work of a guest's VirtIO queues in the guest's own time: at the notification's exit, and what does not fit the budget
// of an exit when one of its vCPUs is about to enter again (REQUEST_DEVICE). Two vCPUs that notify one queue do not wait
// for each other: who works on it looks again. Trap context (deferQueue: also worker context, any lock but the scheduler's).
import { vcpuRequest } from "../../arch/seam";
import { deviceAt } from "../../guest/devices/table";
import { MAX_DEVICES } from "../../guest/devices/node";
import { Guest } from "../../guest/guest";
import { HSM_STOPPED, REQUEST_DEVICE, Vcpu } from "../../guest/vcpu";
import { thisHart } from "../../host/hart";
import * as hw from "../../hw";
import { STATE_STOPPED } from "../../sched/entity";
import { needsReschedule } from "../../sched/sched";
import { queueAt, VirtioDevice, Virtqueue } from "./device";
import { typeContinue, typeNotify } from "./types";

/** What a type does at most in one call: chains, and bytes of them. */
export const BUDGET_CHAINS: u32 = 64;
export const BUDGET_BYTES: u64 = 0x4_0000;

// ---- kicks
const WORKED_ON: u32 = 1;
const KICKED: u32 = 2;

// @lock none: atomics only. Counts up by 2 for each deferral: who waits longest goes first.
const tickets: usize = memory.data(8, 8);

function kicksOf(queue: Virtqueue): usize {
  return changetype<usize>(queue) + offsetof<Virtqueue>("kicks");
}

/** Whether a vCPU is at one of the device's queues. No is final once they are out of service and nobody notifies them. */
export function isWorkedOn(device: VirtioDevice): bool {
  for (let i: u32 = 0; i < device.queueCount; i++)
    if (hw.atomicLoad(kicksOf(queueAt(device, i))) & WORKED_ON) return true;
  return false;
}

/** The driver notified a queue: it is worked off here, or by the vCPU that is at it already. */
export function notifyQueue(device: VirtioDevice, queue: Virtqueue): void {
  if (hw.atomicOr(kicksOf(queue), WORKED_ON | KICKED) & WORKED_ON) return;
  hw.atomicAnd(kicksOf(queue), WORKED_ON);
  typeNotify(device, queue);
  finish(queue);
}

/** Who was at the queue leaves it; what came meanwhile is deferred, so that nobody works for the others without end. */
function finish(queue: Virtqueue): void {
  if (hw.atomicSwap(kicksOf(queue), 0) & KICKED) deferQueue(queue);
}

/** There is more to do for this queue: one of its guest's vCPUs does it before it enters again. */
export function deferQueue(queue: Virtqueue): void {
  const ticket = hw.atomicAdd(tickets, 2) | 1;
  hw.atomicCompareSwap(changetype<usize>(queue) + offsetof<Virtqueue>("deferred"), 0, ticket);
  const guest = queue.owner.guest;
  const here = changetype<Vcpu>(thisHart().loaded);
  const isHere = changetype<usize>(here) != 0 && here.guest == guest && here.state != STATE_STOPPED;
  const chosen = isHere ? here : anyVcpu(guest);
  vcpuRequest(chosen, REQUEST_DEVICE);
  // It may have stopped meanwhile, too early to hand this over.
  if (chosen.state == STATE_STOPPED) virtioHandOver(chosen);
}

/** A vCPU has stopped: what it was to go on with is another's. */
export function virtioHandOver(vcpu: Vcpu): void {
  if (hw.atomicLoad(changetype<usize>(vcpu) + offsetof<Vcpu>("requests")) & REQUEST_DEVICE)
    vcpuRequest(anyVcpu(vcpu.guest), REQUEST_DEVICE);
}

/** A vCPU that is not stopped, else one that goes on with its guest, else any. */
function anyVcpu(guest: Guest): Vcpu {
  let best = changetype<Vcpu>(load<usize>(guest.vcpus));
  for (let i: u32 = 0; i < guest.vcpuCount; i++) {
    const vcpu = changetype<Vcpu>(load<usize>(guest.vcpus + i * sizeof<usize>()));
    if (vcpu.state != STATE_STOPPED) return vcpu;
    if (best.hsm == HSM_STOPPED) best = vcpu;
  }
  return best;
}

/**
 * Goes on with what was deferred for this guest until now, in order, until the hart is wanted for something else. True:
 * there is more to do, so that the scheduler is to be asked first (run.ts).
 */
export function virtioContinue(guest: Guest): bool {
  const end = hw.atomicLoad(tickets);
  while (true) {
    const queue = oldest(guest);
    if (changetype<usize>(queue) == 0) return false;
    if (<i32>(queue.deferred - end) >= 0 || needsReschedule()) return true;
    goOn(queue.owner, queue);
  }
}

/** Whoever was deferred first, null if nothing is. */
function oldest(guest: Guest): Virtqueue {
  let found = changetype<Virtqueue>(0);
  for (let i: u32 = 0; guest.devices != 0 && i < MAX_DEVICES; i++) {
    const device = deviceAt(guest, i).device;
    if (changetype<usize>(device) == 0) continue;
    for (let j: u32 = 0; j < device.queueCount; j++) {
      const queue = queueAt(device, j);
      if (queue.deferred == 0) continue;
      if (changetype<usize>(found) == 0 || <i32>(queue.deferred - found.deferred) < 0) found = queue;
    }
  }
  return found;
}

function goOn(device: VirtioDevice, queue: Virtqueue): void {
  hw.atomicSwap(changetype<usize>(queue) + offsetof<Virtqueue>("deferred"), 0);
  if (hw.atomicOr(kicksOf(queue), WORKED_ON | KICKED) & WORKED_ON) return;
  hw.atomicAnd(kicksOf(queue), WORKED_ON);
  if (queue.live != 0) typeContinue(device, queue);
  finish(queue);
}
