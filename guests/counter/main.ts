// SPDX-License-Identifier: Apache-2.0
// Payload `counter`: never sleeps, and says every few milliseconds how far it has come. `start=1` makes it start its
// second hart, again and again until it may; that one counts too.
import { argument, useTree } from "../lib/fdt";
import { print, printNumber, printSigned, putByte } from "../lib/print";
import { hartStart } from "../lib/sbi";
import { pause } from "../lib/trap";
import { atomicAdd, atomicLoad, secondaryEntry } from "../runtime/hw";

export { failed, noInterrupt as interrupt } from "../lib/result";

const TICKS: u64 = 50000;
/** No answer of the SBI. */
const NOT_ASKED: i64 = 1000;

const other: usize = memory.data(4, 4);

export function secondary(_hart: u64, _argument: u64): void {
  while (true) atomicAdd(other, 1);
}

export function main(_hart: u64, fdt: u64): void {
  useTree(fdt);
  const starts = argument("start=", 0) != 0;
  let answer = NOT_ASKED;
  for (let count: u64 = 1; ; count++) {
    pause(TICKS);
    print("COUNT ");
    printNumber(count);
    print(" other ");
    printNumber(atomicLoad(other));
    putByte(10);
    if (!starts || answer == 0) continue;
    const now = hartStart(1, secondaryEntry(), 0);
    if (now == answer) continue;
    answer = now;
    print("START ");
    printSigned(answer);
    putByte(10);
  }
}
