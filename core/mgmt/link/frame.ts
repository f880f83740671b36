// SPDX-License-Identifier: Apache-2.0
// Frames of the management channel: on the wire 00, COBS, 00; inside a header, a body and a CRC (wire.ts). The encoder
// makes one frame in one buffer. The decoder takes bytes in pieces of any size and keeps at most one frame; whatever is
// not a good frame is dropped up to the next zero byte and counted. Called by link.ts in worker context; holds no lock,
// never waits.
import { cobsEncode, findZero } from "../../lib/cobs";
import { crc32 } from "../../lib/crc32";
import { WIRE_CRC, WIRE_HEADER, WIRE_MAX_BODY } from "../wire";

/** Room that a decoded frame needs at most, with its checksum. */
export const FRAME_MOST: u32 = WIRE_HEADER + WIRE_MAX_BODY + WIRE_CRC;
/** Bytes of the longest frame on the wire, with both delimiters: cobsMost(FRAME_MOST) + 2. */
export const FRAME_WIRE_MOST: u32 = FRAME_MOST + FRAME_MOST / 254 + 3;

const EMPTY: u32 = 0;
const INSIDE: u32 = 1;
const BROKEN: u32 = 2;
/** Runs below this are copied byte by byte. */
const SHORT: u32 = 16;
const FULL_BLOCK: u32 = 255;

@unmanaged
export class Decoder {
  /** Bytes that came in. */
  bytes: u64 = 0;
  /** FRAME_MOST bytes, 8-byte aligned, for the frame in the making. */
  buffer: usize = 0;
  /** Bytes of it that are there. */
  length: u32 = 0;
  /** Header and body of the frame that frameDecode just ended with; 0 if it ended for want of bytes. */
  ready: u32 = 0;
  /** Bytes of the current block that are still to come; 1 in `full` if no zero follows it. */
  left: u32 = 0;
  full: u32 = 0;
  state: u32 = EMPTY;
  /** Good frames, and pieces between zeros that were none. */
  frames: u32 = 0;
  bad: u32 = 0;
}

/** Boot: an empty decoder over `buffer`. */
export function decoderInit(decoder: Decoder, buffer: usize): void {
  memory.fill(changetype<usize>(decoder), 0, offsetof<Decoder>());
  decoder.buffer = buffer;
}

/** Forgets a frame that has begun. */
export function decoderReset(decoder: Decoder): void {
  decoder.length = 0;
  decoder.left = 0;
  decoder.full = 0;
  decoder.state = EMPTY;
}

/**
 * Takes bytes from [at, end) until one good frame is there: then `ready` is not 0 and decoder.buffer holds it until the
 * next call; call again with what is left. Answers the address behind the last byte taken.
 */
export function frameDecode(decoder: Decoder, at: usize, end: usize): usize {
  const from = at;
  decoder.ready = 0;
  while (at < end && decoder.ready == 0) {
    const stop = findZero(at, end);
    if (decoder.state != BROKEN) take(decoder, at, stop);
    at = stop;
    if (stop == end) break;
    at += 1;
    finish(decoder);
  }
  decoder.bytes += at - from;
  return at;
}

/** Bytes of a frame, none of them zero. */
function take(decoder: Decoder, at: usize, stop: usize): void {
  const limit = decoder.buffer + FRAME_MOST;
  let to = decoder.buffer + decoder.length;
  let left = decoder.left;
  let full = decoder.full;
  // The first block of a frame has no zero before it.
  if (decoder.state == EMPTY) full = 1;
  if (at < stop) decoder.state = INSIDE;
  while (at < stop) {
    if (left == 0) {
      const code: u32 = load<u8>(at);
      at += 1;
      left = code - 1;
      if (!full) {
        if (to == limit) break;
        store<u8>(to, 0);
        to += 1;
      }
      full = code == FULL_BLOCK ? 1 : 0;
      if (to + left > limit) break;
    } else {
      const there = <u32>(stop - at);
      const run = left < there ? left : there;
      if (run < SHORT) for (let i: u32 = 0; i < run; i++) store<u8>(to + i, load<u8>(at + i));
      else memory.copy(to, at, run);
      to += run;
      at += run;
      left -= run;
    }
  }
  if (to + left > limit || at < stop) decoder.state = BROKEN;
  decoder.length = <u32>(to - decoder.buffer);
  decoder.left = left;
  decoder.full = full;
}

/** A zero byte: what came before it is a frame, or it is not. */
function finish(decoder: Decoder): void {
  const length = decoder.length;
  const good = decoder.state == INSIDE && decoder.left == 0 && isGood(decoder.buffer, length);
  if (good) {
    decoder.ready = length - WIRE_CRC;
    decoder.frames += 1;
  } else if (decoder.state != EMPTY) {
    decoder.bad += 1;
  }
  decoderReset(decoder);
}

function isGood(frame: usize, length: u32): bool {
  if (length < WIRE_HEADER + WIRE_CRC || load<u8>(frame) != 0) return false;
  const covered = length - WIRE_CRC;
  let sum: u32 = 0;
  for (let i: u32 = 0; i < WIRE_CRC; i++) sum |= (<u32>load<u8>(frame + covered + i)) << (i << 3);
  return sum == crc32(frame, covered);
}

/**
 * Makes wire bytes at `to` (FRAME_WIRE_MOST of room) of a frame with `length` bytes of header and body, behind which
 * there is room for the checksum: four bytes that are overwritten. Answers how many bytes it made.
 */
export function frameEncode(frame: usize, length: u32, to: usize): u32 {
  const sum = crc32(frame, length);
  for (let i: u32 = 0; i < WIRE_CRC; i++) store<u8>(frame + length + i, <u8>(sum >> (i << 3)));
  store<u8>(to, 0);
  const count = cobsEncode(frame, frame + length + WIRE_CRC, to + 1);
  store<u8>(to + 1 + count, 0);
  return count + 2;
}
