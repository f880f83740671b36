// SPDX-License-Identifier: Apache-2.0
// The host's VirtIO disks, for the backends of guests' disks: requests go from the caller's segments of host memory to the
// device and back without a copy. hostDiskSubmit in any context; a request's `done` is called from the interrupt, or
// from a timer when the device is given up: after 30 s without an answer, when it asks for a reset, answers nonsense or
// disappears. Then it is reset before a request is called done, so that it no longer writes to its memory. Found and
// set up by block-start.ts; what comes back is block-done.ts. Each disk is its own lock, which nothing else is taken under. @spec virtio 1.2 §5.2
import { DISK_DISCARD, DISK_FLUSH, DISK_READ, DISK_WRITE, DISK_ZEROES, DiskRequest } from "../../backend/block/request";
import { acquire, Lock, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { hpaOf } from "../../mem/arena";
import { HostQueue, queueBegin, queueEnd, queuePut, queueTell } from "./queue";
import {
  VIRTIO_BLK_IN,
  VIRTIO_BLK_OUT,
  VIRTIO_BLK_T_DISCARD,
  VIRTIO_BLK_T_FLUSH,
  VIRTIO_BLK_T_ZEROES,
  VIRTQ_WRITE,
} from "./spec";
import { HostVirtio } from "./transport";
import { watchBegin, watchDeadline } from "./watch";

export const MAX_HOST_DISKS: u32 = 8;

// ---- HostDisk.features: requests that it takes besides reads and writes.
export const HOST_DISK_FLUSH: u32 = 1;
export const HOST_DISK_DISCARD: u32 = 2;
export const HOST_DISK_ZEROES: u32 = 4;

const SECTOR_SHIFT: u64 = 9;

@unmanaged
export class HostDisk extends Lock {
  /** Sectors of 512 bytes. */
  sectors: u64 = 0;
  // ---- Counters: requests done by kind, sectors read and written, requests that failed, interrupts.
  reads: u64 = 0;
  writes: u64 = 0;
  others: u64 = 0;
  sectorsRead: u64 = 0;
  sectorsWritten: u64 = 0;
  errors: u64 = 0;
  interrupts: u64 = 0;
  /** Host time at which it was last done with a request. */
  lastDone: u64 = 0;
  /** Linear address of 20 bytes and a NUL: what the device calls itself; empty if it says nothing. */
  serial: usize = 0;
  /** HOST_DISK_*. */
  features: u32 = 0;
  readOnly: u32 = 0;
  /** 1 once it was given up. */
  failed: u32 = 0;
  /** Its number among the disks. */
  index: u32 = 0;
  /** The most segments of a request, and sectors of one that discards or writes zeroes. */
  maxSegments: u32 = 0;
  maxDiscard: u32 = 0;
  maxZeroes: u32 = 0;
  /** 1: somebody was told Busy. */
  waiting: u32 = 0;
  device: HostVirtio = changetype<HostVirtio>(0);
  queue: HostQueue = changetype<HostQueue>(0);
  /** A DiskRecord a token. */
  records: usize = 0;
}

/** What the device reads and writes besides the data, and what we remember of a request. */
@unmanaged
export class DiskRecord {
  // ---- Header. @spec virtio §5.2.6
  type: u32 = 0;
  reserved: u32 = 0;
  sector: u64 = 0;
  // ---- What to discard, or to fill with zeros.
  first: u64 = 0;
  count: u32 = 0;
  flags: u32 = 0;
  /** Status in its first byte. */
  status: u32 = 0;
  /** The DiskRequest, 0 if nobody waits for it. */
  request: usize = 0;
  deadline: u64 = 0;
}

export const DISK_HEADER_BYTES: u64 = 16;
export const NO_STATUS: u32 = 0xff;

// @lock per boot
const disks: usize = memory.data(<i32>(MAX_HOST_DISKS * sizeof<usize>()), 4);
let count: u32 = 0;
let roomTo: u32 = 0;

/** Disks that the host has. */
export function hostDiskCount(): u32 {
  return count;
}

/** Disk `index`, in order of discovery; null if there is none. */
export function hostDisk(index: u32): HostDisk {
  return changetype<HostDisk>(index < count ? load<usize>(disks + ((<usize>index) << 2)) : 0);
}

/** Boot: adds a disk that works. */
export function hostDiskAdd(disk: HostDisk): void {
  disk.index = count;
  store<usize>(disks + ((<usize>count) << 2), changetype<usize>(disk));
  count += 1;
}

/** Boot: who is told that a disk that was Busy takes requests again: index of a `(disk: usize) => void`; interrupt context. */
export function hostDiskRoom(call: u32): void {
  roomTo = call;
}

/** No lock held: tells whoever waits. */
export function diskRoom(disk: HostDisk): void {
  if (roomTo) call_indirect<void>(roomTo, changetype<usize>(disk));
}

export function diskRecord(disk: HostDisk, token: i32): DiskRecord {
  return changetype<DiskRecord>(disk.records + <usize>token * offsetof<DiskRecord>());
}

/**
 * Any context, no lock inside of the host memory's held. Ok: the request is under way, and `done` will be called, not in
 * here. Busy: the queue is full, hostDiskRoom's function will be called. Io: the disk has failed. Range, Invalid, Limit,
 * Unsupported: it is no request for this disk. The segments were copied when it returns.
 */
export function hostDiskSubmit(disk: HostDisk, request: DiskRequest): i32 {
  let status = check(disk, request);
  if (status != Status.Ok) return status;
  acquire(disk);
  if (disk.failed) status = Status.Io;
  else {
    const token = queueBegin(disk.queue, 0);
    if (token < 0) {
      disk.waiting = 1;
      status = Status.Busy;
    } else if (!describe(disk, request, diskRecord(disk, token))) status = Status.Limit;
    else queueTell(disk.queue);
  }
  if (status == Status.Io) disk.errors += 1;
  release(disk);
  if (status == Status.Ok) watchBegin();
  return status;
}

function check(disk: HostDisk, request: DiskRequest): i32 {
  const kind = request.kind;
  if (kind == DISK_FLUSH) return disk.features & HOST_DISK_FLUSH ? Status.Ok : Status.Unsupported;
  const sectors = request.sectors;
  if (sectors == 0 || request.sector > disk.sectors || sectors > disk.sectors - request.sector) return Status.Range;
  if (kind != DISK_READ && disk.readOnly) return Status.Unsupported;
  if (kind == DISK_READ || kind == DISK_WRITE) {
    let bytes: u64 = 0;
    for (let i: u32 = 0; i < request.segmentCount; i++) bytes += load<u64>(request.segments + (i << 4), 8);
    return bytes == sectors << SECTOR_SHIFT ? Status.Ok : Status.Invalid;
  }
  const bit = kind == DISK_DISCARD ? HOST_DISK_DISCARD : kind == DISK_ZEROES ? HOST_DISK_ZEROES : 0;
  if (!(disk.features & bit)) return Status.Unsupported;
  return sectors > (kind == DISK_DISCARD ? disk.maxDiscard : disk.maxZeroes) ? Status.Limit : Status.Ok;
}

/** The request in the terms of the device, handed to it. False: it has too many segments. The lock is held. */
function describe(disk: HostDisk, request: DiskRequest, record: DiskRecord): bool {
  const queue = disk.queue;
  const kind = request.kind;
  const data = kind == DISK_READ || kind == DISK_WRITE;
  record.type = typeOf(kind);
  record.sector = data ? request.sector : 0;
  queuePut(queue, hpaOf(changetype<usize>(record)), DISK_HEADER_BYTES, 0);
  const flags = kind == DISK_READ ? VIRTQ_WRITE : 0;
  for (let i: u32 = 0; data && i < request.segmentCount; i++) {
    const at = request.segments + (i << 4);
    if (!queuePut(queue, load<u64>(at), load<u64>(at, 8), flags)) return false;
  }
  if (!data && kind != DISK_FLUSH) {
    record.first = request.sector;
    record.count = <u32>request.sectors;
    queuePut(queue, hpaOf(changetype<usize>(record) + offsetof<DiskRecord>("first")), 16, 0);
  }
  return diskSend(disk, record, changetype<usize>(request));
}

/** Puts the status behind what was put so far, and hands it to the device. The lock is held. */
export function diskSend(disk: HostDisk, record: DiskRecord, request: usize): bool {
  const status = changetype<usize>(record) + offsetof<DiskRecord>("status");
  if (!queuePut(disk.queue, hpaOf(status), 1, VIRTQ_WRITE)) return false;
  record.status = NO_STATUS;
  record.request = request;
  record.deadline = watchDeadline();
  queueEnd(disk.queue);
  return true;
}

function typeOf(kind: u32): u32 {
  if (kind == DISK_READ) return VIRTIO_BLK_IN;
  if (kind == DISK_WRITE) return VIRTIO_BLK_OUT;
  if (kind == DISK_FLUSH) return VIRTIO_BLK_T_FLUSH;
  return kind == DISK_DISCARD ? VIRTIO_BLK_T_DISCARD : VIRTIO_BLK_T_ZEROES;
}
