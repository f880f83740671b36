// SPDX-License-Identifier: Apache-2.0
// What harts do to each other through firmware. An interrupted hart only notices; what it must do stands in its queue or
// in its vCPU's requests. A fence happens inside firmware on the other harts.
import * as hw from "../../hw";
import { hartByIndex, hartCount } from "../../host/harts";
import { Guest } from "../../guest/guest";
import { thisHart } from "../../host/hart";
import {
  SBI_EXT_IPI,
  SBI_EXT_RFENCE,
  SBI_IPI_SEND_IPI,
  SBI_RFENCE_HFENCE_GVMA,
  SBI_RFENCE_SFENCE_VMA,
} from "./sbi-spec";

/** Interrupts the hart of that index; harmless when it is this one or has nothing to do. */
export function kickHart(index: u32): void {
  hw.sbi(<u32>SBI_EXT_IPI, <u32>SBI_IPI_SEND_IPI, 1, hartByIndex(index).id, 0);
}

/**
 * Every hart sees pages that were added to the hypervisor's own table: a hart may remember that they were missing.
 * @spec sbi §8.2, priv §12.2.1
 */
export function fenceHarts(): void {
  hw.sbi(<u32>SBI_EXT_RFENCE, <u32>SBI_RFENCE_SFENCE_VMA, 0, u64.MAX_VALUE, 0);
}

/**
 * Every hart on which the guest ran forgets its guest-physical translations, of every VMID: an older one may still be in use.
 * @spec sbi §8.4
 */
export function fenceGuestPages(guest: Guest): void {
  for (let i: u32 = 0; i < hartCount(); i++) {
    if (i == thisHart().index) hw.fenceStage2All();
    else if (load<u8>(guest.lastVcpu + i)) {
      hw.sbi(<u32>SBI_EXT_RFENCE, <u32>SBI_RFENCE_HFENCE_GVMA, 1, hartByIndex(i).id, 0);
    }
  }
}
