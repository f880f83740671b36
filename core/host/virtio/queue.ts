// SPDX-License-Identifier: Apache-2.0
// A split queue of one of the host's VirtIO devices, as its driver: requests are lists of host-physical segments, which
// the device reaches itself (no copy). Each request is a token, taken from a free list, with a word of its owner's. With
// indirect descriptors a token is one entry of the ring and a table of its own; without, it is a fixed run of entries.
// The lock of the queue's driver guards it. A used entry that names a token which the device does not have, or says that
// more was written than was there, is QUEUE_BROKEN: the caller gives the device up. Made at boot, never waits.
// @spec virtio 1.2 §2.7
//
//   queueBegin ─► queuePut … ─► queueEnd ─► queueTell          queueTake ─► token, length, owner; or EMPTY, BROKEN
import { VIRTQ_AVAIL_F_NO_INTERRUPT, VIRTQ_DESC_SIZE, VIRTQ_USED_F_NO_NOTIFY } from "../../dev/spec";
import * as hw from "../../hw";
import { allocate, hpaOf } from "../../mem/arena";
import { VIRTIO_F_EVENT, VIRTIO_F_INDIRECT, VIRTQ_INDIRECT, VIRTQ_NEXT, VIRTQ_WRITE } from "./spec";
import {
  HostVirtio,
  ringAvailable,
  ringBytes,
  ringUsed,
  VIA_MMIO,
  virtioHas,
  virtioQueueMost,
  virtioQueueStart,
} from "./transport";

/** Most entries of a ring. */
export const QUEUE_MOST: u32 = 256;
/** Answers that are no token. */
export const QUEUE_EMPTY: i32 = -1;
export const QUEUE_BROKEN: i32 = -2;
/** Entries of the ring for a token where there are no indirect descriptors. */
const RUN: u32 = 16;
/** Token.next while the device has it; no token. */
const GIVEN: u32 = 0xffff_fffe;
const NONE: u32 = 0xffff_ffff;

@unmanaged
class Token {
  /** The next free one, NONE or GIVEN. */
  next: u32 = 0;
  owner: u32 = 0;
  /** Bytes that the device may write. */
  writable: u32 = 0;
  pad: u32 = 0;
}

@unmanaged
export class HostQueue {
  /** hva of its doorbell. */
  doorbell: u64 = 0;
  /** Linear addresses: rings, tables of indirect descriptors (0: none), tokens. */
  rings: usize = 0;
  tables: usize = 0;
  tokens: usize = 0;
  number: u32 = 0;
  /** Entries of the ring, and how many a token takes in it. */
  size: u32 = 0;
  run: u32 = 0;
  /** Most segments of a token, and how many tokens there are. */
  most: u32 = 0;
  count: u32 = 0;
  /** First free token, and how many the device has. */
  free: u32 = 0;
  given: u32 = 0;
  /** 1: the doorbell is one of MMIO; 1: event index. */
  mmio: u32 = 0;
  event: u32 = 0;
  /** Ring positions, counting up and wrapping at 16 bits; `told`: where the device was told of last. */
  available: u16 = 0;
  used: u16 = 0;
  told: u16 = 0;
  queuePad: u16 = 0;
  endPad: u32 = 0;
  /** The token that is being made: where its next descriptor goes, segments so far, bytes that the device writes. */
  current: u32 = 0;
  cursor: usize = 0;
  segments: u32 = 0;
  /** Of the token taken last: what the device says it wrote, and its owner's word. */
  length: u32 = 0;
  owner: u32 = 0;
}

/** Bytes of the arena that queueMake takes for `size` entries of `most` segments. */
export function queueBytes(size: u32, most: u32): u32 {
  const tables: u32 = most > 1 ? size * most * VIRTQ_DESC_SIZE : 0;
  return ringBytes(size) + tables + size * offsetof<Token>() + offsetof<HostQueue>() + 64;
}

/**
 * Boot: queue `number` of the device with at most `size` entries (a power of two) and `most` segments a request; null if
 * the device does not have it, or memory is used up.
 */
