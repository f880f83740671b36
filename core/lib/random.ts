// SPDX-License-Identifier: Apache-2.0
// The one source of random bytes: for kernels' seeds and for guests' entropy devices. A ChaCha20 generator whose key is
// replaced after every use, so that what it gave cannot be found out later. Keyed from what randomness the host has (the
// seed that firmware put into its tree) and stirred with counters at each use; without a seed from firmware the counters
// are all there is. Any context; its lock is the innermost.
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_CONSOLE, release } from "./lock";
import { CHACHA_BYTES, chachaBlock } from "./chacha";

const KEY: usize = 16;
const KEY_BYTES: u32 = 32;
const COUNTER: usize = 48;

// @lock random
const lock: usize = memory.data(LOCK_SIZE, 8);
/** "expand 32-byte k", then the key, a counter, and a nonce of zero. */
const state: usize = memory.data<u32>([
  0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
]);
const block: usize = memory.data(64, 8);

/** Boot: makes the generator ready, from `length` bytes of seed (any number). */
export function randomInit(seed: usize, length: u32): void {
  lockInit(changetype<Lock>(lock), RANK_CONSOLE);
  for (let at: u32 = 0; at < length; at += KEY_BYTES) {
    for (let i: u32 = 0; i < KEY_BYTES && at + i < length; i++) {
      const byte = state + KEY + i;
      store<u8>(byte, load<u8>(byte) ^ load<u8>(seed + at + i));
    }
    replaceKey();
  }
}

/** Adds something that an outsider cannot know exactly, such as the time. */
export function randomStir(value: u64): void {
  acquire(changetype<Lock>(lock));
  store<u64>(state + KEY, load<u64>(state + KEY) ^ value);
  release(changetype<Lock>(lock));
}

/** Writes `length` random bytes to a linear address. */
export function randomFill(ptr: usize, length: u32): void {
  acquire(changetype<Lock>(lock));
  while (length != 0) {
    const part = min(length, CHACHA_BYTES);
    nextBlock();
    memory.copy(ptr, block, part);
    ptr += part;
    length -= part;
  }
  replaceKey();
  release(changetype<Lock>(lock));
}

function nextBlock(): void {
  chachaBlock(state, block);
  store<u32>(state + COUNTER, load<u32>(state + COUNTER) + 1);
}

/** A block that nobody sees becomes the key, and nothing of the old one stays. */
function replaceKey(): void {
  nextBlock();
  memory.copy(state + KEY, block, KEY_BYTES);
  memory.fill(block, 0, CHACHA_BYTES);
  store<u32>(state + COUNTER, 0);
}
