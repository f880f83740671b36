// SPDX-License-Identifier: Apache-2.0
// Entropy of a guest, on VirtIO: fills every buffer with bytes of the hypervisor's generator, so many a second and no
// more. Called by types.ts in trap context; the timer that ends a wait runs in trap context too.
// @spec virtio 1.2 §5.4
import { now } from "../../arch/seam";
import { ticksPerSecond } from "../../host/clock";
import { thisHart } from "../../host/hart";
import { KIND_TIMER_CALL, Timer, timerArm, timerCancel, timerInit } from "../../host/timers";
import { acquire, release } from "../../lib/lock";
import { Pace, paceInit, paceSpend, paceWhen } from "../../lib/pace";
import { randomFill, randomStir } from "../../lib/random";
import { Status } from "../../lib/status";
import { allocate, arenaNeeds } from "../../mem/arena";
import { chainWrite, hartChain, hartScratch, SCRATCH_BYTES } from "./chain";
import { BUDGET_CHAINS, deferQueue } from "./deferred";
import { queueAt, VirtioDevice, Virtqueue } from "./device";
import { RING_FEATURES } from "./pool";
import { queueAnnounce, queuePop, queuePush } from "./queue";

/** Bytes a second that a guest gets. */
const RATE: u64 = 0x4_0000;
const ENTRIES: u32 = 64;

/** The rate so far, and the timer that goes on when it allows more. */
@unmanaged
export class Rng extends Timer {
  pace: Pace = changetype<Pace>(0);
  nextFree: usize = 0;
}

// @lock creation
let freeRng: usize = 0;

/** Makes a pool's device the guest's source of entropy. NoMemory: the hypervisor's is used up. */
export function rngCreate(device: VirtioDevice): i32 {
  const bytes = offsetof<Rng>() + offsetof<Pace>();
  const at = freeRng != 0 ? freeRng : arenaNeeds(<u32>bytes) ? allocate(bytes) : 0;
  if (at == 0) return Status.NoMemory;
  const rng = changetype<Rng>(at);
  if (at == freeRng) freeRng = rng.nextFree;
  rng.pace = changetype<Pace>(at + offsetof<Rng>());
  paceInit(rng.pace, RATE, ticksPerSecond());
  timerInit(rng, KIND_TIMER_CALL, changetype<usize>(device));
  rng.call = changetype<u32>(mayGoOn.index);
  device.model = at;
  device.offered = RING_FEATURES;
  queueAt(device, 0).maximum = ENTRIES;
  return Status.Ok;
}

/** The device goes; it is quiet. */
export function rngDestroy(device: VirtioDevice): void {
  const rng = changetype<Rng>(device.model);
  timerCancel(rng);
  rng.nextFree = freeRng;
  freeRng = device.model;
}

/** The driver wants random bytes. */
export function rngNotify(device: VirtioDevice, queue: Virtqueue): void {
  const rng = changetype<Rng>(device.model);
  let left = BUDGET_CHAINS;
  acquire(queue.lock);
  randomStir(now());
  for (; left != 0; left--) {
    const when = paceWhen(rng.pace, now());
    if (when != 0) {
      // A little later, so that it is worth waking the guest.
      timerArm(rng, thisHart().index, when + ticksPerSecond() / 100);
      break;
    }
    if (!serve(rng, queue)) break;
  }
  queueAnnounce(queue);
  release(queue.lock);
  if (left == 0) deferQueue(queue);
}

/** Fills as much of a chain as fits the scratch: a device may give less than was asked for. False: there is none. */
function serve(rng: Rng, queue: Virtqueue): bool {
  const chain = hartChain(0);
  if (queuePop(queue, chain) <= 0) return false;
  const scratch = hartScratch();
  const length = <u32>min<u64>(chain.writeBytes, SCRATCH_BYTES);
  randomFill(scratch, length);
  paceSpend(rng.pace, length, now());
  queuePush(queue, chain.head, chainWrite(chain, 0, scratch, length));
  return true;
}

/** The rate allows more. */
function mayGoOn(owner: usize): void {
  deferQueue(queueAt(changetype<VirtioDevice>(owner), 0));
}
