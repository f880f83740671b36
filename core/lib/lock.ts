// SPDX-License-Identifier: Apache-2.0
// Spin locks on linear memory, taken for a few dozen instructions with interrupts off.
// Order, outermost first: guest, vCPU queue of a hart, timers of a hart, host memory, console. Each lock names its
// rank; taking one while holding the same or an inner rank is a bug that debug builds stop at (`CHECK_LOCKS`).
import * as hw from "../hw";

export const RANK_GUEST: u32 = 1;
export const RANK_QUEUE: u32 = 2;
export const RANK_TIMERS: u32 = 3;
export const RANK_MEMORY: u32 = 4;
export const RANK_CONSOLE: u32 = 5;

@unmanaged
export class Lock {
  /** 0 when free, else 1 + index of the hart that holds it. */
  holder: u32 = 0;
  rank: u32 = 0;
}

/** Takes the lock; interrupts are off, so its holder is another hart and will let go soon. */
export function acquire(lock: Lock): void {
  const at = changetype<usize>(lock);
  while (hw.atomicSwap(at, 1) != 0) {
    while (hw.atomicLoad(at) != 0) {}
  }
}

/** Lets go of the lock. */
export function release(lock: Lock): void {
  hw.atomicSwap(changetype<usize>(lock), 0);
}
