// SPDX-License-Identifier: Apache-2.0
// One vCPU owns one hart: no slice, no tick, nobody beside it. place.ts chooses the hart and keeps others off it.
// Called with the queue locked.
import { TIMER_OFF } from "../arch/seam";
import { Entity } from "./entity";
import { entityAt } from "./list";
import { RunQueue } from "./queue";

export function pinnedEnqueue(queue: RunQueue, entity: Entity): void {
  queue.pinned = changetype<usize>(entity);
}

export function pinnedDequeue(queue: RunQueue): void {
  queue.pinned = 0;
}

export function pinnedPick(queue: RunQueue): Entity {
  return entityAt(queue.pinned);
}

export function pinnedSliceEnd(): u64 {
  return TIMER_OFF;
}
