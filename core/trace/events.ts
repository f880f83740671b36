// SPDX-License-Identifier: Apache-2.0
// What others than the loop of a hart write into the trace: wake-ups, console traffic, guests that change their state.
// Each is called on every such event in any context and does nothing while this hart does not trace that kind.
import { Guest } from "../guest/guest";
import { thisHart } from "../host/hart";
import { Entity } from "../sched/entity";
import { traceBegin, traceCommit, traced } from "./ring";
import { name, who } from "./run";
import { TRACE_CONSOLE, TRACE_LIFECYCLE, TRACE_WAKE } from "./spec";

/** The entity became ready on hart `target`. */
export function traceWake(entity: Entity, target: u32): void {
  if (!traced(thisHart(), TRACE_WAKE)) return;
  const record = traceBegin(TRACE_WAKE);
  record.a = who(entity);
  record.b = target;
  name(record, entity);
  traceCommit();
}

/** `count` bytes of guest number `number` went on their way, or came for it (`input` 1). */
export function traceConsole(number: u32, input: u32, count: u32): void {
  if (!traced(thisHart(), TRACE_CONSOLE)) return;
  const record = traceBegin(TRACE_CONSOLE);
  record.guest = <u8>number;
  record.sub = <u8>input;
  record.a = count;
  traceCommit();
}

/** The guest has a new state. */
export function traceGuest(guest: Guest): void {
  if (!traced(thisHart(), TRACE_LIFECYCLE)) return;
  const record = traceBegin(TRACE_LIFECYCLE);
  record.guest = <u8>(guest.id + 1);
  record.sub = <u8>guest.state;
  traceCommit();
}
