// SPDX-License-Identifier: Apache-2.0
// The table of host harts, filled at boot in the order of the host tree with the boot hart first.
// @lock per boot: written by the boot hart before others start, read-only afterwards.
import { MAX_HARTS } from "../limits";
import { Hart } from "./hart";

/** Room for one record; records begin at multiples of it. */
const RECORD: usize = 512;
const records: usize = memory.data(8192, 64);
let count: u32 = 0;

/** Adds the record of a hart that firmware calls `id`; a null pointer when the table is full. */
export function newHart(id: u64): Hart {
  if (count >= MAX_HARTS) return changetype<Hart>(0);
  const hart = hartByIndex(count);
  hart.id = id;
  hart.index = count;
  hart.timerSet = u64.MAX_VALUE;
  hart.sliceEnd = u64.MAX_VALUE;
  count += 1;
  return hart;
}

export function hartCount(): u32 {
  return count;
}

/** The record of hart `index`, which is below MAX_HARTS. */
export function hartByIndex(index: u32): Hart {
  return changetype<Hart>(records + <usize>index * RECORD);
}
