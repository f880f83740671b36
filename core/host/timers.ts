// SPDX-License-Identifier: Apache-2.0
// The hypervisor's timers: per hart a list sorted by deadline, of Timer records that their owners keep. The host timer
// of a hart is set to the earlier of the list's head and the end of the running entity's slice. Arm and cancel from
// any hart in trap context; expiry runs on the timer's hart, without a lock held. Never allocates after boot.
// @lock per boot: `lists` is written by timersInit; each list by its own lock (rank timers).
import * as hw from "../hw";
import { setHostTimer, TIMER_OFF, vcpuTimerExpired } from "../arch/seam";
import { acquire, Lock, lockInit, RANK_TIMERS, release } from "../lib/lock";
import { Status } from "../lib/status";
import { allocate } from "../mem/arena";
import { Entity } from "../sched/entity";
import { askHart } from "../sched/harts";
import { RunQueue } from "../sched/queue";
import { schedTick } from "../sched/sched";
import { replenish, schedWake } from "../sched/wake";
import { MAX_HARTS, thisHart } from "./hart";
import { hartCount } from "./harts";

// ---- kind: what happens at the deadline
/** A guest's timer: `owner` is the vCPU. */
export const KIND_TIMER_VCPU: u32 = 0;
/** `owner` is the entity to wake. */
export const KIND_TIMER_WAKE: u32 = 1;
/** `owner` is the run queue whose throttled entities get their budget back. */
export const KIND_TIMER_THROTTLE: u32 = 2;
/** `owner` goes to the function `(owner: usize) => void` at table index `call`, without a lock held. */
export const KIND_TIMER_CALL: u32 = 3;

@unmanaged
export class Timer {
  /** Host time in timer ticks. */
  deadline: u64 = 0;
  owner: usize = 0;
  kind: u32 = 0;
  /** Index of the hart whose list it is or was in. */
  hart: u32 = 0;
  /** 1 while it is in the list. */
  armed: u32 = 0;
  /** 1 while its expiry runs; its owner must not go away before that ends (timerCancel waits for it). */
  running: u32 = 0;
  /** The list's pass in which it last expired. */
  pass: u32 = 0;
  next: usize = 0;
  previous: usize = 0;
  /** KIND_TIMER_CALL: what to call. */
  call: u32 = 0;
  timerPad: u32 = 0;
}

@unmanaged
class TimerList extends Lock {
  /** Deadline of the head, TIMER_OFF when empty; its own hart reads it without the lock. */
  first: u64 = 0;
  head: usize = 0;
  pass: u32 = 0;
}

const lists: usize = memory.data(<i32>(MAX_HARTS * sizeof<usize>()));

/** Boot: makes the lists of `harts` harts. */
export function timersInit(harts: u32): i32 {
  if (harts == 0 || harts > MAX_HARTS) return Status.Range;
  for (let i: u32 = 0; i < harts; i++) {
    const list = changetype<TimerList>(allocate(offsetof<TimerList>()));
    if (changetype<usize>(list) == 0) return Status.NoMemory;
    lockInit(list, RANK_TIMERS);
    list.first = TIMER_OFF;
    store<usize>(lists + i * sizeof<usize>(), changetype<usize>(list));
  }
  return Status.Ok;
}

/** Makes an unarmed timer. */
export function timerInit(timer: Timer, kind: u32, owner: usize): void {
  timer.kind = kind;
  timer.owner = owner;
  timer.hart = 0;
  timer.armed = 0;
  timer.running = 0;
  timer.pass = 0;
  timer.next = 0;
  timer.previous = 0;
}

/** Arms it, or moves it, to expire on hart `index` at `deadline`. Calls for one timer do not overlap (its owner's care). */
export function timerArm(timer: Timer, index: u32, deadline: u64): void {
  let list = lockList(timer);
  if (timer.armed) remove(list, timer);
  if (timer.hart != index) {
    timer.hart = index;
    release(list);
    list = lockList(timer);
  }
  timer.deadline = deadline;
  // Only a timer that its own expiry arms again has to wait for the next pass; passes of other lists mean nothing here.
  if (timer.running != index + 1) timer.pass = 0;
  insert(list, timer);
  const earliest = list.head == changetype<usize>(timer);
  release(list);
  if (index == thisHart().index) timersProgram();
  else if (earliest) askHart(index);
}

/**
 * Disarms it; afterwards it does not expire and its expiry does not run, unless the caller is that expiry. Not to be
 * called with a lock held that an expiry takes (queue locks).
 */
