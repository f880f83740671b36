// SPDX-License-Identifier: Apache-2.0
// The host's VirtIO disks, the other way round: what a device is done with, and a device that is given up. Called by the
// disk's interrupt and by a timer, no lock held. A request's `done` is called without the disk's lock; it may submit.
// @spec virtio 1.2 §5.2
import { now } from "../../arch/seam";
import { DISK_READ, DISK_WRITE, DiskRequest } from "../../backend/block/request";
import { acquire, release } from "../../lib/lock";
import { print, printDec } from "../../lib/print";
import { Status } from "../../lib/status";
import { DiskRecord, diskRecord, diskRoom, HostDisk, hostDisk, hostDiskCount } from "./block";
import { QUEUE_BROKEN, queueListen, queueReady, queueRecall, queueTake, queueTokens } from "./queue";
import { VIRTIO_BLK_CFG_CAPACITY, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPPORTED, VIRTIO_CAUSE_CONFIG } from "./spec";
import { config32, configGeneration, virtioBroken, virtioCause, virtioGiveUp } from "./transport";
import { watchVerdict } from "./watch";

const GENERATIONS: u32 = 16;

/** Interrupt of a disk. */
export function diskInterrupt(argument: usize): void {
  const disk = changetype<HostDisk>(argument);
  if (disk.failed) return;
  const cause = virtioCause(disk.device);
  if (cause == 0) return;
  disk.interrupts += 1;
  const some = diskDone(disk);
  if (some && !(cause & VIRTIO_CAUSE_CONFIG)) return;
  if (virtioBroken(disk.device)) diskFail(disk, "is gone or asks for a reset");
  else diskReadSize(disk);
}

/** Ends what the device is done with; false if that was nothing. */
export function diskDone(disk: HostDisk): bool {
  let some = false;
  while (true) {
    acquire(disk);
    const token = disk.failed ? -1 : queueTake(disk.queue);
    if (token < 0) {
      if (!disk.failed) queueListen(disk.queue);
      const more = !disk.failed && token != QUEUE_BROKEN && queueReady(disk.queue);
      release(disk);
      if (more) continue;
      if (token == QUEUE_BROKEN) diskFail(disk, "answers nonsense");
      return some;
    }
    some = true;
    const request = diskTake(disk, token);
    const status = load<u8>(changetype<usize>(diskRecord(disk, token)) + offsetof<DiskRecord>("status"));
    const answer: i32 =
      status == VIRTIO_BLK_S_OK ? Status.Ok : status == VIRTIO_BLK_S_UNSUPPORTED ? Status.Unsupported : Status.Io;
    tally(disk, request, answer);
    const room = disk.waiting;
    disk.waiting = 0;
    release(disk);
    finish(request, answer);
    if (room) diskRoom(disk);
  }
}

/** The request of a token that came back. The lock is held. */
function diskTake(disk: HostDisk, token: i32): usize {
  const record = diskRecord(disk, token);
  const request = record.request;
  record.request = 0;
  disk.lastDone = now();
  record.deadline = u64.MAX_VALUE;
  return request;
}

function tally(disk: HostDisk, at: usize, status: i32): void {
  const request = changetype<DiskRequest>(at);
  if (at == 0) return;
  if (status == Status.Io) disk.errors += 1;
  else if (request.kind == DISK_READ) {
    disk.reads += 1;
    disk.sectorsRead += request.sectors;
  } else if (request.kind == DISK_WRITE) {
    disk.writes += 1;
    disk.sectorsWritten += request.sectors;
  } else disk.others += 1;
}

function finish(at: usize, status: i32): void {
  const request = changetype<DiskRequest>(at);
  if (at == 0) return;
  request.status = status;
  call_indirect<void>(request.done, at);
}

/** The device is given up: everything that it has ends with Io, and nothing more goes there. Trap, no lock held. */
export function diskFail(disk: HostDisk, why: string): void {
  acquire(disk);
  const before = disk.failed;
  disk.failed = 1;
  if (!before) virtioGiveUp(disk.device);
  release(disk);
  if (before) return;
  print("the host's disk");
  printDec(disk.index);
  print(" ");
  print(why);
  print(" and is not used any more\n");
  while (true) {
    acquire(disk);
    const token = queueRecall(disk.queue);
    const request = token < 0 ? 0 : diskTake(disk, token);
    disk.errors += u64(request != 0);
    release(disk);
    if (token < 0) break;
    finish(request, Status.Io);
  }
  diskRoom(disk);
}

/** Reads how large the disk is. @spec virtio §5.2.4 */
export function diskReadSize(disk: HostDisk): void {
  const device = disk.device;
  for (let i: u32 = 0; i < GENERATIONS; i++) {
    const generation = configGeneration(device);
    const low: u64 = config32(device, VIRTIO_BLK_CFG_CAPACITY);
    const high: u64 = config32(device, VIRTIO_BLK_CFG_CAPACITY + 4);
    if (configGeneration(device) != generation) continue;
    disk.sectors = (high << 32) | low;
    return;
  }
}

/** Timer: looks after disks that have something to do (watch.ts). */
export function disksWatch(at: u64): u32 {
  let busy: u32 = 0;
  for (let i: u32 = 0; i < hostDiskCount(); i++) {
    const disk = hostDisk(i);
    if (disk.failed || disk.queue.given == 0) continue;
    busy = 1;
    // What was done meanwhile and not heard of is no silence.
    if (oldest(disk) < at) diskDone(disk);
    const why = watchVerdict(disk.device, oldest(disk), disk.lastDone, at);
    if (why) diskFail(disk, changetype<string>(why));
  }
  return busy;
}

/** When the first request that is under way has failed; never, if there is none. */
function oldest(disk: HostDisk): u64 {
  let first = u64.MAX_VALUE;
  acquire(disk);
  for (let token: u32 = 0; token < queueTokens(disk.queue); token++)
    first = min(first, diskRecord(disk, token).deadline);
  release(disk);
  return first;
}
