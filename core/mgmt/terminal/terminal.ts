// SPDX-License-Identifier: Apache-2.0
// The management terminal: what a person types at the host's console while no toolstack is attached. Bytes come from
// the UART's interrupt into a ring; a worker edits the line and runs commands, a key or a piece of an answer at a time and
// only while the output has room, so no exit waits for it and nothing of an answer is lost. Ctrl-C ends a long answer.
// Never takes a byte from a guest, and says nothing while a guest's console is shown.
import { commandRuns, commandStep, commandStop, startCommand, useCommands } from "../commands/run";
import { COMMAND_COUNT, COMMAND_TABLE } from "../commands/table";
import { historyBack, historyForward, historyKeep } from "./history";
import { completeLine, completion, listCompletions } from "./complete";
import {
  cutTo,
  EDIT_SIZE,
  editCursor,
  editLength,
  editText,
  forgetLine,
  insert,
  moveTo,
  promptAndEdit,
  redraw,
  replaced,
  wordBefore,
  wordBehind,
} from "./edit";
import { CTRL_A, CTRL_B, CTRL_D, CTRL_E, CTRL_F, CTRL_N, CTRL_P, keyOf, META } from "./keys";
import {
  drawPrompt,
  FOCUS_HOST,
  lockConsole,
  outByte,
  outFlush,
  outputFocus,
  outRoom,
  outText,
  setPrompt,
  unlockConsole,
} from "../../host/output";
import { onHostInput, onHostRoom } from "../../host/mux";
import { Line, lineInit } from "../../lib/line";
import { printInto } from "../../lib/print";
import { Ring, ringCount, ringInit, ringPut, ringTake } from "../../lib/ring";
import { newTable } from "../commands/out";
import { Worker, workerInit, workerWake } from "../../sched/worker";

const INPUT_SIZE: u32 = 256;
/** The longest line of an answer, and the room in the output that one step of a command, or a key, may need. */
const ANSWER_SIZE: u32 = 2048;
const STEP_ROOM: u32 = 3584;
/** Steps of a command before others have their turn. */
const PIECE: u32 = 16;
const PRIORITY: u32 = 6;

const CTRL_C: u32 = 3;
const BACKSPACE: u32 = 8;
const TAB: u32 = 9;
const NEWLINE: u32 = 10;
const CTRL_K: u32 = 11;
const CTRL_L: u32 = 12;
const RETURN: u32 = 13;
const CTRL_U: u32 = 21;
const CTRL_W: u32 = 23;
const DELETE: u32 = 127;

// @lock none: the scheduler guards a worker.
const workerPtr: usize = memory.data(<i32>offsetof<Worker>(), 16);
/** @lock console: filled by a trap, emptied by the worker. */
const inputPtr: usize = memory.data(<i32>offsetof<Ring>(), 8);
const inputData: usize = memory.data(<i32>INPUT_SIZE, 8);
/** 1: Ctrl-C came while a command ran. */
let stop: u32 = 0;
// @lock none: the worker only.
let lastByte: u32 = 0;
let lastKey: u32 = 0;
const typed: usize = memory.data(8, 8);
const answerPtr: usize = memory.data(<i32>offsetof<Line>(), 8);
const answerData: usize = memory.data(<i32>ANSWER_SIZE, 8);

/** Boot, after startMux: shows the prompt and listens. */
export function terminalInit(): i32 {
  useCommands(COMMAND_TABLE, COMMAND_COUNT);
  ringInit(changetype<Ring>(inputPtr), inputData, INPUT_SIZE);
  const answer = changetype<Line>(answerPtr);
  lineInit(answer, answerData, ANSWER_SIZE);
  answer.end = changetype<u32>(showAnswer.index);
  const status = workerInit(changetype<Worker>(workerPtr), changetype<u32>(terminalRun.index), 0, PRIORITY);
  if (status != 0) return status;
  onHostInput(changetype<u32>(terminalInput.index));
  onHostRoom(changetype<u32>(terminalRoom.index));
  endAnswer();
  return status;
}

/** Trap: one byte was typed. A full ring loses it, as a UART would. */
export function terminalInput(byte: u32): void {
  lockConsole();
  if (byte == CTRL_C && commandRuns()) stop = 1;
  else ringPut(changetype<Ring>(inputPtr), byte);
  unlockConsole();
  workerWake(changetype<Worker>(workerPtr));
}

/** Trap: the output has room again, or the focus may have changed. */
export function terminalRoom(): void {
  if (commandRuns() || ringCount(changetype<Ring>(inputPtr)) != 0) workerWake(changetype<Worker>(workerPtr));
}

