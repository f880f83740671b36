// SPDX-License-Identifier: Apache-2.0
// SRST: the guest powers off or restarts itself; nobody else notices. @spec sbi §10
import { Vcpu } from "../../../guest/vcpu";
import { guestEnded, guestRestarted } from "../../../guest/lifecycle";
import {
  SBI_ERR_FAILED,
  SBI_ERR_NOT_SUPPORTED,
  SBI_SRST_REASON_SBI_START,
  SBI_SRST_REASON_SYSTEM_FAILURE,
  SBI_SRST_SYSTEM_RESET,
  SBI_SRST_TYPE_COLD_REBOOT,
  SBI_SRST_TYPE_SHUTDOWN,
  SBI_SRST_TYPE_VENDOR_START,
  SBI_SRST_TYPE_WARM_REBOOT,
} from "../sbi-spec";
import { failWith, invalid } from "./result";

export function sbiSrst(vcpu: Vcpu, func: u64): void {
  const kind = vcpu.x10 & 0xffff_ffff;
  const reason = vcpu.x11 & 0xffff_ffff;
  if (func != SBI_SRST_SYSTEM_RESET) {
    failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
  } else if (reason > SBI_SRST_REASON_SYSTEM_FAILURE && reason < SBI_SRST_REASON_SBI_START) {
    invalid(vcpu);
  } else if (kind == SBI_SRST_TYPE_SHUTDOWN) {
    if (guestEnded(vcpu.guest) != 0) failWith(vcpu, SBI_ERR_FAILED);
  } else if (kind == SBI_SRST_TYPE_COLD_REBOOT || kind == SBI_SRST_TYPE_WARM_REBOOT) {
    if (guestRestarted(vcpu.guest) != 0) failWith(vcpu, SBI_ERR_FAILED);
  } else if (kind >= SBI_SRST_TYPE_VENDOR_START) {
    failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
  } else {
    invalid(vcpu);
  }
}
