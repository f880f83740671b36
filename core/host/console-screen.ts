// SPDX-License-Identifier: Apache-2.0
// From a guest's tx into its scroll-back and from there to a person's screen: raw if the guest is in focus, as whole lines
// if the host is. Without a toolstack that follows the console, no more is taken than the screen shows, so that a flood
// holds its guest back; with one, no more than it has acknowledged, and a screen that is slower misses some, and says so.
// Called by console.ts with the guest's lock and the console lock held.
import { now } from "../arch/seam";
import { limitAvailable, limitSpend } from "../lib/limit";
import { Ring, ringCount, ringFree, ringPutOver, ringTake } from "../lib/ring";
import { Console } from "./console";
import { lineByte } from "./console-line";
import { beginLine, endLine, FOCUS_HOST, outNumber, outRaw, outputFocus, outRoom, outText } from "./output";

/** Kept free in the output ring for the host's own lines. */
const RESERVE: u32 = 2048;
/** Most that one byte can add to the output: a full line of escaped bytes, its name, its end, and the prompt again. */
const LINE_COST: u32 = 1200;

/** Moves what there is and fits; answers whether something waits for the screen. */
export function moveOutput(console: Console): bool {
  const focus = outputFocus();
  const scroll = console.scroll;
  if (focus == console.number) {
    moveRaw(console);
    console.lineTo = scroll.written;
    return console.rawTo != scroll.written || (ringCount(console.tx) != 0 && !console.followed);
  }
  if (focus == FOCUS_HOST) {
    moveLines(console);
    return console.lineTo != scroll.written || (ringCount(console.tx) != 0 && !console.followed);
  }
  console.line.length = 0;
  if (console.followed) takeFollowed(console);
  else while (ringCount(console.tx) != 0) keep(console, ringTake(console.tx));
  console.lineTo = scroll.written;
  return false;
}

/** In focus: first what was missed, then what is new. */
function moveRaw(console: Console): void {
  const scroll = console.scroll;
  const tx = console.tx;
  const from = console.rawTo;
  if (console.followed) {
    takeFollowed(console);
    console.skipped += console.rawTo - from;
  }
  if (outRoom() > RESERVE) tellMissed(console);
  const granted = limitAvailable(console.limit, now());
  let used: u32 = 0;
  while (outRoom() > RESERVE) {
    if (console.rawTo == scroll.written) {
      if (console.followed || ringCount(tx) == 0 || used == granted) break;
      keep(console, ringTake(tx));
      used++;
    }
    outRaw(byteAt(scroll, console.rawTo));
    console.rawTo += 1;
  }
  limitSpend(console.limit, used);
}

/** The host has the focus: whole lines to the screen; what was shown is marked. */
function moveLines(console: Console): void {
  const scroll = console.scroll;
  const tx = console.tx;
  if (console.followed) {
    const from = console.lineTo;
    takeFollowed(console);
    if (console.lineTo != from) console.line.length = 0;
  }
  let count = allowance(console, scroll.written - console.lineTo + (console.followed ? 0 : ringCount(tx)));
  limitSpend(console.limit, count);
  for (; count != 0 && outRoom() > RESERVE + LINE_COST; count--) {
    const at = console.lineTo;
    if (at == scroll.written) {
      if (console.followed || ringCount(tx) == 0) break;
      keep(console, ringTake(tx));
    }
    lineByte(console.line, console.name, byteAt(scroll, at));
    if (console.shownTo != at) console.shownFrom = at;
    console.shownTo = console.lineTo = at + 1;
  }
}

/** Bytes that may go to the screen now: what is there, what fits, what the flood limit grants. */
function allowance(console: Console, wanted: u32): u32 {
  const free = outRoom();
  const room = free > RESERVE ? free - RESERVE : 0;
  return min(min(wanted, room), limitAvailable(console.limit, now()));
}

/** As much as fits without giving up anything that the toolstack has not acknowledged. */
function takeFollowed(console: Console): void {
  const scroll = console.scroll;
  while (ringCount(console.tx) != 0 && scroll.written - console.ackTo < scroll.capacity)
    keep(console, ringTake(console.tx));
}

function byteAt(ring: Ring, position: u32): u32 {
  return load<u8>(ring.data + (position & (ring.capacity - 1)));
}

/** Into the scroll-back; what that pushes out is lost unless somebody saw it. */
function keep(console: Console, byte: u32): void {
  const scroll = console.scroll;
  if (ringFree(scroll) == 0) {
    const oldest = scroll.read;
    const asLine = oldest - console.shownFrom < console.shownTo - console.shownFrom;
    if (console.rawTo == oldest && console.readTo == oldest && !asLine) {
      console.lost += 1;
      console.untold += 1;
    }
    // No position stays behind the oldest byte.
    if (console.rawTo == oldest) console.rawTo += 1;
    if (console.lineTo == oldest) console.lineTo += 1;
    if (console.ackTo == oldest) console.ackTo += 1;
    if (console.readTo == oldest) console.readTo += 1;
    if (console.toldTo == oldest) console.toldTo += 1;
  }
  ringPutOver(scroll, byte);
}

function tellMissed(console: Console): void {
  if (console.untold != 0) {
    beginLine();
    outText("typeone: ");
    outNumber(console.untold);
    outText(" bytes of this console were lost (the last 16 KiB are kept while nobody looks)");
    endLine();
    console.untold = 0;
  }
  if (console.skipped != 0) {
    beginLine();
    outText("typeone: ");
    outNumber(console.skipped);
    outText(" bytes went to the toolstack only: this line is slower");
    endLine();
    console.skipped = 0;
  }
}
