// SPDX-License-Identifier: Apache-2.0
// RISC-V control and status registers that a hypervisor touches: their numbers (privileged spec §2.2, AIA §2, Sstc).
// Read by the generator (core/arch/riscv64/csr.ts) and by packages that need the values in Node. Data only.
import { group, u32, type Row } from "../row.ts";

const hpmCounters = Object.fromEntries(
  Array.from({ length: 29 }, (_, i) => [
    `CSR_HPMCOUNTER${i + 3}`,
    u32(0xc03 + i, `Performance counter ${i + 3}, read only. priv §2.2`),
  ]),
) as Record<`CSR_HPMCOUNTER${number}`, Row<number>>;

export const userCsrs = group("CSR numbers: unprivileged", {
  CSR_FFLAGS: u32(0x001, "Floating-point exception flags. unpriv §21.2"),
  CSR_FRM: u32(0x002, "Floating-point rounding mode. unpriv §21.2"),
  CSR_FCSR: u32(0x003, "Floating-point control and status. unpriv §21.2"),
  CSR_VSTART: u32(0x008, "Vector start position. v §3.7"),
  CSR_VXSAT: u32(0x009, "Vector fixed-point saturate flag. v §3.9"),
  CSR_VXRM: u32(0x00a, "Vector fixed-point rounding mode. v §3.8"),
  CSR_VCSR: u32(0x00f, "Vector control and status. v §3.10"),
  CSR_SEED: u32(0x015, "Entropy source. Zkr"),
  CSR_CYCLE: u32(0xc00, "Cycle counter, read only. priv §2.2"),
  CSR_TIME: u32(0xc01, "Wall-clock time, read only. priv §2.2"),
  CSR_INSTRET: u32(0xc02, "Retired instructions, read only. priv §2.2"),
  ...hpmCounters,
  CSR_VL: u32(0xc20, "Vector length. v §3.5"),
  CSR_VTYPE: u32(0xc21, "Vector data type. v §3.4"),
  CSR_VLENB: u32(0xc22, "Vector register length in bytes. v §3.6"),
});

export const supervisorCsrs = group("CSR numbers: supervisor (HS seen from the hypervisor)", {
  CSR_SSTATUS: u32(0x100, "Supervisor status. priv §12.1.1"),
  CSR_SIE: u32(0x104, "Supervisor interrupt enable. priv §12.1.3"),
  CSR_STVEC: u32(0x105, "Supervisor trap vector. priv §12.1.2"),
  CSR_SCOUNTEREN: u32(0x106, "Counters that U and VU may read. priv §12.1.5"),
  CSR_SENVCFG: u32(0x10a, "Environment of U-mode. priv §12.1.10"),
  CSR_SSTATEEN0: u32(0x10c, "State enable 0 for U-mode. priv §4 (Smstateen)"),
  CSR_SSTATEEN1: u32(0x10d, "State enable 1 for U-mode. priv §4 (Smstateen)"),
  CSR_SSTATEEN2: u32(0x10e, "State enable 2 for U-mode. priv §4 (Smstateen)"),
  CSR_SSTATEEN3: u32(0x10f, "State enable 3 for U-mode. priv §4 (Smstateen)"),
  CSR_SCOUNTINHIBIT: u32(0x120, "Counters that are stopped. Ssccfg"),
  CSR_SSCRATCH: u32(0x140, "Supervisor scratch. priv §12.1.6"),
  CSR_SEPC: u32(0x141, "Supervisor exception program counter. priv §12.1.7"),
  CSR_SCAUSE: u32(0x142, "Supervisor trap cause. priv §12.1.8"),
  CSR_STVAL: u32(0x143, "Supervisor trap value. priv §12.1.9"),
  CSR_SIP: u32(0x144, "Supervisor interrupt pending. priv §12.1.3"),
  CSR_STIMECMP: u32(0x14d, "Supervisor timer compare. Sstc §2.1"),
  CSR_SISELECT: u32(0x150, "Selects the register behind sireg. aia §2.1"),
  CSR_SIREG: u32(0x151, "Register chosen by siselect. aia §2.1"),
  CSR_SIREG2: u32(0x152, "Second register chosen by siselect. Sscsrind"),
  CSR_SIREG3: u32(0x153, "Third register chosen by siselect. Sscsrind"),
  CSR_SIREG4: u32(0x155, "Fourth register chosen by siselect. Sscsrind"),
  CSR_SIREG5: u32(0x156, "Fifth register chosen by siselect. Sscsrind"),
  CSR_SIREG6: u32(0x157, "Sixth register chosen by siselect. Sscsrind"),
  CSR_STOPEI: u32(0x15c, "Top external interrupt of the IMSIC's supervisor file. aia §3.10"),
  CSR_SATP: u32(0x180, "Supervisor address translation and protection. priv §12.1.11"),
  CSR_SCONTEXT: u32(0x5a8, "Supervisor context, for debug triggers. debug §5.7"),
  CSR_SCOUNTOVF: u32(0xda0, "Counters that have overflowed, read only. Sscofpmf"),
  CSR_STOPI: u32(0xdb0, "Top pending and enabled supervisor interrupt, read only. aia §5.4"),
});

