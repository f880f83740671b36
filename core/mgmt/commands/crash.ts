// SPDX-License-Identifier: Apache-2.0
// guest crash GUEST: why the hypervisor stopped a guest, the registers of the vCPU that it stopped at, and that vCPU's
// last exits, newest first. Called by the terminal's worker; all of it is the crash record's own copy.
import { faultRegisterCount, faultRegisterName } from "../../arch/seam";
import { crashExit, CrashRecord, crashReason, crashRegister } from "../../guest/crash";
import { exitName } from "../../guest/exit-name";
import { print, printText } from "../../lib/print";
import { argGuest } from "./args";
import { closeRow, openCard, openPairs, openRow, showHex, showNumber, showText, showWord } from "./out";

const SHOWN_EXITS: u32 = 16;

export function showCrash(step: u32): u32 {
  const guest = argGuest();
  const record = changetype<CrashRecord>(guest.crash);
  if (guest.crash == 0 || record.reason == 0) {
    printText(guest.name);
    print(" was not stopped by the hypervisor\n");
    return 0;
  }
  if (step == 0) return showRecord(record);
  if (step == 1) return showRegisters(record);
  return showExit(record, step - 2);
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

function showRegisters(record: CrashRecord): u32 {
  openPairs();
  for (let i: u32 = 0; i < faultRegisterCount(); i++) showHex(faultRegisterName(i), 0, crashRegister(record, i + 1));
  closeRow();
  return 1;
}

function showExit(record: CrashRecord, back: u32): u32 {
  const entry = crashExit(record, back);
  if (changetype<usize>(entry) == 0 || back == SHOWN_EXITS) return 0;
  openRow();
  do {
    showWord("exit", 14, exitName(entry.kind));
    showHex("pc", 20, entry.pc);
    showHex("detail", 20, entry.detail);
  } while (closeRow());
  return 1;
}
