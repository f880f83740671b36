// SPDX-License-Identifier: Apache-2.0
// A guest's console: what it sent (tx), what it is to receive (rx), and the last 16 KiB that it sent (scroll-back), by
// absolute positions. A person's screen follows the scroll-back (console-screen.ts): a guest in focus is shown raw, and
// while the host has the focus guests are shown as whole lines, `[name] text`, with control bytes escaped; the toolstack
// reads it (console-stream.ts). Nothing that a guest sends is ever read as control. A console that floods the screen, or
// that the toolstack follows too slowly, is held back: its tx ring fills and its UART is not ready.
//
//   guest's UART ─► tx ─► scroll-back ─┬─► output ring ─► host UART       guard of tx, rx: the guest's lock
//                                      └─► toolstack                      guard of scroll-back: the console lock
//
import { now } from "../arch/seam";
import { allocate } from "../mem/arena";
import { Limit, limitAvailable, limitInit, limitWhen } from "../lib/limit";
import { Line, lineInit } from "../lib/line";
import { Lock } from "../lib/lock";
import { Ring, ringCount, ringFree, ringInit, ringPut } from "../lib/ring";
import { MAX_GUESTS } from "../limits";
import { ticksPerSecond } from "./clock";
import { traceConsole } from "../trace/events";
import { moveOutput } from "./console-screen";
import {
  beginLine,
  endLine,
  FOCUS_HOST,
  lockConsole,
  outFlush,
  outputFocus,
  outText,
  setOutputFocus,
  unlockConsole,
} from "./output";

/** What happened to a console's rings, for its owner: bytes came into rx, or left tx. */
export const CONSOLE_RECEIVED: u32 = 1;
export const CONSOLE_DRAINED: u32 = 2;

export const CONSOLE_LINE: u32 = 160;
const TX_SIZE: u32 = 4096;
const RX_SIZE: u32 = 1024;
const SCROLL_SIZE: u32 = 16384;
/** What a guest may send to the shown console: this much at once, and so much per second. */
const BURST: u32 = 65536;
const BYTES_PER_SECOND: u64 = 262144;
/** A console that was held back goes on when it may send this much. */
const RESUME: u32 = 1024;

@unmanaged
export class Console {
  /** Bytes that the guest sent, was sent, and sent without anybody having seen them. */
  out: u64 = 0;
  in: u64 = 0;
  lost: u64 = 0;
  /** Until when (host time) the toolstack follows it, if `followed`. */
  followUntil: u64 = 0;
  tx: Ring = changetype<Ring>(0);
  rx: Ring = changetype<Ring>(0);
  /** Where bytes for the guest go: rx, or the ring of its VirtIO console while that is what it sent on last. */
  input: Ring = changetype<Ring>(0);
  /** The guest's VirtIO console (dev/virtio/console-model.ts), 0 without. */
  virtio: usize = 0;
  scroll: Ring = changetype<Ring>(0);
  /** The line that is being collected for the host's screen. */
  line: Line = changetype<Line>(0);
  limit: Limit = changetype<Limit>(0);
  /** The owner's lock, and whom to tell what happened, with that lock held. */
  lock: Lock = changetype<Lock>(0);
  owner: usize = 0;
  /** Table index of (owner: usize, what: u32) => void. */
  tell: u32 = 0;
  /** What people call it: 1 and up, and a NUL-terminated printable name. */
  number: u32 = 0;
  name: usize = 0;
  /** 1 while a guest stands behind it. */
  attached: u32 = 0;
  /** 1 if bytes in tx wait for room or for tokens. */
  waiting: u32 = 0;
  /** Positions in the scroll-back that the host's screen has shown as lines: from, and one past. */
  shownFrom: u32 = 0;
  shownTo: u32 = 0;
  /** One past what the screen has shown raw, and one past what it is done with as lines. */
  rawTo: u32 = 0;
  lineTo: u32 = 0;
  /** Lost bytes, and bytes that only the toolstack saw, of which the screen was not told yet. */
  untold: u32 = 0;
  skipped: u32 = 0;
  /** 1 while the toolstack reads it: nothing from `ackTo` on is given up. */
  followed: u32 = 0;
  ackTo: u32 = 0;
  /** One past the newest byte that the toolstack was sent, and that it was told of. */
  readTo: u32 = 0;
  toldTo: u32 = 0;
  /** Input bytes taken from the toolstack; never starts again. */
  inputAt: u32 = 0;
  /** Input bytes that a full rx refused. */
  refused: u32 = 0;
}

// @lock per boot for the pointers; the consoles have their own locks.
const consoles: usize = memory.data(<i32>((MAX_GUESTS + 1) * sizeof<usize>()), 8);
/** Table index of () => void: some console begins to wait for room or tokens. */
let onWait: u32 = 0;
/** Table index of () => void: some console has new bytes. */
let onNews: u32 = 0;

/** Boot: whom to call when a console begins to wait. */
export function onConsoleWait(call: u32): void {
  onWait = call;
}

/** Boot: whom to call, with the guest's lock held, when a console has new bytes. */
export function onConsoleNews(call: u32): void {
  onNews = call;
}

