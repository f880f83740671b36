// SPDX-License-Identifier: Apache-2.0
// Payload `timer`: deadlines come, not early and not much late, by SBI and (where the guest has it) by stimecmp; time
// never goes back; a wait for interrupts ends.
import { CSR_STIMECMP } from "../../core/arch/riscv64/csr";
import { useTree } from "../lib/fdt";
import { check, equal, finish, unexpected } from "../lib/result";
import { setTimer } from "../lib/sbi";
import {
  disable,
  enable,
  INTERRUPT,
  interruptsOff,
  interruptsOn,
  NONE,
  now,
  pause,
  pending,
  TIMER,
  waitPending,
} from "../lib/trap";
import { csrWrite, execute, wfi } from "../runtime/hw";

export { failed, noSecondary as secondary } from "../lib/result";

const SECOND: u64 = 10000000;
/** Late by more than this on a busy machine is a defect. */
const LATE: u64 = SECOND / 2;

let taken: u32 = 0;
let takenAt: u64 = 0;

export function interrupt(cause: u64, tval: u64): void {
  if (cause != (INTERRUPT | 5)) unexpected(cause, tval);
  takenAt = now();
  taken++;
  disable(TIMER);
}

function testDeadlines(): void {
  for (let delay: u64 = 1; delay < SECOND / 20; delay *= 7) {
    const deadline = now() + delay;
    setTimer(deadline);
    check("a deadline comes", waitPending(TIMER, SECOND), delay);
    check("it is not early", now() >= deadline, deadline - now());
    check("it is not late", now() < deadline + LATE, now() - deadline);
  }
  setTimer(now() + SECOND / 1000);
  setTimer(~0);
  pause(SECOND / 500);
  check("a deadline taken back does not come", !pending(TIMER), 0);
}

function testInterrupts(): void {
  interruptsOn();
  for (let i: u32 = 1; i <= 200; i++) {
    const deadline = now() + (i % 5) * 1000;
    setTimer(deadline);
    enable(TIMER);
    while (taken < i && now() < deadline + SECOND) {}
    equal("interrupts taken", taken, i);
    check("not before the deadline", takenAt >= deadline, deadline - takenAt);
  }
  setTimer(~0);
  enable(TIMER);
  pause(SECOND / 1000);
  equal("none without a deadline", taken, 200);
  interruptsOff();
}

/** With interrupts off in sstatus, WFI still ends when one is pending and enabled in sie. */
function testWait(): void {
  enable(TIMER);
  for (let i = 0; i < 20; i++) {
    const deadline = now() + SECOND / 200;
    setTimer(deadline);
    while (!pending(TIMER)) wfi();
    check("wfi waits for the deadline", now() >= deadline, deadline - now());
    check("wfi ends soon", now() < deadline + LATE, now() - deadline);
  }
  setTimer(~0);
  disable(TIMER);
}

function testMonotonic(): void {
  let last = now();
  for (let i = 0; i < 20000; i++) {
    const next = now();
    check("time goes on", next >= last, last - next);
    last = next;
  }
}

/** csrr a0, stimecmp as an instruction that may trap. */
const READ_STIMECMP: u32 = 0x14d02573;

function testStimecmp(): void {
  if (execute(READ_STIMECMP, 0, 0) != NONE) return;
  for (let delay: u64 = 1; delay < SECOND / 20; delay *= 7) {
    const deadline = now() + delay;
    csrWrite(CSR_STIMECMP, deadline);
    check("stimecmp comes", waitPending(TIMER, SECOND), delay);
    check("stimecmp is not early", now() >= deadline, deadline - now());
    check("stimecmp is not late", now() < deadline + LATE, now() - deadline);
    csrWrite(CSR_STIMECMP, ~0);
    check("stimecmp off", !pending(TIMER), 0);
  }
}

export function main(_hart: u64, fdt: u64): void {
  useTree(fdt);
  testDeadlines();
  testInterrupts();
  testWait();
  testMonotonic();
  testStimecmp();
  finish();
}
