// SPDX-License-Identifier: Apache-2.0
// The guest's instruction at its pc, read with the guest's own translation and permissions. Trap context. The guest
// may have unmapped or rewritten it since the trap: a failed fetch is an answer, not a fault.
import * as hw from "../../hw";

/** The fetch failed. No instruction: its low bits would make it a compressed one. */
export const NO_INSTRUCTION: u32 = u32.MAX_VALUE - 1;
const FAILED: u32 = 0x1_0000;

/** 16 or 32 bits at `gva`, or NO_INSTRUCTION. */
export function fetchInstruction(gva: u64): u32 {
  const low = hw.fetchGuestParcel(gva);
  if (low & FAILED) return NO_INSTRUCTION;
  if ((low & 3) != 3) return low;
  const high = hw.fetchGuestParcel(gva + 2);
  return high & FAILED ? NO_INSTRUCTION : low | (high << 16);
}
