// SPDX-License-Identifier: Apache-2.0
// A descriptor chain after queue.ts took it from a ring: every buffer translated to host memory, what the device may read
// first, then what it may write. What a chain says is a copy: the guest can change its descriptors meanwhile, and nothing
// here looks at them again. Device types copy headers through linear memory, and bulk data from one list of segments to
// another, or hand the lists to a host device. Trap context. Never waits, never allocates but when the first device is made.
import * as hw from "../../hw";
import { Guest } from "../../guest/guest";
import { thisHart } from "../../host/hart";
import { MAX_HARTS } from "../../limits";
import { allocate, arenaNeeds } from "../../mem/arena";

/** Pieces of host memory that a chain may have. More is a fault of the driver. */
export const MAX_SEGMENTS: u32 = 160;
/** Bytes of a hart's scratch for descriptors on their way in: DESCRIPTORS_AT_ONCE of them. */
export const SCRATCH_BYTES: u32 = 256;

/** A run of host memory. */
@unmanaged
export class Segment {
  hpa: u64 = 0;
  length: u64 = 0;
}

@unmanaged
export class Chain {
  /** Its number for queuePush. */
  head: u32 = 0;
  /** Segments that the device may read, and those behind them that it may write. */
  readable: u32 = 0;
  writable: u32 = 0;
  guest: Guest = changetype<Guest>(0);
  /** Bytes of both parts. */
  readBytes: u64 = 0;
  writeBytes: u64 = 0;
  /** Linear address of MAX_SEGMENTS Segments. */
  segments: usize = 0;
  chainPad: u32 = 0;
}

/** A place in a list of segments. */
@unmanaged
export class Cursor {
  /** Linear address of the Segment where it stands, and how many there are from that one on. */
  at: usize = 0;
  left: u32 = 0;
  /** Bytes of it that are behind. */
  offset: u64 = 0;
}

/** The part [from `offset`, `length` bytes) of a chain that chainSegments is to list. */
@unmanaged
export class Part {
  /** 0: of what the device may read; 1: of what it may write. */
  writable: u32 = 0;
  /** Room: segments that fit. */
  max: u32 = 0;
  offset: u64 = 0;
  length: u64 = 0;
}

const CHAINS: usize = 2;
const CHAIN_BYTES: usize = offsetof<Chain>() + <usize>MAX_SEGMENTS * offsetof<Segment>();
const CURSORS_AT: usize = CHAINS * CHAIN_BYTES;
const PART_AT: usize = CURSORS_AT + CHAINS * offsetof<Cursor>();
const SCRATCH_AT: usize = PART_AT + offsetof<Part>();
const HART_BYTES: usize = SCRATCH_AT + SCRATCH_BYTES;
/** What chainsInit takes of the arena. */
export const CHAINS_BYTES: usize = <usize>MAX_HARTS * HART_BYTES;

// @lock creation: made with the first device; each hart uses its own part.
let records: usize = 0;

/** Makes every hart's scratch records, once. False: the hypervisor's memory is used up. The creation lock is held. */
export function chainsInit(): bool {
  if (records != 0) return true;
  if (!arenaNeeds(<u32>CHAINS_BYTES)) return false;
  const at = allocate(CHAINS_BYTES);
  for (let i: usize = 0; i < MAX_HARTS && at != 0; i++) {
    for (let which: usize = 0; which < CHAINS; which++) {
      const chain = at + i * HART_BYTES + which * CHAIN_BYTES;
      changetype<Chain>(chain).segments = chain + offsetof<Chain>();
    }
  }
  records = at;
  return at != 0;
}

function mine(): usize {
  return records + <usize>thisHart().index * HART_BYTES;
}

/** This hart's scratch chain 0 (what is read) or 1 (what is written). */
export function hartChain(which: u32): Chain {
  return changetype<Chain>(mine() + <usize>which * CHAIN_BYTES);
}

/** This hart's scratch cursor 0 or 1. */
export function hartCursor(which: u32): Cursor {
  return changetype<Cursor>(mine() + CURSORS_AT + <usize>which * offsetof<Cursor>());
}

/** This hart's scratch for the question to chainSegments. */
export function hartPart(): Part {
  return changetype<Part>(mine() + PART_AT);
}

/** Linear address of this hart's SCRATCH_BYTES, good until the next queuePop here. */
export function hartScratch(): usize {
  return mine() + SCRATCH_AT;
}

