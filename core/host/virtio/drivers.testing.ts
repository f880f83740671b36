// SPDX-License-Identifier: Apache-2.0
// The whole core with functions through which a test uses the host's drivers as backends do. Compiled only into test modules.
import { DiskRequest } from "../../backend/block/request";
import * as hw from "../../hw";
import { Segment } from "../../dev/virtio/chain";
import { hostDisk, hostDiskCount, hostDiskRoom, hostDiskSubmit } from "./block";
import { HostFrame, hostNic, hostNicCount, hostNicRoom, hostNicSend } from "./net";
import { hostNicOnReceive } from "./net-receive";

export { boot, secondary, trap, heapBase } from "../../main";

const REQUESTS: u32 = 512;
const SEGMENTS: u32 = 128;
const LOG: u32 = 1024;
const BYTES: u32 = 0x4_0000;

// @lock none: tests have one hart that does this.
const requests: usize = memory.data(<i32>(REQUESTS * offsetof<DiskRequest>()), 8);
const segments: usize = memory.data(<i32>(SEGMENTS * offsetof<Segment>()), 8);
const framePtr: usize = memory.data(<i32>offsetof<HostFrame>(), 8);
const header: usize = memory.data(16, 8);
const bytes: usize = memory.data(<i32>BYTES, 8);
const log: usize = memory.data(<i32>(LOG * 4), 4);
let logged: u32 = 0;
let taken: u32 = 0;
let used: u32 = 0;
let rooms: u32 = 0;
let filled: u32 = 0;
let frames: u32 = 0;
/** 1: what is done submits the same request once more. */
let again: u32 = 0;
let segmentCount: u32 = 0;

export function testSegment(hpa: u64, length: u64): void {
  const segment = changetype<Segment>(segments + <usize>segmentCount * offsetof<Segment>());
  segment.hpa = hpa;
  segment.length = length;
  segmentCount += 1;
}

export function testDisks(): u32 {
  hostDiskRoom(changetype<u32>(onRoom.index));
  return hostDiskCount();
}

/** 0 sectors, 1 read-only, 2 features, 3 failed, 4 most segments, 5 where its serial is, 6 errors, 7 reads, 8 writes, 9 others. */
export function testDisk(index: u32, which: u32): u64 {
  const disk = hostDisk(index);
  switch (which) {
    case 0:
      return disk.sectors;
    case 1:
      return disk.readOnly;
    case 2:
      return disk.features;
    case 3:
      return disk.failed;
    case 4:
      return disk.maxSegments;
    case 5:
      return disk.serial;
    case 6:
      return disk.errors;
    case 7:
      return disk.reads;
    case 8:
      return disk.writes;
    default:
      return disk.others;
  }
}

/** Submits with the segments so far, which are forgotten; answers the request's number, or the status. */
export function testSubmit(diskAndKind: u32, sector: u64, sectors: u64): i32 {
  const request = changetype<DiskRequest>(requests + <usize>used * offsetof<DiskRequest>());
  request.kind = diskAndKind & 0xff;
  request.sector = sector;
  request.sectors = sectors;
  request.segments = segments;
  request.segmentCount = segmentCount;
  request.done = changetype<u32>(onDone.index);
  request.owner = used;
  segmentCount = 0;
  const status = hostDiskSubmit(hostDisk(diskAndKind >> 8), request);
  // Segments were copied.
  memory.fill(segments, 0xff, <usize>SEGMENTS * offsetof<Segment>());
  if (status != 0) return status;
  used = (used + 1) % REQUESTS;
  return <i32>request.owner;
}

export function onDone(at: usize): void {
  const request = changetype<DiskRequest>(at);
  note(((<u32>request.owner) << 8) | ((<u32>request.status) & 0xff));
  if (again == 0) return;
  again = 0;
  testSegment(0x9000_0000, 512);
  testSubmit(0, 0, 1);
}

export function testAgain(): void {
  again = 1;
}

function note(what: u32): void {
  store<u32>(log + ((logged % LOG) << 2), what);
  logged += 1;
}

/** What was done next: request or frame number, status in the low byte; -1 for nothing. */
export function testDone(): i32 {
  if (taken == logged) return -1;
  taken += 1;
  return load<u32>(log + (((taken - 1) % LOG) << 2));
}

export function onRoom(at: usize): void {
  rooms += 1;
}

export function testRooms(): u32 {
  return rooms;
}

export function testNics(): u32 {
  hostNicRoom(changetype<u32>(onRoom.index));
  return hostNicCount();
}

/** 0 address, 1 features, 2 MTU, 3 failed, 4 received, 5 dropped, 6 errors, 7 most segments, 8 interrupts. */
export function testNic(index: u32, which: u32): u64 {
  const nic = hostNic(index);
  switch (which) {
    case 0:
      return nic.mac;
    case 1:
      return nic.features;
    case 2:
      return nic.mtu;
    case 3:
      return nic.failed;
    case 4:
      return nic.receivedFrames;
    case 5:
      return nic.dropped;
    case 6:
      return nic.errors;
    case 7:
      return nic.maxSegments;
    default:
      return nic.interrupts;
  }
}

export function testListen(index: u32): i32 {
  return hostNicOnReceive(hostNic(index), changetype<u32>(onFrame.index));
}

/** Appends length and bytes of the frame, its header's number of buffers and how many pieces it is in. */
export function onFrame(nic: usize, at: usize, pieces: usize, count: u32): void {
  const start = bytes + filled;
  let length: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const piece = changetype<Segment>(pieces + <usize>i * offsetof<Segment>());
    hw.copyIn(start + 8 + length, piece.hpa, <u32>piece.length);
    length += <u32>piece.length;
  }
  store<u32>(start, length);
  store<u16>(start, load<u16>(at, 10), 4);
  store<u16>(start, <u16>count, 6);
  filled += (8 + length + 7) & ~7;
  frames += 1;
}

/** Where frames are noted, and how many; taking them begins anew. */
export function testFramesAt(): usize {
  return bytes;
}

export function testFrames(): u32 {
  const count = frames;
  frames = 0;
  filled = 0;
  return count;
}

/** Sends the segments so far as frame `number`, with a header whose first byte is its number too. */
export function testSend(index: u32, number: u32): i32 {
  const frame = changetype<HostFrame>(framePtr);
  memory.fill(header, 0, 12);
  store<u8>(header, <u8>number);
  frame.header = header;
  frame.segments = segments;
  frame.count = segmentCount;
  frame.done = changetype<u32>(onSent.index);
  frame.owner = number;
  segmentCount = 0;
  const status = hostNicSend(hostNic(index), frame);
  memory.fill(header, 0xff, 12);
  return status;
}

export function onSent(owner: usize): void {
  note((<u32>owner) << 8);
}
