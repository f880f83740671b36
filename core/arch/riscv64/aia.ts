// SPDX-License-Identifier: Apache-2.0
// What the harts have of the AIA besides their own interrupts: the indirect registers of guests. They are moved with a
// vCPU (switch.ts), closed to guests that have no interrupt files, and emulated while a guest's file is in memory: with no
// hardware file chosen its accesses trap. Boot, and trap context. @spec aia §2.3, §6.1, §6.3
import * as hw from "../../hw";
import { INTERRUPTS_AIA } from "../../guest/description";
import { countExit, EXIT_OTHER } from "../../guest/exit";
import { Vcpu } from "../../guest/vcpu";
import { acquire, release } from "../../lib/lock";
import { readRegister, writeRegister } from "./context";
import {
  CSR_HSTATEEN0,
  CSR_HSTATUS,
  CSR_HVICTL,
  CSR_HVIEN,
  CSR_HVIPRIO1,
  CSR_HVIPRIO2,
  CSR_SIREG,
  CSR_STOPEI,
  CSR_VSISELECT,
  HSTATEEN0_AIA,
  HSTATEEN0_CSRIND,
  HSTATEEN0_ENVCFG,
  HSTATEEN0_IMSIC,
  HSTATUS_SPVP,
} from "./csr";
import { driveExternal } from "./inject";
import { messagesLock, vfileOf } from "./irq/messages";
import { vfileClaim, vfileHas, vfileOutput, vfileRead, vfileTop, vfileWrite } from "./irq/vfile";

const ABSENT: u64 = u64.MAX_VALUE;
/** siselect: priorities of major interrupts, which may be zero for ever. @spec aia §5.2.2 */
const IPRIO0: u64 = 0x30;
const IPRIO15: u64 = 0x3f;
/** stopei has the identity in bits 26:16, and as its priority in bits 10:0. */
const TWICE: u64 = 0x1_0001;

// @lock per boot
let present: u32 = 0;
let stateen: u32 = 0;

/** 1 if the harts have Ssaia and firmware lets us use it. */
export function hostHasAia(): u32 {
  return present;
}

/** Boot hart: finds out. */
export function probeAia(): void {
  present = u32(hw.csrProbe(CSR_HVICTL, ABSENT) != ABSENT && hw.csrProbe(CSR_VSISELECT, ABSENT) != ABSENT);
  stateen = u32(hw.csrProbe(CSR_HSTATEEN0, ABSENT) != ABSENT);
}

/** Each hart, once: no virtual interrupts but the three that hvip has, all of the same priority. */
export function setUpAia(): void {
  if (stateen != 0) hw.csrWrite(CSR_HSTATEEN0, HSTATEEN0_ENVCFG);
  if (present == 0) return;
  hw.csrWrite(CSR_HVIEN, 0);
  hw.csrWrite(CSR_HVICTL, 0);
  hw.csrWrite(CSR_HVIPRIO1, 0);
  hw.csrWrite(CSR_HVIPRIO2, 0);
}

/** The vCPU comes onto this hart. */
export function loadAia(vcpu: Vcpu): void {
  if (present == 0) return;
  hw.csrWrite(CSR_VSISELECT, vcpu.siselect);
  hw.csrWrite(CSR_HVICTL, 0);
  if (stateen == 0) return;
  const opened = vcpu.guest.interrupts == INTERRUPTS_AIA ? HSTATEEN0_IMSIC | HSTATEEN0_AIA | HSTATEEN0_CSRIND : 0;
  hw.csrWrite(CSR_HSTATEEN0, HSTATEEN0_ENVCFG | opened);
}

/** The vCPU leaves this hart. */
export function unloadAia(vcpu: Vcpu): void {
  if (present != 0) vcpu.siselect = hw.csrRead(CSR_VSISELECT);
}

/**
 * A trapped CSR instruction: if it is one on sireg or stopei that the vCPU may do, does it and steps over it.
 *
 *   | csr 31:20 | rs1 or immediate 19:15 | funct3 14:12 | rd 11:7 | 1110011 |   funct3: 1 write, 2 set, 3 clear; 4: immediate
 */
export function indirectAccess(vcpu: Vcpu, instruction: u32): bool {
  const csr = instruction >> 20;
  if (vcpu.guest.interrupts != INTERRUPTS_AIA || (csr != CSR_SIREG && csr != CSR_STOPEI)) return false;
  const kind = (instruction >> 12) & 3;
  if ((instruction & 0x7f) != 0x73 || kind == 0 || !(hw.csrRead(CSR_HSTATUS) & HSTATUS_SPVP)) return false;
  const file = vfileOf(vcpu.guest, vcpu.index);
  const register = hw.csrRead(CSR_VSISELECT);
  const priority = csr == CSR_SIREG && register >= IPRIO0 && register <= IPRIO15 && (register & 1) == 0;
  if (!priority && (file.hart != 0 || (csr == CSR_SIREG && !vfileHas(register)))) return false;
  const source = (instruction >> 15) & 31;
  const operand = instruction & 0x4000 ? <u64>source : readRegister(vcpu, source);
  countExit(vcpu, EXIT_OTHER, instruction);
  vcpu.pc += 4;
  let before: u64 = 0;
  if (!priority) {
    acquire(messagesLock(vcpu.guest));
    before = csr == CSR_SIREG ? vfileRead(file, register) : vfileTop(file) * TWICE;
    if (kind == 1 || source != 0) {
      if (csr == CSR_STOPEI) vfileClaim(file, <u32>(before >> 16));
      else vfileWrite(file, register, changed(kind, before, operand));
    }
    const level = vfileOutput(file);
    release(messagesLock(vcpu.guest));
    driveExternal(vcpu, level);
  }
  writeRegister(vcpu, (instruction >> 7) & 31, before);
  return true;
}

function changed(kind: u32, before: u64, operand: u64): u64 {
  if (kind == 1) return operand;
  return kind == 2 ? before | operand : before & ~operand;
}
