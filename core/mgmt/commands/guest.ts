// SPDX-License-Identifier: Apache-2.0
// guest list, create, destroy, reset, pause, resume, kick, shutdown, console. Called by the terminal's worker. Reads of
// other harts' counters may be a moment old; changes go through guest/lifecycle.ts, which locks.
import { startDescribed } from "../../guest/boot";
import { focusConsole } from "../../host/mux";
import { GUEST_EMPTY, GUEST_RUNNING } from "../../guest/guest";
import {
  guestDestroy,
  guestPause,
  guestReset,
  guestResume,
  guestShutdown,
  guestStart,
  vcpuAt,
} from "../../guest/lifecycle";
import { refusalWords } from "../../guest/refusal";
import { guestByIndex, guestCount } from "../../guest/table";
import { print, printText } from "../../lib/print";
import { Status } from "../../lib/status";
import { schedWake } from "../../sched/sched";
import { argGuest, argText } from "./args";
import { printWord, wordLength, wordStart } from "./words";
import { closeRow, openRow, showNumber, showText, showWord } from "./out";
import { say, stateName } from "./status-words";

export function guestList(step: u32): u32 {
  if (step >= guestCount()) return 0;
  const guest = guestByIndex(step);
  if (guest.state == GUEST_EMPTY) return 1;
  openRow();
  do {
    showNumber("no", 4, guest.id + 1);
    showText("guest", 20, guest.name);
    showWord("state", 12, stateName(guest.state));
    showNumber("vcpus", 7, guest.vcpuCount);
    showNumber("memoryMiB", 11, guest.ramSize >> 20);
    showNumber("restarts", 9, guest.restarts);
  } while (closeRow());
  return 1;
}

/** A guest that the host's tree describes and that was destroyed, or could not be made at boot. */
export function guestCreate(step: u32): u32 {
  const word = argText();
  const status = startDescribed(wordStart(word), wordLength(word));
  printWord(word);
  print(": ");
  if (status == Status.Ok) return say(status);
  print(refusalWords());
  print("\n");
  return 0;
}

export function doDestroy(step: u32): u32 {
  return tell(guestDestroy(argGuest()));
}

export function doReset(step: u32): u32 {
  return tell(guestReset(argGuest()));
}

export function doPause(step: u32): u32 {
  return tell(guestPause(argGuest()));
}

export function doResume(step: u32): u32 {
  return tell(guestResume(argGuest()));
}

export function doShutdown(step: u32): u32 {
  return tell(guestShutdown(argGuest()));
}

/** Whatever its vCPUs wait for, they look again; a guest that is off starts. */
export function doKick(step: u32): u32 {
  const guest = argGuest();
  if (guest.state != GUEST_RUNNING) return tell(guestStart(guest));
  for (let i: u32 = 0; i < guest.vcpuCount; i++) schedWake(vcpuAt(guest, i));
  return tell(Status.Ok);
}

export function guestConsole(step: u32): u32 {
  focusConsole(argGuest().id + 1);
  return 0;
}

function tell(status: i32): u32 {
  printText(argGuest().name);
  print(": ");
  return say(status);
}
