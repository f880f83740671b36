// SPDX-License-Identifier: Apache-2.0
// The management terminal: what a person types at the host's console while no toolstack is attached. Bytes come from
// the UART's interrupt into a ring; a worker edits the line, runs the command and prints, so no exit waits for it.
// Editing: backspace, Ctrl-U, Ctrl-C, arrows up and down through the last lines. Never takes a byte from a guest.
import { historyBack, historyForward, historyKeep } from "./history";
import { runCommand } from "./commands";
import { lockConsole, drawPrompt, outByte, outFlush, outText, setPrompt, unlockConsole } from "../host/output";
import { onHostInput, onHostRoom } from "../host/mux";
import { Line, lineInit } from "../lib/line";
import { printInto } from "../lib/print";
import { Ring, ringInit, ringPut, ringTake } from "../lib/ring";
import { Worker, workerInit, workerWake } from "../sched/worker";
import { logStep, logWaits } from "./commands/log";

const INPUT_SIZE: u32 = 256;
export const EDIT_SIZE: u32 = 120;
const ANSWER_SIZE: u32 = 8192;
const PRIORITY: u32 = 6;

const CTRL_C: u32 = 3;
const BACKSPACE: u32 = 8;
const NEWLINE: u32 = 10;
const RETURN: u32 = 13;
const CTRL_U: u32 = 21;
const ESCAPE: u32 = 27;
const DELETE: u32 = 127;

// @lock none: the scheduler guards a worker.
const workerPtr: usize = memory.data(<i32>offsetof<Worker>(), 16);
/** @lock console: filled by a trap, emptied by the worker. */
const inputPtr: usize = memory.data(<i32>offsetof<Ring>(), 8);
const inputData: usize = memory.data(<i32>INPUT_SIZE, 8);
// @lock none: the worker only; the prompt is drawn from `edit` under the console lock while the worker sleeps.
const edit: usize = memory.data(<i32>EDIT_SIZE, 8);
let length: u32 = 0;
/** Bytes of an escape sequence seen: 0, 1 (ESC), 2 (ESC [). */
let escaped: u32 = 0;
let afterReturn: u32 = 0;
const answerPtr: usize = memory.data(<i32>offsetof<Line>(), 8);
const answerData: usize = memory.data(<i32>ANSWER_SIZE, 8);

/** Boot, after startMux: shows the prompt and listens. */
export function terminalInit(): i32 {
  ringInit(changetype<Ring>(inputPtr), inputData, INPUT_SIZE);
  const answer = changetype<Line>(answerPtr);
  lineInit(answer, answerData, ANSWER_SIZE);
  answer.end = changetype<u32>(showAnswer.index);
  const status = workerInit(changetype<Worker>(workerPtr), changetype<u32>(terminalRun.index), 0, PRIORITY);
  if (status != 0) return status;
  onHostInput(changetype<u32>(terminalInput.index));
  onHostRoom(changetype<u32>(terminalRoom.index));
  lockConsole();
  setPrompt(changetype<u32>(promptAndEdit.index));
  drawPrompt();
  outFlush();
  unlockConsole();
  return status;
}

/** Trap: one byte was typed. A full ring loses it, as a UART would. */
export function terminalInput(byte: u32): void {
  lockConsole();
  ringPut(changetype<Ring>(inputPtr), byte);
  unlockConsole();
  workerWake(changetype<Worker>(workerPtr));
}

/** Trap: the output has room again. */
export function terminalRoom(): void {
  if (logWaits()) workerWake(changetype<Worker>(workerPtr));
}

/** Worker: one key, or one piece of a long answer. Answers 1 while there is more to do at once. */
export function terminalRun(argument: usize): u32 {
  if (logWaits()) {
    const more = logStep();
    if (!logWaits()) endAnswer();
    return more;
  }
  lockConsole();
  const byte = ringTake(changetype<Ring>(inputPtr));
  unlockConsole();
  if (byte < 0) return 0;
  key(byte);
  return 1;
}

function key(byte: u32): void {
  const ignored = byte == NEWLINE && afterReturn != 0;
  afterReturn = byte == RETURN ? 1 : 0;
  if (ignored) return;
  if (escaped != 0) {
    escapeSequence(byte);
    return;
  }
  switch (byte) {
    case ESCAPE:
      escaped = 1;
      break;
    case RETURN:
    case NEWLINE:
      enter();
      break;
    case BACKSPACE:
    case DELETE:
      if (length != 0) erase();
      break;
    case CTRL_U:
      replace(0);
      break;
    case CTRL_C:
      abandon();
      break;
    default:
      if (byte >= 0x20 && byte < 0x7f && length < EDIT_SIZE) insert(byte);
  }
}

function escapeSequence(byte: u32): void {
  if (escaped == 1) {
    escaped = byte == 0x5b ? 2 : 0;
    return;
  }
  // Parameters of longer sequences (ESC [ 3 ~) are passed over up to their final byte.
  if (byte < 0x40) return;
  escaped = 0;
  if (byte == 0x41) replace(historyBack(edit, EDIT_SIZE));
  else if (byte == 0x42) replace(historyForward(edit, EDIT_SIZE));
}

function insert(byte: u32): void {
  lockConsole();
  store<u8>(edit + length, <u8>byte);
  length += 1;
  outByte(byte);
  outFlush();
  unlockConsole();
}

function erase(): void {
  lockConsole();
  length -= 1;
  outText("\b \b");
  outFlush();
  unlockConsole();
}

/** The line is now the first `count` bytes of `edit`. */
function replace(count: u32): void {
  lockConsole();
  length = count;
  outText("\r\x1b[K");
  drawPrompt();
  outFlush();
  unlockConsole();
}

function abandon(): void {
  lockConsole();
  outText("^C\r\n");
  length = 0;
  drawPrompt();
  outFlush();
  unlockConsole();
}

/** Draws the prompt and what was typed so far; the console lock is held. */
export function promptAndEdit(): void {
  outText("typeone> ");
  for (let i: u32 = 0; i < length; i++) outByte(load<u8>(edit + i));
}

function enter(): void {
  lockConsole();
  setPrompt(0);
  outText("\r\n");
  outFlush();
  unlockConsole();
  historyKeep(edit, length);
  const answer = changetype<Line>(answerPtr);
  printInto(answer);
  runCommand(edit, length);
  if (answer.length != 0) showAnswer(answer);
  printInto(changetype<Line>(0));
  if (!logWaits()) endAnswer();
}

/** The command is done: the prompt comes back. */
function endAnswer(): void {
  lockConsole();
  length = 0;
  setPrompt(changetype<u32>(promptAndEdit.index));
  drawPrompt();
  outFlush();
  unlockConsole();
}

/** One line of an answer. */
export function showAnswer(line: Line): void {
  lockConsole();
  for (let i: u32 = 0; i < line.length; i++) outByte(load<u8>(line.data + i));
  outText("\r\n");
  outFlush();
  unlockConsole();
  line.length = 0;
}
