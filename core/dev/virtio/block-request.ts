// SPDX-License-Identifier: Apache-2.0
// Chains of a block device as requests: takes one from the ring, checks it against the disk, and gives it back with its
// status. Called with the queue's lock held. Every number in a chain is the guest's: sectors are compared in 64 bits,
// and a request that the disk cannot do is answered, never handed on. @spec virtio 1.2 §5.2.6
import {
  Disk,
  DISK_CAN_DISCARD,
  DISK_CAN_FLUSH,
  DISK_CAN_ZEROES,
  diskSerial,
  SERIAL_LENGTH,
} from "../../backend/block/disk";
import {
  DISK_DISCARD,
  DISK_FLUSH,
  DISK_READ,
  DISK_WRITE,
  DISK_ZEROES,
  SECTOR_SHIFT,
} from "../../backend/block/request";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { BlockQueue, BlockRequest } from "./block-model";
import {
  VIRTIO_BLK_HEADER_BYTES,
  VIRTIO_BLK_RANGE_BYTES,
  VIRTIO_BLK_RANGE_UNMAP,
  VIRTIO_BLK_S_IOERR,
  VIRTIO_BLK_S_OK,
  VIRTIO_BLK_S_UNSUPP,
  VIRTIO_BLK_T_DISCARD,
  VIRTIO_BLK_T_FLUSH,
  VIRTIO_BLK_T_GET_ID,
  VIRTIO_BLK_T_IN,
  VIRTIO_BLK_T_OUT,
  VIRTIO_BLK_T_WRITE_ZEROES,
} from "./block-spec";
import { Chain, chainRead, chainWrite, cursorInit, hartCursor, hartScratch, Segment, writableSegments } from "./chain";
import { virtioBroken } from "./interrupt";
import { queuePop, queuePush } from "./queue";

/** Of DiskRequest.kind: a request that never reaches the disk. */
const NO_KIND: u32 = 0xff;

/**
 * Takes the next chain. False: there is none, the driver broke the ring, or every request is under way. True: it is
 * the queue's current request, or it was answered at once and there is no current one.
 */
export function takeRequest(from: BlockQueue): bool {
  from.starved = u32(from.free == 0);
  if (from.free == 0 || queuePop(from.queue, from.chain) <= 0) return false;
  const request = changetype<BlockRequest>(from.free);
  from.free = request.next;
  request.kind = NO_KIND;
  request.head = from.chain.head;
  request.left = request.bytes = 0;
  request.away = request.paid = 0;
  from.current = changetype<usize>(request);
  const status = findStatus(request, from.chain) ? begin(from, request) : noStatus(from);
  if (status != Status.Busy) endRequest(from, request, status);
  return true;
}

/** A chain without room for its status cannot be answered. */
function noStatus(from: BlockQueue): i32 {
  virtioBroken(from.queue.owner, from.queue);
  return Status.Io;
}

/** The last byte that may be written is the status; what is before it is data. */
function findStatus(request: BlockRequest, chain: Chain): bool {
  if (chain.writable == 0) return false;
  const last = changetype<Segment>(writableSegments(chain) + <usize>(chain.writable - 1) * offsetof<Segment>());
  last.length -= 1;
  request.statusHpa = last.hpa + last.length;
  if (last.length == 0) chain.writable -= 1;
  request.written = request.writtenFailed = u32(chain.writeBytes == 1);
  return true;
}

/** Busy: it goes to the disk. Else it is over with that status. */
function begin(from: BlockQueue, request: BlockRequest): i32 {
  const chain = from.chain;
  const disk = from.block.disk;
  const header = hartScratch();
  if (chainRead(chain, 0, header, VIRTIO_BLK_HEADER_BYTES) != VIRTIO_BLK_HEADER_BYTES) return Status.Io;
  request.at = load<u64>(header, 8);
  const read = chain.readBytes - VIRTIO_BLK_HEADER_BYTES;
  switch (load<u32>(header)) {
    case VIRTIO_BLK_T_IN:
      from.data = writableSegments(chain);
      from.dataCount = chain.writable;
      request.written = <u32>chain.writeBytes;
      return data(disk, request, DISK_READ, chain.writeBytes - 1);
    case VIRTIO_BLK_T_OUT:
      skipHeader(from);
      return data(disk, request, DISK_WRITE, read);
    case VIRTIO_BLK_T_FLUSH:
      request.kind = DISK_FLUSH;
      request.at = 0;
      return disk.features & DISK_CAN_FLUSH ? Status.Busy : Status.Unsupported;
    case VIRTIO_BLK_T_GET_ID:
      return getId(request, chain, disk);
    case VIRTIO_BLK_T_DISCARD:
      return disk.features & DISK_CAN_DISCARD ? range(from, request, DISK_DISCARD) : Status.Unsupported;
    case VIRTIO_BLK_T_WRITE_ZEROES:
      return disk.features & DISK_CAN_ZEROES ? range(from, request, DISK_ZEROES) : Status.Unsupported;
    default:
      return Status.Unsupported;
  }
}