/** Linear address of the first segment that the device may write. */
export function writableSegments(chain: Chain): usize {
  return chain.segments + <usize>chain.readable * offsetof<Segment>();
}

/** Puts a cursor `skip` bytes behind the beginning of `count` segments. */
export function cursorInit(cursor: Cursor, segments: usize, count: u32, skip: u64): void {
  cursor.at = segments;
  cursor.left = count;
  cursor.offset = 0;
  while (cursor.left != 0 && skip >= changetype<Segment>(cursor.at).length) {
    skip -= changetype<Segment>(cursor.at).length;
    step(cursor);
  }
  cursor.offset = skip;
}

/** On to the next segment. */
function step(cursor: Cursor): void {
  cursor.at += offsetof<Segment>();
  cursor.left -= 1;
  cursor.offset = 0;
}

/** The cursor moved on by `bytes`, at most to the end of its segment. */
function pass(cursor: Cursor, bytes: u64): void {
  cursor.offset += bytes;
  if (cursor.offset == changetype<Segment>(cursor.at).length) step(cursor);
}

/** Bytes up to the end of the cursor's segment, at most `length`. */
function run(cursor: Cursor, length: u64): u64 {
  return min(length, changetype<Segment>(cursor.at).length - cursor.offset);
}

function hpaAt(cursor: Cursor): u64 {
  return changetype<Segment>(cursor.at).hpa + cursor.offset;
}

/** Copies host memory to host memory, one copy, up to `length` bytes; both cursors move on. Answers the bytes copied. */
export function copySegments(to: Cursor, from: Cursor, length: u64): u64 {
  let left = length;
  while (left != 0 && to.left != 0 && from.left != 0) {
    const part = run(to, run(from, left));
    hw.copyAcross(hpaAt(to), hpaAt(from), part);
    pass(to, part);
    pass(from, part);
    left -= part;
  }
  return length - left;
}

/** Copies up to `length` bytes from where the cursor stands into linear memory; it moves on. Answers the bytes copied. */
export function readSegments(ptr: usize, from: Cursor, length: u32): u32 {
  let left = length;
  while (left != 0 && from.left != 0) {
    const part = <u32>run(from, left);
    hw.copyIn(ptr, hpaAt(from), part);
    pass(from, part);
    ptr += part;
    left -= part;
  }
  return length - left;
}

/** Copies up to `length` bytes of linear memory to where the cursor stands; it moves on. Answers the bytes copied. */
export function writeSegments(to: Cursor, ptr: usize, length: u32): u32 {
  let left = length;
  while (left != 0 && to.left != 0) {
    const part = <u32>run(to, left);
    hw.copyOut(hpaAt(to), ptr, part);
    pass(to, part);
    ptr += part;
    left -= part;
  }
  return length - left;
}

/** Copies from `offset` of what the device may read into linear memory; answers the bytes copied. Uses hartCursor(0). */
export function chainRead(chain: Chain, offset: u64, ptr: usize, length: u32): u32 {
  const cursor = hartCursor(0);
  cursorInit(cursor, chain.segments, chain.readable, offset);
  return readSegments(ptr, cursor, length);
}

/** Copies linear memory to `offset` of what the device may write; answers the bytes copied. Uses hartCursor(1). */
export function chainWrite(chain: Chain, offset: u64, ptr: usize, length: u32): u32 {
  const cursor = hartCursor(1);
  cursorInit(cursor, writableSegments(chain), chain.writable, offset);
  return writeSegments(cursor, ptr, length);
}

/** Lists a part of a chain as segments at `into`; answers how many, -1 if there are more than fit or too few bytes. */
export function chainSegments(chain: Chain, part: Part, into: usize): i32 {
  const cursor = hartCursor(part.writable);
  if (part.writable) cursorInit(cursor, writableSegments(chain), chain.writable, part.offset);
  else cursorInit(cursor, chain.segments, chain.readable, part.offset);
  let left = part.length;
  let count: u32 = 0;
  for (; left != 0; count++) {
    if (count == part.max || cursor.left == 0) return -1;
    const next = changetype<Segment>(into + <usize>count * offsetof<Segment>());
    const bytes = run(cursor, left);
    next.hpa = hpaAt(cursor);
    next.length = bytes;
    pass(cursor, bytes);
    left -= bytes;
  }
  return <i32>count;
}
