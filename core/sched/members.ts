// SPDX-License-Identifier: Apache-2.0
// Who takes part in scheduling, and which hart each starts from. Called when a guest or worker is created or destroyed
// (boot or a worker), never from a guest's exit. Nothing is added that would leave another entity without a hart.
// @lock registry: guards the list of members, the set of pinned harts and the utilizations; never held with another.
import * as hw from "../hw";
import { TIMER_OFF } from "../arch/seam";
import { MAX_HARTS, thisHart } from "../host/hart";
import { hartByIndex } from "../host/harts";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_QUEUE, release } from "../lib/lock";
import { Status } from "../lib/status";
import { Entity, PLACE_NONE, POLICY_MONOTONIC, POLICY_PINNED, POLICY_PRIORITY, STATE_STOPPED } from "./entity";
import { askHart, eligible, HARTS_KNOWN, HARTS_PINNED, hartSet, joinSet, leaveSet } from "./harts";
import { entityAt } from "./list";
import { pushAway } from "./load";
import { PERIOD_MAX, PERIOD_MIN, UTILIZATION_MAX, utilizationOf } from "./monotonic";
import { normalSlice, WEIGHT_MAX, WEIGHT_NORMAL } from "./priority";
import { LEVELS, queueOf, RunQueue } from "./queue";
import { leastLoaded, residence } from "./wake";

const registry: usize = memory.data(LOCK_SIZE);
const FIRST: usize = memory.data(8);

/** Guards who takes part, the set of pinned harts, and affinities. */
export function registryLock(): Lock {
  return changetype<Lock>(registry);
}

/** Boot: before the first schedAdd. */
export function membersInit(): void {
  lockInit(registryLock(), RANK_QUEUE);
}

/** The first member, 0 if none; the next is its `nextMember`. For listings, which may be stale when they are read. */
export function schedMembers(): usize {
  return hw.atomicLoad(FIRST);
}

/**
 * Takes an entity, stopped, into scheduling. Zero fields get their normal values (weight, slice, affinity).
 * Range: a field is out of range. NotFound: no hart of its affinity. Busy: pinned entities own or would own every
 * hart that someone may use. Limit: no hart has that much budget left.
 */
export function schedAdd(entity: Entity): i32 {
  const status = check(entity);
  if (status != Status.Ok) return status;
  if ((hartSet(HARTS_KNOWN) & (<u32>entity.affinity)) == 0) return Status.NotFound;
  acquire(registryLock());
  const index = chooseHome(entity);
  if (index >= MAX_HARTS) {
    release(registryLock());
    return entity.policy == POLICY_MONOTONIC && eligible(entity) != 0 ? Status.Limit : Status.Busy;
  }
  const queue = queueOf(index);
  entity.home = index;
  entity.state = STATE_STOPPED;
  entity.place = PLACE_NONE;
  entity.residence = 0;
  entity.wake = 0;
  entity.virtualTime = 0;
  entity.periodEnd = 0;
  entity.nextMember = load<usize>(FIRST);
  store<usize>(FIRST, changetype<usize>(entity));
  hw.atomicAdd(changetype<usize>(queue) + offsetof<RunQueue>("members"), 1);
  if (entity.policy == POLICY_MONOTONIC) queue.utilization += utilizationOf(entity);
  if (entity.policy == POLICY_PINNED) joinSet(HARTS_PINNED, index);
  release(registryLock());
  if (entity.policy == POLICY_PINNED) {
    pushAway(index);
    askHart(index);
  }
  return Status.Ok;
}

/** Takes a stopped entity out of scheduling; Busy while it is not stopped or another hart has yet to let go of it. */
export function schedRemove(entity: Entity): i32 {
  const index = entity.home;
  const held = residence(entity);
  if (entity.state != STATE_STOPPED || hartByIndex(index).current == changetype<usize>(entity)) return Status.Busy;
  if (held != 0 && held != thisHart().index + 1) return Status.Busy;
  acquire(registryLock());
  let link = FIRST;
  while (load<usize>(link) != 0 && load<usize>(link) != changetype<usize>(entity)) {
    link = load<usize>(link) + offsetof<Entity>("nextMember");
  }
  const found = load<usize>(link) != 0;
  if (found) {
    const queue = queueOf(index);
    store<usize>(link, entity.nextMember);
    hw.atomicAdd(changetype<usize>(queue) + offsetof<RunQueue>("members"), -1);
    if (entity.policy == POLICY_MONOTONIC) queue.utilization -= utilizationOf(entity);
    if (entity.policy == POLICY_PINNED) leaveSet(HARTS_PINNED, index);
  }
  release(registryLock());
  return found ? Status.Ok : Status.NotFound;
}

function check(entity: Entity): i32 {
  if (entity.weight == 0) entity.weight = WEIGHT_NORMAL;
  if (entity.slice == 0) entity.slice = normalSlice();
  if (entity.affinity == 0) entity.affinity = TIMER_OFF;
  if (entity.priority >= LEVELS || entity.weight > WEIGHT_MAX || entity.slice > (<u64>1) << 40) return Status.Range;
  if (entity.policy > POLICY_PINNED) return Status.Range;
  if (entity.policy != POLICY_MONOTONIC) return Status.Ok;
  if (entity.period < PERIOD_MIN || entity.period > PERIOD_MAX) return Status.Range;
  return entity.budget == 0 || entity.budget > entity.period ? Status.Range : Status.Ok;
}

/** The hart from which a new entity starts, MAX_HARTS if none will do. */
function chooseHome(entity: Entity): u32 {
  let may = eligible(entity);
  if (entity.policy == POLICY_PINNED) may &= ~hartSet(HARTS_PINNED);
  let fit = may;
  for (let left = may; left != 0; left &= left - 1) {
    const index = ctz<u32>(left);
    const full =
      entity.policy == POLICY_MONOTONIC && queueOf(index).utilization + utilizationOf(entity) > UTILIZATION_MAX;
    if (full || (entity.policy == POLICY_PINNED && !sparable(index))) fit &= ~((<u32>1) << index);
  }
  return fit == 0 ? MAX_HARTS : leastLoaded(fit);
}

/** 1 if everyone who may use hart `index` has another; what is pinned or rate-monotonic does not move. */
function sparable(index: u32): u32 {
  const mask = (<u32>1) << index;
  for (let i = load<usize>(FIRST); i != 0; i = entityAt(i).nextMember) {
    const member = entityAt(i);
    if (member.policy == POLICY_PRIORITY ? (eligible(member) & ~mask) == 0 : member.home == index) return 0;
  }
  return 1;
}
