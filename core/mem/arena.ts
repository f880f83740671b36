// SPDX-License-Identifier: Apache-2.0
// Linear memory beyond the static data, handed out once, at boot or when a guest is created, and never from a trap
// path. Objects that come and go live in pools and slots made from here, and are used again. At boot the arena grows by
// what the host's tree asks for; afterwards by pages of the reserve, host memory right behind the image that was kept.
// @lock creation: boot hart only until the other harts run; afterwards only under the creation lock.
import { fenceHarts } from "../arch/seam";
import * as hw from "../hw";

/** Size and alignment of a page of translation tables. */
export const PAGE: usize = 4096;

// Both are linear addresses; static data ends where the arena begins.
let next: usize = (__heap_base + PAGE - 1) & ~(PAGE - 1);
let end: usize = (__heap_base + PAGE - 1) & ~(PAGE - 1);

/** Sets the arena to linear addresses [from, to): unit tests, which have no image. */
export function arenaInit(from: usize, to: usize): void {
  next = from;
  end = to;
}

/** Bytes behind the arena that may still be added at run time. */
let reserve: u32 = 0;

/** End of boot: `bytes` of host memory right behind the arena are the hypervisor's to grow into. */
export function arenaReserve(bytes: u32): void {
  reserve = bytes & ~(<u32>PAGE - 1);
}

/** Bytes of the reserve that are left. */
export function arenaReserved(): u32 {
  return reserve;
}

/** Sees to it that `bytes` can be allocated, from the reserve if need be. False: the hypervisor's memory is used up. */
export function arenaNeeds(bytes: u32): bool {
  if (bytes <= <u32>arenaFree()) return true;
  const missing = (bytes - <u32>arenaFree() + <u32>PAGE - 1) & ~(<u32>PAGE - 1);
  if (missing > reserve || !arenaGrow(missing)) return false;
  fenceHarts();
  reserve -= missing;
  return true;
}

/** Boot, or growth at run time: adds `bytes` of host memory right behind the image to the arena. False if the host has none there. */
export function arenaGrow(bytes: u32): bool {
  const size = (bytes + <u32>PAGE - 1) & ~(<u32>PAGE - 1);
  if (!hw.extendLinear(size)) return false;
  end += size;
  return true;
}

/** `size` zeroed bytes aligned to `align` (a power of two), or 0 when the arena is used up. */
export function allocate(size: usize, align: usize = 8): usize {
  const at = (next + align - 1) & ~(align - 1);
  if (at < next || at > end || size > end - at) return 0;
  next = at + size;
  memory.fill(at, 0, size);
  return at;
}

/** Bytes still to be had. */
export function arenaFree(): usize {
  return end - next;
}

/** Host-physical address of a linear address. */
export function hpaOf(ptr: usize): u64 {
  return hw.linearBase() + <u64>ptr;
}
