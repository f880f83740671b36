// SPDX-License-Identifier: Apache-2.0
// The trap state of a hart as hardware writes it: entry into HS-mode, delivery into VS-mode, and the returns.
// @spec priv §21.5 (traps with the hypervisor extension).
import {
  CSR,
  HSTATUS_GVA,
  HSTATUS_SPV,
  HSTATUS_SPVP,
  INTERRUPT,
  SSTATUS_SIE,
  SSTATUS_SPIE,
  SSTATUS_SPP,
} from "./csr.ts";
import { Violation } from "./faults.ts";
import type { SimHart } from "./sim-hart.ts";

export interface GuestTrap {
  readonly cause: bigint;
  readonly stval: bigint;
  readonly htval: bigint;
  readonly htinst: bigint;
  /** stval is a guest-virtual address. */
  readonly gva: boolean;
}

export const isInterrupt = (cause: bigint): boolean => (cause & INTERRUPT) !== 0n;

export function interruptTrap(code: number): GuestTrap {
  return { cause: INTERRUPT | BigInt(code), stval: 0n, htval: 0n, htinst: 0n, gva: false };
}

/** Writes the trap CSRs for an exit from VS-mode. */
export function enterHs(hart: SimHart, trap: GuestTrap, pc: bigint): void {
  const { csrs } = hart;
  const status = csrs.read(CSR.sstatus);
  const enabled = (status & SSTATUS_SIE) !== 0n ? SSTATUS_SPIE : 0n;
  csrs.write(CSR.sstatus, (status & ~(SSTATUS_SIE | SSTATUS_SPIE)) | SSTATUS_SPP | enabled);
  const hstatus = csrs.read(CSR.hstatus) & ~HSTATUS_GVA;
  csrs.write(CSR.hstatus, hstatus | HSTATUS_SPV | HSTATUS_SPVP | (trap.gva ? HSTATUS_GVA : 0n));
  csrs.write(CSR.scause, trap.cause);
  csrs.write(CSR.sepc, pc);
  csrs.write(CSR.stval, trap.stval);
  csrs.write(CSR.htval, trap.htval);
  csrs.write(CSR.htinst, trap.htinst);
}

/** Checks and does what sret into a guest does. */
export function returnToGuest(hart: SimHart): void {
  const { csrs } = hart;
  const hstatus = csrs.read(CSR.hstatus);
  if ((hstatus & HSTATUS_SPV) === 0n) throw new Violation(`hart ${hart.index} enters a context with hstatus.SPV clear`);
  const status = csrs.read(CSR.sstatus);
  if ((status & SSTATUS_SPP) === 0n) throw new Violation(`hart ${hart.index} enters a guest in VU-mode`);
  if (csrs.read(CSR.hgatp) >> 60n === 0n) throw new Violation(`hart ${hart.index} enters a guest without stage 2`);
  if (csrs.read(CSR.hideleg) !== 0x444n) throw new Violation("VS interrupts are not delegated");
  const enabled = (status & SSTATUS_SPIE) !== 0n ? SSTATUS_SIE : 0n;
  csrs.write(CSR.sstatus, (status & ~(SSTATUS_SIE | SSTATUS_SPP)) | SSTATUS_SPIE | enabled);
  csrs.write(CSR.hstatus, hstatus & ~HSTATUS_SPV);
}

/** Delivers a trap to VS-mode; answers the new pc. */
export function enterVs(hart: SimHart, cause: bigint, stval: bigint, pc: bigint): bigint {
  const { csrs } = hart;
  const status = csrs.read(CSR.vsstatus);
  const enabled = (status & SSTATUS_SIE) !== 0n ? SSTATUS_SPIE : 0n;
  csrs.write(CSR.vsstatus, (status & ~(SSTATUS_SIE | SSTATUS_SPIE)) | SSTATUS_SPP | enabled);
  csrs.write(CSR.vsepc, pc);
  csrs.write(CSR.vscause, cause);
  csrs.write(CSR.vstval, stval);
  const vector = csrs.read(CSR.vstvec);
  const base = vector & ~3n;
  return (vector & 1n) === 1n && isInterrupt(cause) ? base + 4n * (cause & 0xffn) : base;
}

/** What sret does in VS-mode; answers the new pc. */
export function returnFromVs(hart: SimHart): bigint {
  const { csrs } = hart;
  const status = csrs.read(CSR.vsstatus);
  const enabled = (status & SSTATUS_SPIE) !== 0n ? SSTATUS_SIE : 0n;
  csrs.write(CSR.vsstatus, (status & ~(SSTATUS_SIE | SSTATUS_SPP)) | SSTATUS_SPIE | enabled);
  return csrs.read(CSR.vsepc);
}

/** @spec priv: priority among pending interrupts of one level. */
const HOST_PRIORITY = [9, 1, 5, 12];
const GUEST_PRIORITY = [9, 1, 5];

/** The host interrupt to take, -1 for none. */
export function hostInterrupt(hart: SimHart): number {
  const pending = hart.hostPending();
  return pending === 0n ? -1 : (HOST_PRIORITY.find((code) => ((pending >> BigInt(code)) & 1n) === 1n) ?? -1);
}

/** The VS-level interrupt (in the guest's numbering) to take, -1 for none. */
export function guestInterrupt(hart: SimHart): number {
  const pending = hart.csrs.read(CSR.vsip) & hart.csrs.read(CSR.vsie);
  if (pending === 0n || (hart.csrs.read(CSR.vsstatus) & SSTATUS_SIE) === 0n) return -1;
  return GUEST_PRIORITY.find((code) => ((pending >> BigInt(code)) & 1n) === 1n) ?? -1;
}
