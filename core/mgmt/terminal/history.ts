// SPDX-License-Identifier: Apache-2.0
// The last lines that were typed at the terminal. Used by the terminal's worker only. A fixed table; the oldest goes.
const LINES: u32 = 16;
const WIDTH: u32 = 128;

// @lock none: the terminal's worker only. Each slot: a length byte, then the text.
const slots: usize = memory.data(<i32>(LINES * WIDTH), 8);
let kept: u32 = 0;
/** How far back the person is; 0 is the line being typed. */
let back: u32 = 0;

function slot(index: u32): usize {
  return slots + <usize>(index % LINES) * WIDTH;
}

/** Keeps a line, unless it is empty or the one before. */
export function historyKeep(text: usize, length: u32): void {
  back = 0;
  if (length == 0 || length >= WIDTH) return;
  if (kept != 0 && load<u8>(slot(kept - 1)) == length && memory.compare(slot(kept - 1) + 1, text, length) == 0) return;
  store<u8>(slot(kept), <u8>length);
  memory.copy(slot(kept) + 1, text, length);
  kept += 1;
}

/** Puts the line before the one shown into `text`; answers its length. */
export function historyBack(text: usize, size: u32): u32 {
  if (back < kept && back < LINES) back += 1;
  return take(text, size);
}

/** Puts the line after the one shown into `text`; behind the last there is an empty one. */
export function historyForward(text: usize, size: u32): u32 {
  if (back != 0) back -= 1;
  return take(text, size);
}

function take(text: usize, size: u32): u32 {
  if (back == 0) return 0;
  const from = slot(kept - back);
  const length: u32 = load<u8>(from);
  const count = length < size ? length : size;
  memory.copy(text, from + 1, count);
  return count;
}
