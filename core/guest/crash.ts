// SPDX-License-Identifier: Apache-2.0
// Why a guest was stopped by the hypervisor: one record per guest, kept until it is destroyed. Written in trap
// context with the vCPU's registers in its Context; read by the terminal. Never logs more than one line a crash.
import { print, printHex, printText } from "../lib/print";
import { Guest } from "./guest";
import { guestStopCrashed } from "./lifecycle";
import { Vcpu } from "./vcpu";

// ---- reason
/** A device refused an access outright. */
export const CRASH_FORBIDDEN: u32 = 1;
/** The hypervisor faulted while it worked for this guest. */
export const CRASH_HYPERVISOR_FAULT: u32 = 2;
/** A check in the hypervisor failed while it worked for this guest. */
export const CRASH_CHECK_FAILED: u32 = 3;

@unmanaged
export class CrashRecord {
  reason: u32 = 0;
  vcpu: u32 = 0;
  /** Guest-virtual address of the instruction that it stopped at. */
  pc: u64 = 0;
  /** Reason's own: a gpa, or the hypervisor's fault cause. */
  detail: u64 = 0;
  /** Hypervisor fault: pc (hva) and stval. */
  hypervisorPc: u64 = 0;
  hypervisorValue: u64 = 0;
  /** Host time in ticks. */
  when: u64 = 0;
}

/** Stops the guest for what its vCPU did, with a record. */
export function guestCrash(vcpu: Vcpu, reason: u32, detail: u64): void {
  recordCrash(vcpu.guest, changetype<usize>(vcpu), reason, detail);
  guestStopCrashed(vcpu.guest);
}

/** Writes the record and says so in one line; `vcpu` is 0 where none was running. */
export function recordCrash(guest: Guest, vcpu: usize, reason: u32, detail: u64): void {
  const pc = vcpu ? changetype<Vcpu>(vcpu).pc : 0;
  const record = changetype<CrashRecord>(guest.crash);
  record.reason = reason;
  record.vcpu = vcpu ? changetype<Vcpu>(vcpu).index : 0;
  record.pc = pc;
  record.detail = detail;
  print("guest ");
  printText(guest.name);
  print(" is stopped: ");
  print(crashReason(reason));
  print(" (guest pc ");
  printHex(pc);
  print(", ");
  printHex(detail);
  print(")\n");
}

/** The reason in words. */
export function crashReason(reason: u32): string {
  if (reason == CRASH_FORBIDDEN) return "it made an access that its device forbids";
  if (reason == CRASH_HYPERVISOR_FAULT) return "the hypervisor faulted while it worked for this guest";
  if (reason == CRASH_CHECK_FAILED) return "a check of the hypervisor failed while it worked for this guest";
  return "none";
}
