// SPDX-License-Identifier: Apache-2.0
// The pair (hart mask, mask base) of SBI calls, as a plain mask over the guest's vCPUs. @spec sbi §3.2
import { Guest } from "../../../guest/guest";
import { Vcpu } from "../../../guest/vcpu";
import { SBI_HART_MASK_BASE_ALL } from "../sbi-spec";

/** A mask that names a vCPU which does not exist. */
export const BAD_MASK: u64 = u64.MAX_VALUE;

/** Bit i for vCPU i, or BAD_MASK. */
export function vcpuMask(guest: Guest, mask: u64, base: u64): u64 {
  const count = <u64>guest.vcpuCount;
  if (base == SBI_HART_MASK_BASE_ALL) return ((<u64>1) << count) - 1;
  if (base >= count || mask >> (count - base) != 0) return BAD_MASK;
  return mask << base;
}

/** vCPU `index` of the guest, which has that many. */
export function vcpuOf(guest: Guest, index: u64): Vcpu {
  return changetype<Vcpu>(load<usize>(guest.vcpus + <usize>index * sizeof<usize>()));
}