export function queueMake(at: HostVirtio, number: u32, size: u32, most: u32): HostQueue {
  const none = changetype<HostQueue>(0);
  const offered = virtioQueueMost(at, number);
  if (offered == 0) return none;
  while (size > offered) size >>= 1;
  const queue = changetype<HostQueue>(allocate(offsetof<HostQueue>()));
  const rings = allocate(ringBytes(size), 16);
  const tokens = allocate(size * offsetof<Token>());
  const indirect = most > 1 && virtioHas(at, VIRTIO_F_INDIRECT);
  const tables = indirect ? allocate(size * most * VIRTQ_DESC_SIZE, 16) : 0;
  if (!changetype<usize>(queue) || !rings || !tokens || (indirect && !tables)) return none;
  queue.run = indirect || most == 1 ? 1 : min(RUN, size);
  queue.most = indirect ? most : min(most, queue.run);
  queue.rings = rings;
  queue.tokens = tokens;
  queue.tables = tables;
  queue.number = number;
  queue.size = size;
  queue.mmio = u32(at.kind == VIA_MMIO);
  queue.event = u32(virtioHas(at, VIRTIO_F_EVENT));
  queue.count = size / queue.run;
  for (let i: u32 = 0; i < queue.count; i++) tokenOf(queue, i).next = i + 1 < queue.count ? i + 1 : NONE;
  queue.doorbell = virtioQueueStart(at, size, rings);
  return queue.doorbell ? queue : none;
}

function tokenOf(queue: HostQueue, token: u32): Token {
  return changetype<Token>(queue.tokens + <usize>token * offsetof<Token>());
}

/** Tokens that there are. */
export function queueTokens(queue: HostQueue): u32 {
  return queue.count;
}

/** Takes a free token for a request of its own; QUEUE_EMPTY if the device has them all. */
export function queueBegin(queue: HostQueue, owner: u32): i32 {
  const token = queue.free;
  if (token == NONE) return QUEUE_EMPTY;
  tokenOf(queue, token).owner = owner;
  tokenOf(queue, token).writable = 0;
  queue.current = token;
  queue.segments = 0;
  const table: u32 = queue.tables ? token * queue.most : token * queue.run;
  queue.cursor = (queue.tables ? queue.tables : queue.rings) + <usize>(table * VIRTQ_DESC_SIZE);
  return <i32>token;
}

/** Adds a segment; `flags` is 0 or VIRTQ_WRITE, all of which come last. False: it has too many, or is too long. */
export function queuePut(queue: HostQueue, hpa: u64, length: u64, flags: u32): bool {
  if (queue.segments == queue.most || length == 0 || length > <u64>u32.MAX_VALUE) return false;
  const at = queue.cursor;
  const within = queue.tables ? queue.segments : queue.current * queue.run + queue.segments;
  store<u64>(at, hpa);
  store<u32>(at, <u32>length, 8);
  store<u32>(at, flags | VIRTQ_NEXT | ((within + 1) << 16), 12);
  queue.cursor = at + VIRTQ_DESC_SIZE;
  queue.segments += 1;
  if (flags & VIRTQ_WRITE) {
    const token = tokenOf(queue, queue.current);
    const all = token.writable + <u32>length;
    token.writable = all < token.writable ? u32.MAX_VALUE : all;
  }
  return true;
}

/** Hands the request to the device; queueTell tells it. At least one segment was put. @spec virtio §2.7.13 */
export function queueEnd(queue: HostQueue): void {
  const last = queue.cursor - VIRTQ_DESC_SIZE;
  store<u32>(last, load<u32>(last, 12) & VIRTQ_WRITE, 12);
  const token = tokenOf(queue, queue.current);
  queue.free = token.next;
  token.next = GIVEN;
  queue.given += 1;
  const head = queue.current * queue.run;
  if (queue.tables) {
    const descriptor = queue.rings + <usize>(head * VIRTQ_DESC_SIZE);
    store<u64>(descriptor, hpaOf(queue.tables + <usize>(head * queue.most * VIRTQ_DESC_SIZE)));
    store<u32>(descriptor, queue.segments * VIRTQ_DESC_SIZE, 8);
    store<u32>(descriptor, VIRTQ_INDIRECT, 12);
  }
  const ring = availableRing(queue);
  store<u16>(ring + (((<u32>queue.available) & (queue.size - 1)) << 1), <u16>head, 4);
  queue.available += 1;
  hw.fence();
  store<u16>(ring, queue.available, 2);
}

