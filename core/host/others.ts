// SPDX-License-Identifier: Apache-2.0
// Starts the other harts. One that does not come up in time is left out, and said so; the rest go on. Boot context.
import { now, startHart } from "../arch/seam";
import * as hw from "../hw";
import { print, printDec } from "../lib/print";
import { schedForgetHart } from "../sched/sched";
import { ticksPerSecond } from "./clock";
import { Hart } from "./hart";
import { hartByIndex, hartCount } from "./harts";

/** Starts every hart of the table but the first and waits, a second at most, until they take part. */
export function startOthers(): void {
  for (let i: u32 = 1; i < hartCount(); i++) {
    if (startHart(i) != 0) leaveOut(i);
  }
  const deadline = now() + ticksPerSecond();
  for (let i: u32 = 1; i < hartCount(); i++) {
    while (hartByIndex(i).id != u64.MAX_VALUE && !isOnline(i)) {
      if (now() > deadline) leaveOut(i);
    }
  }
  printDec(hartsOnline());
  print(" of ");
  printDec(hartCount());
  print(" harts run\n");
}

function isOnline(index: u32): bool {
  return hw.atomicLoad(changetype<usize>(hartByIndex(index)) + offsetof<Hart>("online")) != 0;
}

export function hartsOnline(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < hartCount(); i++) count += u32(isOnline(i));
  return count;
}

/** The hart is not used; its record's id no longer names one. */
function leaveOut(index: u32): void {
  print("hart ");
  printDec(hartByIndex(index).id);
  print(" does not start and is left out\n");
  schedForgetHart(index);
  hartByIndex(index).id = u64.MAX_VALUE;
}
