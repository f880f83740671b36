// SPDX-License-Identifier: Apache-2.0
// Interrupt enables, causes, and the probes: one access or one instruction whose trap is reported, not taken.
import { CSR_SIE, CSR_SIP, CSR_SSTATUS, CSR_TIME, SSTATUS_SIE } from "../../core/arch/riscv64/csr";
import { csrClear, csrRead, csrSet, probe } from "../runtime/hw";

/** The answer of a probe that met no trap. */
export const NONE: u64 = ~0;
export const INTERRUPT: u64 = 1 << 63;
export const SOFT: u64 = 1 << 1;
export const TIMER: u64 = 1 << 5;
export const EXTERNAL: u64 = 1 << 9;

export const CAUSE_FETCH_ACCESS: u64 = 1;
export const CAUSE_ILLEGAL: u64 = 2;
export const CAUSE_LOAD_MISALIGNED: u64 = 4;
export const CAUSE_LOAD_ACCESS: u64 = 5;
export const CAUSE_STORE_MISALIGNED: u64 = 6;
export const CAUSE_STORE_ACCESS: u64 = 7;

export const WIDTH8: u32 = 0;
export const WIDTH16: u32 = 1;
export const WIDTH32: u32 = 2;
export const WIDTH64: u32 = 3;

/** `width` is WIDTH8 to WIDTH64; the loaded value is probeValue(). */
export function tryLoad(gpa: u64, width: u32): u64 {
  return probe(width, gpa, 0);
}

export function tryStore(gpa: u64, width: u32, value: u64): u64 {
  return probe(4 + width, gpa, value);
}

export function tryJump(gpa: u64): u64 {
  return probe(8, gpa, 0);
}

export function interruptsOn(): void {
  csrSet(CSR_SSTATUS, SSTATUS_SIE);
}

export function interruptsOff(): void {
  csrClear(CSR_SSTATUS, SSTATUS_SIE);
}

export function enable(bits: u64): void {
  csrSet(CSR_SIE, bits);
}

export function disable(bits: u64): void {
  csrClear(CSR_SIE, bits);
}

export function pending(bits: u64): bool {
  return (csrRead(CSR_SIP) & bits) != 0;
}

export function clearSoft(): void {
  csrClear(CSR_SIP, SOFT);
}

export function now(): u64 {
  return csrRead(CSR_TIME);
}

/** Waits for `bits` in sip, `limit` ticks at most; answers whether they came. */
export function waitPending(bits: u64, limit: u64): bool {
  const end = now() + limit;
  while (!pending(bits)) if (now() > end) return false;
  return true;
}

/** Lets `ticks` of time pass. */
export function pause(ticks: u64): void {
  const end = now() + ticks;
  while (now() < end) {}
}
