// SPDX-License-Identifier: Apache-2.0
// guest list, stats, pause, resume, reset, destroy, crash, console. Called by the terminal's worker. Reads of other
// harts' counters may be a moment old; changes go through guest/lifecycle.ts, which locks.
import { focusConsole } from "../../host/mux";
import {
  Guest,
  GUEST_CRASHED,
  GUEST_CREATED,
  GUEST_EMPTY,
  GUEST_PAUSED,
  GUEST_RESTARTING,
  GUEST_RUNNING,
  GUEST_SHUTDOWN,
} from "../../guest/guest";
import { guestDestroy, guestPause, guestReset, guestResume } from "../../guest/lifecycle";
import { guestByIndex, guestByName, guestCount } from "../../guest/table";
import { print, printByte, printColumn, printDec, printText } from "../../lib/print";
import { Status } from "../../lib/status";
import { wordCount, wordIs, wordLength, wordStart } from "../words";
import { showCrash } from "./crash";
import { showStats } from "./stats";

export function guestCommand(): void {
  if (wordIs(1, "list")) {
    list();
    return;
  }
  const guest = named();
  if (changetype<usize>(guest) == 0) return;
  if (wordIs(1, "stats")) showStats(guest);
  else if (wordIs(1, "pause")) tell(guest, guestPause(guest));
  else if (wordIs(1, "resume")) tell(guest, guestResume(guest));
  else if (wordIs(1, "reset")) tell(guest, guestReset(guest));
  else if (wordIs(1, "destroy")) tell(guest, guestDestroy(guest));
  else if (wordIs(1, "crash")) showCrash(guest);
  else if (wordIs(1, "console")) focusConsole(guest.id + 1);
  else usage();
}

function usage(): void {
  print("guest list, or guest stats|pause|resume|reset|destroy|crash|console NAME\n");
}

/** The guest that the line names, by name or number; says so and answers null if there is none. */
function named(): Guest {
  const none = changetype<Guest>(0);
  if (wordCount() < 3) {
    usage();
    return none;
  }
  let guest = guestByName(wordStart(2), wordLength(2));
  if (changetype<usize>(guest) == 0) guest = numbered();
  if (changetype<usize>(guest) != 0) return guest;
  print("there is no guest ");
  for (let i: u32 = 0; i < wordLength(2); i++) printByte(load<u8>(wordStart(2) + i));
  print("; guest list shows them\n");
  return none;
}

function numbered(): Guest {
  let number: u32 = 0;
  for (let i: u32 = 0; i < wordLength(2); i++) {
    const digit = load<u8>(wordStart(2) + i) - 0x30;
    if (digit > 9 || i > 2) return changetype<Guest>(0);
    number = number * 10 + digit;
  }
  if (number == 0 || number > guestCount()) return changetype<Guest>(0);
  const guest = guestByIndex(number - 1);
  return guest.state != GUEST_EMPTY ? guest : changetype<Guest>(0);
}

function tell(guest: Guest, status: i32): void {
  printText(guest.name);
  if (status == Status.Ok) print(": done\n");
  else if (status == Status.Invalid) print(": it is not in a state for that\n");
  else if (status == Status.Busy) print(": something else is being done with it\n");
  else if (status == Status.NoMemory) print(": there is not enough memory\n");
  else print(": that is not possible\n");
}

function list(): void {
  print("no  name                state       vcpus   memory MiB  restarts\n");
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    if (guest.state == GUEST_EMPTY) continue;
    printDec(guest.id + 1);
    printColumn(4);
    printText(guest.name);
    printColumn(24);
    print(stateName(guest.state));
    printColumn(36);
    printDec(guest.vcpuCount);
    printColumn(44);
    printDec(guest.ramSize >> 20);
    printColumn(56);
    printDec(guest.restarts);
    print("\n");
  }
}

/** A guest's state in a word, as tables and JSON show it. */
export function stateName(state: u32): string {
  switch (state) {
    case GUEST_CREATED:
      return "created";
    case GUEST_RUNNING:
      return "running";
    case GUEST_PAUSED:
      return "paused";
    case GUEST_RESTARTING:
      return "restarting";
    case GUEST_SHUTDOWN:
      return "shutdown";
    case GUEST_CRASHED:
      return "crashed";
    default:
      return "empty";
  }
}
