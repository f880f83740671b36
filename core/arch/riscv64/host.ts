// SPDX-License-Identifier: Apache-2.0
// What this host can do, found at boot: the H extension, Sstc, the stage-2 mode, how many VMIDs. And what every hart
// sets once before it runs guests. Boot context; facts are read-only afterwards.
import * as hw from "../../hw";
import { fdtEquals, fdtFind, fdtU32 } from "../../fdt/read";
import {
  CAUSE_BREAKPOINT,
  CAUSE_FETCH_MISALIGNED,
  CAUSE_FETCH_PAGE_FAULT,
  CAUSE_ILLEGAL_INSTRUCTION,
  CAUSE_LOAD_MISALIGNED,
  CAUSE_LOAD_PAGE_FAULT,
  CAUSE_STORE_MISALIGNED,
  CAUSE_STORE_PAGE_FAULT,
  CAUSE_USER_ECALL,
  CSR_HCOUNTEREN,
  CSR_HEDELEG,
  CSR_HENVCFG,
  CSR_HGATP,
  CSR_HGEIE,
  CSR_HIDELEG,
  CSR_HVIP,
  CSR_SIE,
  CSR_VSATP,
  CSR_VSTIMECMP,
  HCOUNTEREN_CY,
  HCOUNTEREN_IR,
  HCOUNTEREN_TM,
  HENVCFG_ADUE,
  HENVCFG_CBCFE,
  HENVCFG_CBIE_INVAL,
  HENVCFG_CBZE,
  HENVCFG_PBMTE,
  HENVCFG_STCE,
  HGATP_MODE_BARE,
  HGATP_MODE_MASK,
  HGATP_MODE_SV39X4,
  HGATP_MODE_SV48X4,
  HGATP_MODE_SV57X4,
  HGATP_VMID_MASK,
  HGATP_VMID_SHIFT,
  HVIP_VSEIP,
  HVIP_VSSIP,
  HVIP_VSTIP,
  SATP_MODE_MASK,
  SATP_MODE_SV48,
  SATP_MODE_SV57,
  SIE_SSIE,
  SIE_STIE,
} from "./csr";
import { probeAia, setUpAia } from "./aia";
import { filesInitHart } from "./irq/files";
import { hostHas } from "./isa";
import { setStage2Mode } from "./stage2";
import { hostHasSstc, setTimerKind } from "./timer";
import { setVmidCount } from "./vmid";

const ABSENT: u64 = u64.MAX_VALUE;
/** Exceptions that are the guest's own business. Illegal instruction joins them while its FP state is here (fp.ts). */
const DELEGATED: u64 =
  ((<u64>1) << CAUSE_FETCH_MISALIGNED) |
  ((<u64>1) << CAUSE_ILLEGAL_INSTRUCTION) |
  ((<u64>1) << CAUSE_BREAKPOINT) |
  ((<u64>1) << CAUSE_LOAD_MISALIGNED) |
  ((<u64>1) << CAUSE_STORE_MISALIGNED) |
  ((<u64>1) << CAUSE_USER_ECALL) |
  ((<u64>1) << CAUSE_FETCH_PAGE_FAULT) |
  ((<u64>1) << CAUSE_LOAD_PAGE_FAULT) |
  ((<u64>1) << CAUSE_STORE_PAGE_FAULT);

// @lock per boot
let timebase: u32 = 0;
let satpMode: u32 = 8;

/** What people call this architecture. */
export function architectureName(): string {
  return "riscv64";
}

/** Ticks per second of the host's timebase. */
export function timebaseFrequency(): u32 {
  return timebase;
}

/** Widest satp mode that a guest may use, in satp's own numbers: 8, 9 or 10. */
export function hostSatpMode(): u32 {
  return satpMode;
}

