// SPDX-License-Identifier: Apache-2.0
// ChaCha20's block function: 64 bytes from a state of 16 words (four constants, eight of key, counter, three of nonce).
// Called by random.ts in any context. Compact rather than fast: about 40 instructions a byte.
// @spec RFC 8439 §2.3

/** Bytes of a state and of a block. */
export const CHACHA_BYTES: u32 = 64;

/** One block of `state` to `out`; both are words at linear addresses. The state stays as it is. */
export function chachaBlock(state: usize, out: usize): void {
  memory.copy(out, state, CHACHA_BYTES);
  for (let round = 0; round < 10; round++) {
    for (let i: usize = 0; i < 4; i++) quarter(out, i, 4 + i, (8 + i) | ((12 + i) << 8));
    for (let i: usize = 0; i < 4; i++) {
      quarter(out, i, 4 + ((i + 1) & 3), (8 + ((i + 2) & 3)) | ((12 + ((i + 3) & 3)) << 8));
    }
  }
  for (let at: usize = 0; at < CHACHA_BYTES; at += 4) store<u32>(out + at, load<u32>(out + at) + load<u32>(state + at));
}

/** A quarter round on words a, b, c and d; `cd` is c, and d in the next byte. */
function quarter(words: usize, aIndex: usize, bIndex: usize, cd: usize): void {
  let a = load<u32>(words + (aIndex << 2));
  let b = load<u32>(words + (bIndex << 2));
  const cAt = words + ((cd & 0xff) << 2);
  const dAt = words + ((cd >> 8) << 2);
  let c = load<u32>(cAt);
  let d = load<u32>(dAt);
  a += b;
  d = rotl(d ^ a, 16);
  c += d;
  b = rotl(b ^ c, 12);
  a += b;
  d = rotl(d ^ a, 8);
  c += d;
  b = rotl(b ^ c, 7);
  store<u32>(words + (aIndex << 2), a);
  store<u32>(words + (bIndex << 2), b);
  store<u32>(cAt, c);
  store<u32>(dAt, d);
}
