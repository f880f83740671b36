// SPDX-License-Identifier: Apache-2.0
// The same pseudo-random numbers in each run (xorshift64).
let state: u64 = 88172645463325252;

export function seedRandom(seed: u64): void {
  state = seed * 0x9e3779b97f4a7c15 + 1;
}

export function random(): u64 {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}
