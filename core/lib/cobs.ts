// SPDX-License-Identifier: Apache-2.0
// Consistent Overhead Byte Stuffing (Cheshire and Baker, 1997): bytes without zeros, so that a zero can delimit them. A
// block is a code n (1 to 255) and n - 1 bytes that are not zero; it stands for them and a zero, except that a block of
// 255 and the last one have no zero. Pure; any context.

/** Most data bytes of one block. */
const BLOCK: u32 = 254;
const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/** Address of the first zero byte in [at, end), or `end`. */
export function findZero(at: usize, end: usize): usize {
  for (; at < end && (at & 7) != 0; at++) if (load<u8>(at) == 0) return at;
  for (; end - at >= 8; at += 8) {
    const word = load<u64>(at);
    if ((word - ONES) & ~word & HIGHS) break;
  }
  while (at < end && load<u8>(at) != 0) at++;
  return at;
}

/** Bytes that `length` bytes become at most. */
export function cobsMost(length: u32): u32 {
  return length + length / BLOCK + 1;
}

/** Encodes [at, end) to `to`, which does not overlap it; answers how many bytes that made. */
export function cobsEncode(at: usize, end: usize, to: usize): u32 {
  let code = to;
  let out = to + 1;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    // A full block stands for no zero; it ends when more follows.
    if (out - code > BLOCK) {
      store<u8>(code, <u8>(BLOCK + 1));
      code = out;
      out += 1;
    }
    if (byte != 0) {
      store<u8>(out, byte);
    } else {
      store<u8>(code, <u8>(out - code));
      code = out;
    }
    out += 1;
  }
  store<u8>(code, <u8>(out - code));
  return <u32>(out - to);
}
