// SPDX-License-Identifier: Apache-2.0
// Streams by absolute positions: consoles, the log, events, traces; and a console's input. Reading changes nothing but
// what is held for the reader, so a repeated or lost frame costs nothing. Called in the channel's worker.
import { eventsEnd, eventsStart, readEvents } from "../../guest/events";
import { guestByHandle } from "../../guest/table";
import { consoleByNumber } from "../../host/console";
import { consoleRead, consoleUnfollow, consoleWrite } from "../../host/console-stream";
import { hartCount } from "../../host/harts";
import { logEnd, logLost, logRead } from "../../lib/print";
import { Status } from "../../lib/status";
import { MAX_GUESTS } from "../../limits";
import { traceFrom, traceRead, traceWritten } from "../../trace/ring";
import { TRACE_RECORD_BYTES } from "../../trace/spec";
import { WIRE_STREAM_CONSOLE, WIRE_STREAM_EVENTS, WIRE_STREAM_LOG, WIRE_STREAM_TRACE } from "../wire";
import {
  WIRE_EVENT_SIZE,
  WIRE_READ_ANSWER_SIZE,
  WIRE_WRITE_ANSWER_SIZE,
  WIRE_WRITE_SIZE,
  WireRead,
  WireReadAnswer,
  WireWrite,
  WireWriteAnswer,
} from "../wire-structs";
import { addBytes, addRecord, answerEnd, answerRoom } from "./answer";
import { noticeEvents, noticeLog, noticeLooked } from "./notice";

export function readStream(body: usize): i32 {
  const ask = changetype<WireRead>(body);
  noticeLooked();
  switch (<u32>ask.stream) {
    case WIRE_STREAM_CONSOLE:
      return readConsole(ask);
    case WIRE_STREAM_LOG:
      return readLog(ask);
    case WIRE_STREAM_EVENTS:
      return readEventStream(ask);
    case WIRE_STREAM_TRACE:
      return readTrace(ask);
    default:
      return Status.Invalid;
  }
}

/** An answer that begins where the request does. */
function begin(ask: WireRead): WireReadAnswer {
  const answer = changetype<WireReadAnswer>(addRecord(WIRE_READ_ANSWER_SIZE));
  answer.position = ask.position;
  return answer;
}

function most(ask: WireRead): u32 {
  return min(ask.most, answerRoom());
}

function readConsole(ask: WireRead): i32 {
  const guest = guestByHandle(ask.index, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  const answer = begin(ask);
  addBytes(consoleRead(guest.console, answer, most(ask)));
  return Status.Ok;
}

function readLog(ask: WireRead): i32 {
  const answer = begin(ask);
  const at = changetype<usize>(answer) + offsetof<WireReadAnswer>("position");
  addBytes(logRead(at, answerEnd(), most(ask)));
  answer.end = logEnd();
  answer.lost = logLost();
  noticeLog(answer.end);
  return Status.Ok;
}

function readEventStream(ask: WireRead): i32 {
  const answer = begin(ask);
  const oldest = eventsStart();
  const ahead = ask.position - oldest;
  answer.end = eventsEnd();
  answer.position = oldest + (ahead <= answer.end - oldest ? ahead - (ahead % WIRE_EVENT_SIZE) : 0);
  answer.lost = oldest;
  addBytes(readEvents(answer.position, answerEnd(), most(ask)));
  noticeEvents(answer.end);
  return Status.Ok;
}

/** Positions count records here. */
function readTrace(ask: WireRead): i32 {
  const hart: u32 = ask.index;
  if (hart >= hartCount()) return Status.NotFound;
  const answer = begin(ask);
  answer.position = traceFrom(hart, ask.position);
  addBytes(traceRead(hart, answer.position, answerEnd(), most(ask) / TRACE_RECORD_BYTES) * TRACE_RECORD_BYTES);
  answer.end = traceWritten(hart);
  return Status.Ok;
}

export function writeConsole(body: usize, bytes: u32): i32 {
  const ask = changetype<WireWrite>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  const answer = changetype<WireWriteAnswer>(addRecord(WIRE_WRITE_ANSWER_SIZE));
  answer.position = ask.position;
  consoleWrite(guest.console, answer, body + WIRE_WRITE_SIZE, bytes - WIRE_WRITE_SIZE);
  return Status.Ok;
}

/** Consoles that were not read for a while hold their guests back no more. */
export function unfollowIdle(at: u64): void {
  for (let number: u32 = 1; number <= MAX_GUESTS; number++) {
    const console = consoleByNumber(number);
    if (changetype<usize>(console) != 0 && console.followed && at >= console.followUntil) consoleUnfollow(console);
  }
}

/** The session is over. */
export function unfollowAll(): void {
  unfollowIdle(u64.MAX_VALUE);
}
