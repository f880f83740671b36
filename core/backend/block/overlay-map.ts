// SPDX-License-Identifier: Apache-2.0
// Where an overlay keeps what was written: for each 4 KiB of the disk an entry that names a page of host memory and says
// which of its eight sectors are valid, so that a write never has to read. Entries lie in map blocks of 2 MiB, pages in
// data blocks, both taken from the host when they are needed and given back only with the overlay. Called with the
// overlay's lock held, but for overlayEntry.
//
//   entry: hpa of the page (0: valid sectors are zeros) | 0 | valid sectors, one bit each
//          63                                        12  11 8 7                           0
//   first 8 bytes of a data block: hpa of the one taken before; of a free page: hpa of the next free one
import { hartScratch } from "../../dev/virtio/chain";
import * as hw from "../../hw";
import { Lock } from "../../lib/lock";
import { BLOCK, OWNER_DISK, ramGive, ramTake } from "../../mem/ram";

export const PAGE_BYTES: u64 = 4096;
/** Sectors of a page. */
export const PAGE_SECTORS: u64 = 8;
export const ALL_VALID: u64 = 0xff;
const PAGE_MASK: u64 = ~(PAGE_BYTES - 1);
/** Entries of a map block: a GiB of the disk. */
const MAP_SHIFT: u64 = 18;
/** Map blocks, so GiB of the largest disk. */
export const MAX_MAPS: u32 = 256;

@unmanaged
export class Overlay {
  /** Data block taken last, first page of it that was never used, and a list of free ones; 0: none. */
  blocks: u64 = 0;
  fresh: u64 = 0;
  free: u64 = 0;
  lock: Lock = changetype<Lock>(0);
  /** Blocks that it has, and may have. */
  taken: u32 = 0;
  most: u32 = 0;
  /** Free records for reads that mix overlay and base (overlay.ts). */
  mixed: usize = 0;
  /** Atomics: 1 while it belongs to a disk. All overlays that there ever were. */
  used: u32 = 0;
  next: usize = 0;
  // MAX_MAPS u64 follow: hpa of each map block, 0 where nothing is.
}

export const OVERLAY_BYTES: usize = offsetof<Overlay>() + <usize>MAX_MAPS * sizeof<u64>();

function mapPtr(overlay: Overlay, index: usize): usize {
  return changetype<usize>(overlay) + offsetof<Overlay>() + index * sizeof<u64>();
}

/** hpa of a page's entry, 0 if its map block is not there. */
function entryHpa(overlay: Overlay, page: u64): u64 {
  const map = load<u64>(mapPtr(overlay, <usize>(page >> MAP_SHIFT)));
  return map ? map + (page & ((1 << MAP_SHIFT) - 1)) * sizeof<u64>() : 0;
}

/** The entry of the `page`th 4 KiB of the disk. */
export function overlayEntry(overlay: Overlay, page: u64): u64 {
  const hpa = entryHpa(overlay, page);
  return hpa ? word(hpa) : 0;
}

/** hpa of an entry's page, 0 if it has none. */
export function entryPage(entry: u64): u64 {
  return entry & PAGE_MASK;
}

function word(hpa: u64): u64 {
  hw.copyIn(hartScratch(), hpa, 8);
  return load<u64>(hartScratch());
}

function setWord(hpa: u64, value: u64): void {
  store<u64>(hartScratch(), value);
  hw.copyOut(hpa, hartScratch(), 8);
}

/** Sees to it that overlaySet works for this page; false: there is no memory for that. */
export function overlayReach(overlay: Overlay, page: u64): bool {
  const at = mapPtr(overlay, <usize>(page >> MAP_SHIFT));
  if (load<u64>(at)) return true;
  const block = takeBlock(overlay);
  if (block == 0) return false;
  hw.clear(block, BLOCK);
  store<u64>(at, block);
  return true;
}

/** Changes an entry that can be reached. */
export function overlaySet(overlay: Overlay, page: u64, entry: u64): void {
  setWord(entryHpa(overlay, page), entry);
}

function takeBlock(overlay: Overlay): u64 {
  // The limit may have been set below what it has.
  if (overlay.taken >= overlay.most) return 0;
  const block = ramTake(1, BLOCK, OWNER_DISK);
  overlay.taken += u32(block != 0);
  return block;
}

/** hpa of a page for an entry, 0 if the overlay or the host is full. It holds anything that this overlay ever held. */
export function overlayTakePage(overlay: Overlay): u64 {
  if (overlay.free) {
    const page = overlay.free;
    overlay.free = word(page);
    return page;
  }
  if ((overlay.fresh & (BLOCK - 1)) == 0) {
    const block = takeBlock(overlay);
    if (block == 0) return 0;
    setWord(block, overlay.blocks);
    overlay.blocks = block;
    overlay.fresh = block + PAGE_BYTES;
  }
  overlay.fresh += PAGE_BYTES;
  return overlay.fresh - PAGE_BYTES;
}

/** No entry names that page any more. */
export function overlayFreePage(overlay: Overlay, page: u64): void {
  setWord(page, overlay.free);
  overlay.free = page;
}

/** Clears one block and gives it back; false: there is none left. Nobody uses the overlay any more. */
export function overlayGiveBlock(overlay: Overlay): bool {
  let block = overlay.blocks;
  if (block) overlay.blocks = word(block);
  for (let i: usize = 0; !block && i < MAX_MAPS; i++) {
    block = load<u64>(mapPtr(overlay, i));
    store<u64>(mapPtr(overlay, i), 0);
  }
  if (!block) return false;
  hw.clear(block, BLOCK);
  ramGive(block, 1);
  overlay.taken -= 1;
  return true;
}
