// SPDX-License-Identifier: Apache-2.0
// A typed line as words. Used by the terminal's worker, one line at a time, so there is one table. Holds no text of its
// own: words are places in the line, which stays as it is until the command is done.
const SPACE: u32 = 0x20;
export const MAX_WORDS: u32 = 8;

// @lock none: the terminal's worker only.
const starts: usize = memory.data(<i32>(MAX_WORDS * sizeof<usize>()), 8);
const lengths: usize = memory.data(<i32>(MAX_WORDS * sizeof<u32>()), 8);
let count: u32 = 0;

/** Takes a line apart at its blanks; words beyond MAX_WORDS are left out. */
export function splitWords(line: usize, length: u32): void {
  count = 0;
  let i: u32 = 0;
  while (i < length && count < MAX_WORDS) {
    while (i < length && load<u8>(line + i) == SPACE) i++;
    const start = i;
    while (i < length && load<u8>(line + i) != SPACE) i++;
    if (i == start) break;
    store<usize>(starts + ((<usize>count) << 2), line + start);
    store<u32>(lengths + ((<usize>count) << 2), i - start);
    count += 1;
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
  const length: u32 = text.length;
  if (index >= count || wordLength(index) != length) return false;
  const word = wordStart(index);
  const units = changetype<usize>(text);
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(word + i) != load<u16>(units + ((<usize>i) << 1))) return false;
  }
  return true;
}

/** Is `-j` (one line of JSON, for programs) among the words? */
export function wantsJson(): bool {
  for (let i: u32 = 0; i < count; i++) if (wordIs(i, "-j")) return true;
  return false;
}
