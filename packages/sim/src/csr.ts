// SPDX-License-Identifier: Apache-2.0
// CSR numbers and fields as the simulated hart knows them. Written from the privileged specification and kept apart
// from the core's own constants on purpose: the simulation is the second opinion.

export const CSR = {
  sstatus: 0x100,
  sie: 0x104,
  stvec: 0x105,
  scounteren: 0x106,
  senvcfg: 0x10a,
  sstateen0: 0x10c,
  sscratch: 0x140,
  sepc: 0x141,
  scause: 0x142,
  stval: 0x143,
  sip: 0x144,
  stimecmp: 0x14d,
  siselect: 0x150,
  sireg: 0x151,
  stopei: 0x15c,
  satp: 0x180,
  stopi: 0xdb0,
  vsstatus: 0x200,
  vsie: 0x204,
  vstvec: 0x205,
  vsscratch: 0x240,
  vsepc: 0x241,
  vscause: 0x242,
  vstval: 0x243,
  vsip: 0x244,
  vstimecmp: 0x24d,
  vsiselect: 0x250,
  vsireg: 0x251,
  vstopei: 0x25c,
  vsatp: 0x280,
  vstopi: 0xeb0,
  hstatus: 0x600,
  hedeleg: 0x602,
  hideleg: 0x603,
  hie: 0x604,
  htimedelta: 0x605,
  hcounteren: 0x606,
  hgeie: 0x607,
  hvien: 0x608,
  hvictl: 0x609,
  henvcfg: 0x60a,
  hstateen0: 0x60c,
  htval: 0x643,
  hip: 0x644,
  hvip: 0x645,
  hviprio1: 0x646,
  hviprio2: 0x647,
  htinst: 0x64a,
  hgatp: 0x680,
  hgeip: 0xe12,
  cycle: 0xc00,
  time: 0xc01,
  instret: 0xc02,
  fflags: 0x001,
  frm: 0x002,
  fcsr: 0x003,
} as const;

/** Name of a CSR number for messages. */
export function csrName(csr: number): string {
  for (const [name, number] of Object.entries(CSR)) if (number === csr) return name;
  return `csr 0x${csr.toString(16)}`;
}

export const SSTATUS_SIE = 1n << 1n;
export const SSTATUS_SPIE = 1n << 5n;
export const SSTATUS_SPP = 1n << 8n;
export const SSTATUS_FS = 3n << 13n;
export const SSTATUS_VS = 3n << 9n;
export const HSTATUS_GVA = 1n << 6n;
export const HSTATUS_SPV = 1n << 7n;
export const HSTATUS_SPVP = 1n << 8n;
export const HSTATUS_VTW = 1n << 21n;
export const HENVCFG_STCE = 1n << 63n;

/** Interrupt bits of sip/hip by name. */
export const IRQ_SSI = 1;
export const IRQ_VSSI = 2;
export const IRQ_STI = 5;
export const IRQ_VSTI = 6;
export const IRQ_SEI = 9;
export const IRQ_VSEI = 10;
export const IRQ_SGEI = 12;

export const INTERRUPT = 1n << 63n;

export const CAUSE = {
  fetchAccess: 1n,
  illegal: 2n,
  breakpoint: 3n,
  loadMisaligned: 4n,
  loadAccess: 5n,
  storeMisaligned: 6n,
  storeAccess: 7n,
  ecallU: 8n,
  ecallVs: 10n,
  fetchPage: 12n,
  loadPage: 13n,
  storePage: 15n,
  fetchGuestPage: 20n,
  loadGuestPage: 21n,
  virtualInstruction: 22n,
  storeGuestPage: 23n,
} as const;

/** @spec sbi §3: error codes. */
export const SBI = {
  success: 0n,
  failed: -1n,
  notSupported: -2n,
  invalidParam: -3n,
  denied: -4n,
  invalidAddress: -5n,
  alreadyAvailable: -6n,
  alreadyStarted: -7n,
  alreadyStopped: -8n,
  noShmem: -9n,
} as const;

export const EID = {
  base: 0x10n,
  time: 0x54494d45n,
  ipi: 0x735049n,
  rfence: 0x52464e43n,
  hsm: 0x48534dn,
  srst: 0x53525354n,
  dbcn: 0x4442434en,
} as const;
