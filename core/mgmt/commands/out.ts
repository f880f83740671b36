// SPDX-License-Identifier: Apache-2.0
// How commands show data: each says once what it has, and it comes out as a table, as a card (one value a line), as
// pairs in a few columns, or, with -j, as one line of JSON with the same names. Used by the terminal's worker.
//
//   openRow(); do { showNumber("hart", 6, …); showWord("state", 9, …); } while (closeRow());
//
// A table's first row is gone through twice: once for the names above the columns. Times are microseconds everywhere.
import { nanoseconds } from "../../host/clock";
import { print, printColumn, printDec, printHex, printText } from "../../lib/print";
import { jsonKey, jsonText } from "./json";
import { wantsJson } from "./words";

const ROW: u32 = 0;
const CARD: u32 = 1;
const PAIRS: u32 = 2;
const CARD_COLUMN: u32 = 20;
const PAIR_COLUMN: u32 = 26;
const LAST_COLUMN: u32 = 78;
const MAX_TEXT: u32 = 120;

// @lock none: the terminal's worker only.
let kind: u32 = ROW;
/** 1: the names above a table's columns are being printed; 2: they have been. */
let header: u32 = 0;
let column: u32 = 0;
let shown: u32 = 0;

/** The next row begins a table of its own. */
export function newTable(): void {
  header = 0;
}

export function openRow(): void {
  open(ROW);
  if (header == 0 && !wantsJson()) header = 1;
}

export function openCard(): void {
  open(CARD);
}

export function openPairs(): void {
  open(PAIRS);
}

function open(next: u32): void {
  kind = next;
  column = 0;
  shown = 0;
  if (wantsJson()) print("{");
}

/** Ends a row, card or block of pairs. True: that was a table's first line, the row itself is to follow. */
export function closeRow(): bool {
  print(wantsJson() ? "}\n" : "\n");
  const again = kind == ROW && header == 1 && !wantsJson();
  if (again) {
    header = 2;
    column = 0;
  }
  return again;
}

/** Begins the name of what follows; false if only the name was wanted. `width` is that of a table's column. */
function name(key: string, width: u32): bool {
  if (wantsJson()) {
    if (shown != 0) print(",");
    jsonKey(key);
  } else if (kind == ROW) {
    printColumn(column);
    column += width;
    if (header == 1) print(key);
  } else {
    if (shown != 0 && (kind == CARD || column >= LAST_COLUMN)) {
      print("\n");
      column = 0;
    }
    printColumn(column);
    print(key);
    if (kind == CARD) printColumn(CARD_COLUMN);
    else print(" ");
    column += PAIR_COLUMN;
  }
  shown += 1;
  return wantsJson() || kind != ROW || header != 1;
}

export function showNumber(key: string, width: u32, value: u64): void {
  if (name(key, width)) printDec(value);
}

/** Ticks, as microseconds. */
export function showTime(key: string, width: u32, ticks: u64): void {
  showNumber(key, width, nanoseconds(ticks) / 1000);
}

/** In JSON a string: programs read numbers as 53 bits. */
export function showHex(key: string, width: u32, value: u64): void {
  if (!name(key, width)) return;
  quote();
  printHex(value);
  quote();
}

/** A literal of ours. */
export function showWord(key: string, width: u32, value: string): void {
  if (!name(key, width)) return;
  quote();
  print(value);
  quote();
}

/** NUL-terminated text that others chose. */
export function showText(key: string, width: u32, value: usize): void {
  if (!wantsJson()) {
    if (name(key, width)) printText(value);
    return;
  }
  if (shown != 0) print(",");
  shown += 1;
  jsonText(key, value, MAX_TEXT);
}

/** JSON only: what follows, up to closeGroup, is an object of its own. */
export function openGroup(key: string): void {
  if (!wantsJson()) return;
  name(key, 0);
  print("{");
  shown = 0;
}

export function closeGroup(): void {
  if (wantsJson()) print("}");
  shown = 1;
}

function quote(): void {
  if (wantsJson()) print('"');
}
