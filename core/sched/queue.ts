// SPDX-License-Identifier: Apache-2.0
// One run queue per hart: what its three policies keep, under one lock. An entity belongs to exactly one queue, that
// of its `home`; `home` changes only under the lock of the queue that it leaves. Never holds two queue locks.
// @lock per boot: `queues` is written by schedInit; the queues themselves by their own lock.
import * as hw from "../hw";
import { MAX_HARTS } from "../host/hart";
import { Timer, timerInit, KIND_TIMER_THROTTLE } from "../host/timers";
import { acquire, Lock, lockInit, RANK_QUEUE, release } from "../lib/lock";
import { Status } from "../lib/status";
import { allocate } from "../mem/arena";
import { Entity } from "./entity";

/** Fixed priorities 0 (low) to 7 (high). */
export const LEVELS: u32 = 8;

/** One priority of one hart. */
@unmanaged
export class Level {
  /** Least virtual time that an entity of this level may have; it only grows. */
  minimum: u64 = 0;
  /** When one of its entities last ran, or the first came to wait. */
  served: u64 = 0;
  /** Entities that wait, least virtual time first. */
  first: usize = 0;
  levelPad: u32 = 0;
}

@unmanaged
export class RunQueue extends Lock {
  /** Index of its hart. */
  hart: u32 = 0;
  /** How many wait in PLACE_QUEUED; others read it without the lock to find work. */
  ready: u32 = 0;
  /** How many entities have their home here; atomics only. */
  members: u32 = 0;
  /** Sum of budget / period of its rate-monotonic entities, in thousandths; guarded by the registry's lock. */
  utilization: u32 = 0;
  /** 1 while its hart has nothing to run. */
  idle: u32 = 0;
  /** Priorities that have someone waiting, a bit each. */
  levelMask: u32 = 0;
  /** Linear address of LEVELS records of Level. */
  levels: usize = 0;
  /** The entity whose turn it is among those of fixed priority, 0 if none; it runs or waits here. */
  turn: usize = 0;
  /** 1 if the turn was granted to a starved lower priority. */
  turnFloor: u32 = 0;
  /** Rate-monotonic entities: those that may run, shortest period first; those that wait for a period, soonest first. */
  periodic: usize = 0;
  throttled: usize = 0;
  /** The pinned entity while it waits to run, else 0. */
  pinned: usize = 0;
  /** What is left of the turn, in timer ticks. */
  turnLeft: u64 = 0;
  /** When the last turn of a starved priority ended. */
  floorLast: u64 = 0;
  /** When its hart became idle. */
  idleSince: u64 = 0;
  /** Fires when the first of `throttled` gets its budget back. */
  replenish: Timer = changetype<Timer>(0);
  queuePad: u32 = 0;
}

const queues: usize = memory.data(<i32>(MAX_HARTS * sizeof<usize>()));

/** Boot: makes the queues of `harts` harts. */
export function queuesInit(harts: u32): i32 {
  if (harts == 0 || harts > MAX_HARTS) return Status.Range;
  for (let i: u32 = 0; i < harts; i++) {
    const queue = changetype<RunQueue>(allocate(offsetof<RunQueue>()));
    const levels = allocate(offsetof<Level>() * LEVELS);
    const timer = changetype<Timer>(allocate(offsetof<Timer>()));
    if (changetype<usize>(queue) == 0 || levels == 0 || changetype<usize>(timer) == 0) return Status.NoMemory;
    lockInit(queue, RANK_QUEUE);
    queue.hart = i;
    queue.levels = levels;
    queue.replenish = timer;
    timerInit(timer, KIND_TIMER_THROTTLE, changetype<usize>(queue));
    store<usize>(queues + i * sizeof<usize>(), changetype<usize>(queue));
  }
  return Status.Ok;
}

/** The queue of hart `index`. */
export function queueOf(index: u32): RunQueue {
  return changetype<RunQueue>(load<usize>(queues + index * sizeof<usize>()));
}

export function levelOf(queue: RunQueue, priority: u32): Level {
  return changetype<Level>(queue.levels + priority * offsetof<Level>());
}

/** Locks the queue that the entity belongs to and answers it. */
export function lockHome(entity: Entity): RunQueue {
  const home = changetype<usize>(entity) + offsetof<Entity>("home");
  while (true) {
    const queue = queueOf(hw.atomicLoad(home));
    acquire(queue);
    if (entity.home == queue.hart) return queue;
    release(queue);
  }
}

/** Makes hart `index` the home of an entity that is in no list; `from`, its home until now, is locked. */
export function rehome(from: RunQueue, entity: Entity, index: u32): void {
  const to = queueOf(index);
  // How far it is ahead of its equals goes with it. The other queue's minimum is read without its lock: it only
  // grows, and enqueueing never lets an entity start below it.
  const lag = <i64>(entity.virtualTime - levelOf(from, entity.priority).minimum);
  entity.virtualTime = levelOf(to, entity.priority).minimum + (lag > 0 ? <u64>lag : 0);
  hw.atomicAdd(changetype<usize>(from) + offsetof<RunQueue>("members"), -1);
  hw.atomicAdd(changetype<usize>(to) + offsetof<RunQueue>("members"), 1);
  entity.home = index;
}
