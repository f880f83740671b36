// SPDX-License-Identifier: Apache-2.0
// Notices: tell the toolstack that a stream has something new, once until it reads or polls again, so that it need not ask
// all the time and is never flooded. channelNews is called by whoever makes news, in any context and with no lock inside of
// a guest's; the rest in the channel's worker.
import { eventsEnd } from "../../guest/events";
import { Console, consoleByNumber } from "../../host/console";
import { machineStopped } from "../../host/panic";
import * as hw from "../../hw";
import { logEnd } from "../../lib/print";
import { Ring } from "../../lib/ring";
import { MAX_GUESTS } from "../../limits";
import { linkRoom, linkSend, linkWake } from "../link/link";
import { WIRE_CRC, WIRE_HEADER, WIRE_KIND_NOTICE, WIRE_VERSION } from "../wire";
import { WIRE_NOTICE_SIZE, WireNotice } from "../wire-structs";

/** A session lives; there is news that it was not told; it was told and has not looked since. */
const LIVE: u32 = 1;
const FRESH: u32 = 2;
const TOLD: u32 = 4;

// @lock none: `flags` by atomics only, the rest by the channel's worker only.
const flags: usize = memory.data(8, 8);
const frame: usize = memory.data(<i32>(WIRE_HEADER + WIRE_NOTICE_SIZE + WIRE_CRC + 4), 8);
let session: u32 = 0;
let link: u32 = 0;
/** Ends of the streams as the toolstack knows them. */
let events: u32 = 0;
let log: u32 = 0;

/** Something came to a stream: the worker looks what, if anybody listens. */
export function channelNews(): void {
  if ((hw.atomicLoad(flags) & (LIVE | FRESH)) != LIVE || machineStopped()) return;
  if ((hw.atomicOr(flags, FRESH) & (TOLD | FRESH)) == 0) linkWake();
}

/** A session begins; what there is now is no news to it. */
export function noticeBegin(number: u32, from: u32): void {
  session = number;
  link = from;
  fillNotice(changetype<WireNotice>(frame + WIRE_HEADER));
  hw.atomicSwap(flags, LIVE);
}

export function noticeEnd(): void {
  hw.atomicSwap(flags, 0);
}

/** The toolstack read or polled: it may be told again. */
export function noticeLooked(): void {
  hw.atomicAnd(flags, ~TOLD);
}

/** It was told where the log, or the events, end. */
export function noticeLog(end: u32): void {
  log = end;
}

export function noticeEvents(end: u32): void {
  events = end;
}

/** Where the streams end; answers whether that is news. From now on it is known. */
export function fillNotice(notice: WireNotice): bool {
  notice.events = eventsEnd();
  notice.log = logEnd();
  notice.consoles = 0;
  let news = notice.events != events || notice.log != log;
  events = notice.events;
  log = notice.log;
  for (let number: u32 = 1; number <= MAX_GUESTS; number++) {
    const console = consoleByNumber(number);
    if (changetype<usize>(console) == 0 || console.attached == 0) continue;
    const end = endOf(console);
    if (end != console.readTo) notice.consoles |= (<u64>1) << (number - 1);
    if (end != console.toldTo) news = true;
    console.toldTo = end;
  }
  return news;
}

/** The end as it was at one moment. */
function endOf(console: Console): u32 {
  return hw.atomicLoad(changetype<usize>(console.scroll) + offsetof<Ring>("written"));
}

/** Sends a notice if there is news and the toolstack is to hear of it. */
export function tellNews(): void {
  if ((hw.atomicLoad(flags) & (LIVE | FRESH | TOLD)) != (LIVE | FRESH)) return;
  // Without room it stays news, and the link calls again.
  if (linkRoom(link) == 0) return;
  hw.atomicAnd(flags, ~FRESH);
  memory.fill(frame, 0, WIRE_HEADER);
  if (!fillNotice(changetype<WireNotice>(frame + WIRE_HEADER))) return;
  store<u8>(frame, <u8>WIRE_VERSION, 1);
  store<u8>(frame, <u8>WIRE_KIND_NOTICE, 2);
  store<u32>(frame, session, 4);
  if (linkSend(link, frame, WIRE_HEADER + WIRE_NOTICE_SIZE)) hw.atomicOr(flags, TOLD);
}
