// SPDX-License-Identifier: Apache-2.0
// Fixed-priority rate-monotonic: the shortest period runs first, for at most its budget in each period; out of budget
// it waits for its next period. An entity stays on the hart that admitted it, and a hart admits at most UTILIZATION_MAX
// thousandths, so what has no period keeps a share. Called with the queue locked. Never allocates.
import { timerArm } from "../host/timers";
import { Entity, PLACE_THROTTLED } from "./entity";
import { entityAt, linkAfter, unlink } from "./list";
import { RunQueue } from "./queue";

export const UTILIZATION_MAX: u32 = 950;
/** Shortest period, in timer ticks: bounds how often the budget's timer can fire. */
export const PERIOD_MIN: u64 = 1000;
export const PERIOD_MAX: u64 = 1 << 60;

/** Share of a hart that the entity may use, in thousandths, rounded up. */
export function utilizationOf(entity: Entity): u32 {
  const whole = entity.budget / entity.period;
  const rest = entity.budget % entity.period;
  // A period beyond 2^50 ticks would overflow the multiplication; divide it instead.
  const part = rest > 1 << 50 ? rest / (entity.period / 1000) + 1 : (rest * 1000 + entity.period - 1) / entity.period;
  return <u32>(whole * 1000 + part);
}

export function monotonicEnqueue(queue: RunQueue, entity: Entity, at: u64): void {
  renew(entity, at);
  if (entity.budgetLeft == 0) {
    entity.place = PLACE_THROTTLED;
    insertThrottled(queue, entity);
  } else {
    let after: usize = 0;
    for (let i = queue.periodic; i != 0; i = entityAt(i).next) {
      if (entityAt(i).period > entity.period) break;
      after = i;
    }
    linkAfter(changetype<usize>(queue) + offsetof<RunQueue>("periodic"), after, entity);
  }
}

export function monotonicDequeue(queue: RunQueue, entity: Entity): void {
  const throttled = entity.place == PLACE_THROTTLED;
  const list = throttled ? offsetof<RunQueue>("throttled") : offsetof<RunQueue>("periodic");
  unlink(changetype<usize>(queue) + list, entity);
}

export function monotonicPick(queue: RunQueue, at: u64): Entity {
  const entity = entityAt(queue.periodic);
  if (queue.periodic != 0) renew(entity, at);
  return entity;
}

/** Charges `ran` ticks that end at `at`; what lies in the period that ended before `at` no longer counts. */
export function monotonicCharge(entity: Entity, ran: u64, at: u64): void {
  const renewed = renew(entity, at);
  const used = renewed ? min<u64>(ran, at - (entity.periodEnd - entity.period)) : ran;
  entity.budgetLeft -= min<u64>(used, entity.budgetLeft);
}

/** When the running entity is out of budget, counting the next period's if it lasts until then. */
export function monotonicSliceEnd(entity: Entity, at: u64): u64 {
  const end = at + entity.budgetLeft;
  return end >= entity.periodEnd ? entity.periodEnd + entity.budget : end;
}

/** The first entity that waits for a period which has begun at `at`, or 0; it is taken out of the list. */
export function monotonicDue(queue: RunQueue, at: u64): Entity {
  const entity = entityAt(queue.throttled);
  if (queue.throttled == 0) return entity;
  if (entity.periodEnd > at) {
    timerArm(queue.replenish, queue.hart, entity.periodEnd);
    return entityAt(0);
  }
  unlink(changetype<usize>(queue) + offsetof<RunQueue>("throttled"), entity);
  return entity;
}

/** Starts the period that `at` lies in, with a full budget; answers 0 if that is the one it is in. */
function renew(entity: Entity, at: u64): u32 {
  if (at < entity.periodEnd) return 0;
  if (entity.periodEnd == 0) entity.periodEnd = at + entity.period;
  else entity.periodEnd += ((at - entity.periodEnd) / entity.period + 1) * entity.period;
  entity.budgetLeft = entity.budget;
  return 1;
}

function insertThrottled(queue: RunQueue, entity: Entity): void {
  let after: usize = 0;
  for (let i = queue.throttled; i != 0; i = entityAt(i).next) {
    if (entityAt(i).periodEnd > entity.periodEnd) break;
    after = i;
  }
  linkAfter(changetype<usize>(queue) + offsetof<RunQueue>("throttled"), after, entity);
  if (after == 0) timerArm(queue.replenish, queue.hart, entity.periodEnd);
}
