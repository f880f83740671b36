// SPDX-License-Identifier: Apache-2.0
// A copy-on-write layer in host memory over a disk that is only read. What was written is in the overlay, all else comes
// from the base. Writes are done before submit answers. A read of the base alone goes to the base as it is; one of both
// is one read of the base over everything, and what the overlay has is copied over it when that is back. Without memory
// for a write (the overlay or the host is full) that write fails with Io, and everything else goes on. A flush has
// nobody to go to. Maker as in disk.ts.
import {
  copySegments,
  Cursor,
  cursorInit,
  hartCursor,
  hartScratch,
  MAX_SEGMENTS,
  Segment,
} from "../../dev/virtio/chain";
import { refuse } from "../../guest/refusal";
import * as hw from "../../hw";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_QUEUE_IN, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { allocate, arenaNeeds } from "../../mem/arena";
import { BLOCK, BLOCK_SHIFT } from "../../mem/ram";
import {
  Disk,
  DISK_CAN_DISCARD,
  DISK_CAN_ZEROES,
  DISK_OVERLAY,
  diskNew,
  diskRelease,
  diskRoom,
  diskSubmit,
  diskUse,
} from "./disk";
import {
  ALL_VALID,
  entryPage,
  MAX_MAPS,
  Overlay,
  OVERLAY_BYTES,
  overlayEntry,
  overlayFreePage,
  overlayGiveBlock,
  overlayReach,
  overlaySet,
  overlayTakePage,
  PAGE_BYTES,
  PAGE_SECTORS,
} from "./overlay-map";
import { DISK_DISCARD, DISK_READ, DISK_WRITE, DISK_ZEROES, DiskRequest, requestDone, SECTOR_SHIFT } from "./request";
import { clearSegments, skipSegments } from "./segments";

/** As much as Linux asks for at most in one request: 1,280 KiB. */
const MOST_SECTORS: u32 = 2560;
/** Reads of overlay and base that can be on their way at once. */
const MIXED: u32 = 4;

/** A read that mixes both, while the base reads for it; MAX_SEGMENTS Segments follow it. */
@unmanaged
class Mixed extends DiskRequest {
  /** The request that it is for, and whose: a Disk. */
  parent: usize = 0;
  disk: usize = 0;
  next: usize = 0;
  mixedPad: u32 = 0;
}

// No constants, because files import each other.
function mixedBytes(): usize {
  return offsetof<Mixed>() + <usize>MAX_SEGMENTS * offsetof<Segment>();
}

// @lock creation: the list only grows, at its head.
let all: usize = 0;

/** Bytes of the arena that an overlay takes. */
export function overlayArena(): u32 {
  return <u32>(OVERLAY_BYTES + <usize>LOCK_SIZE + <usize>MIXED * mixedBytes());
}

/**
 * The disk with a layer of at most `limitBytes` of host memory that takes what is written. The base is nobody else's from
 * now on; if it cannot be had it is released, and the answer is a null pointer.
 */
export function diskOverlay(base: Disk, limitBytes: u64): Disk {
  if (changetype<usize>(base) == 0) return base;
  base.readOnly = 1;
  let disk = changetype<Disk>(0);
  if (limitBytes < 2 * BLOCK) refuse(Status.Range, "an overlay needs 4 MiB at least");
  else if (base.sectors > (<u64>MAX_MAPS) << 21) refuse(Status.Limit, "a disk with an overlay has 256 GiB at most");
  else if (diskUse(base) == Status.Ok) disk = diskNew(DISK_OVERLAY, changetype<u32>(overlaySubmit.index));
  const overlay = changetype<usize>(disk) ? takeOverlay() : 0;
  if (overlay == 0) {
    if (changetype<usize>(disk)) disk.state = 0;
    diskRelease(base);
    return changetype<Disk>(0);
  }
  changetype<Overlay>(overlay).most = <u32>min<u64>(limitBytes >> BLOCK_SHIFT, u32.MAX_VALUE);
  disk.sectors = base.sectors;
  disk.features = DISK_CAN_DISCARD | DISK_CAN_ZEROES;
  disk.maxSectors = min(MOST_SECTORS, base.maxSectors);
  disk.maxDiscard = disk.maxZeroes = MOST_SECTORS;
  disk.maxSegments = min(MAX_SEGMENTS, base.maxSegments);
  disk.work = changetype<u32>(overlayWork.index);
  disk.base = changetype<usize>(base);
  disk.backing = overlay;
  base.room = changetype<u32>(overlayRoom.index);
  base.roomOwner = changetype<usize>(disk);
  return disk;
}

