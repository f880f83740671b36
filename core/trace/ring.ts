// SPDX-License-Identifier: Apache-2.0
// The trace's rings, one per hart. Only its own hart writes a ring (trap context), without a lock; any hart reads it
// (worker context): it copies, then looks again at how far the writer came, and does not use what may have changed
// meanwhile. Positions count records since boot and wrap. Nothing waits and nothing allocates after boot.
import { now } from "../arch/seam";
import * as hw from "../hw";
import { Hart, thisHart } from "../host/hart";
import { hartByIndex, hartCount } from "../host/harts";
import { allocate } from "../mem/arena";

/** Records that a ring has; a power of two. */
export const TRACE_RECORDS: u32 = 512;
/** A reader that is too late goes on with this many, so that the writer does not catch up with it at once. */
const REGAINED: u32 = 384;

@unmanaged
export class TraceRecord {
  time: u64 = 0;
  a: u64 = 0;
  b: u64 = 0;
  duration: u32 = 0;
  kind: u8 = 0;
  sub: u8 = 0;
  guest: u8 = 0;
  vcpu: u8 = 0;
}

@unmanaged
export class TraceRing {
  /** Records ever written; TRACE_RECORDS records stand behind this header. */
  written: u32 = 0;
  /** The Entity that the trace last saw come onto the hart. */
  current: usize = 0;
}

/** Bytes of a ring. */
export const TRACE_ARENA: u32 = offsetof<TraceRing>() + TRACE_RECORDS * offsetof<TraceRecord>();

export function ringOf(hart: Hart): TraceRing {
  return changetype<TraceRing>(hart.trace);
}

/** Boot: a ring for each hart. A hart without one (no memory) is not traced. */
export function traceInit(harts: u32): void {
  for (let i: u32 = 0; i < harts; i++) hartByIndex(i).trace = allocate(TRACE_ARENA);
}

function recordAt(ring: usize, position: u32): usize {
  return ring + offsetof<TraceRing>() + <usize>(position & (TRACE_RECORDS - 1)) * offsetof<TraceRecord>();
}

/** Whether this hart traces that kind. */
export function traced(hart: Hart, kind: u32): bool {
  return ((hart.tracing >> kind) & 1) != 0;
}

/** This hart's next record, its time and kind set and everything else zero. Nobody sees it before traceCommit. */
export function traceBegin(kind: u32): TraceRecord {
  const ring = ringOf(thisHart());
  const record = changetype<TraceRecord>(recordAt(changetype<usize>(ring), ring.written));
  record.time = now();
  record.a = 0;
  record.b = 0;
  record.duration = 0;
  record.kind = <u8>kind;
  record.sub = 0;
  record.guest = 0;
  record.vcpu = 0;
  return record;
}

/** Publishes it: ordered behind its bytes, and before those of the next one. */
export function traceCommit(): void {
  hw.atomicAdd(thisHart().trace + offsetof<TraceRing>("written"), 1);
}

// ---- Readers, on any hart.

/** Records that the hart has written since boot; 0 if there is no such hart. */
export function traceWritten(hart: u32): u32 {
  const ring = hart < hartCount() ? hartByIndex(hart).trace : 0;
  return ring ? hw.atomicLoad(ring + offsetof<TraceRing>("written")) : 0;
}

/** Where a reader that wants `position` has to begin: there, or later if that is gone. */
export function traceFrom(hart: u32, position: u32): u32 {
  const written = traceWritten(hart);
  if (written - position < TRACE_RECORDS) return position;
  return written < REGAINED ? 0 : written - REGAINED;
}

/** Copies up to `max` records from `position` on; 0 if it is not written yet, or gone (traceFrom says where to go on). */
export function traceRead(hart: u32, position: u32, into: usize, max: u32): u32 {
  const ahead = traceWritten(hart) - position;
  if (ahead >= TRACE_RECORDS) return 0;
  const count = min(ahead, max);
  if (count == 0) return 0;
  hw.fence();
  const ring = hartByIndex(hart).trace;
  const whole = min(count, TRACE_RECORDS - (position & (TRACE_RECORDS - 1)));
  const split = <usize>whole * offsetof<TraceRecord>();
  memory.copy(into, recordAt(ring, position), split);
  memory.copy(into + split, recordAt(ring, 0), <usize>(count - whole) * offsetof<TraceRecord>());
  hw.fence();
  // The writer fills the record behind its newest one, which is the place of the oldest.
  return traceWritten(hart) - position < TRACE_RECORDS ? count : 0;
}
