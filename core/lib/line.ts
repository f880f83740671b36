// SPDX-License-Identifier: Apache-2.0
// A line of text in the making, over memory that its owner provides. Used by print.ts (a line per hart) and by the
// terminal. Holds bytes only; what does not fit is left out. Never allocates.

const DIGIT_0: u32 = 0x30;
const LETTER_A: u32 = 0x61;
const SPACE: u32 = 0x20;

@unmanaged
export class Line {
  data: usize = 0;
  capacity: u32 = 0;
  length: u32 = 0;
  /** Table index of (line: Line) => void that print calls at a newline; 0 is the log's way. */
  end: u32 = 0;
}

export function lineInit(line: Line, data: usize, capacity: u32): void {
  line.data = data;
  line.capacity = capacity;
  line.length = 0;
}

/** Appends one byte; answers 0 when the line is full. */
export function linePut(line: Line, byte: u32): u32 {
  if (line.length >= line.capacity) return 0;
  store<u8>(line.data + line.length, <u8>byte);
  line.length += 1;
  return 1;
}

/** Appends a string literal (its low bytes). */
export function lineText(line: Line, text: string): void {
  const length = text.length;
  const units = changetype<usize>(text);
  for (let i = 0; i < length; i++) linePut(line, load<u16>(units + ((<usize>i) << 1)) & 0xff);
}

/** Appends `length` bytes that someone else chose: what is not printable ASCII becomes \xNN. */
export function lineEscaped(line: Line, bytes: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) {
    const byte: u32 = load<u8>(bytes + i);
    if (byte >= SPACE && byte < 0x7f) {
      linePut(line, byte);
    } else {
      lineText(line, "\\x");
      linePut(line, hexDigit(byte >> 4));
      linePut(line, hexDigit(byte & 15));
    }
  }
}

/** Appends a number in decimal. */
export function lineDec(line: Line, value: u64): void {
  let unit: u64 = 1;
  while (value / unit >= 10) unit *= 10;
  for (; unit != 0; unit /= 10) linePut(line, DIGIT_0 + <u32>((value / unit) % 10));
}

/** Appends a number in hexadecimal with at least `digits` digits, without 0x. */
export function lineHex(line: Line, value: u64, digits: u32): void {
  let shown: u32 = 16;
  while (shown > 1 && shown > digits && value >> ((shown - 1) * 4) == 0) shown--;
  while (shown-- != 0) linePut(line, hexDigit((<u32>(value >> (shown * 4))) & 15));
}

/** Appends blanks up to a column, at least one unless the line is empty. */
export function lineColumn(line: Line, column: u32): void {
  if (line.length != 0) linePut(line, SPACE);
  while (line.length < column && linePut(line, SPACE) != 0) {}
}

function hexDigit(value: u32): u32 {
  return value < 10 ? DIGIT_0 + value : LETTER_A + value - 10;
}
