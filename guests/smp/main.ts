// SPDX-License-Identifier: Apache-2.0
// Payload `smp`: HSM. Every other hart is started, seen started, suspended both ways, woken, stopped and started again
// with another argument; a started hart cannot be started twice.
import {
  SBI_ERR_ALREADY_AVAILABLE,
  SBI_ERR_INVALID_PARAM,
  SBI_HSM_STATE_STARTED,
  SBI_HSM_STATE_STOPPED,
  SBI_HSM_STATE_SUSPENDED,
  SBI_SUCCESS,
} from "../../core/arch/riscv64/sbi-spec";
import { argument, useTree } from "../lib/fdt";
import { await32, awaitStatus } from "../lib/harts";
import { printField } from "../lib/print";
import { check, equal, equalSigned, finish } from "../lib/result";
import { hartCount, hartStart, hartStatus, hartStop, hartSuspend, onOpenSbi, sendIpi } from "../lib/sbi";
import { clearSoft, enable, SOFT, waitPending } from "../lib/trap";
import { atomicAdd, atomicLoad, atomicStore, csrRead, hart as thisHart, secondaryEntry, wfi } from "../runtime/hw";
import { CSR_SATP, CSR_SIE, CSR_SSTATUS, SSTATUS_SIE } from "../../core/arch/riscv64/csr";

export { failed, noInterrupt as interrupt } from "../lib/result";

/** Arguments of a start: what the hart is to do. */
const STOP_AT_ONCE: u64 = 0x1111;
const SUSPEND_RETENTIVE: u64 = 0x2222;
const SUSPEND_AND_RESUME: u64 = 0x3333;
const RESUMED: u64 = 0x4444;
const SPIN: u64 = 0x5555;

const arrivals: usize = memory.data(64, 8);
const wrong: usize = memory.data(4, 4);
const release: usize = memory.data(4, 4);

function arrivalsOf(hart: u64): usize {
  return arrivals + ((<usize>hart) << 2);
}

/** Counts what the SBI promises a started hart and does not hold: interrupts off, translation off, its own number. */
function checkEntry(hart: u64): void {
  if (csrRead(CSR_SATP) != 0) atomicAdd(wrong, 0x100);
  if ((csrRead(CSR_SSTATUS) & SSTATUS_SIE) != 0) atomicAdd(wrong, 1);
  if (hart != <u64>thisHart()) atomicAdd(wrong, 0x10);
}

export function secondary(hart: u64, task: u64): void {
  checkEntry(hart);
  atomicAdd(arrivalsOf(hart), 1);
  if (task == SUSPEND_RETENTIVE || task == SUSPEND_AND_RESUME) enable(SOFT);
  if (task == SUSPEND_RETENTIVE) {
    const before = csrRead(CSR_SIE);
    if (hartSuspend(0, 0, 0) != SBI_SUCCESS) atomicAdd(wrong, 0x100);
    if (csrRead(CSR_SIE) != before) atomicAdd(wrong, 0x10000);
    if (!waitPending(SOFT, 1000000)) atomicAdd(wrong, 0x1000000);
    clearSoft();
    atomicAdd(arrivalsOf(hart), 1);
  } else if (task == SUSPEND_AND_RESUME) {
    hartSuspend(0x80000000, secondaryEntry(), RESUMED);
    atomicAdd(wrong, 1);
  } else if (task == RESUMED) {
    clearSoft();
  } else if (task == SPIN) {
    while (atomicLoad(release) == 0) {}
  } else if (task != STOP_AT_ONCE) atomicAdd(wrong, 1);
  hartStop();
  atomicAdd(wrong, 1);
  while (true) wfi();
}

function begin(hart: u64, task: u64): void {
  awaitStatus("stopped", hart, SBI_HSM_STATE_STOPPED);
  atomicStore(arrivalsOf(hart), 0);
  equalSigned("start", hartStart(hart, secondaryEntry(), task), SBI_SUCCESS);
  const after = hartStatus(hart);
  check("status after a start", after <= 3 || after == SBI_HSM_STATE_SUSPENDED || after == 5, after);
}

function testSuspend(hart: u64, task: u64): void {
  begin(hart, task);
  awaitStatus("suspended", hart, SBI_HSM_STATE_SUSPENDED);
  equal("it came once", atomicLoad(arrivalsOf(hart)), 1);
  if (!onOpenSbi()) startAgain(hart);
  equalSigned("wake", sendIpi(1, hart), SBI_SUCCESS);
  await32("woken", arrivalsOf(hart), 2);
  awaitStatus("stopped after waking", hart, SBI_HSM_STATE_STOPPED);
}

/** The specification leaves open which error. OpenSBI 1.5 refuses too, but spoils the argument of the resume. */
function startAgain(hart: u64): void {
  const again = hartStart(hart, secondaryEntry(), 0);
  check("a suspended hart cannot start", again == SBI_ERR_ALREADY_AVAILABLE || again == SBI_ERR_INVALID_PARAM, again);
}

function testAll(self: u64, harts: u64): void {
  for (let hart: u64 = 0; hart < harts; hart++) if (hart != self) begin(hart, SPIN);
  for (let hart: u64 = 0; hart < harts; hart++) {
    if (hart == self) continue;
    await32("all run at once", arrivalsOf(hart), 1);
    equal("started", hartStatus(hart), SBI_HSM_STATE_STARTED);
    equalSigned("a started hart cannot start", hartStart(hart, secondaryEntry(), 0), SBI_ERR_ALREADY_AVAILABLE);
  }
  atomicStore(release, 1);
  for (let hart: u64 = 0; hart < harts; hart++) if (hart != self) awaitStatus("released", hart, SBI_HSM_STATE_STOPPED);
  atomicStore(release, 0);
}

export function main(self: u64, fdt: u64): void {
  useTree(fdt);
  const harts = hartCount();
  const wanted = argument("harts=", harts);
  equal("harts", harts, wanted);
  for (let round = 0; round < 5; round++) {
    for (let hart: u64 = 0; hart < harts; hart++) {
      if (hart == self) continue;
      begin(hart, STOP_AT_ONCE);
      await32("came", arrivalsOf(hart), 1);
      testSuspend(hart, SUSPEND_RETENTIVE);
      testSuspend(hart, SUSPEND_AND_RESUME);
    }
    testAll(self, harts);
  }
  equal("wrong on another hart", atomicLoad(wrong), 0);
  printField("harts", harts);
  finish();
}
