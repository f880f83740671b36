// SPDX-License-Identifier: Apache-2.0
// help, help COMMAND: the commands with their arguments and purposes, one a step. Called by the terminal's worker.
import { print, printColumn } from "../../lib/print";
import { commandCount, commandMatch, commandPattern, commandPurpose } from "./run";
import { wordCount, wordStart, wordLength, splitWords } from "./words";

const PURPOSE: u32 = 41;

// @lock none: the terminal's worker only.
let shown: u32 = 0;

export function help(step: u32): u32 {
  if (step == 0) {
    shown = 0;
    // Without its first word the line begins as the commands do that it asks for.
    const first = wordStart(0) + wordLength(0);
    const last = wordCount() - 1;
    splitWords(first, <u32>(wordStart(last) + wordLength(last) - first));
  }
  if (step == commandCount()) {
    if (wordCount() == 0) print("Tab completes, -j answers in JSON, Ctrl-] ? lists the keys of the console.\n");
    else if (shown == 0) print("there is no such command; help lists them\n");
    return 0;
  }
  const right = commandMatch(step, wordCount());
  if (right < wordCount()) return 1;
  shown += 1;
  print(commandPattern(step));
  printColumn(PURPOSE);
  print(commandPurpose(step));
  print("\n");
  return 1;
}
