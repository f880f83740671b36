// SPDX-License-Identifier: Apache-2.0
// Payload `heartbeat`: the neighbour whose life shows that nobody else's misdeeds touch it. It keeps a pattern in
// memory, takes a timer interrupt per tick, and prints at each beat a checksum and how many ticks came.
// `beats=N` ends it with a verdict after N beats; 0 lets it go on for ever.
import { argument, useTree } from "../lib/fdt";
import { lockConsole, print, printHex, printNumber, putByte, unlockConsole } from "../lib/print";
import { check, equal, finish, unexpected } from "../lib/result";
import { setTimer } from "../lib/sbi";
import { enable, INTERRUPT, interruptsOff, interruptsOn, now, TIMER } from "../lib/trap";
import { atomicAdd, atomicLoad, read64, wfi, write64 } from "../runtime/hw";

export { failed, noSecondary as secondary } from "../lib/result";

const TICK: u64 = 100000;
const TICKS_PER_BEAT: u32 = 10;
const AREA: u64 = 0x80800000;
const AREA_BYTES: u64 = 0x100000;

const ticks: usize = memory.data(4, 4);
let deadline: u64 = 0;
let latest: u64 = 0;

export function interrupt(cause: u64, tval: u64): void {
  if (cause != (INTERRUPT | 5)) unexpected(cause, tval);
  const late = now() - deadline;
  if (late > latest) latest = late;
  atomicAdd(ticks, 1);
  deadline += TICK;
  setTimer(deadline);
}

function fill(): void {
  for (let at: u64 = 0; at < AREA_BYTES; at += 8) write64(AREA + at, (at + 1) * 0x9e3779b97f4a7c15);
}

function checksum(): u64 {
  let sum: u64 = 0;
  for (let at: u64 = 0; at < AREA_BYTES; at += 8) sum = rotl<u64>(sum, 5) + read64(AREA + at);
  return sum;
}

export function main(_hart: u64, fdt: u64): void {
  useTree(fdt);
  const beats = <u32>argument("beats=", 20);
  fill();
  const wanted = checksum();
  deadline = now() + TICK;
  setTimer(deadline);
  enable(TIMER);
  interruptsOn();
  for (let beat: u32 = 1; beats == 0 || beat <= beats; beat++) {
    while (atomicLoad(ticks) < beat * TICKS_PER_BEAT) wfi();
    const sum = checksum();
    equal("checksum", sum, wanted);
    lockConsole();
    print("BEAT ");
    printNumber(beat);
    print(" sum ");
    printHex(sum);
    putByte(10);
    unlockConsole();
  }
  interruptsOff();
  check("ticks", atomicLoad(ticks) >= beats * TICKS_PER_BEAT, atomicLoad(ticks));
  print("latest ");
  printNumber(latest);
  putByte(10);
  finish();
}
