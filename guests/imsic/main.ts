// SPDX-License-Identifier: Apache-2.0
// Payload `imsic`: messages between harts through their interrupt files arrive and none is lost, waiting harts wake, and
// the UART's wire comes as messages through the APLIC. `rounds=` messages go to each other hart, each answered by one.
import { SBI_HSM_STATE_STOPPED } from "../../core/arch/riscv64/sbi-spec";
import { UART_FCR, UART_IER, UART_IER_THRI, UART_IIR, UART_LSR, UART_LSR_TEMT } from "../../core/dev/spec";
import { argument, useTree } from "../lib/fdt";
import { await32, startOthers } from "../lib/harts";
import { findImsic, getRegister, lineServed, openFile, openLine, send, serve, setRegister } from "../lib/imsic";
import { uartLine } from "../lib/plic";
import { printField, UART } from "../lib/print";
import { check, equal, finish, unexpected } from "../lib/result";
import { hartCount, hartStatus, hartStop } from "../lib/sbi";
import { enable, EXTERNAL, INTERRUPT, interruptsOff, interruptsOn, now, pause } from "../lib/trap";
import { atomicAdd, atomicLoad, atomicStore, hart as thisHart, read8, wfi, write8 } from "../runtime/hw";

export { failed } from "../lib/result";

const PING: u64 = 33;
const ANSWER: u64 = 5;
const WIRE: u64 = 60;
const EIP0: u64 = 0x80;
const EIDELIVERY: u64 = 0x70;
const SECOND: u64 = 10000000;

/** What each hart took, answers, interrupts of the wire, and whether the others are to stop. */
const counts: usize = memory.data(64, 8);
const answers: usize = memory.data(4, 4);
const wires: usize = memory.data(4, 4);
const stopping: usize = memory.data(4, 4);
let first: u64 = 0;
let line: u32 = 0;

export function interrupt(cause: u64, tval: u64): void {
  if (cause != (INTERRUPT | 9)) unexpected(cause, tval);
  for (let identity = serve(); identity != 0; identity = serve()) {
    if (identity == WIRE) wire();
    else if (identity == ANSWER) atomicAdd(answers, 1);
    else {
      atomicAdd(counts + ((<usize>thisHart()) << 2), 1);
      send(first, ANSWER);
    }
  }
}

function wire(): void {
  read8(UART + UART_IIR);
  write8(UART + UART_IER, 0);
  atomicAdd(wires, 1);
  lineServed(line);
}

export function secondary(_hart: u64, _argument: u64): void {
  openFile();
  enable(EXTERNAL);
  interruptsOn();
  atomicAdd(answers, 1);
  while (atomicLoad(stopping) == 0) wfi();
  interruptsOff();
  hartStop();
}

/** What the file of this hart says, with interrupts off. */
function testFile(hart: u64): void {
  setRegister(EIDELIVERY, 0);
  send(hart, 7);
  send(hart, 0);
  send(hart, 4000);
  equal("pending", getRegister(EIP0), 1 << 7);
  equal("served", serve(), 0);
  openFile();
  equal("served once enabled", serve(), 7);
  equal("and only once", serve(), 0);
}

function testLine(): void {
  line = uartLine();
  write8(UART + UART_FCR, 0);
  openLine(line, first, WIRE);
  for (let i: u32 = 1; i <= 50; i++) {
    const end = now() + SECOND / 10;
    while ((read8(UART + UART_LSR) & UART_LSR_TEMT) == 0 && now() < end) {}
    write8(UART + UART_IER, UART_IER_THRI);
    await32("interrupts of the UART", wires, i);
  }
}

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  first = hart;
  check("the tree has interrupt files", findImsic(hartCount()) != 0, 0);
  const rounds = <u32>argument("rounds=", 200);
  testFile(hart);
  enable(EXTERNAL);
  interruptsOn();
  const harts = startOthers(hart);
  await32("others are ready", answers, <u32>harts - 1);
  for (let round: u32 = 1; round <= rounds; round++) {
    for (let other: u64 = 0; other < harts; other++) {
      if (other == hart) continue;
      const before = atomicLoad(answers);
      send(other, PING);
      await32("answered", answers, before + 1);
      equal("taken once", atomicLoad(counts + ((<usize>other) << 2)), round);
    }
  }
  testLine();
  atomicStore(stopping, 1);
  for (let other: u64 = 0; other < harts; other++) {
    while (other != hart && hartStatus(other) != SBI_HSM_STATE_STOPPED) {
      send(other, PING);
      pause(SECOND / 1000);
    }
  }
  interruptsOff();
  printField("harts", harts);
  finish();
}