/** The console of a number, attached or not, a null pointer if none was ever made. */
export function consoleByNumber(number: u32): Console {
  return number <= MAX_GUESTS
    ? changetype<Console>(load<usize>(consoles + ((<usize>number) << 2)))
    : changetype<Console>(0);
}

/**
 * The console with this number (1 to MAX_GUESTS), made on first use and kept for the next guest of that number; null
 * when memory is used up. Not attached yet; the memory lock is held or there is only one hart.
 */
export function makeConsole(number: u32): Console {
  const slot = consoles + ((<usize>number) << 2);
  if (load<usize>(slot) != 0) return changetype<Console>(load<usize>(slot));
  const rings = 3 * offsetof<Ring>() + offsetof<Line>() + offsetof<Limit>();
  const size = offsetof<Console>() + 8 + rings + TX_SIZE + RX_SIZE + SCROLL_SIZE + CONSOLE_LINE;
  const at = allocate(size);
  if (at == 0) return changetype<Console>(0);
  const console = changetype<Console>(at);
  let next = (at + offsetof<Console>() + 7) & ~7;
  console.limit = changetype<Limit>(next);
  next += offsetof<Limit>();
  console.tx = changetype<Ring>(next);
  console.rx = changetype<Ring>((next += offsetof<Ring>()));
  console.scroll = changetype<Ring>((next += offsetof<Ring>()));
  console.line = changetype<Line>((next += offsetof<Ring>()));
  next += offsetof<Line>();
  ringInit(console.tx, next, TX_SIZE);
  ringInit(console.rx, (next += TX_SIZE), RX_SIZE);
  ringInit(console.scroll, (next += RX_SIZE), SCROLL_SIZE);
  lineInit(console.line, (next += SCROLL_SIZE), CONSOLE_LINE);
  console.number = number;
  store<usize>(slot, at);
  return console;
}

/** Puts a guest behind a console: empties it, and from now on it can be shown. */
export function attachConsole(console: Console, name: usize, lock: Lock, owner: usize): void {
  lockConsole();
  console.name = name;
  console.lock = lock;
  console.owner = owner;
  console.tx.read = console.tx.written;
  console.rx.read = console.rx.written;
  console.input = console.rx;
  console.scroll.read = console.scroll.written;
  console.line.length = 0;
  const at = console.scroll.written;
  console.shownFrom = console.shownTo = console.rawTo = console.lineTo = at;
  console.ackTo = console.readTo = console.toldTo = at;
  console.out = console.in = console.lost = 0;
  console.untold = console.skipped = console.refused = 0;
  console.followed = 0;
  console.waiting = 0;
  const ticks = ticksPerSecond() / BYTES_PER_SECOND;
  limitInit(console.limit, BURST, ticks != 0 ? ticks : 1, now());
  console.attached = 1;
  unlockConsole();
}

/** The guest behind it is gone: what it said last is shown, and the host has the focus. Its owner's lock is held. */
export function detachConsole(console: Console): void {
  console.followed = 0;
  consoleGuestOutput(console);
  lockConsole();
  console.attached = 0;
  console.waiting = 0;
  if (outputFocus() == console.number) {
    beginLine();
    setOutputFocus(FOCUS_HOST);
    outText("typeone: the guest of this console is gone; console is now the host");
    endLine();
    outFlush();
  }
  unlockConsole();
}

/** When the flood limit lets a console go on that waits for it; 0 if it waits for room. */
export function consoleDue(console: Console): u64 {
  return limitAvailable(console.limit, now()) < RESUME ? limitWhen(console.limit, RESUME) : 0;
}

/** Who is to be told of CONSOLE_*: index of an `(owner: usize, what: u32) => void`, called with the owner's lock held. */
export function onConsole(console: Console, tell: u32): void {
  console.tell = tell;
}

/** Moves what the guest sent on its way, as far as there is room; its owner's lock is held. */
export function consoleGuestOutput(console: Console): void {
  const tx = console.tx;
  const wasTight = ringFree(tx) < 16;
  const before = ringCount(tx);
  lockConsole();
  console.lost += tx.dropped;
  console.untold += tx.dropped;
  console.out += tx.dropped;
  tx.dropped = 0;
  const waits = moveOutput(console);
  const moved = before - ringCount(tx);
  console.out += moved;
  traceConsole(console.number, 0, moved);
  const pump = waits && console.waiting == 0 ? onWait : 0;
  console.waiting = waits ? 1 : 0;
  outFlush();
  unlockConsole();
  if (pump != 0) call_indirect<void>(pump);
  if (moved != 0 && onNews != 0) call_indirect<void>(onNews);
  if (wasTight && console.tell != 0) call_indirect<void>(console.tell, console.owner, CONSOLE_DRAINED);
}

/** A byte from the person to the guest; its owner's lock is held. */
export function consoleGuestInput(console: Console, byte: u32): void {
  traceConsole(console.number, 1, 1);
  if (ringPut(console.input, byte) != 0) console.in += 1;
  else console.refused += 1;
  if (console.tell != 0) call_indirect<void>(console.tell, console.owner, CONSOLE_RECEIVED);
}
