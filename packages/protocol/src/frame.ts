// SPDX-License-Identifier: Apache-2.0
// Frames of the management channel: on the wire 00, COBS, 00; inside a header, a body and a CRC. The decoder takes bytes
// in pieces of any size and keeps at most one frame; what is no good frame is dropped up to the next zero byte and
// counted. Pure; the core's twin is core/mgmt/link/frame.ts.
import { crc32 } from "./crc32.ts";
import { WIRE_CRC, WIRE_HEADER, WIRE_MAX_BODY, WIRE_VERSION } from "./generated.ts";

export interface Frame {
  /** WIRE_VERSION when absent. */
  readonly version?: number;
  /** WIRE_KIND_REQUEST, _ANSWER or _NOTICE. */
  readonly kind: number;
  readonly session: number;
  readonly sequence: number;
  readonly operation: number;
  /** 0 when absent. */
  readonly status?: number;
  readonly body: Uint8Array;
}

/** A frame as it came in: nothing is absent. */
export type ReceivedFrame = Required<Frame>;

/** Bytes of the longest frame, with its checksum. */
export const FRAME_MOST = WIRE_HEADER + WIRE_MAX_BODY + WIRE_CRC;
/** Bytes of the longest one between two delimiters. */
const PIECE_MOST = FRAME_MOST + Math.floor(FRAME_MOST / 254) + 1;
const FULL_BLOCK = 255;

/** Wire bytes of a frame, both delimiters included. RangeError when its body is too long. */
export function encodeFrame(frame: Frame): Uint8Array {
  const { body } = frame;
  if (body.length > WIRE_MAX_BODY) throw new RangeError(`a body of ${body.length} bytes is over ${WIRE_MAX_BODY}`);
  const content = new Uint8Array(WIRE_HEADER + body.length + WIRE_CRC);
  const view = new DataView(content.buffer);
  view.setUint8(1, frame.version ?? WIRE_VERSION);
  view.setUint8(2, frame.kind);
  view.setUint32(4, frame.session, true);
  view.setUint32(8, frame.sequence, true);
  view.setUint16(12, frame.operation, true);
  view.setInt16(14, frame.status ?? 0, true);
  content.set(body, WIRE_HEADER);
  const covered = content.length - WIRE_CRC;
  view.setUint32(covered, crc32(content.subarray(0, covered)), true);
  return stuff(content);
}

function stuff(content: Uint8Array): Uint8Array {
  const wire = new Uint8Array(content.length + Math.floor(content.length / 254) + 3);
  let code = 1;
  let to = 2;
  const close = () => {
    wire[code] = to - code;
    code = to++;
  };
  for (let at = 0; at < content.length; at++) {
    const byte = content[at] as number;
    if (byte === 0) {
      close();
      continue;
    }
    wire[to++] = byte;
    if (to - code === FULL_BLOCK && at < content.length - 1) close();
  }
  wire[code] = to - code;
  return wire.subarray(0, to + 1);
}

/** The bytes behind a piece's COBS, in `to`; answers how many, or -1 when they are none or too many. */
function unstuff(piece: Uint8Array, to: Uint8Array): number {
  let length = 0;
  for (let at = 0; at < piece.length;) {
    const code = piece[at] as number;
    const end = at + code;
    if (end > piece.length || length + code - 1 > to.length) return -1;
    to.set(piece.subarray(at + 1, end), length);
    length += code - 1;
    at = end;
    if (code === FULL_BLOCK || at === piece.length) continue;
    if (length === to.length) return -1;
    to[length++] = 0;
  }
  return length;
}

/** Makes frames of a byte stream. */
export class FrameDecoder {
  /** Good frames, pieces between zeros that were none, and bytes in all. */
  frames = 0;
  bad = 0;
  bytes = 0;
  readonly #piece = new Uint8Array(PIECE_MOST);
  readonly #content = new Uint8Array(FRAME_MOST);
  /** Bytes of the piece so far; over PIECE_MOST when it is too long for a frame. */
  #length = 0;

  /** Takes bytes and answers the frames that they completed. */
  push(bytes: Uint8Array): ReceivedFrame[] {
    const frames: ReceivedFrame[] = [];
    this.bytes += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const zero = bytes.indexOf(0, at);
      const end = zero < 0 ? bytes.length : zero;
      this.#take(bytes.subarray(at, end));
      if (zero < 0) break;
      const frame = this.#finish();
      if (frame) frames.push(frame);
      at = zero + 1;
    }
    return frames;
  }

  /** Forgets a frame that has begun. */
  reset(): void {
    this.#length = 0;
  }

  #take(bytes: Uint8Array): void {
    if (this.#length + bytes.length > PIECE_MOST) this.#length = PIECE_MOST + 1;
    else {
      this.#piece.set(bytes, this.#length);
      this.#length += bytes.length;
    }
  }

  #finish(): ReceivedFrame | undefined {
    const length = this.#length;
    this.#length = 0;
    if (length === 0) return undefined;
    const frame = length > PIECE_MOST ? undefined : this.#parse(this.#piece.subarray(0, length));
    if (frame) this.frames++;
    else this.bad++;
    return frame;
  }

  #parse(piece: Uint8Array): ReceivedFrame | undefined {
    const covered = unstuff(piece, this.#content) - WIRE_CRC;
    const content = this.#content;
    if (covered < WIRE_HEADER || content[0] !== 0) return undefined;
    const view = new DataView(content.buffer);
    if (view.getUint32(covered, true) !== crc32(content.subarray(0, covered))) return undefined;
    return {
      version: view.getUint8(1),
      kind: view.getUint8(2),
      session: view.getUint32(4, true),
      sequence: view.getUint32(8, true),
      operation: view.getUint16(12, true),
      status: view.getInt16(14, true),
      body: content.slice(WIRE_HEADER, covered),
    };
  }
}
