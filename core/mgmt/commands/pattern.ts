// SPDX-License-Identifier: Apache-2.0
// What a command's line looks like, as help shows it: `guest dumpmem GUEST GPA LENGTH [-j]`. Words in small letters are
// typed as they stand, those in capitals stand for something, and what is in brackets may be left out. Everything that
// must know commands reads these patterns. Used by the terminal's worker; holds no state but the part looked at last.
const SPACE: u32 = 0x20;
const OPEN: u32 = 0x5b;
const DASH: u32 = 0x2d;

// @lock none: the terminal's worker only.
let units: usize = 0;
let length: u32 = 0;
let optional: u32 = 0;

/** Looks at part `index` of a pattern; false if it has fewer. */
export function findPart(pattern: string, index: u32): bool {
  const end: u32 = pattern.length;
  let at: u32 = 0;
  for (let skip = index; skip != 0 && at < end; at++) if (unit(pattern, at) == SPACE) skip--;
  if (at >= end) return false;
  optional = unit(pattern, at) == OPEN ? 1 : 0;
  at += optional;
  units = changetype<usize>(pattern) + ((<usize>at) << 1);
  length = 0;
  while (at + length < end && unit(pattern, at + length) != SPACE) length++;
  length -= optional;
  return true;
}

function unit(pattern: string, index: u32): u32 {
  return load<u16>(changetype<usize>(pattern) + ((<usize>index) << 1));
}

/** The part's text, in UTF-16 units, without its brackets. */
export function partUnits(): usize {
  return units;
}

export function partLength(): u32 {
  return length;
}

/** May the part be left out? */
export function partOptional(): bool {
  return optional != 0;
}

/** Its first letter: that of a capital word says what it stands for. */
export function partLetter(): u32 {
  return load<u16>(units);
}

/** Is it a word to be typed as it stands? */
export function partIsWord(): bool {
  return partLetter() >= 0x61;
}

/** Is it `[-j]`? */
export function partIsFlag(): bool {
  return partLetter() == DASH;
}

/** How many parts name the command: words that must be there. */
export function nameLength(pattern: string): u32 {
  let count: u32 = 0;
  while (findPart(pattern, count) && partIsWord() && !partOptional()) count++;
  return count;
}
