// SPDX-License-Identifier: Apache-2.0
// Why a guest was stopped by the hypervisor: one record per guest, kept until it is destroyed or stopped again, with
// copies of the vCPU's registers and last exits, so that a restart takes nothing from it. Written in trap context; read
// by the terminal and the channel. Never logs more than one line a crash.
import { now, readRegister } from "../arch/seam";
import { print, printHex, printText } from "../lib/print";
import { WIRE_EVENT_CRASH } from "../mgmt/wire";
import { postEvent } from "./events";
import { TRAIL_BYTES } from "../limits";
import { TrailEntry } from "./exit";
import { Guest } from "./guest";
import { guestCrashed } from "./lifecycle";
import { Vcpu } from "./vcpu";

/** Registers that a record keeps: pc, then general registers 1 to 31. */
export const CRASH_REGISTERS: u32 = 32;

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
  /** Where in the copied trail the next exit would have gone, in bytes. */
  trailNext: u32 = 0;
  crashPad: u32 = 0;
}

/** Bytes of a record with its copies behind it. */
export const CRASH_BYTES: usize = offsetof<CrashRecord>() + CRASH_REGISTERS * sizeof<u64>() + TRAIL_BYTES;

function registersOf(record: CrashRecord): usize {
  return changetype<usize>(record) + offsetof<CrashRecord>();
}

/** Register `index` of the record: 0 is pc, 1 to 31 the general registers. */
export function crashRegister(record: CrashRecord, index: u32): u64 {
  return load<u64>(registersOf(record) + (((<usize>index) & 31) << 3));
}

/** The exit that was the `back`th before the end (0: the last), a null pointer if there were not so many. */
export function crashExit(record: CrashRecord, back: u32): TrailEntry {
  const none = changetype<TrailEntry>(0);
  if (back >= TRAIL_BYTES / <u32>offsetof<TrailEntry>()) return none;
  const trail = registersOf(record) + CRASH_REGISTERS * sizeof<u64>();
  const offset = (record.trailNext - (back + 1) * <u32>offsetof<TrailEntry>()) & (TRAIL_BYTES - 1);
  const entry = changetype<TrailEntry>(trail + offset);
  return entry.pc != 0 ? entry : none;
}

/** Stops the guest for what its vCPU did, with a record. */
export function guestCrash(vcpu: Vcpu, reason: u32, detail: u64): void {
  recordCrash(vcpu.guest, changetype<usize>(vcpu), reason, detail);
  guestCrashed(vcpu.guest);
}

/** Writes the record and says so in one line; `vcpu` is 0 where none was running. */
export function recordCrash(guest: Guest, vcpu: usize, reason: u32, detail: u64): void {
  const record = changetype<CrashRecord>(guest.crash);
  memory.fill(guest.crash, 0, CRASH_BYTES);
  record.reason = reason;
  record.detail = detail;
  record.when = now();
  if (vcpu) keepVcpu(record, changetype<Vcpu>(vcpu));
  postEvent(WIRE_EVENT_CRASH, guest, reason, guest.state);
  print("guest ");
  printText(guest.name);
  print(" is stopped: ");
  print(crashReason(reason));
  print(" (guest pc ");
  printHex(record.pc);
  print(", ");
  printHex(detail);
  print(")\n");
}

/** The trail begins at a multiple of its size. */
function keepVcpu(record: CrashRecord, vcpu: Vcpu): void {
  record.vcpu = vcpu.index;
  record.pc = vcpu.pc;
  record.trailNext = (<u32>vcpu.trail) & (TRAIL_BYTES - 1);
  const registers = registersOf(record);
  store<u64>(registers, vcpu.pc);
  for (let i: u32 = 1; i < CRASH_REGISTERS; i++) store<u64>(registers + ((<usize>i) << 3), readRegister(vcpu, i));
  const trail = vcpu.trail & ~(<usize>TRAIL_BYTES - 1);
  memory.copy(registers + CRASH_REGISTERS * sizeof<u64>(), trail, TRAIL_BYTES);
}

/** The reason in words. */
export function crashReason(reason: u32): string {
  if (reason == CRASH_FORBIDDEN) return "it made an access that its device forbids";
  if (reason == CRASH_HYPERVISOR_FAULT) return "the hypervisor faulted while it worked for this guest";
  if (reason == CRASH_CHECK_FAILED) return "a check of the hypervisor failed while it worked for this guest";
  return "none";
}
