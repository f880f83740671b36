// SPDX-License-Identifier: Apache-2.0
// Makes a VirtIO device a block device over a disk: what it offers, and its configuration. Boot, and worker context with
// the creation lock held; the device is not on any bus yet, or not any more. @spec virtio 1.2 §5.2.3, §5.2.4
import {
  Disk,
  DISK_CAN_DISCARD,
  DISK_CAN_FLUSH,
  DISK_CAN_ZEROES,
  DISK_OVERLAY,
  diskUse,
} from "../../backend/block/disk";
import { refuse } from "../../guest/refusal";
import { ticksPerSecond } from "../../host/clock";
import { KIND_TIMER_CALL, timerCancel, timerInit } from "../../host/timers";
import { acquire, release } from "../../lib/lock";
import { paceInit } from "../../lib/pace";
import { Status } from "../../lib/status";
import { VIRTIO_F_VERSION_1 } from "../spec";
import { blockDone, blockRoom, blockTick } from "./block";
import {
  Block,
  BlockCounters,
  BlockQueue,
  blockQueueAt,
  BlockRequest,
  COUNTERS,
  giveBlock,
  takeBlock,
} from "./block-model";
import {
  VIRTIO_BLK_CONFIG_BLK_SIZE,
  VIRTIO_BLK_CONFIG_BYTES,
  VIRTIO_BLK_CONFIG_CAPACITY,
  VIRTIO_BLK_CONFIG_DISCARD_ALIGN,
  VIRTIO_BLK_CONFIG_DISCARD_SECTORS,
  VIRTIO_BLK_CONFIG_DISCARD_SEG,
  VIRTIO_BLK_CONFIG_MIN_IO,
  VIRTIO_BLK_CONFIG_NUM_QUEUES,
  VIRTIO_BLK_CONFIG_PHYSICAL_EXP,
  VIRTIO_BLK_CONFIG_SEG_MAX,
  VIRTIO_BLK_CONFIG_ZEROES_SECTORS,
  VIRTIO_BLK_CONFIG_ZEROES_SEG,
  VIRTIO_BLK_F_BLK_SIZE,
  VIRTIO_BLK_F_DISCARD,
  VIRTIO_BLK_F_FLUSH,
  VIRTIO_BLK_F_MQ,
  VIRTIO_BLK_F_RO,
  VIRTIO_BLK_F_SEG_MAX,
  VIRTIO_BLK_F_TOPOLOGY,
  VIRTIO_BLK_F_WRITE_ZEROES,
} from "./block-spec";
import { queueAt, VirtioDevice } from "./device";
import { VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC } from "./spec";

/** Segments of a request's data that a driver may use: fits a ring of 128 with header and status. */
const MOST_SEGMENTS: u32 = 126;
/** Sectors of a range to discard or to fill with zeros: 32 MiB. */
const MOST_RANGE: u32 = 0x1_0000;
/** What is best written at once: 4 KiB, 8 sectors. */
const PAGE_EXPONENT: u32 = 3;
const PAGE_SECTORS: u32 = 8;

/**
 * The device is a block device with `queues` queues over the disk, which stays the caller's: it is released after
 * blockDestroy. Busy: the disk is in other use. Range, Limit, NoMemory: that many queues cannot be had. Words: refusal.ts.
 */
export function blockCreate(device: VirtioDevice, disk: Disk, queues: u32): i32 {
  if (queues != device.queueCount || queues > 8) return refuse(Status.Range, "a disk has 1 to 8 queues");
  const block = takeBlock(queues);
  if (changetype<usize>(block) == 0) return refuse(Status.NoMemory, "the hypervisor's memory is used up");
  const status = diskUse(disk);
  if (status != Status.Ok) {
    giveBlock(block);
    return status;
  }
  device.model = changetype<usize>(block);
  block.device = device;
  block.disk = disk;
  disk.roomOwner = changetype<usize>(block);
  disk.room = changetype<u32>(blockRoom.index);
  for (let i: u32 = 0; i < queues; i++) {
    const work = blockQueueAt(block, i);
    work.block = block;
    work.queue = queueAt(device, i);
    timerInit(work.timer, KIND_TIMER_CALL, changetype<usize>(work));
    work.timer.call = changetype<u32>(blockTick.index);
    for (let at = work.free; at; at = changetype<BlockRequest>(at).next) {
      changetype<BlockRequest>(at).done = changetype<u32>(blockDone.index);
    }
  }
  blockLimit(device, 0, 0);
  device.offered = features(disk, queues);
  configure(block.config, disk, queues);
  return Status.Ok;
}

