// SPDX-License-Identifier: Apache-2.0
// Brings the host's VirtIO disks up: features, queue, size, and the serial by which configurations name them, for which a
// moment is waited. Boot hart only, after virtioFind. A disk that does not come up is left out, and said so.
// @spec virtio 1.2 §5.2
import { now } from "../../arch/seam";
import { lockInit, RANK_MEMORY } from "../../lib/lock";
import { print, printDec, printText } from "../../lib/print";
import { Status } from "../../lib/status";
import { allocate, hpaOf } from "../../mem/arena";
import { ticksPerSecond } from "../clock";
import { nameHostInterrupt } from "../interrupts";
import {
  DISK_HEADER_BYTES,
  DiskRecord,
  diskRecord,
  diskSend,
  HostDisk,
  HOST_DISK_DISCARD,
  HOST_DISK_FLUSH,
  HOST_DISK_ZEROES,
  hostDiskAdd,
  hostDiskCount,
  MAX_HOST_DISKS,
} from "./block";
import { diskDone, diskInterrupt, diskReadSize, disksWatch } from "./block-done";
import { virtioNext } from "./find";
import { queueBegin, queueBytes, queueMake, queuePut, queueTell } from "./queue";
import {
  VIRTIO_BLK_CFG_DISCARD,
  VIRTIO_BLK_CFG_SEG_MAX,
  VIRTIO_BLK_CFG_ZEROES,
  VIRTIO_BLK_DISCARD,
  VIRTIO_BLK_FLUSH,
  VIRTIO_BLK_ID_BYTES,
  VIRTIO_BLK_RO,
  VIRTIO_BLK_SEG_MAX,
  VIRTIO_BLK_T_GET_ID,
  VIRTIO_BLK_ZEROES,
  VIRTIO_BLOCK,
  VIRTIO_F_EVENT,
  VIRTIO_F_INDIRECT,
  VIRTQ_WRITE,
} from "./spec";
import { config32, HostVirtio, virtioBegin, virtioGiveUp, virtioGo, virtioHas, virtioInterrupts } from "./transport";
import { watchAdd } from "./watch";

/** Requests under way, and segments of one with its header and status. */
const ENTRIES: u32 = 128;
const SEGMENTS: u32 = 64;
const FEATURES: u64 =
  (1 << VIRTIO_BLK_SEG_MAX) |
  (1 << VIRTIO_BLK_RO) |
  (1 << VIRTIO_BLK_FLUSH) |
  (1 << VIRTIO_BLK_DISCARD) |
  (1 << VIRTIO_BLK_ZEROES) |
  (1 << VIRTIO_F_INDIRECT) |
  (1 << VIRTIO_F_EVENT);

function next(after: HostVirtio): HostVirtio {
  return virtioNext(VIRTIO_BLOCK, after);
}

/** Boot, after virtioFind: bytes of the arena that disksStart takes. */
export function disksBytes(): u32 {
  let disks: u32 = 0;
  for (let at = next(changetype<HostVirtio>(0)); changetype<usize>(at); at = next(at)) disks += 1;
  const each = queueBytes(ENTRIES, SEGMENTS) + ENTRIES * offsetof<DiskRecord>() + offsetof<HostDisk>() + 64;
  return min(disks, MAX_HOST_DISKS) * each;
}

/** Boot, once interrupt controller and timers work. */
export function disksStart(): void {
  let at = next(changetype<HostVirtio>(0));
  if (changetype<usize>(at)) watchAdd(changetype<u32>(disksWatch.index));
  for (; changetype<usize>(at) && hostDiskCount() < MAX_HOST_DISKS; at = next(at)) {
    if (start(at) == Status.Ok) continue;
    virtioGiveUp(at);
    print("a virtio disk of the host's does not start and is not used\n");
  }
}

function start(device: HostVirtio): i32 {
  const disk = changetype<HostDisk>(allocate(offsetof<HostDisk>()));
  if (!changetype<usize>(disk)) return Status.NoMemory;
  lockInit(disk, RANK_MEMORY);
  disk.device = device;
  let status = virtioBegin(device, FEATURES);
  if (status == Status.Ok) {
    status = virtioInterrupts(device, changetype<u32>(diskInterrupt.index), changetype<usize>(disk));
  }
  if (status != Status.Ok) return status;
  nameHostInterrupt("disk");
  disk.queue = queueMake(device, 0, ENTRIES, SEGMENTS);
  disk.serial = allocate(VIRTIO_BLK_ID_BYTES + 1);
  disk.records = allocate(ENTRIES * offsetof<DiskRecord>());
  if (!changetype<usize>(disk.queue) || !disk.serial || !disk.records || disk.queue.most < 3) return Status.Unsupported;
  for (let i: u32 = 0; i < ENTRIES; i++) diskRecord(disk, i).deadline = u64.MAX_VALUE;
  readLimits(disk);
  virtioGo(device);
  readSerial(disk);
  if (disk.failed) return Status.Io;
  hostDiskAdd(disk);
  announce(disk);
  return Status.Ok;
}

function readLimits(disk: HostDisk): void {
  const device = disk.device;
  diskReadSize(disk);
  disk.readOnly = u32(virtioHas(device, VIRTIO_BLK_RO));
  disk.maxSegments = disk.queue.most - 2;
  const most = virtioHas(device, VIRTIO_BLK_SEG_MAX) ? config32(device, VIRTIO_BLK_CFG_SEG_MAX) : 0;
  if (most) disk.maxSegments = min(most, disk.maxSegments);
  if (virtioHas(device, VIRTIO_BLK_FLUSH)) disk.features |= HOST_DISK_FLUSH;
  if (virtioHas(device, VIRTIO_BLK_DISCARD)) disk.maxDiscard = config32(device, VIRTIO_BLK_CFG_DISCARD);
  if (virtioHas(device, VIRTIO_BLK_ZEROES)) disk.maxZeroes = config32(device, VIRTIO_BLK_CFG_ZEROES);
  if (disk.maxDiscard) disk.features |= HOST_DISK_DISCARD;
  if (disk.maxZeroes) disk.features |= HOST_DISK_ZEROES;
}

/** Asks for the serial, and waits a second at most. A late answer goes to a buffer that nobody reads. */
function readSerial(disk: HostDisk): void {
  const token = queueBegin(disk.queue, 0);
  const record = diskRecord(disk, token);
  record.type = VIRTIO_BLK_T_GET_ID;
  queuePut(disk.queue, hpaOf(changetype<usize>(record)), DISK_HEADER_BYTES, 0);
  queuePut(disk.queue, hpaOf(disk.serial), VIRTIO_BLK_ID_BYTES, VIRTQ_WRITE);
  diskSend(disk, record, 0);
  queueTell(disk.queue);
  const end = now() + ticksPerSecond();
  while (!diskDone(disk) && !disk.failed && now() < end) {}
  if (load<u8>(changetype<usize>(record) + offsetof<DiskRecord>("status")) != 0) store<u8>(disk.serial, 0);
}

/** One line: `disk0 "serial": 1024 MiB, read-only`. */
function announce(disk: HostDisk): void {
  print("disk");
  printDec(disk.index);
  print(' "');
  printText(disk.serial);
  print('": ');
  printDec(disk.sectors >> 11);
  print(disk.readOnly ? " MiB, read-only\n" : " MiB\n");
}
