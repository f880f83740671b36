// SPDX-License-Identifier: Apache-2.0
// Changes of a member's scheduling parameters while it may be running: affinity, priority, weight. Called by workers,
// for people and the toolstack. Takes the registry's or one queue lock, never both. What an entity ran until now is
// charged by what it was until now.
import { now } from "../arch/seam";
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import { Entity, PLACE_QUEUED, POLICY_PRIORITY, STATE_RUNNING } from "./entity";
import { askHart, HARTS_KNOWN, HARTS_PINNED, hartSet } from "./harts";
import { settle } from "./load";
import { registryLock } from "./members";
import { policyCharge, policyDequeue, policyEnqueue, policyLeave } from "./policy";
import { WEIGHT_MAX } from "./priority";
import { LEVELS, levelOf, lockHome } from "./queue";

/**
 * From now on the entity runs on harts of `mask` only. One that waits moves at once; one that a hart holds is still to
 * be called off it (mustMove). NotFound: no such hart. Busy: all of them belong to pinned entities. Unsupported: what is
 * pinned or rate-monotonic stays on the hart that admitted it, and that one is not in the mask.
 */
export function schedSetAffinity(entity: Entity, mask: u64): i32 {
  acquire(registryLock());
  const known = hartSet(HARTS_KNOWN) & (<u32>mask);
  let status: i32 = Status.Ok;
  if (known == 0) status = Status.NotFound;
  else if (entity.policy == POLICY_PRIORITY) {
    if ((known & ~hartSet(HARTS_PINNED)) == 0) status = Status.Busy;
  } else if ((known & ((<u32>1) << entity.home)) == 0) status = Status.Unsupported;
  if (status == Status.Ok) entity.affinity = mask;
  release(registryLock());
  if (status == Status.Ok) settle(entity);
  return status;
}

/** 0 (low) to 7. Range: it is not. Unsupported: its policy knows no priorities. */
export function schedSetPriority(entity: Entity, priority: u64): i32 {
  if (priority >= LEVELS) return Status.Range;
  if (entity.policy != POLICY_PRIORITY) return Status.Unsupported;
  const queue = lockHome(entity);
  const at = now();
  const queued = entity.place == PLACE_QUEUED;
  if (queued) policyDequeue(queue, entity);
  else if (entity.state == STATE_RUNNING) policyCharge(queue, entity, at);
  policyLeave(queue, entity, at);
  // How far it is ahead of its equals goes with it.
  const lag = <i64>(entity.virtualTime - levelOf(queue, entity.priority).minimum);
  entity.priority = <u32>priority;
  entity.virtualTime = levelOf(queue, entity.priority).minimum + (lag > 0 ? <u64>lag : 0);
  if (queued) policyEnqueue(queue, entity, at);
  release(queue);
  askHart(queue.hart);
  return Status.Ok;
}

/** 1 to 10,000. Range: it is not. */
export function schedSetWeight(entity: Entity, weight: u64): i32 {
  if (weight == 0 || weight > WEIGHT_MAX) return Status.Range;
  const queue = lockHome(entity);
  if (entity.state == STATE_RUNNING) policyCharge(queue, entity, now());
  entity.weight = <u32>weight;
  release(queue);
  return Status.Ok;
}
