// SPDX-License-Identifier: Apache-2.0
// The small interface that a policy implements, and its dispatch by `entity.policy`: enqueue, dequeue, pick, charge,
// slice end. On one hart pinned goes before rate-monotonic before fixed priority. Called with the queue locked.
import { Entity, PLACE_NONE, PLACE_QUEUED, POLICY_MONOTONIC, POLICY_PINNED } from "./entity";
import { monotonicCharge, monotonicDequeue, monotonicEnqueue, monotonicPick, monotonicSliceEnd } from "./monotonic";
import { pinnedDequeue, pinnedEnqueue, pinnedPick, pinnedSliceEnd } from "./pinned";
import {
  priorityCharge,
  priorityDequeue,
  priorityEnqueue,
  priorityLeave,
  priorityPick,
  prioritySliceEnd,
} from "./priority";
import { RunQueue } from "./queue";

/** Puts a ready entity in the queue; afterwards `place` says whether it may run now. */
export function policyEnqueue(queue: RunQueue, entity: Entity, at: u64): void {
  entity.place = PLACE_QUEUED;
  switch (entity.policy) {
    case POLICY_MONOTONIC:
      monotonicEnqueue(queue, entity, at);
      break;
    case POLICY_PINNED:
      pinnedEnqueue(queue, entity);
      break;
    default:
      priorityEnqueue(queue, entity, at);
  }
  if (entity.place == PLACE_QUEUED) queue.ready += 1;
}

/** Takes an entity out of the list that it is in. */
export function policyDequeue(queue: RunQueue, entity: Entity): void {
  switch (entity.policy) {
    case POLICY_MONOTONIC:
      monotonicDequeue(queue, entity);
      break;
    case POLICY_PINNED:
      pinnedDequeue(queue);
      break;
    default:
      priorityDequeue(queue, entity);
  }
  if (entity.place == PLACE_QUEUED) queue.ready -= 1;
  entity.place = PLACE_NONE;
}

/** Who should run now (it stays in its list), 0 if nobody. */
export function policyPick(queue: RunQueue, at: u64): Entity {
  if (queue.pinned != 0) return pinnedPick(queue);
  if (queue.periodic != 0) return monotonicPick(queue, at);
  return priorityPick(queue, at);
}

/** Charges the running entity for the time since it was last charged. */
export function policyCharge(queue: RunQueue, entity: Entity, at: u64): void {
  const ran = at > entity.runningSince ? at - entity.runningSince : 0;
  entity.runningSince = at;
  entity.runTime += ran;
  switch (entity.policy) {
    case POLICY_MONOTONIC:
      monotonicCharge(entity, ran, at);
      break;
    case POLICY_PINNED:
      break;
    default:
      priorityCharge(queue, entity, ran, at);
  }
}

/** When the running entity must give way. */
export function policySliceEnd(queue: RunQueue, entity: Entity, at: u64): u64 {
  switch (entity.policy) {
    case POLICY_MONOTONIC:
      return monotonicSliceEnd(entity, at);
    case POLICY_PINNED:
      return pinnedSliceEnd();
    default:
      return prioritySliceEnd(queue, entity, at);
  }
}

/** The entity stops being a candidate on this hart: it blocks, stops or moves. */
export function policyLeave(queue: RunQueue, entity: Entity, at: u64): void {
  priorityLeave(queue, entity, at);
}

/** 1 if `entity`, now ready, takes the hart from `running` at once. */
export function preempts(queue: RunQueue, entity: Entity, running: Entity): u32 {
  if (entity.policy != running.policy) return entity.policy > running.policy ? 1 : 0;
  if (entity.policy == POLICY_MONOTONIC) return entity.period < running.period ? 1 : 0;
  // A turn that the floor grants is short, and not cut short.
  return entity.priority > running.priority && !queue.turnFloor ? 1 : 0;
}
