// SPDX-License-Identifier: Apache-2.0
// Why something that was asked for is refused, in words: which limit, which property. Set by whoever refuses, read by
// whoever asked (boot, the terminal, the channel) right after. Boot, and worker context with the creation lock held.

// @lock creation
let words: string = "";
let last: i32 = 0;

/** Remembers the reason and answers the status, so that a check is one line. */
export function refuse(status: i32, why: string): i32 {
  words = why;
  last = status;
  return status;
}

/** The reason of the last refusal. */
export function refusalWords(): string {
  return words;
}

/** Its status, for makers that answer null. */
export function refusalStatus(): i32 {
  return last;
}
