// SPDX-License-Identifier: Apache-2.0
// A guest's RAM: which host blocks back which guest-physical addresses, and the only way to copy to or from it.
// Every length and address that a guest can influence is checked here with 64-bit arithmetic. Copies never touch
// anything that is not this guest's RAM. Called at boot, in worker and in trap context.
import * as hw from "../hw";
import { MAX_RANGES } from "../limits";
import { Status } from "../lib/status";
import { mapMessages, mapStage2 } from "../arch/seam";
import { BLOCK, BLOCK_SHIFT, ramAlignment, ramGive, ramTake, ramTakeAt } from "../mem/ram";
import { Guest } from "./guest";

/** One run of host memory in a guest's RAM. */
@unmanaged
export class RamRange {
  gpa: u64 = 0;
  hpa: u64 = 0;
  size: u64 = 0;
}

export function ramRange(guest: Guest, index: u32): RamRange {
  return changetype<RamRange>(guest.ranges + index * offsetof<RamRange>());
}

function addRange(guest: Guest, gpa: u64, hpa: u64, size: u64): void {
  const range = ramRange(guest, guest.rangeCount);
  range.gpa = gpa;
  range.hpa = hpa;
  range.size = size;
  guest.rangeCount += 1;
}

/**
 * Gives the guest `guest.ramSize` bytes: at `staticHpa` if that is not 0, else in as few runs as possible.
 * NoMemory when the host has too little or too scattered memory; then nothing stays taken.
 */
export function takeGuestMemory(guest: Guest, staticHpa: u64): i32 {
  const owner = guest.id + 1;
  let left = (guest.ramSize + BLOCK - 1) >> BLOCK_SHIFT;
  guest.rangeCount = 0;
  if (staticHpa) {
    const status = ramTakeAt(staticHpa, left, owner);
    if (status == Status.Ok) addRange(guest, guest.ramBase, staticHpa, guest.ramSize);
    return status;
  }
  let gpa = guest.ramBase;
  let run = left;
  while (left) {
    if (run > left) run = left;
    let hpa = ramTake(run, ramAlignment(run), owner);
    if (!hpa) hpa = ramTake(run, BLOCK, owner);
    if (hpa) {
      const size = run << BLOCK_SHIFT;
      addRange(guest, gpa, hpa, min(size, guest.ramBase + guest.ramSize - gpa));
      gpa += size;
      left -= run;
    } else run >>= 1;
    if (run == 0 || (left && guest.rangeCount == MAX_RANGES)) {
      giveGuestMemory(guest);
      return Status.NoMemory;
    }
  }
  return Status.Ok;
}

/** Gives all of the guest's RAM back; the caller has cleared it. */
export function giveGuestMemory(guest: Guest): void {
  for (let i: u32 = 0; i < guest.rangeCount; i++) {
    const range = ramRange(guest, i);
    ramGive(range.hpa, (range.size + BLOCK - 1) >> BLOCK_SHIFT);
  }
  guest.rangeCount = 0;
}

/** Maps all of the guest's RAM with the largest pages that fit. NoMemory when the table pool is used up. */
export function mapGuestMemory(guest: Guest): i32 {
  for (let i: u32 = 0; i < guest.rangeCount; i++) {
    const range = ramRange(guest, i);
    const status = mapStage2(guest, range.gpa, range.hpa, range.size);
    if (status != Status.Ok) return status;
  }
  return mapMessages(guest);
}

/** Whether [gpa, gpa + length) lies in the guest's RAM. */
export function inGuestRam(guest: Guest, gpa: u64, length: u64): bool {
  const offset = gpa - guest.ramBase;
  return gpa >= guest.ramBase && offset <= guest.ramSize && length <= guest.ramSize - offset;
}

/** The range that holds `gpa`, which is in RAM. */
function rangeOf(guest: Guest, gpa: u64): RamRange {
  let index: u32 = 0;
  while (gpa - ramRange(guest, index).gpa >= ramRange(guest, index).size) index += 1;
  return ramRange(guest, index);
}

/** Bytes from `gpa` to the end of its range, at most `length`. */
function contiguous(range: RamRange, gpa: u64, length: u64): u64 {
  return min(length, range.size - (gpa - range.gpa));
}

/** What `gpa`, which is in RAM, is in host memory (hpa), up to hostRun() bytes of it. */
export function hostAddress(guest: Guest, gpa: u64): u64 {
  const range = rangeOf(guest, gpa);
  return range.hpa + (gpa - range.gpa);
}

/** How many of the `length` bytes of RAM from `gpa` on follow each other in host memory. */
export function hostRun(guest: Guest, gpa: u64, length: u64): u64 {
  return contiguous(rangeOf(guest, gpa), gpa, length);
}

/** Copies guest RAM into linear memory. Range: part of it is not RAM, and nothing was copied. */
export function readGuest(guest: Guest, ptr: usize, gpa: u64, length: u32): i32 {
  if (!inGuestRam(guest, gpa, length)) return Status.Range;
  while (length) {
    const range = rangeOf(guest, gpa);
    const part = <u32>contiguous(range, gpa, length);
    hw.copyIn(ptr, range.hpa + (gpa - range.gpa), part);
    ptr += part;
    gpa += part;
    length -= part;
  }
  return Status.Ok;
}

/** Copies linear memory to guest RAM. Range as for readGuest. */
export function writeGuest(guest: Guest, gpa: u64, ptr: usize, length: u32): i32 {
  if (!inGuestRam(guest, gpa, length)) return Status.Range;
  while (length) {
    const range = rangeOf(guest, gpa);
    const part = <u32>contiguous(range, gpa, length);
    hw.copyOut(range.hpa + (gpa - range.gpa), ptr, part);
    ptr += part;
    gpa += part;
    length -= part;
  }
  return Status.Ok;
}

/** Copies host memory (a boot module) to guest RAM; what already lies there is not copied onto itself. */
export function loadGuest(guest: Guest, gpa: u64, fromHpa: u64, length: u64): i32 {
  if (!inGuestRam(guest, gpa, length)) return Status.Range;
  while (length) {
    const range = rangeOf(guest, gpa);
    const part = contiguous(range, gpa, length);
    hw.copyAcross(range.hpa + (gpa - range.gpa), fromHpa, part);
    fromHpa += part;
    gpa += part;
    length -= part;
  }
  return Status.Ok;
}

/** Clears up to `length` bytes of the guest's RAM from byte `offset` on; answers the next offset (ramSize when done). */
export function clearGuest(guest: Guest, offset: u64, length: u64): u64 {
  if (offset >= guest.ramSize) return guest.ramSize;
  const gpa = guest.ramBase + offset;
  const range = rangeOf(guest, gpa);
  const part = contiguous(range, gpa, length);
  hw.clear(range.hpa + (gpa - range.gpa), part);
  return offset + part;
}
