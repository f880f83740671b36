// SPDX-License-Identifier: Apache-2.0
// A guest's block device: works its queues off in the guest's own time (trap context, called by types.ts), hands requests
// to a Disk and gives them back when that is done with them, at once or from a host interrupt. The queue's lock is not
// held while a disk has the word. A request is submitted whole, or in parts one after the other where the disk takes no
// more at once; a disk that is Busy, or a limit, holds the queue up, and `room` or a timer lets it go on.
//
//   ring ─take─► current ─submit─► disk ─done─► status, used element       Busy, limit: stays current
import { now } from "../../arch/seam";
import { diskIsLate, diskSubmit } from "../../backend/block/disk";
import { DISK_DISCARD, DISK_READ, DISK_WRITE, DISK_ZEROES, SECTOR_SHIFT } from "../../backend/block/request";
import { thisHart } from "../../host/hart";
import { timerArm, timerCancel } from "../../host/timers";
import { acquire, release } from "../../lib/lock";
import { paceSpend, paceWhen } from "../../lib/pace";
import { Status } from "../../lib/status";
import { Access } from "../../mmio/access";
import { Block, BlockQueue, blockQueueAt, BlockRequest, PAID_DATA, PAID_REQUEST } from "./block-model";
import { endRequest, takeRequest } from "./block-request";
import { VIRTIO_BLK_CONFIG_BYTES } from "./block-spec";
import { Segment } from "./chain";
import { configRead } from "./config";
import { BUDGET_BYTES, BUDGET_CHAINS, deferQueue } from "./deferred";
import { VirtioDevice, Virtqueue } from "./device";
import { queueAnnounce } from "./queue";

export { blockCounters, blockCreate, blockDestroy, blockLimit } from "./block-create";

function blockOf(device: VirtioDevice): Block {
  return changetype<Block>(device.model);
}

/** The driver put requests into the queue, or what was left of them goes on. No lock is held. */
export function blockNotify(device: VirtioDevice, queue: Virtqueue): void {
  const work = blockQueueAt(blockOf(device), queue.index);
  acquire(queue.lock);
  if (work.working != 0) {
    // deferred.ts lets one at a queue, but after a reset the one before may still be here.
    work.again = 1;
    release(queue.lock);
    return;
  }
  work.working = thisHart().index + 1;
  work.again = 0;
  let chains: u32 = 0;
  let bytes: u64 = 0;
  let more: bool = true;
  while (more && chains < BUDGET_CHAINS && bytes < BUDGET_BYTES) {
    chains += 1;
    if (work.current == 0 && !takeRequest(work)) more = false;
    else if (work.current != 0) {
      const request = changetype<BlockRequest>(work.current);
      const before = request.left;
      more = request.away == 0 && submit(work, request);
      if (more) bytes += min(before, work.block.disk.maxSectors) << SECTOR_SHIFT;
    }
  }
  work.working = 0;
  queueAnnounce(queue);
  more = more || work.again != 0;
  release(queue.lock);
  if (more) deferQueue(queue);
}

export function blockContinue(device: VirtioDevice, queue: Virtqueue): void {
  blockNotify(device, queue);
}

/**
 * Hands the current request, or the next part of it, to the disk. False: it must wait, and something will let the queue
 * go on. The queue's lock is held, and let go meanwhile.
 */
function submit(work: BlockQueue, request: BlockRequest): bool {
  const disk = work.block.disk;
  const kind = request.kind;
  const most = kind == DISK_DISCARD ? disk.maxDiscard : kind == DISK_ZEROES ? disk.maxZeroes : disk.maxSectors;
  let excess: u64 = 0;
  request.sectors = min<u64>(request.left, most);
  request.segmentCount = 0;
  if (kind == DISK_READ || kind == DISK_WRITE) {
    excess = choose(work, request, disk.maxSegments);
    if (request.sectors == 0) {
      endRequest(work, request, Status.Io);
      return true;
    }
  }
  if (work.block.limited && !isPaid(work, request)) return false;
  const sectors = request.sectors;
  const count = request.segmentCount;
  const paid = request.paid;
  const last = lastOf(work, count);
  request.sector = request.at;
  request.at += sectors;
  request.left -= sectors;
  request.paid = PAID_REQUEST;
  const isLast = request.left == 0;
  if (count != 0) last.length -= excess;
  // From here on whoever is done with it may use the record again; while there is more of it, it stays current.
  if (isLast) work.current = 0;
  else request.away = 1;
  work.submitting = changetype<usize>(request);
  release(work.queue.lock);
  const status = diskSubmit(disk, request);
  acquire(work.queue.lock);
  work.submitting = 0;
  if (status == Status.Ok) {
    if (!isLast && count != 0) advance(work, count, excess);
    return true;
  }
  if (count != 0) last.length += excess;
  request.at -= sectors;
  request.left += sectors;
  request.paid = paid;
  request.away = 0;
  work.current = changetype<usize>(request);
  work.waits += 1;
  // A reset came meanwhile, and found nothing to give up.
  if (work.queue.live == 0) endRequest(work, request, Status.Io);
  return false;
}

