// SPDX-License-Identifier: Apache-2.0
// Who owns the host's RAM, in blocks of 2 MiB: one byte a block, in one row of blocks a bank. Guests get whole blocks,
// so every guest page can be part of a large stage-2 page, and no block ever has two owners.
// Called at boot and by workers that create or destroy guests.
// @lock memory: banks are fixed at boot; owners change under the memory lock.
import { Status } from "../lib/status";
import { acquire, Lock, lockInit, RANK_MEMORY, release } from "../lib/lock";
import { allocate } from "./arena";

export const BLOCK: u64 = 0x20_0000;
export const BLOCK_SHIFT: u64 = 21;
const GIGAPAGE: u64 = 0x4000_0000;

export const OWNER_FREE: u32 = 0;
/** RAM disks and overlays (backend/block). */
export const OWNER_DISK: u32 = 253;
/** Blobs of the toolstack (blob.ts). */
export const OWNER_BLOB: u32 = 254;
/** Firmware, the hypervisor, boot modules, anything reserved. Guests own with their id + 1. */
export const OWNER_RESERVED: u32 = 255;

@unmanaged
class Bank {
  hpa: u64 = 0;
  blocks: u64 = 0;
  /** Linear address of one owner byte per block. */
  owners: usize = 0;
  pad: u32 = 0;
}

const MAX_BANKS: u32 = 8;
const banks: usize = memory.data(192, 8);
const lock: usize = memory.data(16, 8);
let bankCount: u32 = 0;

function bank(index: u32): Bank {
  return changetype<Bank>(banks + index * offsetof<Bank>());
}

/** Boot: adds a bank of RAM; what is not a whole block is left out. Limit when there are too many, NoMemory without room. */
export function ramAddBank(hpa: u64, size: u64): i32 {
  if (bankCount == 0) lockInit(changetype<Lock>(lock), RANK_MEMORY);
  const first = (hpa + BLOCK - 1) & ~(BLOCK - 1);
  if (hpa + size < hpa) return Status.Range;
  if (first < hpa || first >= hpa + size) return Status.Ok;
  const blocks = (hpa + size - first) >> BLOCK_SHIFT;
  if (blocks == 0) return Status.Ok;
  if (bankCount == MAX_BANKS || blocks > 0x100_0000) return Status.Limit;
  for (let i: u32 = 0; i < bankCount; i++) {
    const other = bank(i);
    if (first < other.hpa + (other.blocks << BLOCK_SHIFT) && other.hpa < first + (blocks << BLOCK_SHIFT))
      return Status.Busy;
  }
  const owners = allocate(<usize>blocks);
  if (!owners) return Status.NoMemory;
  const added = bank(bankCount);
  added.hpa = first;
  added.blocks = blocks;
  added.owners = owners;
  bankCount += 1;
  return Status.Ok;
}

/** Boot: takes every block that [hpa, hpa + size) touches out of use. */
export function ramReserve(hpa: u64, size: u64): void {
  if (size == 0) return;
  const last = hpa + size - 1 < hpa ? u64.MAX_VALUE : hpa + size - 1;
  for (let i: u32 = 0; i < bankCount; i++) {
    const at = bank(i);
    const end = at.hpa + (at.blocks << BLOCK_SHIFT);
    if (last < at.hpa || hpa >= end) continue;
    const from = hpa > at.hpa ? (hpa - at.hpa) >> BLOCK_SHIFT : 0;
    const to = last < end ? (last - at.hpa) >> BLOCK_SHIFT : at.blocks - 1;
    memory.fill(at.owners + <usize>from, <u8>OWNER_RESERVED, <usize>(to - from + 1));
  }
}

function runIsOwnedBy(at: Bank, from: u64, blocks: u64, owner: u32): bool {
  if (from >= at.blocks || blocks > at.blocks - from) return false;
  for (let i: u64 = 0; i < blocks; i++) if (load<u8>(at.owners + <usize>(from + i)) != owner) return false;
  return true;
}

/** The hpa of `blocks` free blocks in a row, aligned to `align`, now owned by `owner`; 0 if there is no such run. */
export function ramTake(blocks: u64, align: u64, owner: u32): u64 {
  acquire(changetype<Lock>(lock));
  const hpa = findRun(blocks, align);
  if (hpa) setOwner(hpa, blocks, owner);
  release(changetype<Lock>(lock));
  return hpa;
}

/** From the top down: what lies right behind the hypervisor's image stays free for it to grow into. */
function findRun(blocks: u64, align: u64): u64 {
  for (let i = bankCount; i != 0; i--) {
    const at = bank(i - 1);
    const size = at.blocks << BLOCK_SHIFT;
    if (blocks << BLOCK_SHIFT > size) continue;
    let hpa = (at.hpa + size - (blocks << BLOCK_SHIFT)) & ~(align - 1);
    for (; hpa >= at.hpa && hpa <= at.hpa + size; hpa -= align) {
      if (runIsOwnedBy(at, (hpa - at.hpa) >> BLOCK_SHIFT, blocks, OWNER_FREE)) return hpa;
    }
  }
  return 0;
}