/** A record that is used by no disk, or a new one. */
function takeOverlay(): usize {
  let at = all;
  while (at && hw.atomicLoad(at + offsetof<Overlay>("used")) != 0) at = changetype<Overlay>(at).next;
  if (!at) at = newOverlay();
  if (!at) {
    refuse(Status.NoMemory, "the hypervisor's memory is used up");
    return 0;
  }
  const overlay = changetype<Overlay>(at);
  overlay.blocks = overlay.fresh = overlay.free = 0;
  overlay.taken = 0;
  overlay.used = 1;
  return at;
}

function newOverlay(): usize {
  if (!arenaNeeds(overlayArena())) return 0;
  const at = allocate(overlayArena());
  if (at == 0) return 0;
  const overlay = changetype<Overlay>(at);
  overlay.lock = changetype<Lock>(at + OVERLAY_BYTES);
  lockInit(overlay.lock, RANK_QUEUE_IN);
  for (let i: u32 = 0; i < MIXED; i++) {
    const mixed = changetype<Mixed>(at + OVERLAY_BYTES + <usize>LOCK_SIZE + <usize>i * mixedBytes());
    mixed.segments = changetype<usize>(mixed) + offsetof<Mixed>();
    mixed.next = overlay.mixed;
    overlay.mixed = changetype<usize>(mixed);
  }
  overlay.next = all;
  all = at;
  return at;
}

function overlayOf(disk: Disk): Overlay {
  return changetype<Overlay>(disk.backing);
}

/** Of the base's Disk.room. */
function overlayRoom(at: usize): void {
  diskRoom(changetype<Disk>(at));
}

/** Of Disk.work: gives back a block. */
function overlayWork(at: usize): u32 {
  const overlay = overlayOf(changetype<Disk>(at));
  if (overlayGiveBlock(overlay)) return 1;
  hw.atomicSwap(changetype<usize>(overlay) + offsetof<Overlay>("used"), 0);
  return 0;
}

/** Of Disk.submit. */
function overlaySubmit(at: usize, requestAt: usize): i32 {
  const disk = changetype<Disk>(at);
  const request = changetype<DiskRequest>(requestAt);
  if (request.kind == DISK_READ) return read(disk, request);
  const cursor = hartCursor(1);
  if (request.kind == DISK_WRITE) cursorInit(cursor, request.segments, request.segmentCount, 0);
  requestDone(request, change(overlayOf(disk), request, cursor));
  return Status.Ok;
}

// ---- Reads.

function read(disk: Disk, request: DiskRequest): i32 {
  const overlay = overlayOf(disk);
  let some: u64 = 0;
  let missing: u64 = 0;
  for (let done: u64 = 0; done < request.sectors; done += sectorsOf(request, done)) {
    const bits = bitsOf(request, done);
    const valid = overlayEntry(overlay, pageOf(request, done)) & bits;
    some |= valid;
    missing |= valid ^ bits;
  }
  if (some == 0) return diskSubmit(changetype<Disk>(disk.base), request);
  if (missing != 0) return readBoth(disk, request);
  patch(overlay, request, request.segments);
  requestDone(request, Status.Ok);
  return Status.Ok;
}

/** The base reads everything; mixedDone goes on. */
function readBoth(disk: Disk, request: DiskRequest): i32 {
  const overlay = overlayOf(disk);
  acquire(overlay.lock);
  const at = overlay.mixed;
  if (at) overlay.mixed = changetype<Mixed>(at).next;
  release(overlay.lock);
  if (!at) return Status.Busy;
  const mixed = changetype<Mixed>(at);
  memory.copy(mixed.segments, request.segments, <usize>request.segmentCount * offsetof<Segment>());
  mixed.kind = DISK_READ;
  mixed.sector = request.sector;
  mixed.sectors = request.sectors;
  mixed.segmentCount = request.segmentCount;
  mixed.done = changetype<u32>(mixedDone.index);
  mixed.parent = changetype<usize>(request);
  mixed.disk = changetype<usize>(disk);
  const status = diskSubmit(changetype<Disk>(disk.base), mixed);
  if (status != Status.Ok) giveMixed(overlay, mixed);
  return status;
}

function giveMixed(overlay: Overlay, mixed: Mixed): void {
  acquire(overlay.lock);
  mixed.next = overlay.mixed;
  overlay.mixed = changetype<usize>(mixed);
  release(overlay.lock);
}

/** The base's part of a read is there. */
function mixedDone(at: usize): void {
  const mixed = changetype<Mixed>(at);
  const disk = changetype<Disk>(mixed.disk);
  const request = changetype<DiskRequest>(mixed.parent);
  const status = mixed.status;
  if (status == Status.Ok) patch(overlayOf(disk), request, mixed.segments);
  giveMixed(overlayOf(disk), mixed);
  requestDone(request, status);
  diskRoom(disk);
}

