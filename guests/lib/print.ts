// SPDX-License-Identifier: Apache-2.0
// Text out of the guest's UART, a whole line at a time where several harts print. Used by every payload.
// Only literals and numbers: nothing is built in memory.
import { UART_LSR, UART_LSR_THRE, UART_THR } from "../../core/dev/spec";
import { atomicStore, atomicSwap, read8, write8 } from "../runtime/hw";

export const UART: u64 = 0x10000000;

const lock: usize = memory.data(4, 4);

export function lockConsole(): void {
  while (atomicSwap(lock, 1) != 0) {}
}

export function unlockConsole(): void {
  atomicStore(lock, 0);
}

export function putByte(byte: u32): void {
  if (byte == 10) putByte(13);
  while ((read8(UART + UART_LSR) & UART_LSR_THRE) == 0) {}
  write8(UART + UART_THR, byte);
}

export function print(text: string): void {
  for (let i = 0; i < text.length; i++) putByte(text.charCodeAt(i));
}

export function printNumber(value: u64): void {
  if (value >= 10) printNumber(value / 10);
  putByte(<u32>(48 + (value % 10)));
}

export function printSigned(value: i64): void {
  if (value < 0) putByte(45);
  printNumber(value < 0 ? <u64>-value : <u64>value);
}

export function printHex(value: u64): void {
  print("0x");
  let started = false;
  for (let shift = 60; shift >= 0; shift -= 4) {
    const digit = (<u32>(value >> shift)) & 15;
    if (digit != 0 || shift == 0) started = true;
    if (started) putByte(digit < 10 ? 48 + digit : 87 + digit);
  }
}

/** `label value` and a new line. */
export function printField(label: string, value: u64): void {
  print(label);
  putByte(32);
  printNumber(value);
  putByte(10);
}
