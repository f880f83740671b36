// SPDX-License-Identifier: Apache-2.0
// Linear memory beyond the static data, handed out once, at boot or when a guest is created, and never from a trap
// path. Objects that come and go live in pools with a fixed count, made from here.
// @lock none: boot hart only until the other harts run; afterwards only under the memory lock.
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

/** Boot: adds `bytes` of host memory right behind the image to the arena. False if the host has none there. */
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
