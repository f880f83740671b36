// SPDX-License-Identifier: Apache-2.0
// The scheduler as its callers see it. The loop that runs guests does, at the end of an exit: if needsReschedule(),
// take schedNext()'s entity instead (a worker: workerRun, then schedNext again; 0: idle). Whatever asks for a reschedule
// sets the hart's flag, so an exit that asked for nothing pays one load. Registers are the loop's business: schedNext
// makes the entity resident on this hart, and after saving the registers of an entity that it replaced (or that is
// STOPPED), the loop calls schedUnloaded; until then the entity cannot run on another hart.
import * as hw from "../hw";
import { now, TIMER_OFF } from "../arch/seam";
import { Hart, thisHart } from "../host/hart";
import { hartByIndex } from "../host/harts";
import { timersInit, timersProgram } from "../host/timers";
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import {
  Entity,
  KIND_WORKER,
  PLACE_NONE,
  POLICY_MONOTONIC,
  POLICY_PINNED,
  POLICY_PRIORITY,
  STATE_BLOCKED,
  STATE_READY,
  STATE_RUNNING,
} from "./entity";
import { askHart, HARTS_IDLE, HARTS_KNOWN, joinSet, leaveSet, mustMove, overcommitted } from "./harts";
import { entityAt } from "./list";
import { pull, pushAway, settle } from "./load";
import { membersInit } from "./members";
import { policyCharge, policyDequeue, policyEnqueue, policyLeave, policyPick, policySliceEnd } from "./policy";
import { priorityYield } from "./priority";
import { queueOf, queuesInit, RunQueue } from "./queue";

export { schedSetAffinity, schedSetPriority, schedSetWeight } from "./change";
export { schedAdd, schedMembers, schedRemove } from "./members";
export { schedConfigure } from "./priority";
export { schedStart, schedStop, schedWake } from "./wake";

/** Boot: queues and timer lists for harts 0 to `harts` - 1; before anything else of the scheduler or the timers. */
export function schedInit(harts: u32): i32 {
  let status = timersInit(harts);
  if (status == Status.Ok) status = queuesInit(harts);
  if (status != Status.Ok) return status;
  membersInit();
  for (let i: u32 = 0; i < harts; i++) {
    joinSet(HARTS_KNOWN, i);
    hartByIndex(i).sliceEnd = TIMER_OFF;
  }
  return Status.Ok;
}

/** Boot: hart `index` did not start; nothing will be placed there, and workers that were go elsewhere. */
export function schedForgetHart(index: u32): void {
  leaveSet(HARTS_KNOWN, index);
  pushAway(index);
}

/** 1 if this hart must call schedNext before it enters a guest. */
export function needsReschedule(): u32 {
  return hw.atomicLoad(changetype<usize>(thisHart()) + offsetof<Hart>("reschedule"));
}

/** Chooses what this hart runs next, charges what ran, and sets the host timer; 0: nothing, the hart is idle. */
export function schedNext(): Entity {
  const hart = thisHart();
  const queue = queueOf(hart.index);
  const previous = entityAt(hart.current);
  let next = change(hart, queue);
  if (changetype<usize>(next) == 0 && pull(queue)) next = change(hart, queue);
  if (next != previous && changetype<usize>(previous) != 0 && previous.kind == KIND_WORKER) settle(previous);
  timersProgram();
  return next;
}

function change(hart: Hart, queue: RunQueue): Entity {
  acquire(queue);
  // Under the lock: whoever enters something later sets the flag again.
  hw.atomicSwap(changetype<usize>(hart) + offsetof<Hart>("reschedule"), 0);
  const at = now();
  const previous = entityAt(hart.current);
  if (hart.current != 0) giveBack(queue, previous, at);
  const next = policyPick(queue, at);
  if (changetype<usize>(next) == 0) goIdle(hart, queue, at);
  else {
    if (queue.idle) leaveIdle(hart, queue, at);
    policyDequeue(queue, next);
    if (at > next.readySince) next.waitTime += at - next.readySince;
    if (next != previous) next.switches += 1;
    next.state = STATE_RUNNING;
    next.wake = 0;
    next.residence = hart.index + 1;
    next.runningSince = at;
    hart.current = changetype<usize>(next);
    hart.contended = queue.ready != 0 ? 1 : 0;
    hart.sliceEnd = policySliceEnd(queue, next, at);
  }
  release(queue);
  return next;
}

