// SPDX-License-Identifier: Apache-2.0
// The Internet checksum over frames and linear memory. Sums are kept in the processor's byte order, which the checksum
// does not mind, and folded at the end. Trap context; the work is that of reading the bytes once. @spec RFC 1071
import { forwarding, Frame, frameRead } from "./frame";

/** Bytes that are read at once. */
const PIECE: u32 = 4096;

/** Adds [ptr, ptr + length) to a sum as 16-bit words in memory order; a last odd byte counts as followed by 0. `ptr` is even. */
export function sumBytes(sum: u64, ptr: usize, length: u32): u64 {
  const end = ptr + length;
  while (ptr & 7 && ptr + 2 <= end) {
    sum += load<u16>(ptr);
    ptr += 2;
  }
  while (ptr + 8 <= end) {
    const word = load<u64>(ptr);
    sum += (word & 0xffff_ffff) + (word >> 32);
    ptr += 8;
  }
  while (ptr + 2 <= end) {
    sum += load<u16>(ptr);
    ptr += 2;
  }
  return ptr < end ? sum + load<u8>(ptr) : sum;
}

/** A sum's checksum as it is stored: never 0, which says "none" in UDP, and is the same as its complement elsewhere. */
export function checksumOf(sum: u64): u16 {
  const folded = <u16>~fold(sum);
  return folded == 0 ? 0xffff : folded;
}

function fold(sum: u64): u32 {
  sum = (sum & 0xffff_ffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  return <u32>((sum & 0xffff) + (sum >> 16));
}

/**
 * Completes the checksum at byte `at` of a frame's head over everything from byte `start` on; the field holds what is to
 * be added besides. Reads the frame piece by piece into the flat frame's buffer, which is free then.
 */
export function completeChecksum(frame: Frame, start: u32, at: u32): void {
  const piece = forwarding().flat.head & ~7;
  let sum: u64 = 0;
  for (let offset = start; offset < frame.length;) {
    const length = min(frame.length - offset, PIECE);
    frameRead(frame, offset, piece, length);
    sum = sumBytes(sum, piece, length);
    offset += length;
  }
  storeHalf(frame.head + at, checksumOf(sum));
}

/** Stores 16 bits as they are at any address. */
function storeHalf(ptr: usize, value: u16): void {
  store<u8>(ptr, <u8>value);
  store<u8>(ptr + 1, <u8>(value >> 8));
}
