// SPDX-License-Identifier: Apache-2.0
// Changes of an entity's state from anywhere: wake, start, stop. Any hart, in trap context, without a queue or timer
// lock held. No wake-up is lost: a waker sets `wake` and then reads `state`, a blocker sets `state` and then takes
// `wake`, both with full barriers, so at least one of them sees the other. Moving an entity to another hart is to make
// it BLOCKED under the old queue's lock and to deliver it under the new one's.
import * as hw from "../hw";
import { now } from "../arch/seam";
import { thisHart } from "../host/hart";
import { hartByIndex } from "../host/harts";
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import {
  Entity,
  KIND_VCPU,
  PLACE_QUEUED,
  POLICY_PRIORITY,
  STATE_BLOCKED,
  STATE_READY,
  STATE_RUNNING,
  STATE_STOPPED,
} from "./entity";
import { askHart, countStarted, eligible, HARTS_IDLE, hartSet, leaveSet } from "./harts";
import { entityAt } from "./list";
import { monotonicDue } from "./monotonic";
import { policyCharge, policyDequeue, policyEnqueue, policyLeave, policySliceEnd, preempts } from "./policy";
import { lockHome, queueOf, rehome, RunQueue } from "./queue";
import { traceWake } from "../trace/events";

/** Something happened that the entity must look at: it becomes ready if it is blocked, or will not block next. */
export function schedWake(entity: Entity): void {
  const at = changetype<usize>(entity);
  hw.atomicOr(at + offsetof<Entity>("wake"), 1);
  if (hw.atomicLoad(at + offsetof<Entity>("state")) == STATE_BLOCKED) place(entity);
}

/** Stopped → ready; Busy if it is not stopped (of two starts one wins). */
export function schedStart(entity: Entity): i32 {
  const queue = lockHome(entity);
  const stopped = entity.state == STATE_STOPPED;
  if (stopped) entity.state = STATE_BLOCKED;
  release(queue);
  if (!stopped) return Status.Busy;
  if (entity.kind == KIND_VCPU) countStarted(1);
  place(entity);
  return Status.Ok;
}

/**
 * Any state → stopped. Ok: it runs nowhere and no other hart holds its registers. Busy: it is stopped, but another
 * hart has yet to let go; that hart was asked to (schedNext, then schedUnloaded). Ask again later.
 */
export function schedStop(entity: Entity): i32 {
  const queue = lockHome(entity);
  const before = entity.state;
  const index = queue.hart;
  const running = hartByIndex(index).current == changetype<usize>(entity);
  const at = now();
  if (before == STATE_READY) policyDequeue(queue, entity);
  if (before == STATE_RUNNING) policyCharge(queue, entity, at);
  policyLeave(queue, entity, at);
  entity.state = STATE_STOPPED;
  release(queue);
  if (before != STATE_STOPPED && entity.kind == KIND_VCPU) countStarted(-1);
  if (index == thisHart().index) {
    if (running) askHart(index);
    return Status.Ok;
  }
  if (!running && residence(entity) == 0) return Status.Ok;
  askHart(index);
  return Status.Busy;
}

/** The throttle timer of a queue fired: entities whose period begins are ready again. Called by timers.ts. */
export function replenish(queue: RunQueue, at: u64): void {
  let ask: u32 = 0;
  acquire(queue);
  for (let next = monotonicDue(queue, at); changetype<usize>(next) != 0; next = monotonicDue(queue, at)) {
    ask |= arrive(queue, next, at);
  }
  release(queue);
  if (ask) askHart(queue.hart);
}

/** Makes a blocked entity ready on the best hart for it; nothing if it is no longer blocked. */
export function place(entity: Entity): void {
  const target = bestHart(entity);
  const queue = lockHome(entity);
  if (target != queue.hart && entity.state == STATE_BLOCKED && residence(entity) == 0) rehome(queue, entity, target);
  release(queue);
  deliver(entity);
}

/** Makes a blocked entity ready on its home hart; nothing if it is no longer blocked. */
export function deliver(entity: Entity): void {
  const queue = lockHome(entity);
  if (entity.state != STATE_BLOCKED) {
    release(queue);
    return;
  }
  entity.wake = 0;
  const busy = hartByIndex(queue.hart).current != 0;
  const ask = arrive(queue, entity, now());
  release(queue);
  if (ask) askHart(queue.hart);
  if (busy) offer(entity);
}

/** If the entity could run at once on an idle hart, makes that hart look for work. */
export function offer(entity: Entity): void {
  if (entity.policy != POLICY_PRIORITY) return;
  const idle = eligible(entity) & hartSet(HARTS_IDLE);
  if (idle == 0) return;
  leaveSet(HARTS_IDLE, ctz<u32>(idle));
  askHart(ctz<u32>(idle));
}

/** Enters an entity into a locked queue; 1 if the queue's hart must be asked to look. */
function arrive(queue: RunQueue, entity: Entity, at: u64): u32 {
  const hart = hartByIndex(queue.hart);
  const running = entityAt(hart.current);
  const runs = hart.current != 0 && running.state == STATE_RUNNING;
  if (runs) policyCharge(queue, running, at);
  entity.state = STATE_READY;
  entity.readySince = at;
  if (thisHart().tracing) traceWake(entity, queue.hart);
  policyEnqueue(queue, entity, at);
  if (entity.place != PLACE_QUEUED) return 0;
  if (hart.current == 0) leaveSet(HARTS_IDLE, queue.hart);
  if (!runs) return 1;
  if (hart.contended == 0) {
    hart.contended = 1;
    return 1;
  }
  return preempts(queue, entity, running) || policySliceEnd(queue, running, at) < hart.sliceEnd ? 1 : 0;
}

/** Its home if that is idle or it cannot move, else an idle hart, else its home again. */
function bestHart(entity: Entity): u32 {
  const home = entity.home;
  if (entity.policy != POLICY_PRIORITY || residence(entity) != 0) return home;
  const may = eligible(entity);
  const idle = may & hartSet(HARTS_IDLE);
  const mask = (<u32>1) << home;
  if (may == 0 || (idle & mask) != 0) return home;
  if (idle != 0) return ctz<u32>(idle);
  return (may & mask) != 0 ? home : leastLoaded(may);
}

/** The hart of a set that is home to the fewest entities. */
export function leastLoaded(harts: u32): u32 {
  let best = ctz<u32>(harts);
  for (let left = harts; left != 0; left &= left - 1) {
    const index = ctz<u32>(left);
    if (queueOf(index).members < queueOf(best).members) best = index;
  }
  return best;
}

/** 0 if all registers of the entity are in memory, else 1 + index of the hart that holds some. */
export function residence(entity: Entity): u32 {
  return hw.atomicLoad(changetype<usize>(entity) + offsetof<Entity>("residence"));
}
