// SPDX-License-Identifier: Apache-2.0
// The guest's interrupt files and its APLIC as the device tree describes them: this hart's registers behind CSRs, every
// hart's page for messages. Used by the payload imsic. Harts are numbered densely from 0, in a guest and on QEMU.
import { CSR_SIREG, CSR_SISELECT, CSR_STOPEI } from "../../core/arch/riscv64/csr";
import {
  APLIC_DOMAINCFG,
  APLIC_DOMAINCFG_DM,
  APLIC_DOMAINCFG_IE,
  APLIC_SETIENUM,
  APLIC_SETIPNUM_LE,
  APLIC_SOURCECFG,
  APLIC_SOURCECFG_SM_LEVEL1,
  APLIC_TARGET,
  APLIC_TARGET_HART_SHIFT,
  IMSIC_EIDELIVERY,
  IMSIC_EIE0,
  IMSIC_EITHRESHOLD,
} from "../../core/arch/riscv64/irq/spec";
import { csrRead, csrWrite, write32 } from "../runtime/hw";
import { cell, findProperty } from "./fdt";

let files: u64 = 0;
let stride: u64 = 0;
let aplic: u64 = 0;

function address(value: u64): u64 {
  return ((<u64>cell(value, 0)) << 32) | cell(value, 1);
}

/** Finds both; answers the address of the first file, 0 if the tree has none. */
export function findImsic(harts: u64): u64 {
  const reg = findProperty("imsics@", "reg");
  const domain = findProperty("aplic@", "reg");
  if (reg == 0 || domain == 0) return 0;
  files = address(reg);
  stride = cell(reg, 3) / harts;
  aplic = address(domain);
  return files;
}

export function setRegister(register: u64, value: u64): void {
  csrWrite(CSR_SISELECT, register);
  csrWrite(CSR_SIREG, value);
}

export function getRegister(register: u64): u64 {
  csrWrite(CSR_SISELECT, register);
  return csrRead(CSR_SIREG);
}

/** Identities 1 to 63 may interrupt this hart. */
export function openFile(): void {
  setRegister(IMSIC_EITHRESHOLD, 0);
  setRegister(IMSIC_EIE0, ~0);
  setRegister(IMSIC_EIDELIVERY, 1);
}

/** A message to a hart. */
export function send(hart: u64, identity: u64): void {
  write32(files + hart * stride, identity);
}

/** Serves one identity of this hart's file, 0 for none. Nothing lower comes between: each hart is sent one at a time. */
export function serve(): u64 {
  const identity = csrRead(CSR_STOPEI) >> 16;
  if (identity != 0) csrWrite(CSR_STOPEI, 0);
  return identity;
}

/** A level-triggered wire becomes messages of `identity` to `hart`. */
export function openLine(line: u32, hart: u64, identity: u64): void {
  write32(aplic + APLIC_SOURCECFG + <u64>line * 4, APLIC_SOURCECFG_SM_LEVEL1);
  write32(aplic + APLIC_TARGET + <u64>line * 4, (hart << APLIC_TARGET_HART_SHIFT) | identity);
  write32(aplic + APLIC_SETIENUM, line);
  write32(aplic + APLIC_DOMAINCFG, APLIC_DOMAINCFG_IE | APLIC_DOMAINCFG_DM);
}

/** The wire's message was served: another one if its level still stands. */
export function lineServed(line: u32): void {
  write32(aplic + APLIC_SETIPNUM_LE, line);
}
