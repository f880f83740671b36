// SPDX-License-Identifier: Apache-2.0
// Records for tests: makers with defaults, their bytes, and one small story of a hart that has every kind in it.
import { trace } from "@typeone/spec";
import type { TraceRecord } from "./record.ts";

export function record(parts: Partial<TraceRecord>): TraceRecord {
  return { time: 0n, a: 0n, b: 0n, duration: 0, kind: trace.TRACE_EXIT, sub: 0, guest: 0, vcpu: 0, ...parts };
}

/** An exit of guest 1's vCPU 0 by an SBI base call. */
export function exit(parts: Partial<TraceRecord>): TraceRecord {
  return record({
    kind: trace.TRACE_EXIT,
    sub: trace.EXIT_SBI_BASE,
    guest: 1,
    a: 0x8020_0000n,
    b: 0x3_0000_0010n,
    ...parts,
  });
}

export function encodeRecord(from: TraceRecord): Buffer {
  const bytes = Buffer.alloc(trace.TRACE_RECORD_BYTES);
  bytes.writeBigUInt64LE(from.time, trace.TRACE_TIME);
  bytes.writeBigUInt64LE(from.a, trace.TRACE_A);
  bytes.writeBigUInt64LE(from.b, trace.TRACE_B);
  bytes.writeUInt32LE(from.duration, trace.TRACE_DURATION);
  bytes.writeUInt8(from.kind, trace.TRACE_KIND);
  bytes.writeUInt8(from.sub, trace.TRACE_SUB);
  bytes.writeUInt8(from.guest, trace.TRACE_GUEST);
  bytes.writeUInt8(from.vcpu, trace.TRACE_VCPU);
  return bytes;
}

const ONE = 0x1_0100n;
const TWO = 0x1_0201n;
const second = { guest: 2, vcpu: 1 };

/** Guest 1 calls, waits; the hart idles, is woken for guest 2, works for it, runs it; ticks 100 to 400. */
export const story: readonly TraceRecord[] = [
  exit({ time: 104n, duration: 4 }),
  record({ kind: trace.TRACE_INJECT, time: 104n, guest: 1, sub: trace.TRACE_LINE_SOFT }),
  exit({ time: 205n, duration: 5, sub: trace.EXIT_WFI, b: 0n }),
  record({ kind: trace.TRACE_SWITCH, time: 206n, a: 0n, b: ONE, sub: 3 }),
  record({ kind: trace.TRACE_WAKE, time: 250n, a: TWO, b: 0n, ...second }),
  record({ kind: trace.TRACE_SWITCH, time: 306n, a: TWO, b: 0n, ...second }),
  record({ kind: trace.TRACE_WORKER, time: 320n, a: 0x2_0005n, duration: 7, guest: 2 }),
  record({ kind: trace.TRACE_ENTER, time: 326n, a: 0x8000_0000n, ...second }),
  record({ kind: trace.TRACE_CONSOLE, time: 390n, a: 12n, guest: 2 }),
  record({ kind: trace.TRACE_CONSOLE, time: 391n, a: 1n, sub: 1, guest: 2 }),
  record({ kind: trace.TRACE_LIFECYCLE, time: 392n, sub: 5, guest: 2 }),
  exit({ time: 400n, duration: 6, sub: trace.EXIT_MMIO_STORE, b: 0x1000_0000n, ...second }),
];