/** The data of a write begins behind the header, wherever that ends. */
function skipHeader(from: BlockQueue): void {
  const cursor = hartCursor(0);
  cursorInit(cursor, from.chain.segments, from.chain.readable, VIRTIO_BLK_HEADER_BYTES);
  from.data = cursor.at;
  from.dataCount = cursor.left;
  if (cursor.left == 0) return;
  const first = changetype<Segment>(cursor.at);
  first.hpa += cursor.offset;
  first.length -= cursor.offset;
}

/** A read or write of `bytes`, which must be whole sectors of the disk. */
function data(disk: Disk, request: BlockRequest, kind: u32, bytes: u64): i32 {
  if (bytes & ((1 << SECTOR_SHIFT) - 1)) return Status.Io;
  request.bytes = bytes;
  return sectors(disk, request, kind, bytes >> SECTOR_SHIFT);
}

function sectors(disk: Disk, request: BlockRequest, kind: u32, count: u64): i32 {
  if (count == 0 || count > disk.sectors || request.at > disk.sectors - count) return Status.Io;
  if (kind != DISK_READ && disk.readOnly) return Status.Io;
  request.kind = kind;
  request.left = count;
  return Status.Busy;
}

/** A discard or a write of zeros: one range, as the configuration says. */
function range(from: BlockQueue, request: BlockRequest, kind: u32): i32 {
  const at = hartScratch();
  if (from.chain.readBytes != VIRTIO_BLK_HEADER_BYTES + VIRTIO_BLK_RANGE_BYTES) return Status.Io;
  chainRead(from.chain, VIRTIO_BLK_HEADER_BYTES, at, VIRTIO_BLK_RANGE_BYTES);
  if (load<u32>(at, 12) & ~(kind == DISK_ZEROES ? VIRTIO_BLK_RANGE_UNMAP : 0)) return Status.Unsupported;
  request.at = load<u64>(at);
  return sectors(from.block.disk, request, kind, load<u32>(at, 8));
}

function getId(request: BlockRequest, chain: Chain, disk: Disk): i32 {
  const room = chain.writeBytes - 1;
  chainWrite(chain, 0, diskSerial(disk), SERIAL_LENGTH);
  // The driver may rely on as many bytes from the beginning as it is told were written.
  request.written = room > SERIAL_LENGTH ? SERIAL_LENGTH : <u32>chain.writeBytes;
  return Status.Ok;
}

/** Gives a request back to the ring: status byte last, then the used element. A queue out of service gets neither. */
export function endRequest(from: BlockQueue, request: BlockRequest, status: i32): void {
  const code =
    status == Status.Ok ? VIRTIO_BLK_S_OK : status == Status.Unsupported ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
  if (from.queue.live != 0) {
    store<u8>(hartScratch(), <u8>code);
    hw.copyOut(request.statusHpa, hartScratch(), 1);
  }
  tally(from, request, status);
  queuePush(from.queue, request.head, status == Status.Ok ? request.written : request.writtenFailed);
  if (from.current == changetype<usize>(request)) from.current = 0;
  if (from.submitting == changetype<usize>(request)) from.submitting = 0;
  request.next = from.free;
  from.free = changetype<usize>(request);
}

function tally(from: BlockQueue, request: BlockRequest, status: i32): void {
  if (status != Status.Ok) from.errors += 1;
  else if (request.kind == DISK_READ) {
    from.reads += 1;
    from.bytesRead += request.bytes;
  } else if (request.kind == DISK_WRITE) {
    from.writes += 1;
    from.bytesWritten += request.bytes;
  } else if (request.kind == DISK_FLUSH) from.flushes += 1;
  else if (request.kind != NO_KIND) from.discards += 1;
}
