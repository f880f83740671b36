// SPDX-License-Identifier: Apache-2.0
// Bytes of a hart's trace ring as records, by the layout of packages/spec/src/tables/trace.ts, and a reader that follows
// a ring through its positions and says how much it missed.
import { trace } from "@typeone/spec";

export interface TraceRecord {
  /** Host time in ticks at which it was written. */
  readonly time: bigint;
  readonly a: bigint;
  readonly b: bigint;
  /** Ticks up to `time`. */
  readonly duration: number;
  /** TRACE_EXIT and so on, and what it says more closely. */
  readonly kind: number;
  readonly sub: number;
  /** Number of the guest, 0 for the host, and its vCPU. */
  readonly guest: number;
  readonly vcpu: number;
}

export const RECORD_BYTES = trace.TRACE_RECORD_BYTES;

function decodeRecord(view: DataView, at: number): TraceRecord {
  return {
    time: view.getBigUint64(at + trace.TRACE_TIME, true),
    a: view.getBigUint64(at + trace.TRACE_A, true),
    b: view.getBigUint64(at + trace.TRACE_B, true),
    duration: view.getUint32(at + trace.TRACE_DURATION, true),
    kind: view.getUint8(at + trace.TRACE_KIND),
    sub: view.getUint8(at + trace.TRACE_SUB),
    guest: view.getUint8(at + trace.TRACE_GUEST),
    vcpu: view.getUint8(at + trace.TRACE_VCPU),
  };
}

/** Whole records in `bytes`; a rest that is no whole record, and kinds that this version does not know, are left out. */
export function decodeRecords(bytes: Uint8Array): TraceRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: TraceRecord[] = [];
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const record = decodeRecord(view, at);
    if (record.kind > 0 && record.kind < trace.TRACE_KINDS) records.push(record);
  }
  return records;
}

export interface Piece {
  readonly records: readonly TraceRecord[];
  /** Records between the last piece and this one that nobody will see. */
  readonly lost: number;
}

/** Follows one hart's ring. Positions count records and wrap at 2^32. */
export class RingReader {
  /** The next wanted position. */
  position: number;

  constructor(position = 0) {
    this.position = position >>> 0;
  }

  /** Takes what was read from `begun` on: what came before is skipped, what is missing is counted. */
  push(begun: number, bytes: Uint8Array): Piece {
    const count = Math.floor(bytes.length / RECORD_BYTES);
    const ahead = (begun - this.position) | 0;
    const known = ahead < 0 ? Math.min(-ahead, count) : 0;
    if (ahead < 0 && -ahead > count) return { records: [], lost: 0 };
    this.position = (begun + count) >>> 0;
    return { records: decodeRecords(bytes.subarray(known * RECORD_BYTES)), lost: Math.max(ahead, 0) };
  }
}
