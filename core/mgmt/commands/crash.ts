// SPDX-License-Identifier: Apache-2.0
// guest crash NAME: why the hypervisor stopped a guest, the registers of the vCPU that it stopped at, and that vCPU's
// last exits, newest first. Called by the terminal's worker; a restart of the guest overwrites the registers.
import { faultRegisterName, readRegister } from "../../arch/seam";
import { CrashRecord, crashReason } from "../../guest/crash";
import { exitName, TRAIL_BYTES, TrailEntry } from "../../guest/exit";
import { Guest } from "../../guest/guest";
import { vcpuAt } from "../../guest/lifecycle";
import { Vcpu } from "../../guest/vcpu";
import { print, printDec, printHex, printText } from "../../lib/print";

const SHOWN_EXITS: u32 = 16;
const REGISTERS: u32 = 31;
const PER_LINE: u32 = 4;

export function showCrash(guest: Guest): void {
  const record = changetype<CrashRecord>(guest.crash);
  printText(guest.name);
  if (guest.crash == 0 || record.reason == 0) {
    print(" was not stopped by the hypervisor\n");
    return;
  }
  print(": ");
  print(crashReason(record.reason));
  print("\n  vcpu ");
  printDec(record.vcpu);
  value(", guest pc ", record.pc);
  value(", detail ", record.detail);
  if (record.hypervisorPc != 0) {
    value("\n  hypervisor pc ", record.hypervisorPc);
    value(", value ", record.hypervisorValue);
  }
  print("\n");
  if (record.vcpu >= guest.vcpuCount) return;
  showRegisters(vcpuAt(guest, record.vcpu));
  showTrail(vcpuAt(guest, record.vcpu));
}

function value(name: string, number: u64): void {
  print(name);
  printHex(number);
}

function showRegisters(vcpu: Vcpu): void {
  for (let i: u32 = 0; i < REGISTERS; i++) {
    print("  ");
    print(faultRegisterName(i));
    value(" ", readRegister(vcpu, i + 1));
    if (i % PER_LINE == PER_LINE - 1 || i == REGISTERS - 1) print("\n");
  }
}

/** The trail is a ring that begins at a multiple of its size; entries never written have no pc. */
function showTrail(vcpu: Vcpu): void {
  const start = vcpu.trail & ~(<usize>TRAIL_BYTES - 1);
  let at = vcpu.trail;
  for (let shown: u32 = 0; shown < SHOWN_EXITS; shown++) {
    at = start + ((at - offsetof<TrailEntry>()) & (<usize>TRAIL_BYTES - 1));
    const entry = changetype<TrailEntry>(at);
    if (entry.pc == 0) return;
    print("  exit ");
    print(exitName(entry.kind));
    value(" at ", entry.pc);
    value(", ", entry.detail);
    print("\n");
  }
}