/** The hart lets go of what it ran; if that is still to run, it waits in the queue. */
function giveBack(queue: RunQueue, entity: Entity, at: u64): void {
  // It may have been blocked and woken again before this hart came here: then it waits in the queue already.
  if (entity.place == PLACE_NONE) policyCharge(queue, entity, at);
  if (entity.kind == KIND_WORKER) entity.residence = 0;
  if (entity.state != STATE_RUNNING) return;
  if (mustMove(entity, queue.hart)) {
    // It must not run here any more: once this hart has let go of it, settle() places it elsewhere.
    hw.atomicOr(changetype<usize>(entity) + offsetof<Entity>("wake"), 1);
    entity.state = STATE_BLOCKED;
    policyLeave(queue, entity, at);
    return;
  }
  entity.state = STATE_READY;
  entity.readySince = at;
  policyEnqueue(queue, entity, at);
}

function goIdle(hart: Hart, queue: RunQueue, at: u64): void {
  hart.current = 0;
  hart.contended = 0;
  hart.sliceEnd = TIMER_OFF;
  if (!queue.idle) queue.idleSince = at;
  queue.idle = 1;
  joinSet(HARTS_IDLE, queue.hart);
}

function leaveIdle(hart: Hart, queue: RunQueue, at: u64): void {
  queue.idle = 0;
  hart.idleTime += at - queue.idleSince;
  leaveSet(HARTS_IDLE, queue.hart);
}

/** Ticks that hart `index` had nothing to do, up to `at`. */
export function hartIdleTime(index: u32, at: u64): u64 {
  const queue = queueOf(index);
  const since = queue.idleSince;
  return hartByIndex(index).idleTime + (queue.idle && at > since ? at - since : 0);
}

/**
 * The running entity wants to wait. 0: something woke it since it last looked, it goes on. 1: it waits; call schedNext.
 */
export function schedBlock(entity: Entity): u32 {
  const queue = queueOf(thisHart().index);
  acquire(queue);
  const runs = entity.state == STATE_RUNNING;
  if (runs) {
    entity.state = STATE_BLOCKED;
    if (hw.atomicSwap(changetype<usize>(entity) + offsetof<Entity>("wake"), 0) != 0) {
      entity.state = STATE_RUNNING;
      release(queue);
      return 0;
    }
    const at = now();
    policyCharge(queue, entity, at);
    policyLeave(queue, entity, at);
  }
  release(queue);
  askHart(queue.hart);
  return 1;
}

/** The running entity lets its equals go first. */
export function schedYield(): void {
  const hart = thisHart();
  const queue = queueOf(hart.index);
  const entity = entityAt(hart.current);
  if (hart.current == 0 || entity.policy != POLICY_PRIORITY) return;
  acquire(queue);
  if (entity.state == STATE_RUNNING) {
    const at = now();
    policyCharge(queue, entity, at);
    priorityYield(queue, entity, at);
  }
  release(queue);
  askHart(queue.hart);
}

/** Time is `at`: if the running entity's slice is over, asks for a reschedule. Called by timersExpire. */
export function schedTick(at: u64): void {
  const hart = thisHart();
  if (at >= hart.sliceEnd) askHart(hart.index);
}

/** Brings the accounting of the entity that runs here up to date. */
export function schedCharge(): void {
  const hart = thisHart();
  if (hart.current == 0) return;
  const queue = queueOf(hart.index);
  acquire(queue);
  if (entityAt(hart.current).state == STATE_RUNNING) policyCharge(queue, entityAt(hart.current), now());
  release(queue);
}

/** All registers of the entity are in memory now; called by the hart that held them. */
export function schedUnloaded(entity: Entity): void {
  // Its registers begin anew, on this same hart: it stays.
  if (thisHart().current == changetype<usize>(entity) && entity.state == STATE_RUNNING) return;
  hw.atomicSwap(changetype<usize>(entity) + offsetof<Entity>("residence"), 0);
  settle(entity);
}

/** 1 if the guest on hart `index` may keep the hart while it waits for an interrupt: nobody else could use it. */
export function aloneOnHart(index: u32): u32 {
  const hart = hartByIndex(index);
  if (hart.current == 0) return 0;
  const policy = entityAt(hart.current).policy;
  if (policy == POLICY_PINNED) return 1;
  // Waiting would use up a budget.
  return policy == POLICY_MONOTONIC || hart.contended || overcommitted() ? 0 : 1;
}
