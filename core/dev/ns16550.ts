// SPDX-License-Identifier: Apache-2.0
// A 16550A UART with byte registers next to each other (reg-shift 0). Called in trap context, and by the console when
// it gave or took bytes, always with the guest's lock held. It knows two rings, never who is behind them.
//
// Transmitting takes no time: a byte written to THR is in the `tx` ring at once, so THRE and TEMT are one. When a whole
// FIFO no longer fits into `tx` both go away until ns16550Drained, so a driver that looks at them loses nothing; one
// that does not look has its bytes counted in `tx.dropped`. The receive FIFO is the `rx` ring itself; bytes below the
// trigger level are indicated as a character time-out at once.
import { Access, Handled, Unhandled } from "../mmio/access";
import { Ring, ringCount, ringFree, ringPut, ringTake } from "../lib/ring";
import { Status } from "../lib/status";
import { Device } from "./device";
import * as spec from "./spec";

/** The lines of a terminal that is always there. */
const MSR_PRESENT: u32 = spec.UART_MSR_DCD | spec.UART_MSR_DSR | spec.UART_MSR_CTS;
const LSR_IDLE: u32 = spec.UART_LSR_THRE | spec.UART_LSR_TEMT;

@unmanaged
export class Ns16550 extends Device {
  tx: Ring = changetype<Ring>(0);
  rx: Ring = changetype<Ring>(0);
  ier: u32 = 0;
  lcr: u32 = 0;
  mcr: u32 = 0;
  /** FCR bit 0: the FIFOs are on. */
  fifo: u32 = 0;
  /** Bytes in `rx` from which data is indicated as received data rather than as a time-out. */
  trigger: u32 = 0;
  scratch: u32 = 0;
  divisorLow: u32 = 0;
  divisorHigh: u32 = 0;
  /** UART_LSR_OE once bytes were lost, until LSR is read. */
  overrun: u32 = 0;
  /** Changes of modem lines (low nibble of MSR) until MSR is read. */
  deltas: u32 = 0;
  /** THRE interrupt waits to be taken. */
  empty: u32 = 0;
  /** `tx` has no room for a FIFO of bytes. */
  blocked: u32 = 0;
  /** `rx.dropped` as last seen. */
  lost: u32 = 0;
  /** Keys to be received after a break each, the first in the low byte; they go before what is in `rx`. */
  breakKeys: u32 = 0;
  /** 1 once the first key's break was received. */
  breakSeen: u32 = 0;
  /** UART_LSR_BI while a break waits at the receiver, until LSR is read. */
  breakFlag: u32 = 0;
  uartPad: u32 = 0;
  /** What LSR says now. */
  status: u32 = 0;
}

/** Makes a UART after reset over two rings; Invalid when `tx` cannot hold a FIFO of bytes. */
export function ns16550Init(uart: Ns16550, tx: Ring, rx: Ring): i32 {
  if (tx.capacity < spec.UART_FIFO_SIZE || rx.capacity == 0) return Status.Invalid;
  uart.driven = 0;
  uart.tx = tx;
  uart.rx = rx;
  ns16550Reset(uart);
  return Status.Ok;
}

/** The state after a hardware reset; what is in the rings stays there. */
export function ns16550Reset(uart: Ns16550): void {
  uart.ier = 0;
  uart.lcr = 0;
  uart.mcr = 0;
  uart.fifo = 0;
  uart.trigger = 1;
  uart.scratch = 0;
  uart.divisorLow = 0;
  uart.divisorHigh = 0;
  uart.overrun = 0;
  uart.deltas = 0;
  uart.empty = 1;
  uart.blocked = 0;
  uart.breakKeys = 0;
  uart.breakSeen = 0;
  uart.breakFlag = 0;
  uart.lost = uart.rx.dropped;
  checkRoom(uart);
  update(uart);
}

/** Bytes were put into `rx`, or refused by it. */
export function ns16550Receive(uart: Ns16550): void {
  if (uart.rx.dropped != uart.lost) {
    uart.lost = uart.rx.dropped;
    uart.overrun = spec.UART_LSR_OE;
  }
  update(uart);
}

/** A break comes in, then `key`: how a person asks a kernel for something. More than four that wait are lost. */
export function ns16550Break(uart: Ns16550, key: u32): void {
  let shift: u32 = 0;
  while (shift < 32 && ((uart.breakKeys >> shift) & 0xff) != 0) shift += 8;
  if (shift == 32) return;
  if (uart.breakKeys == 0) uart.breakFlag = spec.UART_LSR_BI;
  uart.breakKeys |= (key & 0xff) << shift;
  update(uart);
}

