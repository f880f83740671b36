// SPDX-License-Identifier: Apache-2.0
// What goes out on the host's one console: a ring in front of the UART, whole lines of the host, and whose bytes go
// out raw (the focus). Everything here needs the console lock, except showLine, which takes it. At boot and at the end
// of the machine bytes are waited for (polled); in between at most FLUSH_LIMIT bytes leave per call, and the UART's
// interrupt asks for the rest, so that no exit waits for a slow line.
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_CONSOLE, release } from "../lib/lock";
import { Ring, ringCount, ringFree, ringInit, ringPut, ringTake } from "../lib/ring";
import { serialPresent, serialPut, serialPutPolled, serialRoom, serialWantRoom } from "./serial";

/** Focus number of the host itself; guests count from 1. */
export const FOCUS_HOST: u32 = 0;
/** outputFocus() while the line is muted: nobody's bytes are shown. */
export const FOCUS_NOBODY: u32 = u32.MAX_VALUE;

const OUT_SIZE: u32 = 16384;
const FLUSH_LIMIT: u32 = 512;
const NEWLINE: u32 = 10;
const RETURN: u32 = 13;
const ESCAPE: u32 = 27;

// @lock console
const lockPtr: usize = memory.data(LOCK_SIZE, 8);
const ringPtr: usize = memory.data(<i32>offsetof<Ring>(), 8);
const ringData: usize = memory.data(<i32>OUT_SIZE, 8);

let focus: u32 = FOCUS_HOST;
/** 1 while bytes are waited for. */
let polled: u32 = 1;
/** 1 if the cursor stands at the start of a line. */
let fresh: u32 = 1;
/** 1 once an escape sequence went out raw: colours may be set. */
let coloured: u32 = 0;
/** 1 while the line carries frames of the management channel and nothing else. */
let muted: u32 = 0;
/** Table index of () => void that draws the terminal's prompt with outByte; 0 while there is none to draw. */
let prompt: u32 = 0;

/** Boot, first of all. */
export function outputInit(): void {
  lockInit(changetype<Lock>(lockPtr), RANK_CONSOLE);
  ringInit(changetype<Ring>(ringPtr), ringData, OUT_SIZE);
  polled = 1;
}

/** The one lock of the console: focus, output, every guest's scroll-back. Innermost of all. */
export function lockConsole(): void {
  acquire(changetype<Lock>(lockPtr));
}

export function unlockConsole(): void {
  release(changetype<Lock>(lockPtr));
}

/** Whose bytes go out raw: FOCUS_HOST or a guest's number; FOCUS_NOBODY while the line is muted. */
export function outputFocus(): u32 {
  return muted ? FOCUS_NOBODY : focus;
}

export function setOutputFocus(number: u32): void {
  focus = number;
}

/** Interrupts flow: from now on the UART's interrupt empties the ring. Firmware's console has none and stays polled. */
export function outputStart(): void {
  polled = serialPresent() ? 0 : 1;
}

/** The machine is about to end: sends what is left and waits for everything from now on. */
export function outputFinish(): void {
  polled = 1;
  muted = 0;
  outFlush();
}

/** Bytes that outByte takes now. */
export function outRoom(): u32 {
  return ringFree(changetype<Ring>(ringPtr));
}

/** From now on only outFrame sends; what waits in the ring is dropped, so that no raw byte comes between frames. */
export function muteOutput(): void {
  const ring = changetype<Ring>(ringPtr);
  ring.read = ring.written;
  muted = 1;
}

/** The line is for people again, and begins with a line that says so. */
export function unmuteOutput(text: string): void {
  muted = 0;
  outText("\r\n");
  beginLine();
  outText("typeone: ");
  outText(text);
  endLine();
  outFlush();
}

/** Queues bytes as they are, muted or not; the caller knows that there is room. */
export function outFrame(at: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) ringPut(changetype<Ring>(ringPtr), load<u8>(at + i));
  fresh = 0;
}

/** Queues a byte as it is; a full ring counts it as lost. */
export function outByte(byte: u32): void {
  if (muted) return;
  ringPut(changetype<Ring>(ringPtr), byte);
  fresh = byte == NEWLINE ? 1 : byte == RETURN ? fresh : 0;
}

/** Queues a byte of a guest in focus as it is. */
export function outRaw(byte: u32): void {
  if (byte == ESCAPE) coloured = 1;
  outByte(byte);
}

/** Queues a string literal. */
export function outText(text: string): void {
  const units = changetype<usize>(text);
  for (let i = 0; i < text.length; i++) outByte(load<u16>(units + ((<usize>i) << 1)) & 0xff);
}

/** Queues a number in decimal. */
export function outNumber(value: u32): void {
  let unit: u32 = 1;
  while (value / unit >= 10) unit *= 10;
  for (; unit != 0; unit /= 10) outByte(0x30 + ((value / unit) % 10));
}

/** Sends what the UART takes now. */
export function outFlush(): void {
  const ring = changetype<Ring>(ringPtr);
  if (polled) {
    while (ringCount(ring) != 0) serialPutPolled(ringTake(ring));
    return;
  }
  let budget = FLUSH_LIMIT;
  while (ringCount(ring) != 0 && budget != 0) {
    let room = serialRoom();
    if (room == 0) break;
    while (room != 0 && budget != 0 && ringCount(ring) != 0) {
      serialPut(ringTake(ring));
      room--;
      budget--;
    }
  }
  serialWantRoom(ringCount(ring) != 0 ? 1 : 0);
}

/** Bytes of the host's own that a full ring swallowed. */
export function outLost(): u32 {
  return changetype<Ring>(ringPtr).dropped;
}

/** Sets (index of a () => void) or takes back (0) the prompt that stands below the host's lines. */
export function setPrompt(draw: u32): void {
  prompt = draw;
}

/** Begins a line of the host's on a line of its own: the prompt is wiped, a guest's half line is left above. */
export function beginLine(): void {
  if (coloured) outText("\x1b[0m");
  coloured = 0;
  if (prompt != 0 && focus == FOCUS_HOST) outText("\r\x1b[K");
  else if (!fresh) outText("\r\n");
}

/** Ends such a line, and brings the prompt back. */
export function endLine(): void {
  outText("\r\n");
  drawPrompt();
}

/** Draws the prompt if there is one and the host has the focus. */
export function drawPrompt(): void {
  if (prompt != 0 && focus == FOCUS_HOST) call_indirect<void>(prompt);
}

/** The sink of print.ts: one finished line of the host's. */
export function showLine(text: usize, length: u32): void {
  lockConsole();
  beginLine();
  outText("typeone: ");
  for (let i: u32 = 0; i < length; i++) outByte(load<u8>(text + i));
  endLine();
  outFlush();
  unlockConsole();
}
