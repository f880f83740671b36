// SPDX-License-Identifier: Apache-2.0
// host ram: the host's memory in runs of one owner each, by address within each bank. One run a step. Called by the
// terminal's worker; what guests take or give back meanwhile shows in the runs that are still to come.
import { guestByIndex, guestCount } from "../../guest/table";
import { OWNER_BLOB, OWNER_DISK, OWNER_FREE, RamRun, ramNextRun } from "../../mem/ram";
import { closeRow, openRow, showHex, showNumber, showText, showWord } from "./out";

// @lock none: the terminal's worker only.
const runPtr: usize = memory.data(32, 8);

export function hostRam(step: u32): u32 {
  const run = changetype<RamRun>(runPtr);
  if (step == 0) memory.fill(runPtr, 0, offsetof<RamRun>());
  if (!ramNextRun(run)) return 0;
  openRow();
  do {
    showNumber("bank", 6, run.bank);
    showHex("hpa", 20, run.hpa);
    showNumber("sizeMiB", 10, run.size >> 20);
    const guest = run.owner - 1;
    if (run.owner == OWNER_FREE) showWord("owner", 8, "free");
    else if (run.owner == OWNER_BLOB) showWord("owner", 8, "toolstack");
    else if (run.owner == OWNER_DISK) showWord("owner", 8, "disks");
    else if (guest < guestCount()) showText("owner", 8, guestByIndex(guest).name);
    else showWord("owner", 8, "host");
  } while (closeRow());
  return 1;
}
