// SPDX-License-Identifier: Apache-2.0
// Payload `fp`: floating-point registers start as zero and belong to one hart of one guest. Every hart fills them with
// its own pattern and looks again and again while others do the same; run two guests with different `seed=`.
import { CSR_SSTATUS, SSTATUS_FS_MASK } from "../../core/arch/riscv64/csr";
import { argument, useTree } from "../lib/fdt";
import { startOthers } from "../lib/harts";
import { printField } from "../lib/print";
import { check, equal, finish } from "../lib/result";
import { onOpenSbi, setTimer } from "../lib/sbi";
import { enable, now, pending, TIMER } from "../lib/trap";
import { atomicAdd, atomicLoad, csrClear, csrRead, csrSet, fpAny, fpCheck, fpFill, wfi } from "../runtime/hw";

export { failed, noInterrupt as interrupt } from "../lib/result";

const FS_INITIAL: u64 = 0x2000;
const MILLISECOND: u64 = 10000;

const done: usize = memory.data(4, 4);
const wrong: usize = memory.data(4, 4);
const unclean: usize = memory.data(4, 4);
let seed: u64 = 0;
let rounds: u32 = 0;

function turnOn(): void {
  csrSet(CSR_SSTATUS, FS_INITIAL);
  if (fpAny() != 0) atomicAdd(unclean, 1);
}

/** Waits with the registers loaded, so that another vCPU runs here. */
function nap(): void {
  setTimer(now() + MILLISECOND / 2);
  enable(TIMER);
  while (!pending(TIMER)) wfi();
  setTimer(~0);
}

function work(hart: u64): void {
  turnOn();
  for (let round: u32 = 0; round < rounds; round++) {
    const pattern = ((seed * 1000 + hart) << 20) | ((round & 0xfff) << 5) | (round & 31);
    fpFill(pattern);
    const end = now() + MILLISECOND / 4;
    while (now() < end) {}
    if (fpCheck(pattern) != 0) atomicAdd(wrong, 1);
    nap();
    if (fpCheck(pattern) != 0) atomicAdd(wrong, 1);
    if ((csrRead(CSR_SSTATUS) & SSTATUS_FS_MASK) == 0) atomicAdd(wrong, 1);
    // Off and on again keeps the registers.
    csrClear(CSR_SSTATUS, SSTATUS_FS_MASK);
    nap();
    csrSet(CSR_SSTATUS, SSTATUS_FS_MASK);
    if (fpCheck(pattern) != 0) atomicAdd(wrong, 1);
  }
  atomicAdd(done, 1);
}

export function secondary(hart: u64, _argument: u64): void {
  work(hart);
}

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  seed = argument("seed=", 1);
  rounds = <u32>argument("rounds=", 100);
  const harts = startOthers(hart);
  work(hart);
  const end = now() + 60000 * MILLISECOND;
  while (atomicLoad(done) != <u32>harts && now() < end) {}
  equal("harts that finished", atomicLoad(done), harts);
  equal("wrong registers", atomicLoad(wrong), 0);
  check("registers start as zero", onOpenSbi() || atomicLoad(unclean) == 0, atomicLoad(unclean));
  printField("harts", harts);
  finish();
}
