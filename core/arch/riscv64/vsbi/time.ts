// SPDX-License-Identifier: Apache-2.0
// TIME: the next timer interrupt of the calling vCPU, in guest time. @spec sbi §6
import * as hw from "../../../hw";
import { Vcpu } from "../../../guest/vcpu";
import { CSR_HVIP, CSR_VSTIMECMP, HVIP_VSTIP } from "../csr";
import { SBI_ERR_NOT_SUPPORTED, SBI_TIME_SET_TIMER } from "../sbi-spec";
import { armClock } from "../switch";
import { hostHasSstc } from "../timer";
import { failWith, succeed } from "./result";

export function sbiTime(vcpu: Vcpu, func: u64): void {
  if (func != SBI_TIME_SET_TIMER) {
    failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
    return;
  }
  if (hostHasSstc()) {
    hw.csrWrite(CSR_VSTIMECMP, vcpu.x10);
  } else {
    vcpu.timer = vcpu.x10;
    hw.csrClear(CSR_HVIP, HVIP_VSTIP);
    armClock(vcpu);
  }
  succeed(vcpu, 0);
}
