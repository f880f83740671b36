// SPDX-License-Identifier: Apache-2.0
// Spin locks on linear memory, taken for a few dozen instructions with interrupts off, by the hart that they name.
// Order, outermost first: creation of a guest, VirtIO device, its queues out of the guest, its queues into the guest, guest,
// queue of a hart, timers of a hart, host memory, console.
// Every lock is registered, so that containment can let go of what a faulting hart held (guest/contain.ts).
import * as hw from "../hw";

export const RANK_CREATION: u32 = 0;
export const RANK_DEVICE: u32 = 1;
export const RANK_QUEUE_OUT: u32 = 2;
export const RANK_QUEUE_IN: u32 = 3;
export const RANK_GUEST: u32 = 4;
export const RANK_QUEUE: u32 = 5;
export const RANK_TIMERS: u32 = 6;
export const RANK_MEMORY: u32 = 7;
export const RANK_CONSOLE: u32 = 8;

@unmanaged
export class Lock {
  /** 0 when free, else the linear address of the Hart record of its holder. */
  holder: u32 = 0;
  rank: u32 = 0;
  /** The lock registered before this one. */
  previous: usize = 0;
}

/** Size of a Lock for static reservations. */
export const LOCK_SIZE: i32 = 16;

// @lock creation: by the boot hart, or when a slot is made.
let lastRegistered: usize = 0;

/** Makes a lock ready for use. Boot and guest creation only. */
export function lockInit(lock: Lock, rank: u32): void {
  lock.holder = 0;
  lock.rank = rank;
  lock.previous = lastRegistered;
  lastRegistered = changetype<usize>(lock);
}

/** What this hart writes into a lock; never 0. */
function self(): u32 {
  return <u32>hw.hart();
}

/** Takes the lock; interrupts are off, so its holder is another hart and will let go soon. */
export function acquire(lock: Lock): void {
  const at = changetype<usize>(lock);
  while (hw.atomicCompareSwap(at, 0, self()) != 0) {
    assert(hw.atomicLoad(at) != self());
    while (hw.atomicLoad(at) != 0) {}
  }
}

/** Lets go of the lock. */
export function release(lock: Lock): void {
  hw.atomicSwap(changetype<usize>(lock), 0);
}

/** After a fault: lets go of every lock that this hart holds. */
export function releaseAll(): void {
  for (let at = lastRegistered; at; at = changetype<Lock>(at).previous) {
    if (hw.atomicLoad(at) == self()) hw.atomicSwap(at, 0);
  }
}
