// SPDX-License-Identifier: Apache-2.0
// A guest's output on the host's screen: whole lines behind the guest's name. Called by console.ts with the console
// lock held. Everything but printable ASCII is escaped, so no guest can move the cursor, set colours, or forge a line
// that begins with anything but its own name.
import { Line, linePut } from "../lib/line";
import { beginLine, endLine, outByte } from "./output";

const TAB: u32 = 9;
const NEWLINE: u32 = 10;
const RETURN: u32 = 13;
const SPACE: u32 = 0x20;
const BACKSLASH: u32 = 0x5c;

/** Collects one byte; a newline, or a line that is full, goes to the screen. */
export function lineByte(line: Line, name: usize, byte: u32): void {
  if (byte == RETURN) return;
  if (byte != NEWLINE) linePut(line, byte);
  if (byte != NEWLINE && line.length < line.capacity) return;
  beginLine();
  outByte(0x5b);
  for (let i: usize = 0; load<u8>(name + i) != 0; i++) outByte(load<u8>(name + i));
  outByte(0x5d);
  outByte(SPACE);
  for (let i: u32 = 0; i < line.length; i++) escaped(load<u8>(line.data + i));
  line.length = 0;
  endLine();
}

function escaped(byte: u32): void {
  if (byte == TAB || (byte >= SPACE && byte < 0x7f)) {
    outByte(byte);
    return;
  }
  outByte(BACKSLASH);
  outByte(0x78);
  outByte(hexDigit(byte >> 4));
  outByte(hexDigit(byte & 15));
}

function hexDigit(value: u32): u32 {
  return value < 10 ? 0x30 + value : 0x57 + value;
}