function availableRing(queue: HostQueue): usize {
  return queue.rings + ringAvailable(queue.size);
}

function usedRing(queue: HostQueue): usize {
  return queue.rings + ringUsed(queue.size);
}

/** Tells the device of new requests, unless it looks by itself. @spec virtio §2.7.10, §2.7.13.3 */
export function queueTell(queue: HostQueue): void {
  hw.fence();
  const before = <u32>queue.told;
  const now = <u32>queue.available;
  queue.told = queue.available;
  const ring = usedRing(queue);
  if (queue.event) {
    const wanted = hw.atomicLoad(ring + 4 + (queue.size << 3)) & 0xffff;
    if (((now - wanted - 1) & 0xffff) >= ((now - before) & 0xffff)) return;
  } else if (hw.atomicLoad(ring) & VIRTQ_USED_F_NO_NOTIFY) return;
  if (queue.mmio) hw.mmioWrite32(queue.doorbell, queue.number);
  else hw.mmioWrite16(queue.doorbell, queue.number);
}

/** Does the device say that it is done with something? */
export function queueReady(queue: HostQueue): bool {
  return hw.atomicLoad(usedRing(queue)) >> 16 != <u32>queue.used;
}

/** The next token that the device is done with, free again, its queue.length and queue.owner; or QUEUE_EMPTY, QUEUE_BROKEN. */
export function queueTake(queue: HostQueue): i32 {
  const ring = usedRing(queue);
  // Flags and index of the used ring are one aligned word. @spec virtio §2.7.8
  const ahead = ((hw.atomicLoad(ring) >> 16) - <u32>queue.used) & 0xffff;
  if (ahead == 0) return QUEUE_EMPTY;
  if (ahead > queue.given) return QUEUE_BROKEN;
  hw.fence();
  const entry = ring + 4 + (((<u32>queue.used) & (queue.size - 1)) << 3);
  const head = hw.atomicLoad(entry);
  queue.length = hw.atomicLoad(entry + 4);
  const number = queue.run == 1 ? head : head / queue.run;
  if (number >= queue.count || number * queue.run != head) return QUEUE_BROKEN;
  const token = tokenOf(queue, number);
  if (token.next != GIVEN || (token.writable != 0 && queue.length > token.writable)) return QUEUE_BROKEN;
  queue.owner = token.owner;
  queue.used += 1;
  release(queue, token, number);
  return <i32>number;
}

function release(queue: HostQueue, token: Token, number: u32): void {
  token.next = queue.free;
  queue.free = number;
  queue.given -= 1;
}

/** After the device was given up: the next token that it had, free again; QUEUE_EMPTY if it has none. */
export function queueRecall(queue: HostQueue): i32 {
  for (let i: u32 = 0; i < queue.count && queue.given != 0; i++) {
    const token = tokenOf(queue, i);
    if (token.next != GIVEN) continue;
    queue.owner = token.owner;
    queue.length = 0;
    release(queue, token, i);
    return <i32>i;
  }
  return QUEUE_EMPTY;
}

/** Asks for an interrupt when something comes back; look once more (queueReady) afterwards. @spec virtio §2.7.7 */
export function queueListen(queue: HostQueue): void {
  const ring = availableRing(queue);
  if (queue.event) store<u16>(ring + (queue.size << 1), queue.used, 4);
  else store<u16>(ring, 0);
  hw.fence();
}

/** Asks for none, as far as the device can do that. */
export function queueHush(queue: HostQueue): void {
  const ring = availableRing(queue);
  if (queue.event) store<u16>(ring + (queue.size << 1), queue.used - 1, 4);
  else store<u16>(ring, <u16>VIRTQ_AVAIL_F_NO_INTERRUPT);
}
