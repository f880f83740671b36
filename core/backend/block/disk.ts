// SPDX-License-Identifier: Apache-2.0
// Disks: what a front end reads and writes, whatever lies behind it. Made and released in workers and at boot with the
// creation lock held; requests come in any context. A record is used again once its worker has given back what it had,
// a block a step. A disk of another disk (overlay.ts) owns it: both are released as one. A disk whose maker was given
// a null pointer is a null pointer, so that a chain of makers is checked once, at its end.
//
//   free ─made─► Filling (its memory is being cleared) ─► Ready ─released─► Leaving (it is cleared and given back) ─► free
import { refuse } from "../../guest/refusal";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { allocate, arenaNeeds } from "../../mem/arena";
import { blobTake } from "../../mem/blob";
import { Worker, workerInit, workerWake } from "../../sched/worker";
import { Segment } from "../../dev/virtio/chain";
import { DiskRequest } from "./request";

// ---- kind
export const DISK_RAM: u32 = 1;
export const DISK_HOST: u32 = 2;
export const DISK_OVERLAY: u32 = 3;

// ---- state
export const DISK_FREE: u32 = 0;
export const DISK_FILLING: u32 = 1;
export const DISK_READY: u32 = 2;
export const DISK_LEAVING: u32 = 3;

// ---- features: requests that it takes besides reads and writes
export const DISK_CAN_FLUSH: u32 = 1;
export const DISK_CAN_DISCARD: u32 = 2;
export const DISK_CAN_ZEROES: u32 = 4;

export const MAX_DISKS: u32 = 128;
/** Pieces of host memory of one RAM disk. */
export const MAX_RUNS: u32 = 8;
/** Most characters of a serial; without NUL if it is that long. */
export const SERIAL_LENGTH: u32 = 20;
/** As blobs: before guests of normal priority, behind those whose time is critical. */
const PRIORITY: u32 = 4;

@unmanaged
export class Disk {
  /** All records that there ever were. */
  next: usize = 0;
  diskPad: u32 = 0;
  /** Sectors of 512 bytes, and the number that its first one has in what lies behind it. */
  sectors: u64 = 0;
  first: u64 = 0;
  /** What the guest reads as its serial: SERIAL_LENGTH bytes from here, NULs behind it. */
  serial: u64 = 0;
  serial1: u64 = 0;
  serial2: u64 = 0;
  /** Bytes of host memory that it has. */
  bytes: u64 = 0;
  /** DISK_RAM with memory of its own: blocks that were cleared for use (atomics), and those that were given back. */
  cleared: u32 = 0;
  given: u32 = 0;
  /** DISK_* kind, state (atomics), 1 if nothing may write to it, DISK_CAN_*. */
  kind: u32 = 0;
  state: u32 = 0;
  readOnly: u32 = 0;
  features: u32 = 0;
  /** The most that one request may have: sectors to read or write, and segments; sectors to discard, and of zeros. */
  maxSectors: u32 = 0;
  maxSegments: u32 = 0;
  maxDiscard: u32 = 0;
  maxZeroes: u32 = 0;
  /** 1 once a front end or an overlay uses it. */
  used: u32 = 0;
  /** Atomics: 1 after a request was refused as Busy, until `room` was called. */
  waiting: u32 = 0;
  /** Function table indices: `(disk: usize, request: usize) => i32`, `(disk: usize) => u32` (diskWork), `(owner: usize) => void`. */
  submit: u32 = 0;
  work: u32 = 0;
  room: u32 = 0;
  roomOwner: usize = 0;
  /** What lies behind it: DISK_OVERLAY: a Disk and an Overlay; DISK_HOST: the driver's record; DISK_RAM: a blob's number or 0. */
  base: usize = 0;
  backing: usize = 0;
  blob: u32 = 0;
  /** DISK_RAM: Segments of host memory behind this record. */
  runCount: u32 = 0;
  /** 1: its memory is OWNER_DISK's and goes back. */
  ownsRuns: u32 = 0;
  runsPad: u32 = 0;
}

// @lock creation: the list only grows, at its head.
let all: usize = 0;
let records: u32 = 0;
// @lock none: the scheduler guards a worker.
const workerPtr: usize = memory.data(<i32>offsetof<Worker>(), 16);

/** The first of all records, linked by `next`; some may be DISK_FREE. */
export function disksFirst(): usize {
  return all;
}

/** Disks that exist, those that are being cleared too. */
export function diskCount(): u32 {
  let count: u32 = 0;
  for (let at = all; at; at = changetype<Disk>(at).next) count += u32(changetype<Disk>(at).state != DISK_FREE);
  return count;
}

/** A new one of that kind in state Ready, for a maker to fill in; a null pointer, with the reason, if there are too many. */
export function diskNew(kind: u32, submit: u32): Disk {
  let at = all;
  while (at && hw.atomicLoad(at + offsetof<Disk>("state")) != DISK_FREE) at = changetype<Disk>(at).next;
  if (!at) at = newRecord();
  if (!at) return changetype<Disk>(0);
  // The worker may be walking along `next`.
  memory.fill(at + offsetof<Disk>("sectors"), 0, offsetof<Disk>() - offsetof<Disk>("sectors"));
  const disk = changetype<Disk>(at);
  disk.kind = kind;
  disk.submit = submit;
  disk.maxSectors = disk.maxSegments = disk.maxDiscard = disk.maxZeroes = u32.MAX_VALUE;
  disk.state = DISK_READY;
  return disk;
}

