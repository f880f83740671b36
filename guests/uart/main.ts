// SPDX-License-Identifier: Apache-2.0
// Payload `uart`: the 16550's registers hold what they should: scratch, divisor latch, line control, FIFO control,
// interrupt identification, loopback; and a long burst of output arrives whole (the test counts its lines).
import {
  UART_DLL,
  UART_DLM,
  UART_FCR,
  UART_FCR_CLEAR_RCVR,
  UART_FCR_ENABLE,
  UART_IER,
  UART_IER_RDI,
  UART_IER_THRI,
  UART_IIR,
  UART_IIR_FIFO_ENABLED,
  UART_IIR_ID_MASK,
  UART_IIR_NO_INT,
  UART_IIR_RDI,
  UART_IIR_THRI,
  UART_LCR,
  UART_LCR_DLAB,
  UART_LCR_WLEN8,
  UART_LSR,
  UART_LSR_DR,
  UART_LSR_TEMT,
  UART_LSR_THRE,
  UART_MCR,
  UART_MCR_LOOP,
  UART_RBR,
  UART_SCR,
  UART_THR,
} from "../../core/dev/spec";
import { useTree } from "../lib/fdt";
import { print, printNumber, putByte, UART } from "../lib/print";
import { check, equal, finish } from "../lib/result";
import { now } from "../lib/trap";
import { read8, write8 } from "../runtime/hw";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

function get(register: u32): u64 {
  return read8(UART + register);
}

function set(register: u32, value: u32): void {
  write8(UART + register, value);
}

function drain(): void {
  const end = now() + 1000000;
  while ((get(UART_LSR) & UART_LSR_TEMT) == 0 && now() < end) {}
}

function testRegisters(): void {
  for (let value: u32 = 0; value < 256; value += 17) {
    set(UART_SCR, value);
    equal("scratch register", get(UART_SCR), value);
  }
  drain();
  const line = <u32>get(UART_LCR);
  set(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
  const low = <u32>get(UART_DLL);
  const high = <u32>get(UART_DLM);
  set(UART_DLL, 0x12);
  set(UART_DLM, 0x34);
  equal("divisor low", get(UART_DLL), 0x12);
  equal("divisor high", get(UART_DLM), 0x34);
  set(UART_LCR, UART_LCR_WLEN8);
  equal("interrupt enable is not the divisor", get(UART_IER), 0);
  set(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
  equal("the divisor is kept", get(UART_DLM), 0x34);
  set(UART_DLL, low);
  set(UART_DLM, high);
  set(UART_LCR, line == 0 ? UART_LCR_WLEN8 : line & ~UART_LCR_DLAB);
}

function testIdentification(): void {
  drain();
  equal("no interrupt at rest", get(UART_IIR) & UART_IIR_NO_INT, UART_IIR_NO_INT);
  set(UART_FCR, UART_FCR_ENABLE);
  equal("FIFOs are on", get(UART_IIR) & UART_IIR_FIFO_ENABLED, UART_IIR_FIFO_ENABLED);
  set(UART_IER, UART_IER_THRI);
  equal("transmitter empty", get(UART_IIR) & (UART_IIR_ID_MASK | 1), UART_IIR_THRI);
  equal("reading it clears it", get(UART_IIR) & UART_IIR_NO_INT, UART_IIR_NO_INT);
  set(UART_IER, 0);
  check(
    "line status",
    (get(UART_LSR) & (UART_LSR_THRE | UART_LSR_TEMT)) == (UART_LSR_THRE | UART_LSR_TEMT),
    get(UART_LSR),
  );
}

function testLoopback(): void {
  drain();
  set(UART_FCR, UART_FCR_ENABLE | UART_FCR_CLEAR_RCVR);
  const modem = <u32>get(UART_MCR);
  set(UART_MCR, modem | UART_MCR_LOOP);
  set(UART_THR, 0x41);
  equal("a looped byte arrives", get(UART_LSR) & UART_LSR_DR, UART_LSR_DR);
  set(UART_IER, UART_IER_RDI);
  equal("and is an interrupt", get(UART_IIR) & UART_IIR_NO_INT, 0);
  check("of the receiver", (get(UART_IIR) & UART_IIR_RDI) != 0, get(UART_IIR));
  equal("looped byte", get(UART_RBR), 0x41);
  equal("receiver is empty", get(UART_LSR) & UART_LSR_DR, 0);
  set(UART_IER, 0);
  set(UART_MCR, modem);
}

function burst(): void {
  for (let line: u64 = 0; line < 400; line++) {
    print("LINE ");
    printNumber(line);
    print(" abcdefghijklmnopqrstuvwxyz0123456789");
    putByte(10);
  }
}

export function main(_hart: u64, fdt: u64): void {
  useTree(fdt);
  testRegisters();
  testIdentification();
  testLoopback();
  burst();
  finish();
}
