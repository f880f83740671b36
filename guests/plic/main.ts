// SPDX-License-Identifier: Apache-2.0
// Payload `plic`: the UART's transmitter-empty interrupt through the guest's PLIC: priority, threshold, enable, pending,
// claim and complete each do their part, the line is level-triggered, and real interrupts are taken by a handler.
import { UART_FCR, UART_IER, UART_IER_THRI, UART_IIR, UART_LSR, UART_LSR_TEMT } from "../../core/dev/spec";
import { useTree } from "../lib/fdt";
import { claim, complete, enabled, findPlic, isPending, priority, setEnabled, setPriority } from "../lib/plic";
import { setThreshold, threshold, uartLine } from "../lib/plic";
import { printField, UART } from "../lib/print";
import { check, equal, finish, unexpected } from "../lib/result";
import { onOpenSbi } from "../lib/sbi";
import {
  enable,
  EXTERNAL,
  INTERRUPT,
  interruptsOff,
  interruptsOn,
  now,
  pause,
  pending,
  waitPending,
} from "../lib/trap";
import { read8, write8 } from "../runtime/hw";

export { failed, noSecondary as secondary } from "../lib/result";

const SECOND: u64 = 10000000;
let line: u32 = 0;
let taken: u32 = 0;
let spurious: u32 = 0;

export function interrupt(cause: u64, tval: u64): void {
  if (cause != (INTERRUPT | 9)) unexpected(cause, tval);
  const source = claim();
  if (source != line) spurious++;
  else taken++;
  read8(UART + UART_IIR);
  write8(UART + UART_IER, 0);
  complete(source);
}

function drain(): void {
  const end = now() + SECOND / 10;
  while ((read8(UART + UART_LSR) & UART_LSR_TEMT) == 0 && now() < end) {}
}

/** Makes the UART drive its line high; the FIFO is empty. */
function raise(): void {
  drain();
  write8(UART + UART_IER, 0);
  write8(UART + UART_IER, UART_IER_THRI);
}

function lower(): void {
  write8(UART + UART_IER, 0);
}

function settled(level: bool): bool {
  const end = now() + SECOND / 10;
  while (pending(EXTERNAL) != level && now() < end) {}
  return pending(EXTERNAL) == level;
}

function testRegisters(): void {
  setPriority(line, 5);
  equal("priority", priority(line), 5);
  setPriority(0, 7);
  equal("source 0 has no priority", priority(0), 0);
  setThreshold(3);
  equal("threshold", threshold(), 3);
  setEnabled(line, 1 << (line % 32));
  equal("enable", enabled(line), 1 << (line % 32));
  setEnabled(0, ~0);
  if (!onOpenSbi()) equal("source 0 cannot be enabled", enabled(0) & 1, 0);
  setEnabled(line, 1 << (line % 32));
  equal("nothing to claim", claim(), 0);
}

function testGates(): void {
  setThreshold(0);
  setPriority(line, 1);
  raise();
  check("the line is pending", isPending(line), 0);
  check("and reaches the hart", settled(true), 0);
  setThreshold(1);
  check("a threshold holds it back", settled(false), 0);
  setThreshold(0);
  setPriority(line, 0);
  check("priority 0 holds it back", settled(false), 0);
  setPriority(line, 2);
  if (!onOpenSbi()) testLevel();
  lower();
  complete(claim());
  check("low after completion", settled(false), 0);
  complete(line);
  complete(1000);
  complete(0xffffffff);
  equal("completing nothing does nothing", claim(), 0);
}

/** What QEMU's own PLIC does not do: follow a change of the enable bits, and a line that is high at completion. */
function testLevel(): void {
  setEnabled(line, 0);
  check("disabled holds it back", settled(false), 0);
  setEnabled(line, 1 << (line % 32));
  check("and it is back", settled(true), 0);
  equal("claim", claim(), line);
  check("claimed is not pending", !isPending(line), 0);
  check("claimed does not interrupt", settled(false), 0);
  equal("nothing more to claim", claim(), 0);
  complete(line);
  check("the line is still high", settled(true), 0);
  equal("claim again", claim(), line);
  complete(line);
}

function testHandler(): void {
  interruptsOn();
  enable(EXTERNAL);
  for (let i: u32 = 1; i <= 500; i++) {
    const end = now() + SECOND;
    raise();
    while (taken < i && now() < end) {}
    equal("interrupts taken", taken, i);
  }
  pause(SECOND / 1000);
  interruptsOff();
  equal("no more than raised", taken, 500);
  equal("none of another source", spurious, 0);
  check("nothing is left", !waitPending(EXTERNAL, 1000), 0);
}

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  check("the tree has a PLIC", findPlic(hart) != 0, 0);
  line = uartLine();
  write8(UART + UART_FCR, 0);
  testRegisters();
  testGates();
  testHandler();
  printField("line", line);
  finish();
}
