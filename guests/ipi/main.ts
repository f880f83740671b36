// SPDX-License-Identifier: Apache-2.0
// Payload `ipi`: interrupts between harts arrive, wake a waiting hart, and none is lost. Each other hart counts what
// it takes and answers with an interrupt to the first; every hart in turn, then all at once, then remote fences.
import { SBI_EXT_RFENCE, SBI_HART_MASK_BASE_ALL, SBI_SUCCESS } from "../../core/arch/riscv64/sbi-spec";
import { argument, useTree } from "../lib/fdt";
import { await32, startOthers } from "../lib/harts";
import { printField } from "../lib/print";
import { equalSigned, finish, unexpected } from "../lib/result";
import { hartStop, sendIpi } from "../lib/sbi";
import { clearSoft, enable, INTERRUPT, interruptsOff, interruptsOn, SOFT } from "../lib/trap";
import { atomicAdd, atomicLoad, atomicStore, ecall, hart as thisHart, wfi } from "../runtime/hw";

export { failed } from "../lib/result";

/** One count per hart, what the first hart wants next (0: go on, 1: stop), and who it is. */
const counts: usize = memory.data(64, 8);
const answers: usize = memory.data(4, 4);
const stopping: usize = memory.data(4, 4);
let first: u64 = 0;

export function interrupt(cause: u64, tval: u64): void {
  if (cause != (INTERRUPT | 1)) unexpected(cause, tval);
  clearSoft();
  atomicAdd(counts + ((<usize>thisHart()) << 2), 1);
  if (thisHart() == <u32>first) return;
  atomicAdd(answers, 1);
  sendIpi(1, first);
}

export function secondary(_hart: u64, _argument: u64): void {
  enable(SOFT);
  interruptsOn();
  while (atomicLoad(stopping) == 0) wfi();
  interruptsOff();
  hartStop();
}

function countOf(hart: u64): usize {
  return counts + ((<usize>hart) << 2);
}

function oneByOne(harts: u64, rounds: u32): void {
  for (let round: u32 = 1; round <= rounds; round++) {
    for (let hart: u64 = 0; hart < harts; hart++) {
      const before = atomicLoad(countOf(hart));
      equalSigned("send", sendIpi(1, hart), SBI_SUCCESS);
      if (hart != first) await32("taken by one", countOf(hart), before + 1);
    }
  }
}

function allAtOnce(harts: u64, rounds: u32): void {
  const all: u64 = (1 << harts) - 1;
  for (let round: u32 = 0; round < rounds; round++) {
    const before = atomicLoad(answers);
    equalSigned("broadcast", (round & 1) == 0 ? sendIpi(all, 0) : sendIpi(0, SBI_HART_MASK_BASE_ALL), SBI_SUCCESS);
    await32("answers of all", answers, before + <u32>(harts - 1));
  }
}

function fences(rounds: u32): void {
  for (let round: u32 = 0; round < rounds; round++) {
    const error = ecall(
      SBI_EXT_RFENCE,
      round % 3,
      0,
      SBI_HART_MASK_BASE_ALL,
      (<u64>round) << 12,
      round % 5 == 0 ? ~0 : 8192,
      1,
      0,
    );
    equalSigned("remote fence", error, SBI_SUCCESS);
  }
}

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  first = hart;
  const rounds = <u32>argument("rounds=", 200);
  enable(SOFT);
  interruptsOn();
  const harts = startOthers(hart);
  oneByOne(harts, rounds);
  allAtOnce(harts, rounds);
  fences(rounds);
  atomicStore(stopping, 1);
  for (let other: u64 = 0; other < harts; other++) if (other != hart) sendIpi(1, other);
  interruptsOff();
  printField("harts", harts);
  printField("taken here", atomicLoad(countOf(hart)));
  finish();
}
