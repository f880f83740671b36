// SPDX-License-Identifier: Apache-2.0
// Payload `nothing`: shuts down at once. What a run of it costs the hypervisor is start and end of a guest without any
// life in between; bench/boot.ts takes that off.
import { SBI_SRST_TYPE_SHUTDOWN } from "../../core/arch/riscv64/sbi-spec";
import { reset } from "../lib/sbi";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

export function main(_hart: u64, _fdt: u64): void {
  reset(SBI_SRST_TYPE_SHUTDOWN);
}
