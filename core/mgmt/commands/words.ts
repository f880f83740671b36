// SPDX-License-Identifier: Apache-2.0
// A typed line as words. Used by the terminal's worker, one line at a time, so there is one table. Holds no text of its
// own: words are places in the line, which stays as it is until the command is done. `-j` (an answer in lines of JSON,
// for programs) is no word of the command; it is taken out and remembered.
import { printByte } from "../../lib/print";

const SPACE: u32 = 0x20;
export const MAX_WORDS: u32 = 8;

// @lock none: the terminal's worker only.
const starts: usize = memory.data(<i32>(MAX_WORDS * sizeof<usize>()), 8);
const lengths: usize = memory.data(<i32>(MAX_WORDS * sizeof<u32>()), 8);
let count: u32 = 0;
let json: u32 = 0;
let number: u64 = 0;

/** Takes a line apart at its blanks; words beyond MAX_WORDS are left out. */
export function splitWords(line: usize, length: u32): void {
  count = 0;
  json = 0;
  let i: u32 = 0;
  while (i < length && count < MAX_WORDS) {
    while (i < length && load<u8>(line + i) == SPACE) i++;
    const start = i;
    while (i < length && load<u8>(line + i) != SPACE) i++;
    if (i == start) break;
    store<usize>(starts + ((<usize>count) << 2), line + start);
    store<u32>(lengths + ((<usize>count) << 2), i - start);
    count += 1;
    if (!wordIs(count - 1, "-j")) continue;
    count -= 1;
    json = 1;
  }
}

export function wordCount(): u32 {
  return count;
}

/** Address and length of word `index`, which is below wordCount(). */
export function wordStart(index: u32): usize {
  return load<usize>(starts + ((<usize>index) << 2));
}

export function wordLength(index: u32): u32 {
  return index < count ? load<u32>(lengths + ((<usize>index) << 2)) : 0;
}

/** Is word `index` there, and this? */
export function wordIs(index: u32, text: string): bool {
  return wordIsUnits(index, changetype<usize>(text), text.length);
}

/** The same for a part of a string literal: `length` UTF-16 units. */
export function wordIsUnits(index: u32, units: usize, length: u32): bool {
  return index < count && wordLength(index) == length && commonUnits(wordStart(index), units, length) == length;
}

/** How many of the first `length` bytes are the text's units. */
export function commonUnits(bytes: usize, units: usize, length: u32): u32 {
  let i: u32 = 0;
  while (i < length && load<u8>(bytes + i) == load<u16>(units + ((<usize>i) << 1))) i++;
  return i;
}

/** Appends word `index`, which is printable, to the answer. */
export function printWord(index: u32): void {
  for (let i: u32 = 0; i < wordLength(index); i++) printByte(load<u8>(wordStart(index) + i));
}

/** Was `-j` among the words? */
export function wantsJson(): bool {
  return json != 0;
}

/** Reads a number, decimal or hexadecimal with 0x. False: it is none, or does not fit 64 bits. */
export function readNumber(at: usize, length: u32): bool {
  const hex = length > 2 && load<u8>(at) == 0x30 && (load<u8>(at + 1) | 0x20) == 0x78;
  const base: u64 = hex ? 16 : 10;
  number = 0;
  for (let i: u32 = hex ? 2 : 0; i < length; i++) {
    const digit = digitOf(load<u8>(at + i));
    if (digit >= base || number > (u64.MAX_VALUE - digit) / base) return false;
    number = number * base + digit;
  }
  return length != 0;
}

/** What readNumber read. */
export function lastNumber(): u64 {
  return number;
}

function digitOf(byte: u32): u64 {
  const letter = byte | 0x20;
  return letter >= 0x61 ? letter - 0x61 + 10 : byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : 99;
}
