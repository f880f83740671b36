// SPDX-License-Identifier: Apache-2.0
// Driver for this hart's own IMSIC, supervisor file, reached through CSRs. Called by host.ts on each hart at boot, and
// from a trap to claim. The indirect CSRs (siselect, sireg) are the hypervisor's alone: guests have vsiselect.
// @spec aia §3.8, §3.10
import * as hw from "../../../hw";
import { CSR_SIREG, CSR_SISELECT, CSR_STOPEI } from "../csr";
import { IMSIC_EIDELIVERY, IMSIC_EIE0, IMSIC_EIP0, IMSIC_EITHRESHOLD } from "./spec";

/** stopei: identity in bits 26:16, its priority (the same number) in bits 10:0. */
const STOPEI_ID_SHIFT: u64 = 16;

function writeIndirect(register: u64, value: u64): void {
  hw.csrWrite(CSR_SISELECT, register);
  hw.csrWrite(CSR_SIREG, value);
}

/** Forgets what is pending, enables nothing, and makes the file deliver. `identities` is the highest identity. */
export function imsicInitHart(identities: u32): void {
  writeIndirect(IMSIC_EIDELIVERY, 0);
  for (let id: u32 = 0; id <= identities; id += 64) {
    writeIndirect(IMSIC_EIE0 + <u64>(id >> 5), 0);
    writeIndirect(IMSIC_EIP0 + <u64>(id >> 5), 0);
  }
  writeIndirect(IMSIC_EITHRESHOLD, 0);
  writeIndirect(IMSIC_EIDELIVERY, 1);
}

/** Lets identity `id` interrupt this hart. On 64 bits each even register holds 64 identities. */
export function imsicEnable(id: u32): void {
  hw.csrWrite(CSR_SISELECT, IMSIC_EIE0 + ((<u64>(id >> 6)) << 1));
  hw.csrSet(CSR_SIREG, (<u64>1) << (id & 63));
}

/** Stops identity `id` from interrupting this hart. */
export function imsicDisable(id: u32): void {
  hw.csrWrite(CSR_SISELECT, IMSIC_EIE0 + ((<u64>(id >> 6)) << 1));
  hw.csrClear(CSR_SIREG, (<u64>1) << (id & 63));
}

/** Claims the identity to serve, 0 for none. */
export function imsicClaim(): u32 {
  return <u32>(hw.csrSwap(CSR_STOPEI, 0) >> STOPEI_ID_SHIFT);
}
