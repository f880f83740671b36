// SPDX-License-Identifier: Apache-2.0
// guest crash GUEST: why the hypervisor stopped a guest, the registers of the vCPU that it stopped at, and that vCPU's
// last exits, newest first. Called by the terminal's worker; a restart of the guest overwrites the registers.
import { CrashRecord, crashReason } from "../../guest/crash";
import { exitName, TRAIL_BYTES, TrailEntry } from "../../guest/exit";
import { vcpuAt } from "../../guest/lifecycle";
import { Vcpu } from "../../guest/vcpu";
import { print, printText } from "../../lib/print";
import { argGuest } from "../commands-args";
import { closeRow, openCard, openRow, showHex, showNumber, showText, showWord } from "./out";
import { showRegisters } from "./registers";

const SHOWN_EXITS: u32 = 16;
const ENTRY: usize = offsetof<TrailEntry>();

export function showCrash(step: u32): u32 {
  const guest = argGuest();
  const record = changetype<CrashRecord>(guest.crash);
  if (guest.crash == 0 || record.reason == 0) {
    printText(guest.name);
    print(" was not stopped by the hypervisor\n");
    return 0;
  }
  if (step == 0) return showRecord(record);
  if (record.vcpu >= guest.vcpuCount) return 0;
  if (step == 1) return showRegisters(vcpuAt(guest, record.vcpu));
  return showExit(vcpuAt(guest, record.vcpu), step - 1);
}

function showRecord(record: CrashRecord): u32 {
  openCard();
  showText("guest", 0, argGuest().name);
  showWord("reason", 0, crashReason(record.reason));
  showNumber("vcpu", 0, record.vcpu);
  showHex("pc", 0, record.pc);
  showHex("detail", 0, record.detail);
  if (record.hypervisorPc != 0) {
    showHex("hypervisorPc", 0, record.hypervisorPc);
    showHex("hypervisorValue", 0, record.hypervisorValue);
  }
  closeRow();
  return 1;
}

/** The trail is a ring that begins at a multiple of its size; entries never written have no pc. */
function showExit(vcpu: Vcpu, back: u32): u32 {
  const start = vcpu.trail & ~(<usize>TRAIL_BYTES - 1);
  const entry = changetype<TrailEntry>(start + ((vcpu.trail - <usize>back * ENTRY) & (<usize>TRAIL_BYTES - 1)));
  if (entry.pc == 0 || back > SHOWN_EXITS) return 0;
  openRow();
  do {
    showWord("exit", 14, exitName(entry.kind));
    showHex("pc", 20, entry.pc);
    showHex("detail", 20, entry.detail);
  } while (closeRow());
  return 1;
}