/** Worker: one key, or one piece of a long answer. Answers 1 while there is more to do at once. */
export function terminalRun(argument: usize): u32 {
  lockConsole();
  const ready = outRoom() >= STEP_ROOM && outputFocus() == FOCUS_HOST;
  const byte = ready && !commandRuns() ? ringTake(changetype<Ring>(inputPtr)) : -1;
  unlockConsole();
  if (!ready) return 0;
  if (commandRuns()) {
    answerMore();
    return 1;
  }
  if (byte < 0) return 0;
  const ignored = byte == NEWLINE && lastByte == RETURN;
  lastByte = byte;
  if (ignored) return 1;
  const key = keyOf(byte);
  if (key != 0) press(key);
  lastKey = key;
  return 1;
}

function press(key: u32): void {
  const cursor = editCursor();
  switch (key) {
    case RETURN:
    case NEWLINE:
      enter();
      return;
    case CTRL_C:
      abandon();
      return;
    case TAB:
      complete();
      return;
    case CTRL_A:
      moveTo(0);
      return;
    case CTRL_E:
      moveTo(EDIT_SIZE);
      return;
    case CTRL_B:
      if (cursor != 0) moveTo(cursor - 1);
      return;
    case CTRL_F:
      moveTo(cursor + 1);
      return;
    case META | 0x62:
      moveTo(wordBefore());
      return;
    case META | 0x66:
      moveTo(wordBehind());
      return;
    case CTRL_P:
      replaced(historyBack(editText(), EDIT_SIZE));
      return;
    case CTRL_N:
      replaced(historyForward(editText(), EDIT_SIZE));
      return;
    case CTRL_L:
      clearScreen();
      return;
    default:
      change(key, cursor);
  }
}

/** Keys that change the line's text. */
function change(key: u32, cursor: u32): void {
  switch (key) {
    case BACKSPACE:
    case DELETE:
      if (cursor != 0) cutTo(cursor - 1);
      return;
    case CTRL_D:
      cutTo(cursor + 1);
      return;
    case CTRL_K:
      cutTo(EDIT_SIZE);
      return;
    case CTRL_U:
      cutTo(0);
      return;
    case CTRL_W:
    case META | DELETE:
      cutTo(wordBefore());
      return;
    case META | 0x64:
      cutTo(wordBehind());
      return;
    default:
      if (key < 0x20 || key >= META) return;
      store<u8>(typed, <u8>key);
      insert(typed, 1);
  }
}

function clearScreen(): void {
  lockConsole();
  outText("\x1b[H\x1b[2J");
  unlockConsole();
  redraw();
}

function abandon(): void {
  lockConsole();
  outText("^C\r\n");
  unlockConsole();
  endAnswer();
}

/** Adds what is sure; a second Tab in a row that can add nothing lists what there is. */
function complete(): void {
  const more = completeLine(editText(), editCursor());
  if (more != 0) {
    insert(completion(), more);
  } else if (lastKey == TAB) {
    startAnswer();
    listCompletions();
    printInto(changetype<Line>(0));
    showPrompt();
  }
}

/** What follows stands below the prompt's line, which stays as it is. */
function startAnswer(): void {
  lockConsole();
  setPrompt(0);
  outText("\r\n");
  outFlush();
  unlockConsole();
  printInto(changetype<Line>(answerPtr));
}

function enter(): void {
  if (editCursor() != editLength()) moveTo(EDIT_SIZE);
  startAnswer();
  historyKeep(editText(), editLength());
  stop = 0;
  newTable();
  startCommand(editText(), editLength());
  printInto(changetype<Line>(0));
  if (commandRuns()) answerMore();
  else endAnswer();
}

/** Prints a piece of the answer, as long as there is room. */
function answerMore(): void {
  const answer = changetype<Line>(answerPtr);
  printInto(answer);
  let room = true;
  for (let i: u32 = 0; i < PIECE && room && commandRuns(); i++) {
    if (stop != 0) commandStop();
    else commandStep();
    lockConsole();
    room = outRoom() >= STEP_ROOM;
    unlockConsole();
  }
  if (answer.length != 0) showAnswer(answer);
  printInto(changetype<Line>(0));
  if (!commandRuns()) endAnswer();
}

/** The command is done: an empty prompt comes back. */
function endAnswer(): void {
  lockConsole();
  forgetLine();
  unlockConsole();
  showPrompt();
}

function showPrompt(): void {
  lockConsole();
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
