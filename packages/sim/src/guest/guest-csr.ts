// SPDX-License-Identifier: Apache-2.0
// CSR accesses by guest code in VS-mode: which register an access reaches, or which exception it raises.
// @spec priv §21 (hypervisor extension), Sstc, Smaia.
import { type CsrFile, isFileRegister } from "../csr-file.ts";
import { CAUSE, CSR, HENVCFG_STCE } from "../csr.ts";

const BANKED = new Map<number, number>([
  [CSR.sstatus, CSR.vsstatus],
  [CSR.sie, CSR.vsie],
  [CSR.stvec, CSR.vstvec],
  [CSR.sscratch, CSR.vsscratch],
  [CSR.sepc, CSR.vsepc],
  [CSR.scause, CSR.vscause],
  [CSR.stval, CSR.vstval],
  [CSR.sip, CSR.vsip],
  [CSR.satp, CSR.vsatp],
]);
const HSTATUS_VTVM = 1n << 20n;

/** The register that the access reaches, or the cause of the exception that it raises. */
export type GuestCsr = { readonly csr: number } | { readonly cause: bigint };

export function guestCsr(csrs: CsrFile, csr: number): GuestCsr {
  const banked = BANKED.get(csr);
  if (banked !== undefined) {
    if (csr === CSR.satp && (csrs.read(CSR.hstatus) & HSTATUS_VTVM) !== 0n) return { cause: CAUSE.virtualInstruction };
    return { csr: banked };
  }
  if (csr === CSR.stimecmp) {
    if (!csrs.options.sstc) return { cause: CAUSE.illegal };
    return (csrs.read(CSR.henvcfg) & HENVCFG_STCE) !== 0n
      ? { csr: CSR.vstimecmp }
      : { cause: CAUSE.virtualInstruction };
  }
  const indirect = csr === CSR.siselect || csr === CSR.sireg || csr === CSR.stopei || csr === CSR.stopi;
  if (indirect && csrs.exists(csr)) return guestIndirect(csrs, csr);
  if (csr === CSR.scounteren || csr === CSR.senvcfg) return { csr };
  if (csr >= CSR.cycle && csr <= CSR.instret) {
    const bit = BigInt(csr - CSR.cycle);
    return ((csrs.read(CSR.hcounteren) >> bit) & 1n) === 1n ? { csr } : { cause: CAUSE.virtualInstruction };
  }
  if (csr === CSR.fcsr || csr === CSR.fflags || csr === CSR.frm) return { csr };
  if (csrs.exists(csr)) return { cause: CAUSE.virtualInstruction };
  return { cause: CAUSE.illegal };
}

const CSRIND = 1n << 60n;
const AIA = 1n << 59n;
const IMSIC = 1n << 58n;

/** @spec aia §2.3, §2.5: what of the AIA a guest reaches by itself. */
function guestIndirect(csrs: CsrFile, csr: number): GuestCsr {
  const closed = { cause: CAUSE.virtualInstruction };
  const needs = csr === CSR.stopei ? IMSIC : csr === CSR.stopi ? AIA : CSRIND;
  if (csrs.options.smstateen && (csrs.read(CSR.hstateen0) & needs) === 0n) return closed;
  if (csr === CSR.siselect) return { csr: CSR.vsiselect };
  if (csr === CSR.stopi) return { csr: CSR.vstopi };
  if (csr === CSR.stopei) return csrs.guestFile ? { csr: CSR.vstopei } : closed;
  return csrs.guestFile && isFileRegister(csrs.read(CSR.vsiselect)) ? { csr: CSR.vsireg } : closed;
}

export function readGuestCsr(csrs: CsrFile, csr: number): bigint {
  const value = csrs.read(csr);
  return csr === CSR.time ? BigInt.asUintN(64, value + csrs.read(CSR.htimedelta)) : value;
}
