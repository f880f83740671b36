// SPDX-License-Identifier: Apache-2.0
// Disks in host memory: a boot module or a blob where it lies, or new memory that begins as zeros. A request is one copy
// between the disk's memory and the guest's, done before submit answers. Makers as in disk.ts; a new one may be used at
// once: what its worker has not cleared yet is Busy.
import { copySegments, Cursor, cursorInit, hartCursor } from "../../dev/virtio/chain";
import { refuse } from "../../guest/refusal";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { blobById, blobHold, blobRelease } from "../../mem/blob";
import { BLOCK, BLOCK_SHIFT, OWNER_DISK, ramFree, ramGive, ramTake } from "../../mem/ram";
import {
  Disk,
  DISK_CAN_ZEROES,
  DISK_FILLING,
  DISK_FREE,
  DISK_LEAVING,
  DISK_RAM,
  diskNew,
  diskRoom,
  diskRun,
  diskWake,
  MAX_RUNS,
} from "./disk";
import { DISK_READ, DISK_WRITE, DISK_ZEROES, DiskRequest, requestDone, SECTOR_SHIFT } from "./request";
import { clearSegments } from "./segments";

/** The most that one request copies or clears: 256 KiB, so that an exit stays short. */
const MOST_SECTORS: u32 = 512;

function newRamDisk(bytes: u64): Disk {
  const disk = diskNew(DISK_RAM, changetype<u32>(ramSubmit.index));
  if (changetype<usize>(disk) == 0) return disk;
  disk.sectors = bytes >> SECTOR_SHIFT;
  disk.bytes = bytes;
  disk.features = DISK_CAN_ZEROES;
  disk.maxSectors = disk.maxZeroes = MOST_SECTORS;
  disk.work = changetype<u32>(ramWork.index);
  return disk;
}

function nothing(status: i32, why: string): Disk {
  refuse(status, why);
  return changetype<Disk>(0);
}

function addRun(disk: Disk, hpa: u64, bytes: u64): void {
  const run = diskRun(disk, disk.runCount);
  run.hpa = hpa;
  run.length = bytes;
  disk.runCount += 1;
}

/** A disk of `size` bytes of a boot module at host-physical address `hpa`, in place; less than a sector at its end is left out. */
export function diskFromModule(hpa: u64, size: u64): Disk {
  if (size < 1 << SECTOR_SHIFT || hpa + size < hpa) return nothing(Status.Range, "the disk's module is empty");
  const disk = newRamDisk(size);
  if (changetype<usize>(disk) != 0) addRun(disk, hpa, size);
  return disk;
}

/** A disk of the contents of a complete blob, in place; the blob is held as long as the disk lives. */
export function diskFromBlob(id: u32): Disk {
  if (blobHold(id) != Status.Ok)
    return nothing(Status.NotFound, "there is no complete blob of that number for the disk");
  const disk = diskFromModule(blobById(id).hpa, blobById(id).size);
  if (changetype<usize>(disk) == 0) blobRelease(id);
  else disk.blob = id;
  return disk;
}

/** A disk of `bytes` zeros in memory of its own, in as few pieces as possible. */
export function diskEmpty(bytes: u64): Disk {
  if (bytes < 1 << SECTOR_SHIFT) return nothing(Status.Range, "the disk's size is less than a sector");
  if (bytes > ramFree()) return nothing(Status.NoMemory, "the host has too little free memory for this disk");
  const disk = newRamDisk(bytes);
  if (changetype<usize>(disk) == 0) return disk;
  let left = (bytes + BLOCK - 1) >> BLOCK_SHIFT;
  let run = left;
  while (left != 0 && run != 0 && disk.runCount < MAX_RUNS) {
    run = min(run, left);
    const hpa = ramTake(run, BLOCK, OWNER_DISK);
    if (hpa) {
      addRun(disk, hpa, run << BLOCK_SHIFT);
      left -= run;
    } else run >>= 1;
  }
  disk.ownsRuns = 1;
  if (left != 0) {
    giveRuns(disk);
    return nothing(Status.NoMemory, "the host's free memory is in too many pieces for this disk");
  }
  disk.state = DISK_FILLING;
  diskWake();
  return disk;
}

/** Nothing was written to them yet: they go back as they are, and the record with them. */
function giveRuns(disk: Disk): void {
  for (let i: u32 = 0; i < disk.runCount; i++) ramGive(diskRun(disk, i).hpa, diskRun(disk, i).length >> BLOCK_SHIFT);
  disk.state = DISK_FREE;
}

/** Of Disk.submit. */
function ramSubmit(at: usize, requestAt: usize): i32 {
  const disk = changetype<Disk>(at);
  const request = changetype<DiskRequest>(requestAt);
  const offset = request.sector << SECTOR_SHIFT;
  const bytes = request.sectors << SECTOR_SHIFT;
  if (request.kind == DISK_READ || request.kind == DISK_WRITE || request.kind == DISK_ZEROES) {
    if (offset + bytes > readyBytes(disk)) return Status.Busy;
    const mine = hartCursor(1);
    cursorInit(mine, changetype<usize>(diskRun(disk, 0)), disk.runCount, offset);
    if (request.kind == DISK_ZEROES) clearSegments(mine, bytes);
    else copy(request, mine, bytes);
  }
  requestDone(request, Status.Ok);
  return Status.Ok;
}

function copy(request: DiskRequest, mine: Cursor, bytes: u64): void {
  const theirs = hartCursor(0);
  cursorInit(theirs, request.segments, request.segmentCount, 0);
  if (request.kind == DISK_READ) copySegments(theirs, mine, bytes);
  else copySegments(mine, theirs, bytes);
}

/** Bytes from the beginning that may be used. */
function readyBytes(disk: Disk): u64 {
  if (!disk.ownsRuns) return disk.bytes;
  return (<u64>hw.atomicLoad(changetype<usize>(disk) + offsetof<Disk>("cleared"))) << BLOCK_SHIFT;
}

/** Of Disk.work: clears a block, before it is used and before it is given back. */
function ramWork(at: usize): u32 {
  const disk = changetype<Disk>(at);
  const leaving = disk.state == DISK_LEAVING;
  if (leaving && disk.blob) blobRelease(disk.blob);
  if (!disk.ownsRuns) return 0;
  const hpa = blockAt(disk, leaving ? disk.given : disk.cleared);
  if (hpa == 0) return 0;
  hw.clear(hpa, BLOCK);
  if (leaving) {
    ramGive(hpa, 1);
    disk.given += 1;
  } else {
    hw.atomicAdd(at + offsetof<Disk>("cleared"), 1);
    diskRoom(disk);
  }
  return 1;
}

/** hpa of the `index`th of its blocks, 0 behind the last. */
function blockAt(disk: Disk, index: u32): u64 {
  let offset = (<u64>index) << BLOCK_SHIFT;
  for (let i: u32 = 0; i < disk.runCount; i++) {
    const run = diskRun(disk, i);
    if (offset < run.length) return run.hpa + offset;
    offset -= run.length;
  }
  return 0;
}
