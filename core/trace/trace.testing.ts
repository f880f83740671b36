// SPDX-License-Identifier: Apache-2.0
// What the tests of the trace's rings need besides their interface: harts with rings, records, and fields by name.
// Compiled only into test modules; no part of the hypervisor imports it.
import { Hart } from "../host/hart";
import { hartByIndex, newHart } from "../host/harts";
import { allocate, arenaGrow } from "../mem/arena";
import { traceBegin, traceCommit, traceInit, TraceRecord } from "./ring";

export * from "./ring";
export * from "./control";
export { exitName } from "../guest/exit-name";

export const RESCHEDULE_AT: u32 = offsetof<Hart>("reschedule");
export const TRACING_AT: u32 = offsetof<Hart>("tracing");
export const TIME: u32 = offsetof<TraceRecord>("time");
export const A: u32 = offsetof<TraceRecord>("a");
export const B: u32 = offsetof<TraceRecord>("b");
export const DURATION: u32 = offsetof<TraceRecord>("duration");
export const KIND: u32 = offsetof<TraceRecord>("kind");
export const SUB: u32 = offsetof<TraceRecord>("sub");
export const GUEST: u32 = offsetof<TraceRecord>("guest");
export const VCPU: u32 = offsetof<TraceRecord>("vcpu");
export const RECORD_BYTES: u32 = offsetof<TraceRecord>();

/** `harts` harts come to be, those before `traced` with rings. */
export function testSetup(harts: u32, traced: u32): void {
  arenaGrow(0x10_0000);
  for (let i: u32 = 0; i < harts; i++) newHart(i);
  traceInit(traced);
}

export function testHart(index: u32): usize {
  return changetype<usize>(hartByIndex(index));
}

export function testRoom(bytes: u32): usize {
  return allocate(bytes);
}

/** This hart is in the middle of a record. */
export function testBegin(): void {
  traceBegin(1).a = 0xbad;
}

/** This hart writes one record. */
export function testWrite(a: u64): void {
  const record = traceBegin(1);
  record.a = a;
  record.b = ~a;
  traceCommit();
}
