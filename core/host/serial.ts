// SPDX-License-Identifier: Apache-2.0
// Driver for the host's UART, a 16550 or one of its kin. Called with the console lock held, at boot and from traps.
// Until serialInit, or where the host has no UART that we know, bytes go through firmware's console instead: output
// is then immediate and there is no interrupt. Never waits, except in serialPutPolled.
import { firmwarePut, firmwareTake } from "../arch/seam";
import {
  UART_DLL,
  UART_DLM,
  UART_FCR,
  UART_FCR_CLEAR_RCVR,
  UART_FCR_ENABLE,
  UART_FIFO_SIZE,
  UART_IER,
  UART_IER_RDI,
  UART_IER_THRI,
  UART_IIR,
  UART_IIR_FIFO_ENABLED,
  UART_LCR,
  UART_LCR_DLAB,
  UART_LCR_WLEN8,
  UART_LSR,
  UART_LSR_DR,
  UART_LSR_THRE,
  UART_MCR,
  UART_MCR_DTR,
  UART_MCR_OUT2,
  UART_MCR_RTS,
  UART_RBR,
  UART_THR,
} from "../dev/spec";
import * as hw from "../hw";
import { Status } from "../lib/status";
import { SerialInfo } from "./serial-find";

/** Looks at a busy transmitter before a polled byte is given up; some tenths of a second. */
const PATIENCE: u32 = 1_000_000;

// @lock console: set once by the boot hart, `enabled` afterwards under the lock.
let base: u64 = 0;
let shift: u32 = 0;
let wide: u32 = 0;
/** Bytes that may follow one look at an empty transmitter. */
let burst: u32 = 1;
/** UART_IER as last written. */
let enabled: u32 = 0;

function read(register: u32): u32 {
  const hva = base + ((<u64>register) << shift);
  return (wide ? hw.mmioRead32(hva) : hw.mmioRead8(hva)) & 0xff;
}

function write(register: u32, value: u32): void {
  const hva = base + ((<u64>register) << shift);
  if (wide) hw.mmioWrite32(hva, value);
  else hw.mmioWrite8(hva, value);
}

/** Takes the UART over from firmware, 8 bits without parity, at the rate that firmware set unless the tree says another. */
export function serialInit(info: SerialInfo): i32 {
  const hva = hw.mapDevice(info.hpa, info.size);
  if (hva == 0) return Status.NoMemory;
  base = hva + info.offset;
  shift = info.shift;
  wide = info.width == 4 ? 1 : 0;
  write(UART_IER, 0);
  const divisor: u64 = info.baud != 0 ? (<u64>info.clock + info.baud * 8) / (info.baud * 16) : 0;
  if (divisor != 0 && divisor < 0x10000) {
    write(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
    write(UART_DLL, (<u32>divisor) & 0xff);
    write(UART_DLM, (<u32>divisor) >> 8);
  }
  write(UART_LCR, UART_LCR_WLEN8);
  write(UART_FCR, UART_FCR_ENABLE | UART_FCR_CLEAR_RCVR);
  write(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
  burst = (read(UART_IIR) & UART_IIR_FIFO_ENABLED) == UART_IIR_FIFO_ENABLED ? UART_FIFO_SIZE : 1;
  enabled = 0;
  return Status.Ok;
}

/** 1 if there is a UART of our own, 0 if firmware's console stands in. */
export function serialPresent(): u32 {
  return base != 0 ? 1 : 0;
}

/** Asks for an interrupt when a byte comes in. */
export function serialListen(): void {
  if (base == 0) return;
  enabled |= UART_IER_RDI;
  write(UART_IER, enabled);
}

/** Asks for an interrupt (wanted 1), or no longer (0), when the transmitter is empty. */
export function serialWantRoom(wanted: u32): void {
  const now = wanted ? enabled | UART_IER_THRI : enabled & ~UART_IER_THRI;
  if (base == 0 || now == enabled) return;
  enabled = now;
  write(UART_IER, now);
}

/** How many bytes serialPut takes now without loss; 0 while the transmitter is busy. */
export function serialRoom(): u32 {
  if (base == 0) return UART_FIFO_SIZE;
  return read(UART_LSR) & UART_LSR_THRE ? burst : 0;
}

/** Sends a byte for which there is room. */
export function serialPut(byte: u32): void {
  if (base == 0) firmwarePut(byte);
  else write(UART_THR, byte);
}

/** Sends a byte, waiting for room (boot, panic, shutdown); a transmitter that is dead loses it. */
export function serialPutPolled(byte: u32): void {
  for (let looks: u32 = 0; looks < PATIENCE && serialRoom() == 0; looks++) {}
  serialPut(byte);
}

/** The next byte received, or -1. */
export function serialTake(): i32 {
  if (base == 0) return firmwareTake();
  return read(UART_LSR) & UART_LSR_DR ? <i32>read(UART_RBR) : -1;
}