function newRecord(): usize {
  const bytes = offsetof<Disk>() + <usize>MAX_RUNS * offsetof<Segment>();
  if (records == 0) workerInit(changetype<Worker>(workerPtr), changetype<u32>(diskWork.index), 0, PRIORITY);
  if (records == MAX_DISKS) refuse(Status.Limit, "there are 128 disks already");
  else if (!arenaNeeds(<u32>bytes)) refuse(Status.NoMemory, "the hypervisor's memory is used up");
  else {
    const at = allocate(bytes);
    changetype<Disk>(at).next = all;
    records += 1;
    all = at;
    return at;
  }
  return 0;
}

/** The `index`th piece of a RAM disk's memory. */
export function diskRun(disk: Disk, index: u32): Segment {
  return changetype<Segment>(changetype<usize>(disk) + offsetof<Disk>() + <usize>index * offsetof<Segment>());
}

/** Linear address of its SERIAL_LENGTH bytes. */
export function diskSerial(disk: Disk): usize {
  return changetype<usize>(disk) + offsetof<Disk>("serial");
}

/** What guests are to read as its serial, cut to its length. */
export function diskName(disk: Disk, text: usize, length: u32): void {
  memory.fill(diskSerial(disk), 0, SERIAL_LENGTH);
  memory.copy(diskSerial(disk), text, min(length, SERIAL_LENGTH));
}

/**
 * Hands it a request whose sectors lie in it. Ok: `done` was called or will be. Busy: nothing was done, and
 * `room` will be called once it is worth trying again.
 */
export function diskSubmit(disk: Disk, request: DiskRequest): i32 {
  request.sector += disk.first;
  let status = submit(disk, request);
  if (status == Status.Busy) {
    // Room that came before it was noted that somebody waits for it would be told to nobody.
    hw.atomicSwap(changetype<usize>(disk) + offsetof<Disk>("waiting"), 1);
    status = submit(disk, request);
    if (status == Status.Busy) request.sector -= disk.first;
  }
  return status;
}

function submit(disk: Disk, request: DiskRequest): i32 {
  return call_indirect<i32>(disk.submit, changetype<usize>(disk), changetype<usize>(request));
}

/** Whether requests may still be under way when submit has returned. */
export function diskIsLate(disk: Disk): bool {
  while (disk.base) disk = changetype<Disk>(disk.base);
  return disk.kind == DISK_HOST;
}

/** A backend has room again. Any context, without locks. */
export function diskRoom(disk: Disk): void {
  const waited = hw.atomicSwap(changetype<usize>(disk) + offsetof<Disk>("waiting"), 0);
  // It may be released at this moment.
  const room = hw.atomicLoad(changetype<usize>(disk) + offsetof<Disk>("room"));
  if (waited && room) call_indirect<void>(room, disk.roomOwner);
}

/**
 * Somebody is going to use it: what it names of a host disk, a module or a blob is in no other use unless all of them
 * only read. Busy, with the reason, if it is.
 */
export function diskUse(disk: Disk): i32 {
  for (let at = all; at; at = changetype<Disk>(at).next) {
    const other = changetype<Disk>(at);
    if (other == disk || !other.used || other.state == DISK_FREE || (other.readOnly && disk.readOnly)) continue;
    if (overlap(disk, other))
      return refuse(Status.Busy, "the disk is in use: make it read-only for all, or give each an overlay");
  }
  if (disk.blob && !disk.readOnly && blobTake(disk.blob) != Status.Ok)
    return refuse(Status.Busy, "the blob is in other use: make its disk read-only, or give it an overlay");
  disk.used = 1;
  return Status.Ok;
}

function overlap(a: Disk, b: Disk): bool {
  if (a.kind != b.kind || a.kind == DISK_OVERLAY || a.backing != b.backing || a.ownsRuns || b.ownsRuns) return false;
  const aFirst = place(a);
  const bFirst = place(b);
  const shift: u64 = a.kind == DISK_RAM ? 9 : 0;
  return aFirst < bFirst + (b.sectors << shift) && bFirst < aFirst + (a.sectors << shift);
}

/** Where it begins, in what it may have in common with others of its kind. */
function place(disk: Disk): u64 {
  return disk.kind == DISK_RAM ? diskRun(disk, 0).hpa + (disk.first << 9) : disk.first;
}

/**
 * Gives back the disk, and those that it owns; nothing of it is in flight. A worker clears its memory; a null pointer is
 * nothing to do.
 */
export function diskRelease(disk: Disk): void {
  if (changetype<usize>(disk) == 0) return;
  for (let at = changetype<usize>(disk); at;) {
    const base = changetype<Disk>(at).base;
    changetype<Disk>(at).used = 0;
    changetype<Disk>(at).room = 0;
    hw.atomicSwap(at + offsetof<Disk>("state"), DISK_LEAVING);
    at = base;
  }
  diskWake();
}

/** Disks have work to do. */
export function diskWake(): void {
  workerWake(changetype<Worker>(workerPtr));
}

/** Worker: one piece of getting memory ready, or of giving it back. Answers 1 while there is more. */
export function diskWork(argument: usize): u32 {
  for (let at = all; at; at = changetype<Disk>(at).next) {
    const disk = changetype<Disk>(at);
    const state = hw.atomicLoad(at + offsetof<Disk>("state"));
    if (state == DISK_FREE || state == DISK_READY) continue;
    const more = disk.work ? call_indirect<u32>(disk.work, at) : 0;
    if (more) return 1;
    // A disk that was released while it was made ready is not ready.
    const after = state == DISK_LEAVING ? DISK_FREE : DISK_READY;
    hw.atomicCompareSwap(at + offsetof<Disk>("state"), state, after);
    return 1;
  }
  return 0;
}