/** Bytes were taken from `tx`: the transmitter may go on. */
export function ns16550Drained(uart: Ns16550): void {
  if (uart.blocked == 0 || !hasRoom(uart)) return;
  uart.blocked = 0;
  uart.empty = 1;
  update(uart);
}

/**
 * What a load answers if it has no effect: LSR, which polling drivers read more than all else together, while the
 * transmitter is ready. One load, so it needs no lock. -1: ns16550Access must do it.
 */
export function ns16550Peek(uart: Ns16550, offset: u64, width: u32): i64 {
  if (offset != spec.UART_LSR || width != 1) return -1;
  const status = uart.status;
  return (status & (spec.UART_LSR_THRE | spec.UART_LSR_OE | spec.UART_LSR_BI)) == spec.UART_LSR_THRE ? status : -1;
}

/** A guest access. A wider one acts on the register at its address with the low byte, and reads zero above. */
export function ns16550Access(uart: Ns16550, access: Access): i32 {
  const offset = access.offset;
  if (offset >= spec.UART_REGISTERS || (offset & (access.width - 1)) != 0) return Unhandled;
  if (access.write) writeRegister(uart, <u32>offset, (<u32>access.value) & 0xff);
  else access.value = readRegister(uart, <u32>offset);
  return Handled;
}

function readRegister(uart: Ns16550, register: u32): u32 {
  switch (register) {
    case spec.UART_LSR:
      return readLineStatus(uart);
    case spec.UART_RBR:
      return uart.lcr & spec.UART_LCR_DLAB ? uart.divisorLow : readByte(uart);
    case spec.UART_IER:
      return uart.lcr & spec.UART_LCR_DLAB ? uart.divisorHigh : uart.ier;
    case spec.UART_IIR:
      return readIdentity(uart);
    case spec.UART_LCR:
      return uart.lcr;
    case spec.UART_MCR:
      return uart.mcr;
    case spec.UART_MSR:
      return readModemStatus(uart);
    default:
      return uart.scratch;
  }
}

function writeRegister(uart: Ns16550, register: u32, value: u32): void {
  switch (register) {
    case spec.UART_THR:
      if (uart.lcr & spec.UART_LCR_DLAB) uart.divisorLow = value;
      else writeByte(uart, value);
      break;
    case spec.UART_IER:
      if (uart.lcr & spec.UART_LCR_DLAB) uart.divisorHigh = value;
      else writeEnable(uart, value & spec.UART_IER_MASK);
      break;
    case spec.UART_FCR:
      writeFifoControl(uart, value);
      break;
    case spec.UART_LCR:
      uart.lcr = value;
      break;
    case spec.UART_MCR:
      writeModemControl(uart, value & spec.UART_MCR_MASK);
      break;
    case spec.UART_SCR:
      uart.scratch = value;
      break;
    default: // LSR and MSR are the hardware's to write.
      break;
  }
}

// ---- Registers with side effects.

/** A break is received as a zero byte, its key after it. */
function readBreak(uart: Ns16550): u32 {
  if (uart.breakSeen == 0) {
    uart.breakSeen = 1;
    uart.breakFlag = 0;
    update(uart);
    return 0;
  }
  const key = uart.breakKeys & 0xff;
  uart.breakKeys >>= 8;
  uart.breakSeen = 0;
  uart.breakFlag = uart.breakKeys != 0 ? spec.UART_LSR_BI : 0;
  update(uart);
  return key;
}

function readByte(uart: Ns16550): u32 {
  if (uart.breakKeys != 0) return readBreak(uart);
  const byte = ringTake(uart.rx);
  if (byte < 0) return 0;
  update(uart);
  return byte;
}

function writeByte(uart: Ns16550, byte: u32): void {
  if (uart.mcr & spec.UART_MCR_LOOP) {
    ringPut(uart.rx, byte);
    uart.empty = 1;
    ns16550Receive(uart);
    return;
  }
  ringPut(uart.tx, byte);
  uart.empty = 1;
  checkRoom(uart);
  update(uart);
}

function readLineStatus(uart: Ns16550): u32 {
  const status = uart.status;
  if ((uart.overrun | uart.breakFlag) != 0) {
    uart.overrun = 0;
    uart.breakFlag = 0;
    update(uart);
  }
  return status;
}

/** Reading a THRE indication takes it back (PC16550D table 5). */
function readIdentity(uart: Ns16550): u32 {
  const identity = identify(uart);
  if (identity == spec.UART_IIR_THRI) {
    uart.empty = 0;
    update(uart);
  }
  return identity | (uart.fifo ? spec.UART_IIR_FIFO_ENABLED : 0);
}

