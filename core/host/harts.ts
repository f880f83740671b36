// SPDX-License-Identifier: Apache-2.0
// The table of host harts, filled at boot in the order of the host tree with the boot hart first.
// @lock per boot: written by the boot hart before others start, read-only afterwards.
import { MAX_HARTS } from "../limits";
import { Hart } from "./hart";

const records: usize = memory.data(MAX_HARTS * sizeof<usize>());
let count: u32 = 0;

/** Adds a hart's record; answers its index, or MAX_HARTS when the table is full. */
export function addHart(hart: Hart): u32 {
  if (count >= MAX_HARTS) return MAX_HARTS;
  store<usize>(records + count * sizeof<usize>(), changetype<usize>(hart));
  hart.index = count;
  count += 1;
  return hart.index;
}

export function hartCount(): u32 {
  return count;
}

/** The record of hart `index`, which is below hartCount(). */
export function hartByIndex(index: u32): Hart {
  return changetype<Hart>(load<usize>(records + index * sizeof<usize>()));
}
