// SPDX-License-Identifier: Apache-2.0
// IPI: software interrupts between a guest's vCPUs. To itself it is one CSR write. @spec sbi §7
import * as hw from "../../../hw";
import { HSM_STARTED, HSM_SUSPENDED, Vcpu } from "../../../guest/vcpu";
import { CSR_HVIP, HVIP_VSSIP } from "../csr";
import { vcpuSendSoft } from "../inject";
import { SBI_ERR_NOT_SUPPORTED, SBI_IPI_SEND_IPI } from "../sbi-spec";
import { BAD_MASK, vcpuMask, vcpuOf } from "./mask";
import { failWith, invalid, succeed } from "./result";

export function sbiIpi(vcpu: Vcpu, func: u64): void {
  if (func != SBI_IPI_SEND_IPI) {
    failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
    return;
  }
  let mask = vcpuMask(vcpu.guest, vcpu.x10, vcpu.x11);
  if (mask == BAD_MASK) {
    invalid(vcpu);
    return;
  }
  const self = (<u64>1) << (<u64>vcpu.index);
  if (mask & self) {
    hw.csrSet(CSR_HVIP, HVIP_VSSIP);
    mask &= ~self;
  }
  for (let index: u64 = 0; mask >> index != 0; index++) {
    if ((mask >> index) & 1) sendTo(vcpuOf(vcpu.guest, index));
  }
  succeed(vcpu, 0);
}

/** A stopped vCPU has no interrupts; one that starts later starts with none pending. */
function sendTo(target: Vcpu): void {
  const state = hw.atomicLoad(changetype<usize>(target) + offsetof<Vcpu>("hsm"));
  if (state == HSM_STARTED || state == HSM_SUSPENDED) vcpuSendSoft(target);
}