/** Copies what the overlay has of a read to its place in the segments. */
function patch(overlay: Overlay, request: DiskRequest, segments: usize): void {
  const to = hartCursor(1);
  cursorInit(to, segments, request.segmentCount, 0);
  for (let done: u64 = 0; done < request.sectors; done += sectorsOf(request, done)) {
    acquire(overlay.lock);
    const first = (request.sector + done) % PAGE_SECTORS;
    patchPage(overlayEntry(overlay, pageOf(request, done)), to, first, first + sectorsOf(request, done));
    release(overlay.lock);
  }
}

/** Sectors [from, end) of a page, in runs that are all valid or all not. */
function patchPage(entry: u64, to: Cursor, from: u64, end: u64): void {
  const page = entryPage(entry);
  while (from < end) {
    const valid = (entry >> from) & 1;
    let next = from + 1;
    while (next < end && ((entry >> next) & 1) == valid) next += 1;
    const bytes = (next - from) << SECTOR_SHIFT;
    if (!valid) skipSegments(to, bytes);
    else if (!page) clearSegments(to, bytes);
    else copySegments(to, inPage(page, from, bytes), bytes);
    from = next;
  }
}

/** A cursor on `bytes` of a page from its sector `first` on. */
function inPage(page: u64, first: u64, bytes: u64): Cursor {
  const cursor = hartCursor(0);
  const run = changetype<Segment>(hartScratch() + sizeof<u64>());
  run.hpa = page + (first << SECTOR_SHIFT);
  run.length = bytes;
  cursorInit(cursor, changetype<usize>(run), 1, 0);
  return cursor;
}

// ---- Requests by page: what of it is in the page where its sector `done` lies.

function pageOf(request: DiskRequest, done: u64): u64 {
  return (request.sector + done) / PAGE_SECTORS;
}

function sectorsOf(request: DiskRequest, done: u64): u64 {
  return min(PAGE_SECTORS - ((request.sector + done) % PAGE_SECTORS), request.sectors - done);
}

function bitsOf(request: DiskRequest, done: u64): u64 {
  return (((<u64>1) << sectorsOf(request, done)) - 1) << ((request.sector + done) % PAGE_SECTORS);
}

// ---- Changes.

/** Writes, discards, zeroes; a flush changes nothing. Io: there is no memory for it. */
function change(overlay: Overlay, request: DiskRequest, from: Cursor): i32 {
  if (request.kind != DISK_WRITE && request.kind != DISK_ZEROES && request.kind != DISK_DISCARD) return Status.Ok;
  let status: i32 = Status.Ok;
  for (let done: u64 = 0; done < request.sectors && status == Status.Ok; done += sectorsOf(request, done)) {
    const page = pageOf(request, done);
    const bits = bitsOf(request, done);
    acquire(overlay.lock);
    const entry = overlayEntry(overlay, page);
    if (request.kind == DISK_WRITE) status = writePage(overlay, page, bits, from);
    else if (request.kind == DISK_ZEROES) status = zeroPage(overlay, page, bits);
    else if (bits == ALL_VALID && entry != 0) status = zeroPage(overlay, page, bits);
    release(overlay.lock);
  }
  return status;
}

/** `bits` of a page are zeros from now on. */
function zeroPage(overlay: Overlay, page: u64, bits: u64): i32 {
  if (!overlayReach(overlay, page)) return Status.Io;
  const entry = overlayEntry(overlay, page);
  const at = entryPage(entry);
  const first = ctz(bits);
  if (bits == ALL_VALID) {
    if (at) overlayFreePage(overlay, at);
    overlaySet(overlay, page, ALL_VALID);
    return Status.Ok;
  }
  if (at) hw.clear(at + (first << SECTOR_SHIFT), popcnt(bits) << SECTOR_SHIFT);
  overlaySet(overlay, page, entry | bits);
  return Status.Ok;
}

/** `bits` of a page come from where the cursor stands. */
function writePage(overlay: Overlay, page: u64, bits: u64, from: Cursor): i32 {
  if (!overlayReach(overlay, page)) return Status.Io;
  const entry = overlayEntry(overlay, page);
  let at = entryPage(entry);
  if (!at) {
    at = overlayTakePage(overlay);
    if (!at) return Status.Io;
    // Sectors that were zeros without a page are zeros in it.
    if (entry & ~bits) hw.clear(at, PAGE_BYTES);
  }
  const bytes = popcnt(bits) << SECTOR_SHIFT;
  copySegments(inPage(at, ctz(bits), bytes), from, bytes);
  overlaySet(overlay, page, at | (entry & ALL_VALID) | bits);
  return Status.Ok;
}
