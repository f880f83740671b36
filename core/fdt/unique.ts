// SPDX-License-Identifier: Apache-2.0
// Part of fdtCheck: no two properties of a node, and no two children of a node, share a name.
// Comparing siblings is quadratic, so the work is metered and a tree that would take too long is refused.
// @spec devicetree v0.4 §2.2.1
import { Status } from "../lib/status";
import { be32, FDT_BEGIN_NODE, FDT_NOP } from "./format";
import { fdtFirstProperty, fdtName, fdtNext, fdtNextProperty, fdtNodeEnd, fdtPropertyName, fdtRoot } from "./walk";

/** About as many name comparisons as we are ready to make for one tree. */
const WORK_LIMIT: u32 = 0x80_0000;
const SAME: u32 = u32.MAX_VALUE;

/** Number of leading bytes that two names share, SAME if they are equal. */
function common(a: usize, b: usize): u32 {
  if (a == b) return SAME;
  let i: u32 = 0;
  while (load<u8>(a + i) == load<u8>(b + i)) {
    if (load<u8>(a + i) == 0) return SAME;
    i++;
  }
  return i;
}

/** Only after the structure is known to be sound. */
export function checkUnique(fdt: usize): i32 {
  let work: u32 = 0;
  for (let node = fdtRoot(fdt); node != 0; node = fdtNext(node)) {
    work = siblings(node, work);
    if (work < WORK_LIMIT) work = properties(fdt, node, work);
    if (work == SAME) return Status.Malformed;
    if (work >= WORK_LIMIT) return Status.Limit;
  }
  return Status.Ok;
}

/** Compares a node's name with its later siblings'; answers the work done so far, or SAME. */
function siblings(node: usize, work: u32): u32 {
  let at = node;
  while (work < WORK_LIMIT) {
    let end = fdtNodeEnd(at);
    while (be32(end) == FDT_NOP) end += 4;
    work += (<u32>(end - at)) >> 4;
    if (be32(end) != FDT_BEGIN_NODE) return work;
    at = end;
    const shared = common(fdtName(node), fdtName(at));
    if (shared == SAME) return SAME;
    work += 1 + (shared >> 2);
  }
  return work;
}

/** Compares the names of a node's properties with each other; answers the work done so far, or SAME. */
function properties(fdt: usize, node: usize, work: u32): u32 {
  for (let a = fdtFirstProperty(node); a != 0; a = fdtNextProperty(a)) {
    const name = fdtPropertyName(fdt, a);
    for (let b = fdtNextProperty(a); b != 0 && work < WORK_LIMIT; b = fdtNextProperty(b)) {
      const shared = common(name, fdtPropertyName(fdt, b));
      if (shared == SAME) return SAME;
      work += 1 + (shared >> 2);
    }
  }
  return work;
}
