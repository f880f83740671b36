// SPDX-License-Identifier: Apache-2.0
// What happened to guests, as a stream of fixed records for the toolstack: the last EVENT_COUNT are kept. Posted from
// trap and worker context, also with a guest's lock held; read by the channel. Positions count bytes and never start
// again, so a reader that comes back knows what it missed.
import { now } from "../arch/seam";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_CONSOLE, release } from "../lib/lock";
import { WireEvent } from "../mgmt/wire-structs";
import { Guest } from "./guest";

export const EVENT_COUNT: u32 = 256;
const NO_GUEST: u32 = 0xffff;

// @lock events: guards what follows.
const lock: usize = memory.data(LOCK_SIZE, 8);
const events: usize = memory.data(<i32>(EVENT_COUNT * offsetof<WireEvent>()), 8);
/** Events ever posted. */
let posted: u32 = 0;
/** Table index of () => void that hears of each, called without a lock of ours; 0 for none. */
let listener: u32 = 0;

/** Boot. */
export function eventsInit(): void {
  lockInit(changetype<Lock>(lock), RANK_CONSOLE);
}

/** Boot: who wants to hear that there are events. */
export function onEvent(call: u32): void {
  listener = call;
}

/** Appends an event; `guest` null for none. What is 256 events old goes. */
export function postEvent(kind: u32, guest: Guest, value: u32, former: u32): void {
  acquire(changetype<Lock>(lock));
  const event = changetype<WireEvent>(events + (posted % EVENT_COUNT) * offsetof<WireEvent>());
  event.when = now();
  event.kind = <u16>kind;
  event.guest = <u16>(changetype<usize>(guest) ? guest.id : NO_GUEST);
  event.generation = changetype<usize>(guest) ? guest.generation : 0;
  event.value = value;
  event.former = former;
  posted += 1;
  release(changetype<Lock>(lock));
  if (listener) call_indirect<void>(listener);
}

/** Byte position behind the newest event. */
export function eventsEnd(): u32 {
  return posted * <u32>offsetof<WireEvent>();
}

/** Byte position of the oldest that is kept. */
export function eventsStart(): u32 {
  return (posted > EVENT_COUNT ? posted - EVENT_COUNT : 0) * <u32>offsetof<WireEvent>();
}

/**
 * Copies whole events from byte `position` on (a multiple of their size, from eventsStart to eventsEnd) to `ptr`, at
 * most `most` bytes; answers how many bytes. What was overwritten since the position was asked for is not copied.
 */
export function readEvents(position: u32, ptr: usize, most: u32): u32 {
  const size = <u32>offsetof<WireEvent>();
  let copied: u32 = 0;
  acquire(changetype<Lock>(lock));
  if (position % size == 0 && position - eventsStart() <= eventsEnd() - eventsStart()) {
    for (; position != eventsEnd() && copied + size <= most; position += size) {
      memory.copy(ptr + copied, events + ((position / size) % EVENT_COUNT) * size, size);
      copied += size;
    }
  }
  release(changetype<Lock>(lock));
  return copied;
}
