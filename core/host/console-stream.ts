// SPDX-License-Identifier: Apache-2.0
// A guest's console as the toolstack sees it: output by absolute positions, input by the position at which it begins.
// The position of a read acknowledges what is before it. A console that was read in the last seconds is followed: its
// guest is held back rather than that anything not acknowledged is given up. Called by the channel's worker, without locks.
import { now } from "../arch/seam";
import { acquire, release } from "../lib/lock";
import { ringFree, ringPut } from "../lib/ring";
import { ringCopy, ringFrom } from "../lib/ring-read";
import { WIRE_READ_ANSWER_SIZE, WireReadAnswer, WireWriteAnswer } from "../mgmt/wire-structs";
import { traceConsole } from "../trace/events";
import { ticksPerSecond } from "./clock";
import { Console, CONSOLE_RECEIVED, consoleGuestOutput } from "./console";
import { lockConsole, unlockConsole } from "./output";

/** A console that was not read for so long is not followed any more. */
const FOLLOW_SECONDS: u64 = 5;

/** `answer.position` is where the reader wants to begin; up to `most` bytes go behind the answer. Answers how many. */
export function consoleRead(console: Console, answer: WireReadAnswer, most: u32): u32 {
  const scroll = console.scroll;
  acquire(console.lock);
  lockConsole();
  const from = ringFrom(scroll, answer.position);
  console.ackTo = from;
  console.followed = 1;
  console.followUntil = now() + FOLLOW_SECONDS * ticksPerSecond();
  unlockConsole();
  // There is room for what the guest was held back with.
  consoleGuestOutput(console);
  lockConsole();
  const count = ringCopy(scroll, from, changetype<usize>(answer) + WIRE_READ_ANSWER_SIZE, most);
  answer.position = from;
  answer.end = scroll.written;
  answer.lost = <u32>console.lost;
  if (<i32>(from + count - console.readTo) > 0) console.readTo = from + count;
  console.toldTo = scroll.written;
  unlockConsole();
  release(console.lock);
  return count;
}

/** The toolstack does not read it any more: what is held back goes its way. */
export function consoleUnfollow(console: Console): void {
  acquire(console.lock);
  console.followed = 0;
  if (console.attached) consoleGuestOutput(console);
  release(console.lock);
}

/**
 * `length` bytes of input from position `answer.position` on. What was taken before is passed over, and behind a gap
 * nothing is taken; of the rest as much as fits.
 */
export function consoleWrite(console: Console, answer: WireWriteAnswer, ptr: usize, length: u32): void {
  acquire(console.lock);
  const known = console.inputAt - answer.position;
  const fits = known < length ? min(length - known, ringFree(console.input)) : 0;
  for (let i: u32 = 0; i < fits; i++) ringPut(console.input, load<u8>(ptr + known + i));
  console.inputAt += fits;
  console.in += fits;
  if (fits != 0) {
    traceConsole(console.number, 1, fits);
    if (console.tell != 0) call_indirect<void>(console.tell, console.owner, CONSOLE_RECEIVED);
  }
  answer.position = console.inputAt;
  answer.room = ringFree(console.input);
  release(console.lock);
}