/** Takes up to `most` free blocks right from `hpa` on for the hypervisor; answers how many it got. */
export function ramTakeBehind(hpa: u64, most: u32): u32 {
  let taken: u32 = 0;
  while (taken < most && ramTakeAt(hpa + ((<u64>taken) << BLOCK_SHIFT), 1, OWNER_RESERVED) == Status.Ok) taken += 1;
  return taken;
}

/** Takes exactly [hpa, hpa + blocks * 2 MiB) for `owner`. Busy if any of it is not free, Range if it is not RAM. */
export function ramTakeAt(hpa: u64, blocks: u64, owner: u32): i32 {
  if (hpa & (BLOCK - 1)) return Status.Invalid;
  acquire(changetype<Lock>(lock));
  let status: i32 = Status.Range;
  for (let i: u32 = 0; i < bankCount && status == Status.Range; i++) {
    const at = bank(i);
    if (hpa < at.hpa || (hpa - at.hpa) >> BLOCK_SHIFT >= at.blocks) continue;
    status = runIsOwnedBy(at, (hpa - at.hpa) >> BLOCK_SHIFT, blocks, OWNER_FREE) ? Status.Ok : Status.Busy;
  }
  if (status == Status.Ok) setOwner(hpa, blocks, owner);
  release(changetype<Lock>(lock));
  return status;
}

/** Gives blocks back; their contents were cleared before. */
export function ramGive(hpa: u64, blocks: u64): void {
  acquire(changetype<Lock>(lock));
  setOwner(hpa, blocks, OWNER_FREE);
  release(changetype<Lock>(lock));
}

function setOwner(hpa: u64, blocks: u64, owner: u32): void {
  for (let i: u32 = 0; i < bankCount; i++) {
    const at = bank(i);
    if (hpa >= at.hpa && hpa - at.hpa < at.blocks << BLOCK_SHIFT) {
      memory.fill(at.owners + <usize>((hpa - at.hpa) >> BLOCK_SHIFT), <u8>owner, <usize>blocks);
    }
  }
}

/** Bytes of RAM that are free, and that exist, in whole blocks. */
export function ramFree(): u64 {
  return countOwned(OWNER_FREE);
}

function countOwned(owner: u32): u64 {
  let blocks: u64 = 0;
  for (let i: u32 = 0; i < bankCount; i++) {
    const at = bank(i);
    for (let j: u64 = 0; j < at.blocks; j++) blocks += u64(load<u8>(at.owners + <usize>j) == owner);
  }
  return blocks << BLOCK_SHIFT;
}

export function ramTotal(): u64 {
  let blocks: u64 = 0;
  for (let i: u32 = 0; i < bankCount; i++) blocks += bank(i).blocks;
  return blocks << BLOCK_SHIFT;
}

/** A run of blocks with one owner, for listings; zeroed, it stands before the first. */
@unmanaged
export class RamRun {
  hpa: u64 = 0;
  size: u64 = 0;
  owner: u32 = 0;
  /** Where the next run begins: bank and block. */
  bank: u32 = 0;
  block: u64 = 0;
}

/** Moves on to the next run; false behind the last. */
export function ramNextRun(run: RamRun): bool {
  while (run.bank < bankCount && run.block == bank(run.bank).blocks) {
    run.bank += 1;
    run.block = 0;
  }
  if (run.bank >= bankCount) return false;
  const at = bank(run.bank);
  const from = run.block;
  run.owner = load<u8>(at.owners + <usize>from);
  while (run.block < at.blocks && load<u8>(at.owners + <usize>run.block) == run.owner) run.block += 1;
  run.hpa = at.hpa + (from << BLOCK_SHIFT);
  run.size = (run.block - from) << BLOCK_SHIFT;
  return true;
}

/** Whether [hpa, hpa + length) lies in one bank of RAM. */
export function ramHas(hpa: u64, length: u64): bool {
  for (let i: u32 = 0; i < bankCount; i++) {
    const size = bank(i).blocks << BLOCK_SHIFT;
    const offset = hpa - bank(i).hpa;
    if (hpa >= bank(i).hpa && offset < size && length <= size - offset) return true;
  }
  return false;
}

/** The alignment worth trying for `blocks`: a gigapage for guests that can use one. */
export function ramAlignment(blocks: u64): u64 {
  return blocks << BLOCK_SHIFT >= GIGAPAGE ? GIGAPAGE : BLOCK;
}