export const hypervisorCsrs = group("CSR numbers: hypervisor", {
  CSR_HSTATUS: u32(0x600, "Hypervisor status. priv §21.2.1"),
  CSR_HEDELEG: u32(0x602, "Exceptions delegated to VS. priv §21.2.2"),
  CSR_HIDELEG: u32(0x603, "Interrupts delegated to VS. priv §21.2.2"),
  CSR_HIE: u32(0x604, "Hypervisor interrupt enable. priv §21.2.3"),
  CSR_HTIMEDELTA: u32(0x605, "Added to time when VS or VU reads it. priv §21.2.7"),
  CSR_HCOUNTEREN: u32(0x606, "Counters that VS and VU may read. priv §21.2.6"),
  CSR_HGEIE: u32(0x607, "Guest external interrupts that raise SGEIP. priv §21.2.4"),
  CSR_HVIEN: u32(0x608, "Virtual interrupts beyond the three. aia §6.3.1"),
  CSR_HVICTL: u32(0x609, "Hypervisor virtual interrupt control. aia §6.3.3"),
  CSR_HENVCFG: u32(0x60a, "Environment of VS-mode. priv §21.2.5"),
  CSR_HSTATEEN0: u32(0x60c, "State enable 0 for VS-mode. priv §4 (Smstateen)"),
  CSR_HSTATEEN1: u32(0x60d, "State enable 1 for VS-mode. priv §4 (Smstateen)"),
  CSR_HSTATEEN2: u32(0x60e, "State enable 2 for VS-mode. priv §4 (Smstateen)"),
  CSR_HSTATEEN3: u32(0x60f, "State enable 3 for VS-mode. priv §4 (Smstateen)"),
  CSR_HTVAL: u32(0x643, "Guest-physical address of the fault, shifted right by 2. priv §21.2.8"),
  CSR_HIP: u32(0x644, "Hypervisor interrupt pending. priv §21.2.3"),
  CSR_HVIP: u32(0x645, "Hypervisor virtual interrupt pending. priv §21.2.3"),
  CSR_HVIPRIO1: u32(0x646, "Priorities of VS interrupts. aia §6.3.4"),
  CSR_HVIPRIO2: u32(0x647, "Priorities of VS interrupts. aia §6.3.4"),
  CSR_HTINST: u32(0x64a, "Transformed instruction of the fault. priv §21.2.9"),
  CSR_HGATP: u32(0x680, "Stage-2 root, mode and VMID. priv §21.2.10"),
  CSR_HCONTEXT: u32(0x6a8, "Hypervisor context, for debug triggers. debug §5.7"),
  CSR_HGEIP: u32(0xe12, "Guest external interrupts pending, read only. priv §21.2.4"),
});

export const virtualSupervisorCsrs = group("CSR numbers: virtual supervisor", {
  CSR_VSSTATUS: u32(0x200, "VS status. priv §21.2.11"),
  CSR_VSIE: u32(0x204, "VS interrupt enable. priv §21.2.12"),
  CSR_VSTVEC: u32(0x205, "VS trap vector. priv §21.2.13"),
  CSR_VSSCRATCH: u32(0x240, "VS scratch. priv §21.2.14"),
  CSR_VSEPC: u32(0x241, "VS exception program counter. priv §21.2.15"),
  CSR_VSCAUSE: u32(0x242, "VS trap cause. priv §21.2.16"),
  CSR_VSTVAL: u32(0x243, "VS trap value. priv §21.2.17"),
  CSR_VSIP: u32(0x244, "VS interrupt pending. priv §21.2.12"),
  CSR_VSTIMECMP: u32(0x24d, "VS timer compare. Sstc §3"),
  CSR_VSISELECT: u32(0x250, "Selects the register behind vsireg. aia §2.3"),
  CSR_VSIREG: u32(0x251, "Register chosen by vsiselect. aia §2.3"),
  CSR_VSTOPEI: u32(0x25c, "Top external interrupt of the guest interrupt file. aia §6.1"),
  CSR_VSATP: u32(0x280, "VS address translation and protection. priv §21.2.18"),
  CSR_VSTOPI: u32(0xeb0, "Top VS interrupt, read only. aia §6.3.3"),
});

export const csrNumberGroups = [userCsrs, supervisorCsrs, hypervisorCsrs, virtualSupervisorCsrs] as const;
