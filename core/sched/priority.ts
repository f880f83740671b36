// SPDX-License-Identifier: Apache-2.0
// The default policy: fixed priority; equals take turns of one slice, shared by weight through virtual time (the time
// that an entity ran, divided by its weight; the least goes next). A priority that the ones above leave no time gets a
// short turn at intervals ("the floor"), so that a vCPU that never yields starves nobody. Called with the queue locked.
// @lock per boot: slice, floorTurn and floorGap are set once by schedConfigure.
import { TIMER_OFF } from "../arch/seam";
import { Status } from "../lib/status";
import { Entity } from "./entity";
import { entityAt, linkAfter, unlink } from "./list";
import { Level, levelOf, RunQueue } from "./queue";

/** Weight of a normal entity, and the largest. */
export const WEIGHT_NORMAL: u32 = 256;
export const WEIGHT_MAX: u32 = 10000;
/** Units of virtual time per tick and weight; a charge counts at most RUN_MAX ticks, so that it cannot wrap. */
const VIRTUAL_SHIFT: u64 = 10;
const RUN_MAX: u64 = 1 << 50;
const FLOOR_MAX: u32 = 50;

let slice: u64 = 100000;
let floorTurn: u64 = 50000;
/** Time that a priority must have been starved, and that must pass between two such turns; TIMER_OFF: no floor. */
let floorGap: u64 = 950000;

/** Boot: the normal slice in timer ticks, and the share in percent (0 to 50) that starved priorities get together. */
export function schedConfigure(ticks: u64, floorPercent: u32): i32 {
  if (ticks < 100 || ticks > (<u64>1) << 40 || floorPercent > FLOOR_MAX) return Status.Range;
  slice = ticks;
  floorTurn = ticks / 2;
  floorGap = floorPercent == 0 ? TIMER_OFF : (floorTurn * <u64>(100 - floorPercent)) / <u64>floorPercent;
  return Status.Ok;
}

export function normalSlice(): u64 {
  return slice;
}

export function priorityEnqueue(queue: RunQueue, entity: Entity, at: u64): void {
  const level = levelOf(queue, entity.priority);
  if (<i64>(entity.virtualTime - level.minimum) < 0) entity.virtualTime = level.minimum;
  if (level.first == 0) level.served = at;
  let after: usize = 0;
  for (let i = level.first; i != 0; i = entityAt(i).next) {
    if (<i64>(entityAt(i).virtualTime - entity.virtualTime) > 0) break;
    after = i;
  }
  linkAfter(changetype<usize>(level) + offsetof<Level>("first"), after, entity);
  queue.levelMask |= 1 << entity.priority;
}

export function priorityDequeue(queue: RunQueue, entity: Entity): void {
  const level = levelOf(queue, entity.priority);
  unlink(changetype<usize>(level) + offsetof<Level>("first"), entity);
  if (level.first == 0) queue.levelMask &= ~(1 << entity.priority);
}

/** Who should run at `at`: all candidates wait in the queue, also the one that ran until now. */
export function priorityPick(queue: RunQueue, at: u64): Entity {
  if (queue.levelMask == 0) return entityAt(0);
  const unfinished = queue.turn != 0 && queue.turnLeft != 0;
  if (unfinished && queue.turnFloor) return entityAt(queue.turn);
  const top = 31 - clz<u32>(queue.levelMask);
  const starved = starvedLevel(queue, top, at);
  if (starved < LEVEL_NONE) return newTurn(queue, starved, 1);
  if (unfinished && entityAt(queue.turn).priority == top) return entityAt(queue.turn);
  return newTurn(queue, top, 0);
}

function newTurn(queue: RunQueue, level: u32, floor: u32): Entity {
  const entity = entityAt(levelOf(queue, level).first);
  queue.turn = changetype<usize>(entity);
  queue.turnFloor = floor;
  queue.turnLeft = floor ? floorTurn : entity.slice;
  return entity;
}

/** Charges `ran` ticks that end at `at`. */
export function priorityCharge(queue: RunQueue, entity: Entity, ran: u64, at: u64): void {
  const weight = <u64>entity.weight;
  entity.virtualTime += ((min<u64>(ran, RUN_MAX) << VIRTUAL_SHIFT) + weight - 1) / weight;
  const level = levelOf(queue, entity.priority);
  level.served = at;
  let least = entity.virtualTime;
  if (level.first != 0 && <i64>(entityAt(level.first).virtualTime - least) < 0)
    least = entityAt(level.first).virtualTime;
  if (<i64>(least - level.minimum) > 0) level.minimum = least;
  if (queue.turn != changetype<usize>(entity)) return;
  queue.turnLeft -= min<u64>(ran, queue.turnLeft);
  if (queue.turnFloor && queue.turnLeft == 0) priorityLeave(queue, entity, at);
}

/** The entity gives up its turn: it blocks, stops, moves or yields. */
export function priorityLeave(queue: RunQueue, entity: Entity, at: u64): void {
  if (queue.turn != changetype<usize>(entity)) return;
  if (queue.turnFloor) queue.floorLast = at;
  queue.turn = 0;
  queue.turnFloor = 0;
  queue.turnLeft = 0;
}

/** The entity goes behind the first of its equals (it yields). */
export function priorityYield(queue: RunQueue, entity: Entity, at: u64): void {
  priorityLeave(queue, entity, at);
  const first = levelOf(queue, entity.priority).first;
  if (first == 0) return;
  const behind = entityAt(first).virtualTime + 1;
  if (<i64>(behind - entity.virtualTime) > 0) entity.virtualTime = behind;
}

/** When the entity, running, must give way; TIMER_OFF when nobody waits for it to. */
export function prioritySliceEnd(queue: RunQueue, entity: Entity, at: u64): u64 {
  if (queue.turnFloor && queue.turn == changetype<usize>(entity)) return at + queue.turnLeft;
  const end = queue.levelMask & (1 << entity.priority) ? at + queue.turnLeft : TIMER_OFF;
  return min<u64>(end, floorDue(queue, entity.priority));
}

const LEVEL_NONE: u32 = 8;

/** The priority below `top` that has been starved longest, LEVEL_NONE if none has for long enough. */
function starvedLevel(queue: RunQueue, top: u32, at: u64): u32 {
  let found = LEVEL_NONE;
  if (floorDue(queue, top) > at) return found;
  for (let left = queue.levelMask & ((1 << top) - 1); left != 0; left &= left - 1) {
    const level = ctz<u32>(left);
    if (found == LEVEL_NONE || levelOf(queue, level).served < levelOf(queue, found).served) found = level;
  }
  return found;
}

/** When the first priority below `top` will have been starved for too long. */
function floorDue(queue: RunQueue, top: u32): u64 {
  let due = TIMER_OFF;
  if (floorGap == TIMER_OFF) return due;
  for (let left = queue.levelMask & ((1 << top) - 1); left != 0; left &= left - 1) {
    due = min<u64>(due, max<u64>(levelOf(queue, ctz<u32>(left)).served, queue.floorLast) + floorGap);
  }
  return due;
}
