// SPDX-License-Identifier: Apache-2.0
// Sessions of the toolstack: one at a time, on the link where its HELLO came. Another HELLO takes over; ten seconds without
// a good frame, or BYE, end it; whatever the session alone holds then goes. Every request is checked here (kind, session,
// length) before its operation sees it, and one that changes something is carried out once however often its frame
// comes: the last such answer is kept and repeated. Called by link.ts in its worker, without locks; each call does the
// work of one request at most.
import { now } from "../../arch/seam";
import { onEvent, postEvent } from "../../guest/events";
import { Guest } from "../../guest/guest";
import { ticksPerSecond } from "../../host/clock";
import { onConsoleNews } from "../../host/console";
import { thisHart } from "../../host/hart";
import { KIND_TIMER_CALL, Timer, timerArm, timerInit } from "../../host/timers";
import { onLog } from "../../lib/print";
import { Status } from "../../lib/status";
import { blobDropAll, blobsInit } from "../../mem/blob";
import { linkAttach, linkDetach, linkInit, linkSend, linkWake } from "../link/link";
import {
  OPERATION_BYE,
  OPERATION_HELLO,
  WIRE_CRC,
  WIRE_EVENT_SESSION,
  WIRE_HEADER,
  WIRE_KIND_REQUEST,
  WIRE_REQUEST_COUNT,
  WIRE_REQUEST_MUTATES,
  WIRE_REQUEST_NONE,
  WIRE_REQUEST_TAIL,
  WIRE_REQUESTS,
  WIRE_SESSION,
  WIRE_STALE,
  WIRE_VERSION,
} from "../wire";
import { WIRE_CREATED_SIZE, WireHello } from "../wire-structs";
import { answerLength, beginAnswer, finishAnswer, repeatAnswer } from "./answer";
import { hostActionDue, hostActionStep } from "./change-host";
import { answerHello } from "./hello";
import { channelNews, noticeBegin, noticeEnd, tellNews } from "./notice";
import { perform } from "./operations";
import { unfollowAll, unfollowIdle } from "./streams";

const SECONDS: u64 = 10;
/** Ended sessions that cannot come back while another one lives: their frames may still be under way. */
const FORMER: u32 = 8;
/** Longest answer of an operation that changes something. */
const KEPT: u32 = WIRE_HEADER + WIRE_CREATED_SIZE;
/** The answer is in its frame already. */
const REPEATED: i32 = 1;

// @lock none: the channel's worker only; its hart's list guards the timer.
const timerPtr: usize = memory.data(<i32>offsetof<Timer>(), 8);
const kept: usize = memory.data(<i32>(KEPT + WIRE_CRC), 8);
const former: usize = memory.data(<i32>(FORMER * sizeof<u32>()), 8);
let formerAt: u32 = 0;
/** 0: there is none. */
let session: u32 = 0;
let link: u32 = 0;
/** When its last good frame came. */
let heard: u64 = 0;
/** Sequence of the last request that changed something, and bytes of the answer in `kept`; 0: there was none. */
let lastChange: u32 = 0;
let keptBytes: u32 = 0;

/** Boot, before linkStart. */
export function channelInit(): i32 {
  const timer = changetype<Timer>(timerPtr);
  timerInit(timer, KIND_TIMER_CALL, 0);
  timer.call = changetype<u32>(channelTick.index);
  linkInit(changetype<u32>(channelFrame.index), changetype<u32>(channelRoom.index));
  onEvent(changetype<u32>(channelNews.index));
  onLog(changetype<u32>(channelNews.index));
  onConsoleNews(changetype<u32>(channelNews.index));
  return blobsInit();
}

/** A good frame: `length` bytes of header and body. */
export function channelFrame(frame: usize, length: u32, from: u32): void {
  if (load<u8>(frame, 2) != WIRE_KIND_REQUEST) return;
  beginAnswer(frame);
  const status = receive(frame, length, from);
  const answer = finishAnswer(status == REPEATED ? load<i16>(kept, 14) : status);
  linkSend(from, answer, answerLength());
  if (session != 0) watch(heard);
  if (status == Status.Ok && load<u16>(frame, 12) == OPERATION_BYE) endSession();
  tellNews();
}

