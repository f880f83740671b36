// SPDX-License-Identifier: Apache-2.0
// What the harts have of the AIA besides their own interrupts: the indirect registers of guests, which are moved with a
// vCPU and trap where a guest may not use them. Boot, and trap context when a hart changes its vCPU.
import * as hw from "../../hw";
import { CSR_HVICTL, CSR_VSISELECT } from "./csr";

const ABSENT: u64 = u64.MAX_VALUE;

// @lock per boot
let present: u32 = 0;

/** 1 if the harts have Ssaia and firmware lets us use it. */
export function hostHasAia(): u32 {
  return present;
}

/** Boot hart: finds out. */
export function probeAia(): void {
  present = u32(hw.csrProbe(CSR_HVICTL, ABSENT) != ABSENT && hw.csrProbe(CSR_VSISELECT, ABSENT) != ABSENT);
}
