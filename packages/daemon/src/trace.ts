// SPDX-License-Identifier: Apache-2.0
// The trace as it crosses the API: first one line of JSON, then pieces, each a header and whole records of one hart.
//
//   {"ticksPerSecond":10000000,"harts":2}\n
//   u32 hart   u32 position of the first record   u32 records lost for good just before it   u32 count   count × 32 bytes
//
// Little-endian; positions count records and wrap. The records are those of packages/trace.

export interface TraceHeader {
  readonly ticksPerSecond: number;
  readonly harts: number;
}

export interface TracePiece {
  readonly hart: number;
  readonly position: number;
  readonly lost: number;
  /** Whole records, TRACE_RECORD_BYTES each. */
  readonly bytes: Uint8Array;
}

export const TRACE_RECORD_BYTES = 32;
const PIECE_HEADER = 16;
const MOST_HEADER = 4096;
const MOST_RECORDS = 1 << 16;

export function encodeTraceHeader(header: TraceHeader): Uint8Array {
  return Buffer.from(`${JSON.stringify(header)}\n`);
}

export function encodeTracePiece(piece: TracePiece): Uint8Array {
  const count = Math.floor(piece.bytes.length / TRACE_RECORD_BYTES);
  const bytes = new Uint8Array(PIECE_HEADER + count * TRACE_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  [piece.hart, piece.position, piece.lost, count].forEach((word, index) => view.setUint32(index * 4, word, true));
  bytes.set(piece.bytes.subarray(0, count * TRACE_RECORD_BYTES), PIECE_HEADER);
  return bytes;
}

/** Takes the stream apart, in pieces of any size. */
export class TraceDecoder {
  header: TraceHeader | undefined;
  #rest: Buffer = Buffer.alloc(0);

  /** Error when the stream is no trace. */
  push(bytes: Uint8Array): TracePiece[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    if (!this.header && !this.#takeHeader()) return [];
    const pieces: TracePiece[] = [];
    while (this.#rest.length >= PIECE_HEADER) {
      const count = this.#rest.readUInt32LE(12);
      if (count > MOST_RECORDS) throw new Error("the trace that the daemon sent is damaged");
      const end = PIECE_HEADER + count * TRACE_RECORD_BYTES;
      if (this.#rest.length < end) break;
      pieces.push({
        hart: this.#rest.readUInt32LE(0),
        position: this.#rest.readUInt32LE(4),
        lost: this.#rest.readUInt32LE(8),
        bytes: Uint8Array.from(this.#rest.subarray(PIECE_HEADER, end)),
      });
      this.#rest = this.#rest.subarray(end);
    }
    return pieces;
  }

  #takeHeader(): boolean {
    const end = this.#rest.indexOf(0x0a);
    if (end < 0) {
      if (this.#rest.length > MOST_HEADER) throw new Error("what the daemon sent is no trace");
      return false;
    }
    this.header = JSON.parse(this.#rest.subarray(0, end).toString("utf8")) as TraceHeader;
    this.#rest = this.#rest.subarray(end + 1);
    return true;
  }
}
