// SPDX-License-Identifier: Apache-2.0
// The line that is being typed: its text, the cursor in it, and how both are drawn. A line longer than the screen is
// shown through a window that follows the cursor, so it never wraps and wiping one screen line wipes it. Changed by the
// terminal's worker with the console lock held, because others draw it again below their own lines (promptAndEdit).
import { drawPrompt, lockConsole, outByte, outFlush, outText, unlockConsole } from "../../host/output";

export const EDIT_SIZE: u32 = 120;
/** Text that fits behind the prompt on 80 columns, with room for the ^C; the last column stays empty, as it would wrap. */
const SHOWN: u32 = 68;
const SPACE: u32 = 0x20;

// @lock console
const edit: usize = memory.data(<i32>EDIT_SIZE, 8);
let length: u32 = 0;
let cursor: u32 = 0;
/** First byte shown. */
let from: u32 = 0;

export function editText(): usize {
  return edit;
}

export function editLength(): u32 {
  return length;
}

export function editCursor(): u32 {
  return cursor;
}

/** Draws the prompt, what was typed so far, and the cursor in it; the console lock is held. */
export function promptAndEdit(): void {
  outText("typeone> ");
  const end = min<u32>(length, from + SHOWN);
  for (let i = from; i < end; i++) outByte(load<u8>(edit + i));
  for (let i = cursor; i < end; i++) outByte(8);
}

/** Draws the line again over itself. */
export function redraw(): void {
  lockConsole();
  show();
  unlockConsole();
}

function show(): void {
  if (cursor < from) from = cursor;
  if (cursor > from + SHOWN) from = cursor - SHOWN;
  if (length < from + SHOWN) from = length > SHOWN ? length - SHOWN : 0;
  outText("\r\x1b[K");
  drawPrompt();
  outFlush();
}

/** Puts bytes in at the cursor, as far as they fit. */
export function insert(bytes: usize, count: u32): void {
  lockConsole();
  const more = min<u32>(count, EDIT_SIZE - length);
  const simple = cursor == length && length + more <= from + SHOWN;
  memory.copy(edit + cursor + more, edit + cursor, length - cursor);
  memory.copy(edit + cursor, bytes, more);
  length += more;
  cursor += more;
  if (simple) {
    for (let i: u32 = cursor - more; i < cursor; i++) outByte(load<u8>(edit + i));
    outFlush();
  } else show();
  unlockConsole();
}

/** Takes out what lies between the cursor and a place before or behind it. */
export function cutTo(place: u32): void {
  const start = min<u32>(place, cursor);
  const end = min<u32>(max<u32>(place, cursor), length);
  lockConsole();
  memory.copy(edit + start, edit + end, length - end);
  length -= end - start;
  cursor = start;
  show();
  unlockConsole();
}

/** Moves the cursor; a place outside the line is its end. */
export function moveTo(place: u32): void {
  lockConsole();
  cursor = min<u32>(place, length);
  show();
  unlockConsole();
}

/** The line is now the first `count` bytes of its text, the cursor behind them. */
export function replaced(count: u32): void {
  lockConsole();
  length = count;
  cursor = count;
  show();
  unlockConsole();
}

/** An empty line; nothing is drawn. */
export function forgetLine(): void {
  length = 0;
  cursor = 0;
  from = 0;
}

/** Where the word before the cursor begins. */
export function wordBefore(): u32 {
  let at = cursor;
  while (at != 0 && load<u8>(edit + at - 1) == SPACE) at--;
  while (at != 0 && load<u8>(edit + at - 1) != SPACE) at--;
  return at;
}

/** Where the word at or behind the cursor ends. */
export function wordBehind(): u32 {
  let at = cursor;
  while (at < length && load<u8>(edit + at) == SPACE) at++;
  while (at < length && load<u8>(edit + at) != SPACE) at++;
  return at;
}
