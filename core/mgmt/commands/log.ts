// SPDX-License-Identifier: Apache-2.0
// `log`: the hypervisor's own messages again. As long as 16 KiB, so it is printed in pieces as the output has room:
// the terminal's worker calls logStep until logWaits answers false.
import { lockConsole, outByte, outFlush, outRoom, outText, unlockConsole } from "../../host/output";
import { logByte, logStart } from "../../lib/print";

/** Room that one line may need. */
const LINE_ROOM: u32 = 512;
/** Lines per piece. */
const PIECE: u32 = 16;
const NEWLINE: i32 = 10;

// @lock none: the terminal's worker, except that terminalRoom reads `active`.
let active: u32 = 0;
let position: u32 = 0;

export function startLog(): void {
  active = 1;
  position = logStart();
}

/** Is there more of the log to print? */
export function logWaits(): bool {
  return active != 0;
}

/** Prints a piece. Answers 1 if it can go on at once, 0 when done or when the output must drain first. */
export function logStep(): u32 {
  lockConsole();
  let lines: u32 = 0;
  while (active != 0 && lines < PIECE && outRoom() >= LINE_ROOM) {
    printLine();
    lines += 1;
  }
  outFlush();
  const room = outRoom();
  unlockConsole();
  return active != 0 && room >= LINE_ROOM ? 1 : 0;
}

function printLine(): void {
  for (let width: u32 = 0; width < LINE_ROOM - 2; width++) {
    const byte = logByte(position);
    if (byte < 0) {
      active = 0;
      return;
    }
    position += 1;
    if (byte == NEWLINE) break;
    outByte(byte);
  }
  outText("\r\n");
}
