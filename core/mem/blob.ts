// SPDX-License-Identifier: Apache-2.0
// Blobs: kernels, ramdisks and descriptions that the toolstack sends in pieces, each in one run of whole blocks of host
// RAM. A blob lives as long as the session that opened or found it, or a guest that was made from it, holds it;
// then a worker clears it, one block a step, before anybody else gets its memory. The session's side is called in the
// channel's worker only; hold and release in any worker. Checks every number: all of them come from outside.
//
//   free ─open─► Open ─all bytes─► Ready (right checksum) or Bad ─nobody holds it─► Clearing ─► free
import * as hw from "../hw";
import { crc32More } from "../lib/crc32";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_MEMORY, release } from "../lib/lock";
import { Status } from "../lib/status";
import { Worker, workerInit, workerWake } from "../sched/worker";
import { BLOCK, BLOCK_SHIFT, OWNER_BLOB, ramFree, ramGive, ramTake } from "./ram";

// ---- state; the first three as the protocol has them
export const BLOB_EMPTY: u32 = 0;
export const BLOB_OPEN: u32 = 1;
export const BLOB_READY: u32 = 2;
export const BLOB_BAD: u32 = 3;
export const BLOB_CLEARING: u32 = 4;

export const MAX_BLOBS: u32 = 64;
const MOST_BYTES: u64 = 0x1_0000_0000;
const DIGEST: usize = 32;
/** As the life-cycle worker's: before guests of normal priority, behind those whose time is critical. */
const PRIORITY: u32 = 4;

@unmanaged
export class Blob {
  /** Host-physical address of its first byte. */
  hpa: u64 = 0;
  size: u64 = 0;
  /** Bytes that came, in order. */
  position: u64 = 0;
  /** While it is cleared: bytes that are. */
  cleared: u64 = 0;
  /** SHA-256 as the toolstack told: 32 bytes from here. */
  digest: u64 = 0;
  digest1: u64 = 0;
  digest2: u64 = 0;
  digest3: u64 = 0;
  /** Number; slot + 1 + 64 for each time that the slot was used before, so that an old number names nothing. */
  id: u32 = 0;
  state: u32 = 0;
  /** Checksum that it must have, and that of what came so far. */
  crc: u32 = 0;
  sum: u32 = 0;
  /** Guests that hold it; 1 in `session` if the session does. */
  owners: u32 = 0;
  session: u32 = 0;
}

// @lock blobs: state, owners and session of each; the rest belongs to the channel's worker until a blob is cleared.
const lockPtr: usize = memory.data(LOCK_SIZE, 8);
const blobs: usize = memory.data(<i32>(MAX_BLOBS * offsetof<Blob>()), 8);
// @lock none: the scheduler guards a worker; the words are the channel's worker's.
const workerPtr: usize = memory.data(<i32>offsetof<Worker>(), 16);
let refusal: string = "";
let opened: usize = 0;

/** Boot. */
export function blobsInit(): i32 {
  lockInit(changetype<Lock>(lockPtr), RANK_MEMORY);
  return workerInit(changetype<Worker>(workerPtr), changetype<u32>(blobsClear.index), 0, PRIORITY);
}

/** Slot `index`, below MAX_BLOBS; it may be empty. */
export function blobAt(index: u32): Blob {
  return changetype<Blob>(blobs + <usize>index * offsetof<Blob>());
}

/** The blob of that number, a null pointer if there is none. */
export function blobById(id: u32): Blob {
  const blob = blobAt((id - 1) % MAX_BLOBS);
  const exists = id != 0 && blob.id == id && blob.state >= BLOB_OPEN && blob.state <= BLOB_BAD;
  return exists ? blob : changetype<Blob>(0);
}

/** Slots in use, those that are being cleared too. */
export function blobCount(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < MAX_BLOBS; i++) count += u32(blobAt(i).state != BLOB_EMPTY);
  return count;
}

// ---- The session's side.

/**
 * A blob of so many bytes with that checksum and digest (32 bytes): one that is complete, or a new one that is empty.
 * Ok: blobOpened() is it. Else blobRefusal() says why.
 */
export function blobOpen(size: u64, crc: u32, digest: usize): i32 {
  opened = find(size, crc, digest);
  if (opened) return Status.Ok;
  if (size == 0 || size > MOST_BYTES) return refuse(Status.Range, "a blob has 1 byte to 4 GiB");
  const blob = emptySlot();
  if (changetype<usize>(blob) == 0) return refuse(Status.Limit, "there are 64 blobs already");
  if (size > ramFree()) return refuse(Status.NoMemory, "the host has too little free memory for this blob");
  const taken = ramTake(blocksOf(size), BLOCK, OWNER_BLOB);
  if (!taken) return refuse(Status.NoMemory, "the host's free memory is in too many pieces for this blob");
  blob.hpa = taken;
  blob.size = size;
  blob.position = 0;
  blob.cleared = 0;
  memory.copy(digestOf(blob), digest, DIGEST);
  blob.id += blob.id != 0 ? MAX_BLOBS : slotOf(blob) + 1;
  if (blob.id == 0) blob.id = MAX_BLOBS;
  blob.crc = crc;
  blob.sum = 0;
  blob.owners = 0;
  blob.session = 1;
  blob.state = BLOB_OPEN;
  opened = changetype<usize>(blob);
  return Status.Ok;
}

export function blobOpened(): Blob {
  return changetype<Blob>(opened);
}

export function blobRefusal(): string {
  return refusal;
}

