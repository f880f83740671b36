// SPDX-License-Identifier: Apache-2.0
// Finds and runs the command of a typed line. A command is a function of a step: called with 0, 1, 2 … while it answers 1
// and the output has room, it prints a few lines at most each time and never waits. It changes state only when its whole
// line made sense. Used by the terminal's worker only.
import { print } from "../../lib/print";
import { bindArguments } from "./args";
import { findPart, nameLength, partLength, partUnits } from "./pattern";
import { printSuggestion } from "./suggest";
import { printWord, splitWords, wordCount, wordIsUnits } from "./words";

const ROW: usize = 12;
const PURPOSE: usize = 4;
const FUNCTION: usize = 8;

/** @lock per boot: the table and its rows (table.ts). Its functions ask here for it: it cannot be imported. */
let table: usize = 0;
let rows: u32 = 0;
// @lock none: the terminal's worker, except that terminalRoom asks commandRuns.
let active: u32 = 0;
let running: u32 = 0;
let step: u32 = 0;

/** Boot: the commands that there are. */
export function useCommands(from: usize, count: u32): void {
  table = from;
  rows = count;
}

export function commandCount(): u32 {
  return rows;
}

/** What command `index` looks like. */
export function commandPattern(index: u32): string {
  return changetype<string>(load<usize>(table + <usize>index * ROW));
}

/** What it is for. */
export function commandPurpose(index: u32): string {
  return changetype<string>(load<usize>(table + <usize>index * ROW, PURPOSE));
}

/** Begins the command of a typed line; says what is wrong with it otherwise. */
export function startCommand(line: usize, length: u32): void {
  splitWords(line, length);
  step = 0;
  active = 0;
  if (wordCount() == 0) return;
  let most: u32 = 0;
  for (let i: u32 = 0; i < rows; i++) {
    const own = nameLength(commandPattern(i));
    const typed = commandMatch(i, wordCount());
    if (typed == own) {
      running = i;
      active = bindArguments(commandPattern(i), own) ? 1 : 0;
      return;
    }
    if (typed > most) most = typed;
  }
  refuse(most);
}

/** Has the command more to say? */
export function commandRuns(): bool {
  return active != 0;
}

/** Lets it say the next piece. */
export function commandStep(): void {
  const index = load<u32>(load<usize>(table + <usize>running * ROW, FUNCTION));
  active = call_indirect<u32>(index, step);
  step += 1;
}

/** Forgets it. */
export function commandStop(): void {
  active = 0;
}

/** How many of the first `most` typed words are the command's own. */
export function commandMatch(index: u32, most: u32): u32 {
  const pattern = commandPattern(index);
  const own = nameLength(pattern);
  let i: u32 = 0;
  while (i < own && i < most && findPart(pattern, i) && wordIsUnits(i, partUnits(), partLength())) i++;
  return i;
}

/** No command: its first `right` words are fine. */
function refuse(right: u32): void {
  print("there is no command");
  for (let i: u32 = 0; i < wordCount() && i <= right; i++) {
    print(" ");
    printWord(i);
  }
  if (right == wordCount()) print(" alone");
  else printSuggestion(right);
  print("; help");
  for (let i: u32 = 0; i < right; i++) {
    print(" ");
    printWord(i);
  }
  print(right == 0 ? " lists them\n" : " lists those\n");
}