/** A link has room again, or linkWake was called. */
export function channelRoom(from: u32): void {
  const at = now();
  hostActionStep(at);
  if (session == 0) return;
  if (at - heard >= SECONDS * ticksPerSecond()) {
    endSession();
    return;
  }
  unfollowIdle(at);
  tellNews();
  watch(at);
}

/** Trap: the timer. */
export function channelTick(owner: usize): void {
  linkWake();
}

/** As long as there is a session, somebody looks once a second whether it still lives; sooner if the machine is to end. */
function watch(at: u64): void {
  const timer = changetype<Timer>(timerPtr);
  const due = min(at + ticksPerSecond(), hostActionDue());
  if (timer.armed == 0 || due < timer.deadline) timerArm(timer, thisHart().index, due);
}

function receive(frame: usize, length: u32, from: u32): i32 {
  if (load<u8>(frame, 1) != WIRE_VERSION) return Status.Unsupported;
  if (load<u8>(frame, 3) != 0 || load<u16>(frame, 14) != 0) return Status.Malformed;
  const number = load<u32>(frame, 4);
  const operation: u32 = load<u16>(frame, 12);
  const shape: u32 =
    operation < WIRE_REQUEST_COUNT ? load<u16>(WIRE_REQUESTS + ((<usize>operation) << 1)) : WIRE_REQUEST_NONE;
  const body = frame + WIRE_HEADER;
  const bytes = length - WIRE_HEADER;
  if (operation == OPERATION_HELLO) return bytes == (shape & 0xff) ? hello(number, body, from) : Status.Malformed;
  if (number != session || from != link || session == 0) return WIRE_SESSION;
  heard = now();
  if (shape == WIRE_REQUEST_NONE) return Status.Unsupported;
  const size = shape & 0xfff;
  if (bytes < size || (bytes > size && !(shape & WIRE_REQUEST_TAIL))) return Status.Malformed;
  if (shape & WIRE_REQUEST_MUTATES) return change(frame, operation, bytes);
  return perform(operation, body, bytes);
}

/** Carries it out, or repeats the answer if that was done. */
function change(frame: usize, operation: u32, bytes: u32): i32 {
  const sequence = load<u32>(frame, 8);
  if (keptBytes != 0 && sequence == lastChange) {
    if (load<u16>(kept, 12) != operation) return WIRE_STALE;
    repeatAnswer(kept, keptBytes);
    return REPEATED;
  }
  if (keptBytes != 0 && <i32>(sequence - lastChange) < 0) return WIRE_STALE;
  const status = perform(operation, frame + WIRE_HEADER, bytes);
  lastChange = sequence;
  keptBytes = answerLength();
  assert(keptBytes <= KEPT);
  memory.copy(kept, finishAnswer(status), keptBytes);
  return status;
}

// ---- Begin and end.

/** The same HELLO again only gets its answer again. */
function hello(number: u32, body: usize, from: u32): i32 {
  if (number == 0) return Status.Invalid;
  if (changetype<WireHello>(body).version == WIRE_VERSION) {
    if (number != session) {
      if (session != 0 && isFormer(number)) return WIRE_SESSION;
      endSession();
      begin(number, from);
    } else if (from != link) {
      linkDetach(link);
      attach(from);
    }
    heard = now();
  }
  return answerHello(from);
}

function begin(number: u32, from: u32): void {
  session = number;
  keptBytes = 0;
  postEvent(WIRE_EVENT_SESSION, changetype<Guest>(0), number, 0);
  attach(from);
}

function attach(from: u32): void {
  link = from;
  linkAttach(from);
  noticeBegin(session, from);
}

function endSession(): void {
  if (session == 0) return;
  const ended = session;
  store<u32>(former + ((<usize>formerAt) << 2), ended);
  formerAt = (formerAt + 1) % FORMER;
  session = 0;
  noticeEnd();
  linkDetach(link);
  link = 0;
  unfollowAll();
  blobDropAll();
  postEvent(WIRE_EVENT_SESSION, changetype<Guest>(0), 0, ended);
}

function isFormer(number: u32): bool {
  for (let i: u32 = 0; i < FORMER; i++) if (load<u32>(former + ((<usize>i) << 2)) == number) return true;
  return false;
}
