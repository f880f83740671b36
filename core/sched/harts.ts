// SPDX-License-Identifier: Apache-2.0
// What the scheduler knows of harts as sets: which take part, which are idle, which belong to a pinned entity; and how
// one hart makes another look at its queue. Called from any hart in trap context. Never takes a lock.
// @lock none: the sets are words that only atomics touch.
import * as hw from "../hw";
import { kickHart } from "../arch/seam";
import { Hart, RESCHEDULE, thisHart } from "../host/hart";
import { hartByIndex } from "../host/harts";
import { Entity, POLICY_PINNED, POLICY_PRIORITY } from "./entity";

const sets: usize = memory.data(16);
/** Harts that take part in scheduling. */
export const HARTS_KNOWN: usize = sets;
/** Harts that had nothing to run when they last looked. */
export const HARTS_IDLE: usize = sets + 4;
/** Harts that belong to one pinned entity. */
export const HARTS_PINNED: usize = sets + 8;
/** Not a set: the number of vCPUs that are not stopped. */
const STARTED: usize = sets + 12;

export function hartSet(set: usize): u32 {
  return hw.atomicLoad(set);
}

export function joinSet(set: usize, hart: u32): void {
  hw.atomicOr(set, (<u32>1) << hart);
}

export function leaveSet(set: usize, hart: u32): void {
  hw.atomicAnd(set, ~((<u32>1) << hart));
}

/** Harts on which the entity may run now. */
export function eligible(entity: Entity): u32 {
  const known = hartSet(HARTS_KNOWN) & (<u32>entity.affinity);
  return entity.policy == POLICY_PINNED ? known : known & ~hartSet(HARTS_PINNED);
}

/** May the entity run on other harts, but not on hart `index`? Only fixed priority moves. */
export function mustMove(entity: Entity, index: u32): bool {
  if (entity.policy != POLICY_PRIORITY) return false;
  const may = eligible(entity);
  return may != 0 && (may & ((<u32>1) << index)) == 0;
}

/** Makes hart `index` call schedNext before it enters a guest again; at most one interrupt until it has. */
export function askHart(index: u32): void {
  const before = hw.atomicSwap(changetype<usize>(hartByIndex(index)) + offsetof<Hart>("reschedule"), RESCHEDULE);
  if ((before & RESCHEDULE) == 0 && index != thisHart().index) kickHart(index);
}

/** Counts vCPUs that are started (`by` 1) or stopped (-1); when they come to outnumber the harts, every hart looks. */
export function countStarted(by: u32): void {
  const before = hw.atomicAdd(STARTED, by);
  const known = hartSet(HARTS_KNOWN);
  if (by != 1 || before != popcnt<u32>(known)) return;
  for (let left = known; left != 0; left &= left - 1) askHart(ctz<u32>(left));
}

/** 1 if some hart has to be shared. */
export function overcommitted(): u32 {
  return hw.atomicLoad(STARTED) > popcnt<u32>(hartSet(HARTS_KNOWN)) ? 1 : 0;
}
