// SPDX-License-Identifier: Apache-2.0
// Driver for the host's APLIC, supervisor domain, by wire (a delivery control per hart) or by message (MSIs to the
// harts' IMSICs). Called by host.ts at boot, and from a trap to claim and complete. Where messages go is set in the
// machine-level domain by firmware (mmsiaddrcfg, smsiaddrcfg); the supervisor's copy of those registers is read-only.
//
//   target by wire      | hart index 31:18 |        -         | priority 7:0  |
//   target by message   | hart index 31:18 | guest file 17:12 | identity 10:0 |
//
// @spec aia §4.5 to §4.9
import * as hw from "../../../hw";
import {
  APLIC_CLRIE,
  APLIC_CLRIENUM,
  APLIC_CLRIPNUM,
  APLIC_DOMAINCFG,
  APLIC_DOMAINCFG_DM,
  APLIC_DOMAINCFG_IE,
  APLIC_IDC,
  APLIC_IDC_CLAIMI,
  APLIC_IDC_IDELIVERY,
  APLIC_IDC_IFORCE,
  APLIC_IDC_ITHRESHOLD,
  APLIC_IDC_STRIDE,
  APLIC_SETIENUM,
  APLIC_SETIPNUM_LE,
  APLIC_SOURCECFG,
  APLIC_SOURCECFG_SM_INACTIVE,
  APLIC_TARGET,
  APLIC_TARGET_HART_MASK,
  APLIC_TARGET_HART_SHIFT,
  APLIC_TOPI_ID_MASK,
  APLIC_TOPI_ID_SHIFT,
} from "./spec";

// @lock per boot: set once by the boot hart.
let registers: u64 = 0;

/** Silences every source and switches the domain on. `message` is 1 for delivery by MSI. */
export function aplicInit(hva: u64, sources: u32, message: u32): void {
  registers = hva;
  hw.mmioWrite32(registers + APLIC_DOMAINCFG, 0);
  for (let irq: u32 = 0; irq <= sources; irq += 32) {
    hw.mmioWrite32(registers + APLIC_CLRIE + ((<u64>(irq >> 5)) << 2), u32.MAX_VALUE);
  }
  for (let irq: u32 = 1; irq <= sources; irq++) {
    hw.mmioWrite32(registers + APLIC_SOURCECFG + ((<u64>irq) << 2), APLIC_SOURCECFG_SM_INACTIVE);
  }
  hw.mmioWrite32(registers + APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE | (message != 0 ? APLIC_DOMAINCFG_DM : 0));
}

/** By wire: makes a hart's delivery control deliver. */
export function aplicInitHart(number: u32): void {
  const control = idc(number);
  hw.mmioWrite32(control + APLIC_IDC_IFORCE, 0);
  hw.mmioWrite32(control + APLIC_IDC_ITHRESHOLD, 0);
  hw.mmioWrite32(control + APLIC_IDC_IDELIVERY, 1);
}

/** Routes source `irq` to a hart; `low` is the priority by wire (1 is the highest) or the identity by message. */
export function aplicRoute(irq: u32, number: u32, low: u32): void {
  const target = ((number & APLIC_TARGET_HART_MASK) << APLIC_TARGET_HART_SHIFT) | low;
  hw.mmioWrite32(registers + APLIC_TARGET + ((<u64>irq) << 2), target);
}

/** Makes source `irq` active; `mode` is one of APLIC_SOURCECFG_SM_*. Before it is routed: an inactive source has no target. */
export function aplicActivate(irq: u32, mode: u32): void {
  hw.mmioWrite32(registers + APLIC_SOURCECFG + ((<u64>irq) << 2), mode);
  hw.mmioWrite32(registers + APLIC_CLRIPNUM, irq);
}

/** Lets source `irq`, active and routed, interrupt. */
export function aplicEnable(irq: u32): void {
  hw.mmioWrite32(registers + APLIC_SETIENUM, irq);
}

/** Stops source `irq` from interrupting; its mode and route stay. */
export function aplicDisable(irq: u32): void {
  hw.mmioWrite32(registers + APLIC_CLRIENUM, irq);
}

/** By wire: the source to serve, 0 for none. */
export function aplicClaim(number: u32): u32 {
  return (hw.mmioRead32(idc(number) + APLIC_IDC_CLAIMI) >> APLIC_TOPI_ID_SHIFT) & APLIC_TOPI_ID_MASK;
}

/**
 * By message: a level source was served. Sets it pending again, which takes effect only while its input is still
 * active, so that a level that outlives its message is not lost. @spec aia §4.9.2
 */
export function aplicRetrigger(irq: u32): void {
  hw.mmioWrite32(registers + APLIC_SETIPNUM_LE, irq);
}

function idc(number: u32): u64 {
  return registers + APLIC_IDC + <u64>number * APLIC_IDC_STRIDE;
}