/** Linear address of its 32 bytes of digest. */
export function digestOf(blob: Blob): usize {
  return changetype<usize>(blob) + offsetof<Blob>("digest");
}

function refuse(status: i32, words: string): i32 {
  refusal = words;
  return status;
}

function slotOf(blob: Blob): u32 {
  return <u32>((changetype<usize>(blob) - blobs) / offsetof<Blob>());
}

function blocksOf(size: u64): u64 {
  return (size + BLOCK - 1) >> BLOCK_SHIFT;
}

/** A complete one with the same contents, for this session from now on; 0 if there is none. */
function find(size: u64, crc: u32, digest: usize): usize {
  let found: usize = 0;
  acquire(changetype<Lock>(lockPtr));
  for (let i: u32 = 0; i < MAX_BLOBS && !found; i++) {
    const blob = blobAt(i);
    if (blob.state != BLOB_READY || blob.size != size || blob.crc != crc) continue;
    if (memory.compare(digestOf(blob), digest, DIGEST) != 0) continue;
    blob.session = 1;
    found = changetype<usize>(blob);
  }
  release(changetype<Lock>(lockPtr));
  return found;
}

function emptySlot(): Blob {
  for (let i: u32 = 0; i < MAX_BLOBS; i++) if (blobAt(i).state == BLOB_EMPTY) return blobAt(i);
  return changetype<Blob>(0);
}

/**
 * Bytes from `position` on. What is before the blob's own position is there already, a gap changes nothing, and a
 * complete blob takes nothing. Range: bytes behind its end; none was taken. Invalid: it is Bad.
 */
export function blobWrite(blob: Blob, position: u64, ptr: usize, length: u32): i32 {
  if (blob.state == BLOB_BAD) return Status.Invalid;
  if (position > blob.size || length > blob.size - position) return Status.Range;
  if (position > blob.position || length <= blob.position - position) return Status.Ok;
  const known = <u32>(blob.position - position);
  const count = length - known;
  hw.copyOut(blob.hpa + blob.position, ptr + known, count);
  blob.sum = crc32More(blob.sum, ptr + known, count);
  blob.position += count;
  if (blob.position == blob.size) blob.state = blob.sum == blob.crc ? BLOB_READY : BLOB_BAD;
  return Status.Ok;
}

/** The session gives it up. */
export function blobDrop(blob: Blob): void {
  acquire(changetype<Lock>(lockPtr));
  blob.session = 0;
  const free = letGo(blob);
  release(changetype<Lock>(lockPtr));
  if (free) workerWake(changetype<Worker>(workerPtr));
}

/** The session is over: it gives up all that it has. */
export function blobDropAll(): void {
  for (let i: u32 = 0; i < MAX_BLOBS; i++) if (blobAt(i).session) blobDrop(blobAt(i));
}

// ---- Guests.

/** A guest holds it from now on. NotFound: there is none of that number. Invalid: it is not Ready. */
export function blobHold(id: u32): i32 {
  acquire(changetype<Lock>(lockPtr));
  const blob = blobById(id);
  let status: i32 = Status.NotFound;
  if (changetype<usize>(blob) != 0) status = blob.state == BLOB_READY ? Status.Ok : Status.Invalid;
  if (status == Status.Ok) blob.owners += 1;
  release(changetype<Lock>(lockPtr));
  return status;
}

/** Its one holder is going to write to it: it is Bad for everybody else from now on. Busy: others hold it too. */
export function blobTake(id: u32): i32 {
  acquire(changetype<Lock>(lockPtr));
  const blob = blobById(id);
  const alone = changetype<usize>(blob) != 0 && blob.state == BLOB_READY && blob.owners == 1;
  if (alone) blob.state = BLOB_BAD;
  release(changetype<Lock>(lockPtr));
  return alone ? Status.Ok : Status.Busy;
}

/** A guest that holds it lets go; no guest lock inside of the memory locks is held. */
export function blobRelease(id: u32): void {
  acquire(changetype<Lock>(lockPtr));
  const blob = blobById(id);
  let free: bool = 0;
  if (changetype<usize>(blob) != 0 && blob.owners != 0) {
    blob.owners -= 1;
    free = letGo(blob);
  }
  release(changetype<Lock>(lockPtr));
  if (free) workerWake(changetype<Worker>(workerPtr));
}

/** If nobody holds it any more, it is to be cleared. The lock is held. */
function letGo(blob: Blob): bool {
  if (blob.session != 0 || blob.owners != 0 || blob.state == BLOB_EMPTY || blob.state == BLOB_CLEARING) return false;
  blob.state = BLOB_CLEARING;
  return true;
}

/** Worker: clears and gives back one block, of what was written. Answers 1 while there are more. */
export function blobsClear(argument: usize): u32 {
  for (let i: u32 = 0; i < MAX_BLOBS; i++) {
    const blob = blobAt(i);
    if (blob.state != BLOB_CLEARING) continue;
    const at = blob.hpa + blob.cleared;
    if (blob.cleared < blob.position) {
      hw.clear(at, min(BLOCK, blob.position - blob.cleared));
      ramGive(at, 1);
      blob.cleared += BLOCK;
      return 1;
    }
    ramGive(at, blocksOf(blob.size) - (blob.cleared >> BLOCK_SHIFT));
    acquire(changetype<Lock>(lockPtr));
    blob.state = BLOB_EMPTY;
    release(changetype<Lock>(lockPtr));
  }
  return 0;
}
