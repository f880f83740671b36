// SPDX-License-Identifier: Apache-2.0
// The terminal's commands by their words. Called by the terminal's worker; what a command says goes through print*.
// A command changes state only when its whole line made sense.
import { print, printByte } from "../lib/print";
import { guestCommand } from "./commands/guest";
import { hostCommand } from "./commands/host";
import { startLog } from "./commands/log";
import { help, powerOff, restartMachine, version } from "./commands/system";
import { vcpuCommand } from "./commands/vcpu";
import { splitWords, wordCount, wordIs, wordLength, wordStart } from "./words";

/** Runs the command of a typed line. */
export function runCommand(line: usize, length: u32): void {
  splitWords(line, length);
  if (wordCount() == 0) return;
  if (!known()) {
    print("there is no command ");
    for (let i: u32 = 0; i < wordLength(0); i++) printByte(load<u8>(wordStart(0) + i));
    print("; help lists them\n");
  }
}

/** Runs the command if there is one of that name. */
function known(): bool {
  if (wordIs(0, "help") || wordIs(0, "?")) help();
  else if (wordIs(0, "version")) version();
  else if (wordIs(0, "guest")) guestCommand();
  else if (wordIs(0, "vcpu")) vcpuCommand();
  else if (wordIs(0, "host")) hostCommand();
  else if (wordIs(0, "log")) startLog();
  else if (wordIs(0, "shutdown")) powerOff();
  else if (wordIs(0, "reset")) restartMachine();
  else return false;
  return true;
}
