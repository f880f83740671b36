// SPDX-License-Identifier: Apache-2.0
// Looks after the host's VirtIO devices while they have something to do: every few seconds the drivers check whether a
// device has been silent for too long or is gone. One timer for all of them, so that a request costs no timer of its own.
// Checks run in timer context (trap), no lock held.
import { now } from "../../arch/seam";
import * as hw from "../../hw";
import { ticksPerSecond } from "../clock";
import { thisHart } from "../hart";
import { KIND_TIMER_CALL, Timer, timerArm, timerInit } from "../timers";
import { virtioBroken, HostVirtio } from "./transport";

/** Seconds between two looks, and those after which a request has failed. */
const PERIOD: u64 = 5;
const PATIENCE: u64 = 30;
const MOST_CHECKS: u32 = 2;

// @lock per boot
/** Table indices of `(at: u64) => u32`, which answer 1 while something is under way. */
const checks: usize = memory.data(<i32>(MOST_CHECKS * sizeof<u32>()), 4);
let count: u32 = 0;
const timerPtr: usize = memory.data(<i32>offsetof<Timer>(), 8);
/** Atomic: 1 while the timer is armed. */
const armed: usize = memory.data(4, 4);

/** Boot: `check` (index of an `(at: u64) => u32`, host time; 1: something is under way) looks after a driver's devices. */
export function watchAdd(check: u32): void {
  const timer = changetype<Timer>(timerPtr);
  if (count == 0) timerInit(timer, KIND_TIMER_CALL, 0);
  timer.call = changetype<u32>(watchLook.index);
  store<u32>(checks + (count << 2), check);
  count += 1;
}

/** Trap: something is under way. No lock outside of the timers' is needed. */
export function watchBegin(): void {
  if (hw.atomicLoad(armed) != 0 || hw.atomicSwap(armed, 1) != 0) return;
  timerArm(changetype<Timer>(timerPtr), thisHart().index, now() + ticksPerSecond() * PERIOD);
}

/** The host time at which a request that is made now has failed. */
export function watchDeadline(): u64 {
  return now() + ticksPerSecond() * PATIENCE;
}

/**
 * Why a device is to be given up at `at`, 0 if it is not. `first`: the earliest watchDeadline of what it has, all ones if it
 * has nothing; `last`: when it was last done with something. As long as it answers at all, a request may take three times as long.
 */
export function watchVerdict(device: HostVirtio, first: u64, last: u64, at: u64): usize {
  if (virtioBroken(device)) return changetype<usize>("is gone or asks for a reset");
  const patience = ticksPerSecond() * PATIENCE;
  const silent = at > first && (at - last > patience || at - first > 2 * patience);
  return silent ? changetype<usize>("does not answer") : 0;
}

/** Timer. What begins meanwhile arms it by itself. */
export function watchLook(owner: usize): void {
  hw.atomicSwap(armed, 0);
  let busy: u32 = 0;
  for (let i: u32 = 0; i < count; i++) busy |= call_indirect<u32>(load<u32>(checks + (i << 2)), now());
  if (busy) watchBegin();
}