function lastOf(work: BlockQueue, count: u32): Segment {
  return changetype<Segment>(work.data + <usize>(count - 1) * offsetof<Segment>());
}

/**
 * Chooses segments for at most `request.sectors`, and whole sectors only. Answers how many bytes of the last one are
 * beyond that. No sector at all: one is in more pieces than the disk takes.
 */
function choose(work: BlockQueue, request: BlockRequest, most: u32): u64 {
  const wanted = request.sectors << SECTOR_SHIFT;
  let bytes: u64 = 0;
  let count: u32 = 0;
  request.segments = work.data;
  while (bytes < wanted && count < work.dataCount && count < most) bytes += lastOf(work, ++count).length;
  request.sectors = min(bytes, wanted) >> SECTOR_SHIFT;
  let excess = bytes - (request.sectors << SECTOR_SHIFT);
  while (count != 0 && excess >= lastOf(work, count).length) {
    excess -= lastOf(work, count).length;
    count -= 1;
  }
  request.segmentCount = count;
  return excess;
}

/** The data of a part is on its way: what is left begins `excess` bytes before the end of segment `count` - 1. */
function advance(work: BlockQueue, count: u32, excess: u64): void {
  const last = lastOf(work, count);
  last.hpa += last.length;
  last.length = excess;
  const used = count - u32(excess != 0);
  work.data += <usize>used * offsetof<Segment>();
  work.dataCount -= used;
}

/** Whether the limits let it through; if not, a timer will let the queue go on. */
function isPaid(work: BlockQueue, request: BlockRequest): bool {
  const block = work.block;
  const time = now();
  const data = request.paid & PAID_DATA ? 0 : request.segmentCount ? request.sectors << SECTOR_SHIFT : 0;
  acquire(block.lock);
  let when: u64 = 0;
  if (data) when = paceWhen(block.bytes, time);
  if (!request.paid) when = max(when, paceWhen(block.requests, time));
  if (when == 0) {
    paceSpend(block.bytes, data, time);
    if (!request.paid) paceSpend(block.requests, 1, time);
    request.paid = PAID_REQUEST | PAID_DATA;
  } else {
    work.waits += 1;
    timerArm(work.timer, thisHart().index, when);
  }
  release(block.lock);
  return when == 0;
}

/** Of DiskRequest.done: any context, during submit or later. */
export function blockDone(at: usize): void {
  const request = changetype<BlockRequest>(at);
  const work = changetype<BlockQueue>(request.owner);
  const queue = work.queue;
  acquire(queue.lock);
  // The queue stood still while a part of it was away.
  const held = work.current == at;
  request.away = 0;
  if (request.left == 0 || request.status != Status.Ok || queue.live == 0) endRequest(work, request, request.status);
  // A vCPU that works on the queue sees for itself, and announces all at once.
  const idle = work.working == 0;
  if (idle) queueAnnounce(queue);
  const goOn = idle && (held || work.starved != 0);
  release(queue.lock);
  if (goOn) deferQueue(queue);
}

/** Of Disk.room: any context, without locks. Who waits is not asked: it may be about to. */
export function blockRoom(at: usize): void {
  const block = changetype<Block>(at);
  for (let i: u32 = 0; i < block.queueCount; i++) blockTick(changetype<usize>(blockQueueAt(block, i)));
}

/** Of a queue's timer. */
export function blockTick(at: usize): void {
  const queue = changetype<BlockQueue>(at).queue;
  if (queue.live != 0) deferQueue(queue);
}

/** Queues are out of service: what they hold and no disk has is given up. The device's lock may be held. */
export function blockReset(device: VirtioDevice): void {
  const block = blockOf(device);
  for (let i: u32 = 0; i < block.queueCount; i++) {
    const work = blockQueueAt(block, i);
    acquire(work.queue.lock);
    const request = changetype<BlockRequest>(work.current);
    const stopped = work.queue.live == 0;
    if (stopped && changetype<usize>(request) != 0 && request.away == 0) endRequest(work, request, Status.Io);
    release(work.queue.lock);
    if (stopped) timerCancel(work.timer);
  }
}

/**
 * The hypervisor faulted on this hart, and the guest is being stopped for it: what the hart held of the device's queues is
 * let go, so that the guest can still be ended. What is at a host's disk comes back by itself. Trap context, no locks held.
 */
export function blockFaulted(device: VirtioDevice): void {
  const block = blockOf(device);
  for (let i: u32 = 0; i < block.queueCount; i++) {
    const work = blockQueueAt(block, i);
    if (work.working != thisHart().index + 1) continue;
    acquire(work.queue.lock);
    work.queue.live = 0;
    work.working = 0;
    const request = changetype<BlockRequest>(work.submitting);
    work.submitting = 0;
    if (changetype<usize>(request) != 0 && !diskIsLate(block.disk)) endRequest(work, request, Status.Io);
    release(work.queue.lock);
  }
}

export function blockDriverOk(device: VirtioDevice): void {}

/** The configuration is read-only: nothing of it can be changed without CONFIG_WCE. */
export function blockConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  return configRead(access, offset, blockOf(device).config, VIRTIO_BLK_CONFIG_BYTES);
}