/** Enabling the THRE interrupt while the transmitter is ready raises it; drivers count on that. */
function writeEnable(uart: Ns16550, value: u32): void {
  if (value & ~uart.ier & spec.UART_IER_THRI) uart.empty = u32(transmitterReady(uart));
  uart.ier = value;
  update(uart);
}

/** The other bits count only together with the enable bit; changing that one empties the FIFOs. */
function writeFifoControl(uart: Ns16550, value: u32): void {
  const fifo = value & spec.UART_FCR_ENABLE;
  if (fifo != uart.fifo || (fifo && value & spec.UART_FCR_CLEAR_RCVR)) uart.rx.read = uart.rx.written;
  // What left the transmitter is in `tx` and stays there: it counts as sent.
  if (fifo != uart.fifo || (fifo && value & spec.UART_FCR_CLEAR_XMIT)) uart.empty = u32(transmitterReady(uart));
  uart.fifo = fifo;
  uart.trigger = fifo ? triggerLevel(value & spec.UART_FCR_TRIGGER_MASK) : 1;
  update(uart);
}

function triggerLevel(field: u32): u32 {
  switch (field) {
    case spec.UART_FCR_TRIGGER_4:
      return 4;
    case spec.UART_FCR_TRIGGER_8:
      return 8;
    case spec.UART_FCR_TRIGGER_14:
      return 14;
    default:
      return 1;
  }
}

function writeModemControl(uart: Ns16550, value: u32): void {
  const before = modemLines(uart);
  uart.mcr = value;
  const after = modemLines(uart);
  // DCTS, DDSR and DDCD stand four below their lines; TERI marks only the end of RI.
  const moved = (before ^ after) & ~(spec.UART_MSR_RI & after);
  uart.deltas |= moved >> 4;
  if (!transmitterReady(uart)) uart.empty = 0; // Loopback has ended in front of a full `tx`.
  update(uart);
}

function readModemStatus(uart: Ns16550): u32 {
  const status = modemLines(uart) | uart.deltas;
  if (uart.deltas != 0) {
    uart.deltas = 0;
    update(uart);
  }
  return status;
}

// ---- State derived from the registers.

/** In loopback the inputs are the outputs: RTS is CTS, DTR is DSR, OUT1 is RI, OUT2 is DCD. */
function modemLines(uart: Ns16550): u32 {
  const mcr = uart.mcr;
  if ((mcr & spec.UART_MCR_LOOP) == 0) return MSR_PRESENT;
  const swapped = ((mcr & spec.UART_MCR_DTR) << 1) | ((mcr & spec.UART_MCR_RTS) >> 1);
  return (swapped | (mcr & (spec.UART_MCR_OUT1 | spec.UART_MCR_OUT2))) << 4;
}

function transmitterReady(uart: Ns16550): bool {
  return uart.blocked == 0 || (uart.mcr & spec.UART_MCR_LOOP) != 0;
}

function hasRoom(uart: Ns16550): bool {
  return ringFree(uart.tx) >= spec.UART_FIFO_SIZE;
}

/** A driver that sees THRE may write a whole FIFO without looking again, so that much must fit. */
function checkRoom(uart: Ns16550): void {
  if (hasRoom(uart)) return;
  uart.blocked = 1;
  uart.empty = 0;
}

/** What IIR says, in the order of priority (PC16550D table 5). */
function identify(uart: Ns16550): u32 {
  const ier = uart.ier;
  if ((uart.overrun | uart.breakFlag) != 0 && ier & spec.UART_IER_RLSI) return spec.UART_IIR_RLSI;
  if (ier & spec.UART_IER_RDI) {
    const count = waiting(uart);
    if (count >= uart.trigger) return spec.UART_IIR_RDI;
    if (count != 0) return spec.UART_IIR_RX_TIMEOUT;
  }
  if (uart.empty && ier & spec.UART_IER_THRI) return spec.UART_IIR_THRI;
  if (uart.deltas && ier & spec.UART_IER_MSI) return spec.UART_IIR_MSI;
  return spec.UART_IIR_NO_INT;
}

/** Bytes that the receiver holds. */
function waiting(uart: Ns16550): u32 {
  return ringCount(uart.rx) + (uart.breakKeys != 0 ? 1 : 0);
}

/** After every change: what LSR says and whether to interrupt. */
function update(uart: Ns16550): void {
  const ready = transmitterReady(uart) ? LSR_IDLE : 0;
  uart.status = ready | (waiting(uart) != 0 ? spec.UART_LSR_DR : 0) | uart.overrun | uart.breakFlag;
  uart.level = u32(identify(uart) != spec.UART_IIR_NO_INT);
}
