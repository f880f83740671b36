// SPDX-License-Identifier: Apache-2.0
// log, log clear: the hypervisor's own messages again, one line a step. Called by the terminal's worker; lines that are
// given up meanwhile read as empty.
import { logByte, logClear, logStart, print, printByte } from "../../lib/print";
import { argText } from "./args";
import { jsonKey } from "./json";
import { wantsJson } from "./words";

const LONGEST: u32 = 240;
const NEWLINE: i32 = 10;

// @lock none: the terminal's worker only.
let position: u32 = 0;

export function showLog(step: u32): u32 {
  if (argText() != 0) {
    logClear();
    return 0;
  }
  if (step == 0) position = logStart();
  if (logByte(position) < 0) return 0;
  if (wantsJson()) {
    print("{");
    jsonKey("line");
    print('"');
  }
  for (let width: u32 = 0; width < LONGEST; width++) {
    const byte = logByte(position);
    if (byte < 0) break;
    position += 1;
    if (byte == NEWLINE) break;
    if (wantsJson() && (byte == 0x22 || byte == 0x5c)) printByte(0x5c);
    printByte(byte);
  }
  print(wantsJson() ? '"}\n' : "\n");
  return 1;
}
