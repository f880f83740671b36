// SPDX-License-Identifier: Apache-2.0
// Payload `exits`: what one operation costs in instructions, loop and everything below included. Each line is
// `BENCH name count instructions`; bench/exits.ts divides. Meant for QEMU's -icount shift=0, where the counter counts
// instructions of all levels exactly. Every loop runs once before it is counted.
import { CSR_INSTRET, CSR_SIE, CSR_SIP, CSR_STIMECMP, CSR_STVEC, CSR_TIME } from "../../core/arch/riscv64/csr";
import {
  SBI_EXT_BASE,
  SBI_EXT_HSM,
  SBI_EXT_IPI,
  SBI_EXT_RFENCE,
  SBI_EXT_TIME,
  SBI_HSM_HART_GET_STATUS,
  SBI_RFENCE_SFENCE_VMA,
} from "../../core/arch/riscv64/sbi-spec";
import { UART_LSR } from "../../core/dev/spec";
import { argument, ramEnd, useTree } from "../lib/fdt";
import { findPlic } from "../lib/plic";
import { print, printNumber, putByte, UART } from "../lib/print";
import { check, finish } from "../lib/result";
import { setTimer } from "../lib/sbi";
import { interruptsOff, interruptsOn, NONE, SOFT, TIMER } from "../lib/trap";
import {
  csrClear,
  csrRead,
  csrSet,
  csrWrite,
  ecallOnly,
  execute,
  read32,
  read8,
  shortVector,
  write64,
} from "../runtime/hw";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

/** csrr a0, instret; csrr a0, stimecmp. */
const READ_INSTRET: u32 = 0xc0202573;
const READ_STIMECMP: u32 = 0x14d02573;
/** Where pages are touched that nothing has touched before. */
const FRESH: u64 = 0x81000000;

let exact: bool = true;
let self: u64 = 0;
let plic: u64 = 0;

/** Instructions so far: counted, or 100 for each tick of the 10 MHz clock. */
function counter(): u64 {
  return exact ? csrRead(CSR_INSTRET) : csrRead(CSR_TIME) * 100;
}

function report(name: string, count: u64, total: u64): void {
  print("BENCH ");
  print(name);
  putByte(32);
  printNumber(count);
  putByte(32);
  printNumber(total);
  putByte(10);
}

function nothing(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) csrRead(CSR_SIP);
  return counter() - start;
}

function nullCall(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) ecallOnly(SBI_EXT_BASE, 0, 0, 0, 0, 0);
  return counter() - start;
}

function timerCall(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) ecallOnly(SBI_EXT_TIME, 0, 0x7fffffffffffffff, 0, 0, 0);
  return counter() - start;
}

function ipiSelf(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) {
    ecallOnly(SBI_EXT_IPI, 0, 1, self, 0, 0);
    while ((csrRead(CSR_SIP) & SOFT) == 0) {}
    csrClear(CSR_SIP, SOFT);
  }
  return counter() - start;
}

function remoteFence(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) ecallOnly(SBI_EXT_RFENCE, SBI_RFENCE_SFENCE_VMA, 1, self, 0, 4096);
  return counter() - start;
}

function status(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) ecallOnly(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, self, 0, 0, 0);
  return counter() - start;
}

function uartLoad(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) read8(UART + UART_LSR);
  return counter() - start;
}

function plicLoad(count: u64): u64 {
  const at = plic + 4;
  const start = counter();
  for (let i: u64 = 0; i < count; i++) read32(at);
  return counter() - start;
}

/** Stores to the first word of `count` pages after `from`, each page once. */
function touch(from: u64, count: u64): u64 {
  const start = counter();
  const end = from + (count << 12);
  for (let page = from; page < end; page += 4096) write64(page, page);
  return counter() - start;
}

/** Sets a deadline in the past and is interrupted; the handler (shortVector) turns sie.STIE off. */
function timerInterrupt(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) {
    csrSet(CSR_SIE, TIMER);
    ecallOnly(SBI_EXT_TIME, 0, 0, 0, 0, 0);
    while ((csrRead(CSR_SIE) & TIMER) != 0) {}
  }
  return counter() - start;
}

function timerInterruptDirect(count: u64): u64 {
  const start = counter();
  for (let i: u64 = 0; i < count; i++) {
    csrSet(CSR_SIE, TIMER);
    csrWrite(CSR_STIMECMP, 0);
    while ((csrRead(CSR_SIE) & TIMER) != 0) {}
  }
  return counter() - start;
}

/** The handler must find the timer off at first; both forms leave it far away. */
function timers(count: u64): void {
  const vector = csrRead(CSR_STVEC);
  const direct = execute(READ_STIMECMP, 0, 0) == NONE;
  setTimer(~0);
  csrWrite(CSR_STVEC, shortVector());
  // The short vector keeps t0 in sscratch, which the ordinary one needs back.
  const block = csrRead(0x140);
  interruptsOn();
  timerInterrupt(10);
  const byCall = timerInterrupt(count);
  setTimer(~0);
  if (direct) timerInterruptDirect(10);
  const byRegister = direct ? timerInterruptDirect(count) : 0;
  interruptsOff();
  csrWrite(0x140, block);
  csrWrite(CSR_STVEC, vector);
  setTimer(~0);
  report("timer-interrupt", count, byCall);
  if (direct) report("timer-interrupt-sstc", count, byRegister);
}

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  self = hart;
  const count = argument("count=", 10000);
  exact = execute(READ_INSTRET, 0, 0) == NONE;
  plic = findPlic(hart);
  print(exact ? "COUNTER instret\n" : "COUNTER time\n");
  nothing(10);
  report("loop", count, nothing(count));
  nullCall(10);
  report("null-call", count, nullCall(count));
  timerCall(10);
  report("set-timer", count, timerCall(count));
  setTimer(~0);
  ipiSelf(10);
  report("ipi-self", count, ipiSelf(count));
  remoteFence(10);
  report("remote-fence", count, remoteFence(count));
  status(10);
  report("hart-status", count, status(count));
  uartLoad(10);
  report("uart-load", count, uartLoad(count));
  plicLoad(10);
  report("plic-load", count, plicLoad(count));
  const pages = argument("pages=", 4096);
  check("RAM for the pages", FRESH + (pages << 12) <= ramEnd(), pages);
  report("first-touch", pages, touch(FRESH, pages));
  report("second-touch", pages, touch(FRESH, pages));
  timers(count);
  finish();
}