export function timerCancel(timer: Timer): void {
  const at = changetype<usize>(timer);
  if (timer.armed == 0 && timer.running == 0) return;
  while (true) {
    if (hw.atomicLoad(at + offsetof<Timer>("armed")) != 0) {
      const list = lockList(timer);
      if (timer.armed) remove(list, timer);
      release(list);
    }
    const runner = hw.atomicLoad(at + offsetof<Timer>("running"));
    if (runner == 0 || runner == thisHart().index + 1) break;
  }
  if (timer.hart == thisHart().index) timersProgram();
}

/** The host timer of this hart fired: runs what is due at `at`, each timer at most once, and sets the next. */
export function timersExpire(at: u64): void {
  const list = listOf(thisHart().index);
  acquire(list);
  list.pass += 1;
  const pass = list.pass;
  for (let timer = dueTimer(list, at); changetype<usize>(timer) != 0; timer = dueTimer(list, at)) {
    remove(list, timer);
    timer.pass = pass;
    timer.running = thisHart().index + 1;
    release(list);
    expire(timer, at);
    hw.atomicSwap(changetype<usize>(timer) + offsetof<Timer>("running"), 0);
    acquire(list);
  }
  release(list);
  schedTick(at);
  timersProgram();
}

/** Deadline of the first timer of hart `index`, TIMER_OFF if none. */
export function timersNext(index: u32): u64 {
  return listOf(index).first;
}

/** Timers of guests (vCPUs, devices) that are armed, on all harts. */
export function timersOfGuests(): u32 {
  let count: u32 = 0;
  for (let index: u32 = 0; index < hartCount(); index++) {
    const list = listOf(index);
    acquire(list);
    for (let at = list.head; at; at = changetype<Timer>(at).next) {
      const timer = changetype<Timer>(at);
      if (timer.kind == KIND_TIMER_VCPU || (timer.kind == KIND_TIMER_CALL && timer.owner != 0)) count += 1;
    }
    release(list);
  }
  return count;
}

/** Sets this hart's host timer to what it needs next. */
export function timersProgram(): void {
  const hart = thisHart();
  setHostTimer(min<u64>(listOf(hart.index).first, hart.sliceEnd));
}

function expire(timer: Timer, at: u64): void {
  switch (timer.kind) {
    case KIND_TIMER_THROTTLE:
      replenish(changetype<RunQueue>(timer.owner), at);
      break;
    case KIND_TIMER_VCPU:
      vcpuTimerExpired(changetype<Entity>(timer.owner));
      break;
    case KIND_TIMER_CALL:
      call_indirect<void>(timer.call, timer.owner);
      break;
    default:
      schedWake(changetype<Entity>(timer.owner));
  }
}

/** The first timer that is due and has not yet expired in this pass. */
function dueTimer(list: TimerList, at: u64): Timer {
  let timer = changetype<Timer>(list.head);
  while (changetype<usize>(timer) != 0) {
    if (timer.deadline > at) return changetype<Timer>(0);
    if (timer.pass != list.pass) return timer;
    timer = changetype<Timer>(timer.next);
  }
  return timer;
}

function listOf(index: u32): TimerList {
  return changetype<TimerList>(load<usize>(lists + index * sizeof<usize>()));
}

function lockList(timer: Timer): TimerList {
  const hart = changetype<usize>(timer) + offsetof<Timer>("hart");
  while (true) {
    const index = hw.atomicLoad(hart);
    const list = listOf(index);
    acquire(list);
    if (timer.hart == index) return list;
    release(list);
  }
}

/** Behind all with the same deadline or an earlier one. */
function insert(list: TimerList, timer: Timer): void {
  let after: usize = 0;
  let next = list.head;
  while (next != 0 && changetype<Timer>(next).deadline <= timer.deadline) {
    after = next;
    next = changetype<Timer>(next).next;
  }
  timer.previous = after;
  timer.next = next;
  if (after == 0) list.head = changetype<usize>(timer);
  else changetype<Timer>(after).next = changetype<usize>(timer);
  if (next != 0) changetype<Timer>(next).previous = changetype<usize>(timer);
  timer.armed = 1;
  list.first = changetype<Timer>(list.head).deadline;
}

function remove(list: TimerList, timer: Timer): void {
  if (timer.previous == 0) list.head = timer.next;
  else changetype<Timer>(timer.previous).next = timer.next;
  if (timer.next != 0) changetype<Timer>(timer.next).previous = timer.previous;
  timer.armed = 0;
  list.first = list.head == 0 ? TIMER_OFF : changetype<Timer>(list.head).deadline;
}
