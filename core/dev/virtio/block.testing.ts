// SPDX-License-Identifier: Apache-2.0
// Block devices of a test's guest, over a RAM disk or over a disk that answers when the test says so. Compiled only into
// test modules; no part of the hypervisor imports it.
import { Disk, diskName, diskRoom } from "../../backend/block/disk";
import { testLateInit } from "../../backend/block/disk.testing";
import { Hart } from "../../host/hart";
import { setClock } from "../../host/clock";
import { allocate } from "../../mem/arena";
import { Guest } from "../../guest/guest";
import { blockCounters, blockCreate } from "./block-create";
import { BlockCounters } from "./block-model";
import { VirtioDevice } from "./device";
import { VIRTIO_ID_BLOCK } from "./spec";
import { testDevice } from "./virtio.testing";

export * from "./virtio.testing";
export { testLate, testLateCount, testLateDisk, testLateDone, testLateMost } from "../../backend/block/disk.testing";
export { diskRelease, diskUse } from "../../backend/block/disk";
export { diskFromModule } from "../../backend/block/ram-disk";
export { timersExpire, timersNext, timersOfGuests } from "../../host/timers";
export { blockFaulted } from "./block";
export { blockCreate, blockDestroy, blockLimit } from "./block-create";

export const RESCHEDULE: u32 = offsetof<Hart>("reschedule");
export const READ_ONLY: u32 = offsetof<Disk>("readOnly");
export const FEATURES: u32 = offsetof<Disk>("features");
export const MAX_SECTORS: u32 = offsetof<Disk>("maxSectors");
export const MAX_DISK_SEGMENTS: u32 = offsetof<Disk>("maxSegments");

/** The disk has room again, as its driver says. */
export function testRoomAgain(disk: Disk): void {
  diskRoom(disk);
}

export function testClock(ticks: u64): void {
  setClock(ticks);
}

let counters: usize = 0;

/** After each new guest. */
export function testBlocks(): void {
  testLateInit();
  counters = allocate(offsetof<BlockCounters>());
}

/** A block device of the guest over the disk; 0 if it is refused. */
export function testBlock(guest: Guest, disk: Disk, queues: u32): usize {
  const name = allocate(32);
  memory.fill(name, 0x41, 25);
  diskName(disk, name, 25);
  const device = testDevice(guest, VIRTIO_ID_BLOCK, queues, 0);
  return blockCreate(changetype<VirtioDevice>(device), disk, queues) == 0 ? device : 0;
}

/** Counter `index` of BlockCounters. */
export function testCounter(device: VirtioDevice, index: u32): u64 {
  blockCounters(device, changetype<BlockCounters>(counters));
  return load<u64>(counters + (index << 3));
}
