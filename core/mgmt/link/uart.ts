// SPDX-License-Identifier: Apache-2.0
// The management channel on the one UART, which belongs to people until a frame comes: 00 01 cannot be typed by
// accident, and from there to the next 00 bytes go to the channel, and only those. While a session lives here, the line
// carries frames alone, both ways: output.ts is muted, and what is typed is not looked at. The interrupt fills a ring;
// the channel's worker (link.ts) empties it. Never waits; bytes that find the ring full are lost and counted.
import { now } from "../../arch/seam";
import { ticksPerSecond } from "../../host/clock";
import { onChannel, TYPED_PASS, TYPED_TAKEN, TYPED_WITH_ZERO, showFocus } from "../../host/mux";
import { lockConsole, muteOutput, outFlush, outFrame, outRoom, unlockConsole, unmuteOutput } from "../../host/output";
import { Ring, ringCount, ringInit, ringPut } from "../../lib/ring";
import { allocate } from "../../mem/arena";
import { FRAME_WIRE_MOST, frameEncode } from "./frame";

/** Bytes that may wait for the worker. */
export const UART_RING: u32 = 8192;
/** Bytes of a session that wake the worker before a frame is whole. */
const WAKE_AT: u32 = 1024;

/** A person's bytes; one zero is held back; a frame. */
const PEOPLE: u32 = 0;
const ZERO: u32 = 1;
const FRAME: u32 = 2;

// @lock console: filled by a trap, emptied by the worker.
const ringPtr: usize = memory.data(<i32>offsetof<Ring>(), 8);
/** While a session lives here: FRAME if the last byte was not the end of one. */
let state: u32 = PEOPLE;
/** Bytes of the frame so far, and when the last one came. */
let count: u32 = 0;
let last: u64 = 0;
/** 1 while a session lives on this link. */
let attached: u32 = 0;
/** 1 if a frame did not fit and somebody waits for room. */
let wanted: u32 = 0;
// @lock per boot: index of () => void that wakes the worker; and where frames are made (@lock link).
let wake: u32 = 0;
let scratch: usize = 0;

function ring(): Ring {
  return changetype<Ring>(ringPtr);
}

/** Bytes of the arena that uartStart takes. */
export function uartBytes(): u32 {
  return UART_RING + FRAME_WIRE_MOST + 16;
}

/** Boot, after startMux: listens; `waker` is the index of a () => void for any context. False: no memory. */
export function uartStart(waker: u32): bool {
  const data = allocate(UART_RING);
  scratch = allocate(FRAME_WIRE_MOST);
  if (!data || !scratch) return false;
  ringInit(ring(), data, UART_RING);
  wake = waker;
  onChannel(changetype<u32>(uartTyped.index), changetype<u32>(uartRoomAgain.index));
  return true;
}

/** Trap: one byte came in; answers TYPED_*: what of it is a person's. */
export function uartTyped(byte: u32): u32 {
  if (attached) {
    keep(byte);
    last = now();
    state = byte == 0 ? PEOPLE : FRAME;
    if (byte == 0 || ringCount(ring()) % WAKE_AT == 0) call_indirect<void>(wake);
    return TYPED_TAKEN;
  }
  if (state == FRAME && inFrame(byte)) return TYPED_TAKEN;
  if (state == ZERO && byte != 0) {
    state = PEOPLE;
    if (byte != 1) return TYPED_WITH_ZERO;
    begin();
    return TYPED_TAKEN;
  }
  if (byte != 0) return TYPED_PASS;
  // Of two zeros the first was typed, and the second may begin a frame.
  const held = state == ZERO;
  state = ZERO;
  return held ? TYPED_PASS : TYPED_TAKEN;
}

function begin(): void {
  state = FRAME;
  count = 2;
  last = now();
  keep(0);
  keep(1);
}

/** A byte behind 00 01. False: the frame was given up a second ago, and the byte is typed. */
function inFrame(byte: u32): bool {
  const at = now();
  const late = at - last > ticksPerSecond();
  last = at;
  count += 1;
  keep(late ? 0 : byte);
  if (byte == 0 || late || count == FRAME_WIRE_MOST) {
    if (count == FRAME_WIRE_MOST) keep(0);
    state = PEOPLE;
    call_indirect<void>(wake);
  }
  return !late;
}

function keep(byte: u32): void {
  lockConsole();
  ringPut(ring(), byte);
  unlockConsole();
}

/** Worker: address of received bytes, contiguous up to uartEnd(); 0 if there are none. */
export function uartBytesAt(): usize {
  const from = ring();
  lockConsole();
  const there = ringCount(from);
  unlockConsole();
  return there != 0 ? from.data + (from.read & (UART_RING - 1)) : 0;
}

export function uartEnd(): usize {
  const from = ring();
  const at = from.read & (UART_RING - 1);
  lockConsole();
  const there = ringCount(from);
  unlockConsole();
  return from.data + at + min(there, UART_RING - at);
}

/** The bytes before `at` are used. */
export function uartTaken(at: usize): void {
  const from = ring();
  lockConsole();
  from.read += <u32>(at - from.data) - (from.read & (UART_RING - 1));
  unlockConsole();
}

/** Bytes that a full ring refused. */
export function uartLost(): u32 {
  return ring().dropped;
}

/** Frames of any size that fit into the output now; asks to be woken when it is none. */
export function uartRoom(): u32 {
  lockConsole();
  const frames = outRoom() / FRAME_WIRE_MOST;
  if (frames == 0) wanted = 1;
  unlockConsole();
  return frames;
}

/** Trap: output has left. */
export function uartRoomAgain(): void {
  if (!wanted) return;
  wanted = 0;
  call_indirect<void>(wake);
}

/** Sends a frame for which there is room. */
export function uartSend(frame: usize, length: u32): void {
  const bytes = frameEncode(frame, length, scratch);
  lockConsole();
  outFrame(scratch, bytes);
  outFlush();
  unlockConsole();
}

/** From now on the line carries frames only. */
export function uartAttach(): void {
  lockConsole();
  attached = 1;
  muteOutput();
  unlockConsole();
}

/** The line is a person's again. */
export function uartDetach(): void {
  lockConsole();
  const was = attached;
  attached = 0;
  // The rest of a frame that is under way is nobody's typing, unless it stopped half way long ago.
  count = 2;
  if (was) unmuteOutput("the management session on this line is over");
  unlockConsole();
  if (was) showFocus();
}
