// SPDX-License-Identifier: Apache-2.0
// Disks on a test host with RAM of its own: requests with segments that the test writes, and a disk whose answers come
// when the test says so. Compiled only into test modules; no part of the hypervisor imports it.
import { chainsInit, MAX_SEGMENTS, Segment } from "../../dev/virtio/chain";
import { newHart } from "../../host/harts";
import { crc32Init } from "../../lib/crc32";
import { Status } from "../../lib/status";
import { allocate, arenaInit } from "../../mem/arena";
import { blobById, blobOpen, blobOpened, blobsInit, blobWrite } from "../../mem/blob";
import { ramAddBank } from "../../mem/ram";
import { schedInit } from "../../sched/sched";
import { Disk, DISK_CAN_FLUSH, DISK_HOST, diskNew, diskRoom, diskSubmit } from "./disk";
import { Overlay } from "./overlay-map";
import { DiskRequest, requestDone } from "./request";

export { refusalWords } from "../../guest/refusal";
export { crc32 } from "../../lib/crc32";
export { blobCount, blobDropAll, blobHold, blobRelease, blobsClear } from "../../mem/blob";
export { ramFree } from "../../mem/ram";
export { diskCount, diskName, diskRelease, diskSerial, diskUse, diskWork } from "./disk";
export { diskOverlay } from "./overlay";
export { diskEmpty, diskFromBlob, diskFromModule } from "./ram-disk";
export { diskSlice } from "./slice";

export const SECTORS: u32 = offsetof<Disk>("sectors");
export const READ_ONLY: u32 = offsetof<Disk>("readOnly");
export const MAX_SECTORS: u32 = offsetof<Disk>("maxSectors");
export const STATE: u32 = offsetof<Disk>("state");
export const BACKING: u32 = offsetof<Disk>("backing");
export const TAKEN: u32 = offsetof<Overlay>("taken");
export const MOST: u32 = offsetof<Overlay>("most");

/** A request of the test's, with room for segments. */
@unmanaged
class TestRequest extends DiskRequest {
  /** 1 once it is done. */
  over: u32 = 0;
  pad: u32 = 0;
}
export const REQUEST_STATUS: u32 = offsetof<TestRequest>("status");
export const REQUEST_SEGMENTS: u32 = offsetof<TestRequest>("segments");
export const REQUEST_OVER: u32 = offsetof<TestRequest>("over");

/** What a late disk has not done yet: the request as it was when it was submitted. */
@unmanaged
class Late extends DiskRequest {
  request: usize = 0;
  pad: u32 = 0;
}

const MOST_LATE: u32 = 8;
let lateMost: u32 = MOST_LATE;
let lates: usize = 0;
let lateCount: u32 = 0;
let rooms: u32 = 0;

/** Memory [from, to) becomes the arena, `size` bytes from `hpa` on the host's RAM; answers the record of the one hart. */
export function testHost(from: usize, to: usize, hpa: u64, size: u64): usize {
  arenaInit(from, to);
  const hart = newHart(100);
  testLateInit();
  ramAddBank(hpa, size);
  return changetype<usize>(hart);
}

/** Once the hart's record is known. */
export function testStart(): void {
  crc32Init();
  schedInit(1);
  chainsInit();
  blobsInit();
}

export function testRequest(): usize {
  const request = changetype<TestRequest>(allocate(offsetof<TestRequest>() + MAX_SEGMENTS * offsetof<Segment>()));
  request.segments = changetype<usize>(request) + offsetof<TestRequest>();
  request.done = changetype<u32>(testDone.index);
  return changetype<usize>(request);
}

export function testDone(at: usize): void {
  changetype<TestRequest>(at).over += 1;
}

/** Submits with as many segments as are there. */
export function testSubmit(disk: Disk, request: DiskRequest, kindAndCount: u32, sector: u64, sectors: u64): i32 {
  request.kind = kindAndCount & 0xff;
  request.segmentCount = kindAndCount >> 8;
  request.sector = sector;
  request.sectors = sectors;
  changetype<TestRequest>(request).over = 0;
  disk.room = changetype<u32>(testRoom.index);
  return diskSubmit(disk, request);
}

export function testRoom(owner: usize): void {
  rooms += 1;
}

/** Calls of a disk's `room` since the last time. */
export function testRooms(): u32 {
  const count = rooms;
  rooms = 0;
  return count;
}

/** A blob with what lies at `ptr`; its number. */
export function testBlob(ptr: usize, length: u32, crc: u32, digest: usize): u32 {
  blobOpen(length, crc, digest);
  blobWrite(blobOpened(), 0, ptr, length);
  return blobOpened().id;
}

export function testBlobState(id: u32): u32 {
  const blob = blobById(id);
  return changetype<usize>(blob) ? blob.state : 0;
}

// ---- A disk that answers when the test says so, as a host's disk does.

export function testLateInit(): void {
  lates = allocate(MOST_LATE * (offsetof<Late>() + MAX_SEGMENTS * offsetof<Segment>()));
  lateCount = 0;
}

function late(index: u32): Late {
  return changetype<Late>(lates + index * (offsetof<Late>() + MAX_SEGMENTS * offsetof<Segment>()));
}

/** `sectors` sectors in host memory at `hpa`. */
export function testLateDisk(hpa: u64, sectors: u64): usize {
  const disk = diskNew(DISK_HOST, changetype<u32>(lateSubmit.index));
  disk.sectors = sectors;
  disk.maxSegments = 62;
  disk.features = DISK_CAN_FLUSH;
  disk.serial = hpa;
  return changetype<usize>(disk);
}

export function lateSubmit(at: usize, requestAt: usize): i32 {
  const request = changetype<DiskRequest>(requestAt);
  if (lateCount == lateMost) return Status.Busy;
  const mine = late(lateCount);
  memory.copy(changetype<usize>(mine), requestAt, offsetof<DiskRequest>());
  mine.segments = changetype<usize>(mine) + offsetof<Late>();
  memory.copy(mine.segments, request.segments, request.segmentCount * offsetof<Segment>());
  mine.request = requestAt;
  lateCount += 1;
  return Status.Ok;
}

/** How many requests a late disk takes at once, up to MOST_LATE. */
export function testLateMost(most: u32): void {
  lateMost = most;
}

export function testLateCount(): u32 {
  return lateCount;
}

/** Field `which` of a late request: kind, sector, sectors, segmentCount, linear address of its segments. */
export function testLate(index: u32, which: u32): u64 {
  const mine = late(index);
  if (which == 0) return mine.kind;
  if (which == 1) return mine.sector;
  if (which == 2) return mine.sectors;
  return which == 3 ? mine.segmentCount : <u64>mine.segments;
}

/** The test has moved the data of a late request; it is done, and its place is free. */
export function testLateDone(disk: Disk, index: u32, status: i32): void {
  const request = late(index).request;
  lateCount -= 1;
  if (index != lateCount) {
    const size = offsetof<Late>() + MAX_SEGMENTS * offsetof<Segment>();
    memory.copy(changetype<usize>(late(index)), changetype<usize>(late(lateCount)), size);
    late(index).segments = changetype<usize>(late(index)) + offsetof<Late>();
  }
  requestDone(changetype<DiskRequest>(request), status);
  diskRoom(disk);
}
