// SPDX-License-Identifier: Apache-2.0
// Balance between harts: an idle hart pulls a waiting entity from the busiest queue that has one for it; a hart that
// a pinned entity takes over pushes the others away. Trap context, no lock held. Takes one queue lock at a time.
import * as hw from "../hw";
import { now } from "../arch/seam";
import { hartByIndex, hartCount } from "../host/harts";
import { acquire, release } from "../lib/lock";
import { Entity, POLICY_PRIORITY, STATE_BLOCKED, STATE_READY } from "./entity";
import { eligible, HARTS_PINNED, hartSet } from "./harts";
import { entityAt } from "./list";
import { policyDequeue, policyLeave } from "./policy";
import { levelOf, lockHome, queueOf, rehome, RunQueue } from "./queue";
import { deliver, offer, place, residence } from "./wake";

/** Tries to bring an entity that waits elsewhere to `queue`, whose hart is idle; 1 if one came. */
export function pull(queue: RunQueue): u32 {
  const me = (<u32>1) << queue.hart;
  if ((hartSet(HARTS_PINNED) & me) != 0) return 0;
  const busiest = mostWaiting(queue.hart);
  if (busiest == queue.hart) return 0;
  let entity = detach(queueOf(busiest), me);
  for (let i: u32 = 0; i < hartCount() && changetype<usize>(entity) == 0; i++) {
    if (i != queue.hart && waiting(i) != 0) entity = detach(queueOf(i), me);
  }
  if (changetype<usize>(entity) == 0) return 0;
  deliver(entity);
  return 1;
}

/** Moves what waits on hart `index` to other harts that may run it. */
export function pushAway(index: u32): void {
  const others = ~((<u32>1) << index);
  for (let entity = detach(queueOf(index), others); changetype<usize>(entity) != 0;) {
    place(entity);
    entity = detach(queueOf(index), others);
  }
}

/**
 * Its hart no longer holds its registers, or it may run elsewhere than before: an idle hart may take it, and one that may
 * not be here, or was called off its hart for that (BLOCKED, with a wake-up left), goes elsewhere.
 */
export function settle(entity: Entity): void {
  const state = hw.atomicLoad(changetype<usize>(entity) + offsetof<Entity>("state"));
  if (state == STATE_BLOCKED && hw.atomicLoad(changetype<usize>(entity) + offsetof<Entity>("wake")) != 0) {
    place(entity);
    return;
  }
  if (state != STATE_READY) return;
  const may = eligible(entity);
  if (entity.policy == POLICY_PRIORITY && may != 0 && (may & ((<u32>1) << entity.home)) == 0) {
    const queue = lockHome(entity);
    const here = entity.state == STATE_READY;
    if (here) takeOut(queue, entity);
    release(queue);
    if (here) place(entity);
  } else offer(entity);
}

/** Takes a waiting entity that may run on one of `harts` out of a queue, the highest priority first; 0 if there is none. */
function detach(queue: RunQueue, harts: u32): Entity {
  acquire(queue);
  // An idle hart with one entity has been asked already and is about to run it.
  const taken = hartByIndex(queue.hart).current == 0 && queue.ready <= 1 && (harts & (harts - 1)) == 0;
  let entity = entityAt(0);
  for (let left = taken ? 0 : queue.levelMask; left != 0 && changetype<usize>(entity) == 0;) {
    const level = 31 - clz<u32>(left);
    left &= ~(1 << level);
    entity = movable(levelOf(queue, level).first, harts);
  }
  if (changetype<usize>(entity) != 0) {
    takeOut(queue, entity);
    if ((harts & (harts - 1)) == 0) rehome(queue, entity, ctz<u32>(harts));
  }
  release(queue);
  return entity;
}

function movable(first: usize, harts: u32): Entity {
  for (let i = first; i != 0; i = entityAt(i).next) {
    if ((eligible(entityAt(i)) & harts) != 0 && residence(entityAt(i)) == 0) return entityAt(i);
  }
  return entityAt(0);
}

/** Ready → blocked, under the queue's lock: whoever delivers it next makes it ready again. */
function takeOut(queue: RunQueue, entity: Entity): void {
  const at = now();
  policyDequeue(queue, entity);
  policyLeave(queue, entity, at);
  if (at > entity.readySince) entity.waitTime += at - entity.readySince;
  entity.state = STATE_BLOCKED;
}

function mostWaiting(self: u32): u32 {
  let best = self;
  for (let i: u32 = 0; i < hartCount(); i++) {
    if (i != self && waiting(i) != 0 && (best == self || waiting(i) > waiting(best))) best = i;
  }
  return best;
}

function waiting(index: u32): u32 {
  return hw.atomicLoad(changetype<usize>(queueOf(index)) + offsetof<RunQueue>("ready"));
}
