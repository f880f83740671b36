// SPDX-License-Identifier: Apache-2.0
// Interrupts between host harts, through firmware. The receiver only notices; what it must do stands in its queue
// or in its vCPU's requests.
import * as hw from "../../hw";
import { hartByIndex } from "../../host/harts";
import { SBI_EXT_IPI, SBI_IPI_SEND_IPI } from "./sbi-spec";

/** Interrupts the hart of that index; harmless when it is this one or has nothing to do. */
export function kickHart(index: u32): void {
  hw.sbi(<u32>SBI_EXT_IPI, <u32>SBI_IPI_SEND_IPI, 1, hartByIndex(index).id, 0);
}
