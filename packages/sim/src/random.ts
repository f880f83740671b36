// SPDX-License-Identifier: Apache-2.0
// A small seeded generator: the same seed gives the same schedule on every machine. Used by the simulated machine
// for the choice of the next hart and by tests for their data; never for anything that must be hard to guess.

export interface Random {
  /** An integer from 0 to bound - 1. */
  below(bound: number): number;
  /** True with the given probability. */
  chance(probability: number): boolean;
  /** 64 random bits. */
  bits64(): bigint;
  pick<T>(items: readonly T[]): T;
}

/** A generator for `seed` (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (bound: number): number => Math.floor((next() / 4294967296) * bound);
  return {
    below,
    chance: (probability) => next() / 4294967296 < probability,
    bits64: () => (BigInt(next()) << 32n) | BigInt(next()),
    pick: <T>(items: readonly T[]): T => {
      if (items.length === 0) throw new Error("nothing to pick from");
      return items[below(items.length)] as T;
    },
  };
}
