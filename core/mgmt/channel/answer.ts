// SPDX-License-Identifier: Apache-2.0
// The one frame that an answer is made in: begun with its request's header, filled by an operation with structs, records,
// bytes or words, and sent by session.ts. Never longer than a frame may be: what does not fit is left out, and whoever adds
// it is told. Called in the channel's worker only.
import { WIRE_CRC, WIRE_HEADER, WIRE_KIND_ANSWER, WIRE_MAX_BODY, WIRE_VERSION } from "../wire";
import { WIRE_REFUSAL_SIZE } from "../wire-structs";

const STATUS: usize = 14;

// @lock none: the channel's worker only.
const frame: usize = memory.data(<i32>(WIRE_HEADER + WIRE_MAX_BODY + WIRE_CRC + 4), 8);
let length: u32 = 0;

/** An answer without a body to the request at `request`. */
export function beginAnswer(request: usize): void {
  memory.copy(frame, request, WIRE_HEADER);
  store<u8>(frame, <u8>WIRE_VERSION, 1);
  store<u8>(frame, <u8>WIRE_KIND_ANSWER, 2);
  store<u8>(frame, 0, 3);
  length = 0;
}

/** The finished frame; answerLength() bytes of it are header and body. */
export function finishAnswer(status: i32): usize {
  store<i16>(frame + STATUS, <i16>status);
  return frame;
}

export function answerLength(): u32 {
  return WIRE_HEADER + length;
}

/** Puts a frame in the answer's place that was sent before. */
export function repeatAnswer(kept: usize, bytes: u32): void {
  memory.copy(frame, kept, bytes);
  length = bytes - WIRE_HEADER;
}

/** Bytes that the body has left. */
export function answerRoom(): u32 {
  return WIRE_MAX_BODY - length;
}

/** A zeroed struct or record of `size` bytes behind what is there; 0 if it does not fit. */
export function addRecord(size: u32): usize {
  if (size > answerRoom()) return 0;
  const at = frame + WIRE_HEADER + length;
  memory.fill(at, 0, size);
  length += size;
  return at;
}

/** `count` bytes that were put behind what is there, where answerEnd() is. */
export function addBytes(count: u32): void {
  assert(count <= answerRoom());
  length += count;
}

export function answerEnd(): usize {
  return frame + WIRE_HEADER + length;
}

/** Text of a literal into a field of `size` zeroed bytes, its last one a NUL. */
export function putText(at: usize, size: u32, text: string): void {
  const units = changetype<usize>(text);
  const count = min<u32>(text.length, size - 1);
  for (let i: u32 = 0; i < count; i++) store<u8>(at + i, load<u8>(units + ((<usize>i) << 1)));
}

/** The same of NUL-terminated bytes. */
export function putBytes(at: usize, size: u32, text: usize): void {
  for (let i: u32 = 0; i < size - 1 && load<u8>(text + i) != 0; i++) store<u8>(at + i, load<u8>(text + i));
}

/** Why not, in words: the whole body of an answer whose status is not 0. */
export function refuse(status: i32, words: string): i32 {
  length = 0;
  putText(addRecord(WIRE_REFUSAL_SIZE), WIRE_REFUSAL_SIZE, words);
  return status;
}
