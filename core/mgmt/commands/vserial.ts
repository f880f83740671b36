// SPDX-License-Identifier: Apache-2.0
// vserial list, dump: the guests' serial lines. Called by the terminal's worker; takes the console lock for each piece.
import { consoleByNumber } from "../../host/console";
import { lockConsole, outputFocus, unlockConsole } from "../../host/output";
import { lineEscaped } from "../../lib/line";
import { print, printLine } from "../../lib/print";
import { ringCount } from "../../lib/ring";
import { MAX_GUESTS } from "../../limits";
import { argGuest } from "./args";
import { jsonText } from "./json";
import { wantsJson } from "./words";
import { closeRow, openRow, showNumber, showText, showWord } from "./out";

/** How far back a dump begins, and its longest line. */
const MOST: u32 = 4096;
const WIDTH: u32 = 120;
const NEWLINE: u32 = 10;
const RETURN: u32 = 13;

// @lock none: the terminal's worker only.
const row: usize = memory.data(<i32>WIDTH + 8, 8);
let position: u32 = 0;

export function vserialList(step: u32): u32 {
  if (step == MAX_GUESTS) return 0;
  const console = consoleByNumber(step + 1);
  if (changetype<usize>(console) == 0 || console.attached == 0) return 1;
  openRow();
  do {
    showNumber("no", 4, console.number);
    showText("guest", 20, console.name);
    showWord("shown", 7, outputFocus() == console.number ? "raw" : "lines");
    showNumber("unsent", 8, ringCount(console.tx));
    showNumber("unread", 8, ringCount(console.input));
    showNumber("kept", 8, ringCount(console.scroll));
    showNumber("lost", 10, console.lost);
    showNumber("refused", 10, console.refused);
  } while (closeRow());
  return 1;
}

/** A line a step of what the console has kept. */
export function vserialDump(step: u32): u32 {
  const ring = argGuest().console.scroll;
  let length: u32 = 0;
  let more = false;
  lockConsole();
  const held = ringCount(ring);
  if (step == 0) position = ring.written - min<u32>(held, MOST);
  if (ring.written - position > held) position = ring.read;
  while (!more && position != ring.written && length < WIDTH) {
    const byte: u32 = load<u8>(ring.data + (position & (ring.capacity - 1)));
    position += 1;
    more = byte == NEWLINE;
    if (!more && byte != RETURN && byte != 0) store<u8>(row + length++, <u8>byte);
  }
  more = more || length != 0;
  unlockConsole();
  if (!more) return 0;
  store<u8>(row + length, 0);
  if (wantsJson()) {
    print("{");
    jsonText("line", row, WIDTH);
    print("}\n");
  } else {
    lineEscaped(printLine(), row, length);
    print("\n");
  }
  return 1;
}
