// SPDX-License-Identifier: Apache-2.0
// One line of JSON, through print*. Used by commands with -j. Keys are literals of ours; values that others chose go
// through jsonText, which escapes them. The caller opens and closes objects.
import { print, printByte, printDec } from "../../lib/print";

const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;

/** `"key":` */
export function jsonKey(key: string): void {
  print('"');
  print(key);
  print('":');
}

export function jsonNumber(key: string, value: u64): void {
  jsonKey(key);
  printDec(value);
}

/** A string literal of ours. */
export function jsonWord(key: string, value: string): void {
  jsonKey(key);
  print('"');
  print(value);
  print('"');
}

/** NUL-terminated text that others chose, `limit` bytes at most; what is not printable ASCII becomes a `?`. */
export function jsonText(key: string, value: usize, limit: u32): void {
  jsonKey(key);
  print('"');
  for (let i: u32 = 0; i < limit && load<u8>(value + i) != 0; i++) {
    const byte: u32 = load<u8>(value + i);
    if (byte == QUOTE || byte == BACKSLASH) printByte(BACKSLASH);
    printByte(byte >= 0x20 && byte < 0x7f ? byte : 0x3f);
  }
  print('"');
}
