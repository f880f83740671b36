// SPDX-License-Identifier: Apache-2.0
// The hypervisor's own words. Pieces collect in a line per hart; a newline hands the line to the console in one go, so
// that lines of several harts never mix, and keeps it in the log (16 KiB, the oldest goes first). Called in every
// context with any lock but the console's held. Text that a guest or a file chose goes through printText, which
// escapes it. What a guest can cause over and over is printed only after logAllowed. While the toolstack listens, a line
// wakes the channel's worker: no lock inside of a guest's may be held then.
import { thisHart } from "../host/hart";
import { MAX_HARTS } from "../limits";
import { Limit, limitTake } from "./limit";
import { Line, lineColumn, lineDec, lineEscaped, lineHex, lineInit, linePut, lineText } from "./line";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_CONSOLE, release } from "./lock";
import { Ring, ringInit, ringPutOver } from "./ring";
import { ringCopy, ringFrom } from "./ring-read";

const LINE_SIZE: u32 = 240;
const LOG_SIZE: u32 = 16384;
const NEWLINE: u32 = 10;

// @lock none: each hart writes its own slots only.
const lines: usize = memory.data(<i32>(MAX_HARTS * offsetof<Line>()), 8);
const texts: usize = memory.data(<i32>(MAX_HARTS * LINE_SIZE), 8);
/** Per hart: the line that print* append to now; 0 means its own. */
const current: usize = memory.data(<i32>(MAX_HARTS * sizeof<usize>()), 8);

/** @lock log: guards what follows. Never held while anything else is called. */
const lockPtr: usize = memory.data(LOCK_SIZE, 8);
const logPtr: usize = memory.data(<i32>offsetof<Ring>(), 8);
const logData: usize = memory.data(<i32>LOG_SIZE, 8);

/** Table index of (text: usize, length: u32) => void that shows a finished line. @lock per boot: set once. */
let sink: u32 = 0;
/** Table index of () => void that hears of each new line in the log; 0 for none. */
let listener: u32 = 0;

/** Boot, before anything is printed: where lines go. */
export function printInit(show: u32): void {
  sink = show;
  lockInit(changetype<Lock>(lockPtr), RANK_CONSOLE);
  ringInit(changetype<Ring>(logPtr), logData, LOG_SIZE);
}

/** Boot: who wants to hear that the log has a new line. Called in whatever context prints, under no lock of print's. */
export function onLog(call: u32): void {
  listener = call;
}

/**
 * Makes this hart's print* append to a line of the caller's instead (the terminal's answers), whose `end` gets it at a
 * newline and empties it; null ends that.
 */
export function printInto(line: Line): void {
  store<usize>(current + ((<usize>thisHart().index) << 2), changetype<usize>(line));
}

function own(): Line {
  const index = thisHart().index;
  const line = changetype<Line>(lines + <usize>index * offsetof<Line>());
  if (line.capacity == 0) lineInit(line, texts + <usize>index * LINE_SIZE, LINE_SIZE);
  return line;
}

function target(): Line {
  const other = load<usize>(current + ((<usize>thisHart().index) << 2));
  return other != 0 ? changetype<Line>(other) : own();
}

/** The line that this hart's print* append to now, for what line.ts can do besides. */
export function printLine(): Line {
  return target();
}

/** Appends a string literal; a newline in it ends the line. */
export function print(text: string): void {
  const line = target();
  const length = text.length;
  const units = changetype<usize>(text);
  for (let i = 0; i < length; i++) {
    const unit: u32 = load<u16>(units + ((<usize>i) << 1)) & 0xff;
    if (unit != NEWLINE) linePut(line, unit);
    else if (line.end != 0) call_indirect<void>(line.end, line);
    else finish(line);
  }
}

/** Appends NUL-terminated bytes that we did not choose, escaped. */
export function printText(text: usize): void {
  let length: u32 = 0;
  while (length < LINE_SIZE && load<u8>(text + length) != 0) length++;
  lineEscaped(target(), text, length);
}

/** Appends one byte as it is. */
export function printByte(byte: u32): void {
  linePut(target(), byte);
}

/** Appends a number in decimal. */
export function printDec(value: u64): void {
  lineDec(target(), value);
}

/** Appends a number in hexadecimal with 0x. */
export function printHex(value: u64): void {
  const line = target();
  lineText(line, "0x");
  lineHex(line, value, 1);
}

/** Appends blanks up to a column. */
export function printColumn(column: u32): void {
  lineColumn(target(), column);
}

/** Forgets this hart's unfinished line: what was printing it did not come back (containment). */
export function printAbandon(): void {
  printInto(changetype<Line>(0));
  own().length = 0;
}

function finish(line: Line): void {
  const lock = changetype<Lock>(lockPtr);
  const log = changetype<Ring>(logPtr);
  acquire(lock);
  for (let i: u32 = 0; i < line.length; i++) ringPutOver(log, load<u8>(line.data + i));
  ringPutOver(log, NEWLINE);
  release(lock);
  const length = line.length;
  line.length = 0;
  if (sink != 0) call_indirect<void>(sink, line.data, length);
  if (listener != 0) call_indirect<void>(listener);
}

/** May a line that a guest can cause be printed now? Tells how many were left out before. */
export function logAllowed(limit: Limit, now: u64): u32 {
  const refused = limit.refused;
  if (limitTake(limit, now) == 0) return 0;
  if (refused != 0) {
    limit.refused = 0;
    print("(");
    printDec(refused);
    print(" lines like the next were left out)\n");
  }
  return 1;
}

/** Position of the log's oldest byte. */
export function logStart(): u32 {
  return changetype<Ring>(logPtr).read;
}

/** Forgets what the log holds; positions go on. */
export function logClear(): void {
  const lock = changetype<Lock>(lockPtr);
  const log = changetype<Ring>(logPtr);
  acquire(lock);
  log.read = log.written;
  release(lock);
}

/** The log's byte at a position, -1 behind the newest; what was given up meanwhile reads as newlines. */
export function logByte(position: u32): i32 {
  const log = changetype<Ring>(logPtr);
  if (position == log.written) return -1;
  if (<i32>(position - log.read) < 0) return NEWLINE;
  return load<u8>(log.data + (position & (log.capacity - 1)));
}

/** Position behind the log's newest byte. */
export function logEnd(): u32 {
  return changetype<Ring>(logPtr).written;
}

/** Bytes that the log has given up. */
export function logLost(): u32 {
  return changetype<Ring>(logPtr).dropped;
}

/**
 * Copies up to `most` bytes of the log to `into` and answers how many. `position`: linear address of the position that is
 * wanted; where the bytes begin is stored there.
 */
export function logRead(position: usize, into: usize, most: u32): u32 {
  const lock = changetype<Lock>(lockPtr);
  const log = changetype<Ring>(logPtr);
  acquire(lock);
  const from = ringFrom(log, load<u32>(position));
  const count = ringCopy(log, from, into, most);
  store<u32>(position, from);
  release(lock);
  return count;
}
