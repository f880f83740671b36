// SPDX-License-Identifier: Apache-2.0
// Tab at the terminal: what the word before the cursor can become, from the commands' patterns and the guests' names.
// completeLine answers how much is sure and keeps it in `completion`; listCompletions prints all candidates.
// Used by the terminal's worker only, between two commands.
import { GUEST_EMPTY } from "../../guest/guest";
import { guestByIndex, guestCount } from "../../guest/table";
import { print, printByte, printColumn } from "../../lib/print";
import { NAME_LENGTH } from "../../limits";
import { PART_GUEST } from "../commands/args";
import { commandCount, commandPattern } from "../commands/run";
import { findPart, partIsFlag, partIsWord, partLength, partLetter, partUnits } from "../commands/pattern";
import { splitWords, wordCount, wordIsUnits, wordLength, wordStart } from "../commands/words";

const SPACE: u32 = 0x20;
const LIST_WIDTH: u32 = 16;
const PER_LINE: u32 = 4;

// @lock none: the terminal's worker only.
/** What all candidates begin with: its length, and the text. */
const common: usize = memory.data(<i32>NAME_LENGTH, 8);
let commonLength: u32 = 0;
let candidates: u32 = 0;
/** 1 while candidates are printed instead. */
let listing: u32 = 0;
/** Index of the word that is completed, its beginning and its length. */
let index: u32 = 0;
let typed: usize = 0;
let typedLength: u32 = 0;

/** Looks at a line whose last word, maybe an empty one, is to be completed. Answers how many bytes are to be added. */
export function completeLine(line: usize, length: u32): u32 {
  splitWords(line, length);
  const fresh = length == 0 || load<u8>(line + length - 1) == SPACE;
  if (wordCount() == 0 && !fresh) return 0;
  index = fresh ? wordCount() : wordCount() - 1;
  typedLength = fresh ? 0 : wordLength(index);
  typed = fresh ? line + length : wordStart(index);
  listing = 0;
  visit();
  if (candidates == 0) return 0;
  if (candidates == 1 && commonLength < NAME_LENGTH) store<u8>(common + commonLength++, <u8>SPACE);
  return commonLength - typedLength;
}

/** The bytes to be added. */
export function completion(): usize {
  return common + typedLength;
}

/** Prints every candidate of the line that completeLine saw last; false if there are less than two. */
export function listCompletions(): bool {
  if (candidates < 2) return false;
  listing = 1;
  visit();
  if (candidates % PER_LINE != 0) print("\n");
  return true;
}

function visit(): void {
  candidates = 0;
  commonLength = 0;
  // Neighbours in the table share their first words.
  let last: usize = 0;
  let lastLength: u32 = 0;
  for (let i: u32 = 0; i < commandCount(); i++) {
    if (!fits(commandPattern(i)) || !findPart(commandPattern(i), index)) continue;
    if (partLetter() == PART_GUEST) {
      visitGuests();
      return;
    }
    if (!partIsWord() || partIsFlag()) continue;
    const seen = last != 0 && partLength() == lastLength && memory.compare(last, partUnits(), lastLength << 1) == 0;
    last = partUnits();
    lastLength = partLength();
    if (!seen) offer(last, lastLength, 1);
  }
}

/** Do the words before the one in question fit the pattern? */
function fits(pattern: string): bool {
  for (let i: u32 = 0; i < index; i++) {
    if (!findPart(pattern, i)) return false;
    if (partIsWord() && !wordIsUnits(i, partUnits(), partLength())) return false;
  }
  return true;
}

function visitGuests(): void {
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    if (guest.state == GUEST_EMPTY) continue;
    let length: u32 = 0;
    while (load<u8>(guest.name + length) != 0) length++;
    offer(guest.name, length, 0);
  }
}

/** A candidate: `length` bytes (shift 0) or UTF-16 units (shift 1). */
function offer(text: usize, length: u32, shift: u32): void {
  if (length < typedLength || length >= NAME_LENGTH) return;
  for (let i: u32 = 0; i < typedLength; i++) if (load<u8>(text + (i << shift)) != load<u8>(typed + i)) return;
  if (listing != 0) {
    printColumn((candidates % PER_LINE) * LIST_WIDTH);
    for (let i: u32 = 0; i < length; i++) printByte(load<u8>(text + (i << shift)));
    if (candidates % PER_LINE == PER_LINE - 1) print("\n");
  } else if (candidates == 0) {
    for (let i: u32 = 0; i < length; i++) store<u8>(common + i, load<u8>(text + (i << shift)));
    commonLength = length;
  } else {
    let same: u32 = 0;
    while (same < commonLength && same < length && load<u8>(common + same) == load<u8>(text + (same << shift))) same++;
    commonLength = same;
  }
  candidates += 1;
}