/** The device is not one any more; it is quiet, with nothing in flight. */
export function blockDestroy(device: VirtioDevice): void {
  const block = changetype<Block>(device.model);
  if (changetype<usize>(block) == 0) return;
  for (let i: u32 = 0; i < block.queueCount; i++) timerCancel(blockQueueAt(block, i).timer);
  block.disk.room = 0;
  device.model = 0;
  giveBlock(block);
}

/** At most so many bytes and requests a second from now on; 0: no limit. Who waited for another limit tries again at once. */
export function blockLimit(device: VirtioDevice, bytes: u64, requests: u64): void {
  const block = changetype<Block>(device.model);
  acquire(block.lock);
  paceInit(block.bytes, bytes, ticksPerSecond());
  paceInit(block.requests, requests, ticksPerSecond());
  block.limited = u32(bytes != 0 || requests != 0);
  release(block.lock);
  blockRoom(changetype<usize>(block));
}

/** Adds up what the queues have counted. */
export function blockCounters(device: VirtioDevice, into: BlockCounters): void {
  const block = changetype<Block>(device.model);
  memory.fill(changetype<usize>(into), 0, offsetof<BlockCounters>());
  for (let i: u32 = 0; i < block.queueCount; i++) {
    const work = changetype<usize>(blockQueueAt(block, i));
    for (let at: usize = 0; at < (<usize>COUNTERS) << 3; at += 8) {
      const sum = changetype<usize>(into) + at;
      store<u64>(sum, load<u64>(sum) + load<u64>(work + at));
    }
    into.inFlight += changetype<BlockQueue>(work).queue.inFlight;
  }
}

function one(feature: u32, wanted: u32): u64 {
  return wanted ? (<u64>1) << (<u64>feature) : 0;
}

function features(disk: Disk, queues: u32): u64 {
  const can = disk.readOnly ? disk.features & DISK_CAN_FLUSH : disk.features;
  return (
    one(VIRTIO_F_VERSION_1, 1) |
    one(VIRTIO_F_INDIRECT_DESC, 1) |
    one(VIRTIO_F_EVENT_IDX, 1) |
    one(VIRTIO_BLK_F_SEG_MAX, 1) |
    one(VIRTIO_BLK_F_BLK_SIZE, 1) |
    one(VIRTIO_BLK_F_TOPOLOGY, 1) |
    one(VIRTIO_BLK_F_RO, disk.readOnly) |
    one(VIRTIO_BLK_F_MQ, u32(queues > 1)) |
    one(VIRTIO_BLK_F_FLUSH, can & DISK_CAN_FLUSH) |
    one(VIRTIO_BLK_F_DISCARD, can & DISK_CAN_DISCARD) |
    one(VIRTIO_BLK_F_WRITE_ZEROES, can & DISK_CAN_ZEROES)
  );
}

function configure(config: usize, disk: Disk, queues: u32): void {
  memory.fill(config, 0, VIRTIO_BLK_CONFIG_BYTES);
  store<u64>(config + VIRTIO_BLK_CONFIG_CAPACITY, disk.sectors);
  store<u32>(config + VIRTIO_BLK_CONFIG_SEG_MAX, min(disk.maxSegments, MOST_SEGMENTS));
  store<u32>(config + VIRTIO_BLK_CONFIG_BLK_SIZE, 512);
  if (disk.kind == DISK_OVERLAY) store<u8>(config + VIRTIO_BLK_CONFIG_PHYSICAL_EXP, <u8>PAGE_EXPONENT);
  store<u16>(config + VIRTIO_BLK_CONFIG_MIN_IO, <u16>PAGE_SECTORS);
  store<u16>(config + VIRTIO_BLK_CONFIG_NUM_QUEUES, <u16>queues);
  store<u32>(config + VIRTIO_BLK_CONFIG_DISCARD_SECTORS, MOST_RANGE);
  store<u32>(config + VIRTIO_BLK_CONFIG_DISCARD_SEG, 1);
  store<u32>(config + VIRTIO_BLK_CONFIG_DISCARD_ALIGN, PAGE_SECTORS);
  store<u32>(config + VIRTIO_BLK_CONFIG_ZEROES_SECTORS, MOST_RANGE);
  store<u32>(config + VIRTIO_BLK_CONFIG_ZEROES_SEG, 1);
}