/** Boot hart: finds out. False: this host has no usable hypervisor extension. */
export function probeHost(fdt: usize): bool {
  if (hw.csrProbe(CSR_HGATP, ABSENT) == ABSENT) return false;
  const cpus = fdtFind(fdt, "/cpus");
  timebase = cpus ? fdtU32(fdt, cpus, "timebase-frequency", 0) : 0;
  setTimerKind(u32(hostHas("sstc") && hw.csrProbe(CSR_VSTIMECMP, ABSENT - 1) != ABSENT - 1));
  probeGuestMode();
  probeAia();
  return probeStage2(fdt);
}

/**
 * Stage 2 mode: Sv39x4 unless `/chosen` asks for a wider one (`typeone,stage2`), since each level more costs a table
 * page a guest and a step a walk, and 2 TiB of guest-physical space is enough for any guest here. And VMID bits.
 */
function probeStage2(fdt: usize): bool {
  const chosen = fdtFind(fdt, "/chosen");
  let wanted = HGATP_MODE_SV39X4;
  if (chosen && fdtEquals(fdt, chosen, "typeone,stage2", "sv48x4")) wanted = HGATP_MODE_SV48X4;
  if (chosen && fdtEquals(fdt, chosen, "typeone,stage2", "sv57x4")) wanted = HGATP_MODE_SV57X4;
  let mode = tryStage2(wanted);
  if (mode == HGATP_MODE_BARE) mode = tryStage2(HGATP_MODE_SV39X4);
  if (mode == HGATP_MODE_BARE) mode = tryStage2(HGATP_MODE_SV48X4);
  if (mode == HGATP_MODE_BARE) mode = tryStage2(HGATP_MODE_SV57X4);
  if (mode == HGATP_MODE_BARE) return false;
  hw.csrWrite(CSR_HGATP, mode | HGATP_VMID_MASK);
  const vmids = (hw.csrRead(CSR_HGATP) & HGATP_VMID_MASK) >> HGATP_VMID_SHIFT;
  hw.csrWrite(CSR_HGATP, 0);
  setStage2Mode(mode);
  setVmidCount(<u32>vmids + 1);
  return true;
}

/** The mode if hgatp takes it, else HGATP_MODE_BARE. */
function tryStage2(mode: u64): u64 {
  hw.csrWrite(CSR_HGATP, mode);
  const took = hw.csrRead(CSR_HGATP) & HGATP_MODE_MASK;
  hw.csrWrite(CSR_HGATP, 0);
  return took == mode ? mode : HGATP_MODE_BARE;
}

/** The widest mode that vsatp takes is what a guest is told. */
function probeGuestMode(): void {
  satpMode = tryGuestMode(SATP_MODE_SV57) ? 10 : tryGuestMode(SATP_MODE_SV48) ? 9 : 8;
}

function tryGuestMode(mode: u64): bool {
  hw.csrWrite(CSR_VSATP, mode);
  const took = hw.csrRead(CSR_VSATP) & SATP_MODE_MASK;
  hw.csrWrite(CSR_VSATP, 0);
  return took == mode;
}

/** Each hart, once: what guests may do by themselves, and which interrupts the hypervisor takes. */
export function setUpHart(): void {
  hw.csrWrite(CSR_HEDELEG, DELEGATED);
  hw.csrWrite(CSR_HIDELEG, HVIP_VSSIP | HVIP_VSTIP | HVIP_VSEIP);
  hw.csrWrite(CSR_HCOUNTEREN, HCOUNTEREN_CY | HCOUNTEREN_TM | HCOUNTEREN_IR);
  let features = HENVCFG_CBIE_INVAL | HENVCFG_CBCFE | HENVCFG_CBZE | HENVCFG_PBMTE;
  if (hostHas("svadu") && !hostHas("svade")) features |= HENVCFG_ADUE;
  if (hostHasSstc()) features |= HENVCFG_STCE;
  hw.csrWrite(CSR_HENVCFG, features);
  setUpAia();
  if (hw.csrProbe(CSR_HGEIE, ABSENT) != ABSENT) hw.csrWrite(CSR_HGEIE, 0);
  filesInitHart();
  hw.csrWrite(CSR_HVIP, 0);
  hw.csrSet(CSR_SIE, SIE_SSIE | SIE_STIE);
}
