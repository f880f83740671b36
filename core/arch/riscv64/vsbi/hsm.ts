// SPDX-License-Identifier: Apache-2.0
// HSM: starting, stopping and suspending vCPUs. State changes happen under the guest's lock, so of several starts
// exactly one wins. @spec sbi §9
import { acquire, release } from "../../../lib/lock";
import { inGuestRam } from "../../../guest/memory";
import { HSM_STOPPED, Vcpu } from "../../../guest/vcpu";
import { startVcpu, stopCurrentVcpu, suspendCurrentVcpu } from "../../../guest/power";
import {
  SBI_ERR_ALREADY_AVAILABLE,
  SBI_ERR_FAILED,
  SBI_ERR_INVALID_ADDRESS,
  SBI_ERR_NOT_SUPPORTED,
  SBI_HSM_HART_GET_STATUS,
  SBI_HSM_HART_START,
  SBI_HSM_HART_STOP,
  SBI_HSM_HART_SUSPEND,
  SBI_HSM_SUSPEND_NON_RET_DEFAULT,
  SBI_HSM_SUSPEND_NON_RET_PLATFORM,
  SBI_HSM_SUSPEND_RET_DEFAULT,
  SBI_HSM_SUSPEND_RET_LAST,
  SBI_HSM_SUSPEND_RET_PLATFORM,
} from "../sbi-spec";
import { vcpuOf } from "./mask";
import { failWith, invalid, succeed } from "./result";

export function sbiHsm(vcpu: Vcpu, func: u64): void {
  if (func == SBI_HSM_HART_GET_STATUS) hartStatus(vcpu);
  else if (func == SBI_HSM_HART_START) hartStart(vcpu);
  else if (func == SBI_HSM_HART_STOP) hartStop(vcpu);
  else if (func == SBI_HSM_HART_SUSPEND) hartSuspend(vcpu);
  else failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
}

function hartStatus(vcpu: Vcpu): void {
  if (vcpu.x10 >= <u64>vcpu.guest.vcpuCount) invalid(vcpu);
  else succeed(vcpu, vcpuOf(vcpu.guest, vcpu.x10).hsm);
}

/** Code must be in RAM at an address that an instruction can have. */
function canStartAt(vcpu: Vcpu, gpa: u64): bool {
  return (gpa & 1) == 0 && inGuestRam(vcpu.guest, gpa, 4);
}

function hartStart(vcpu: Vcpu): void {
  if (vcpu.x10 >= <u64>vcpu.guest.vcpuCount) {
    invalid(vcpu);
    return;
  }
  const target = vcpuOf(vcpu.guest, vcpu.x10);
  acquire(vcpu.guest.lock);
  if (target.hsm != HSM_STOPPED) {
    failWith(vcpu, SBI_ERR_ALREADY_AVAILABLE);
  } else if (target.index >= vcpu.guest.vcpuAllowed) {
    // It exists, but the toolstack has not given it to the guest yet (vcpu-count.ts).
    failWith(vcpu, SBI_ERR_FAILED);
  } else if (!canStartAt(vcpu, vcpu.x11)) {
    failWith(vcpu, SBI_ERR_INVALID_ADDRESS);
  } else {
    startVcpu(target, vcpu.x11, vcpu.x12);
    succeed(vcpu, 0);
  }
  release(vcpu.guest.lock);
}

function hartStop(vcpu: Vcpu): void {
  // Answers only if the stop failed, which it cannot.
  succeed(vcpu, 0);
  acquire(vcpu.guest.lock);
  stopCurrentVcpu(vcpu);
  release(vcpu.guest.lock);
}

function hartSuspend(vcpu: Vcpu): void {
  const kind = vcpu.x10 & 0xffff_ffff;
  if (kind == SBI_HSM_SUSPEND_RET_DEFAULT) {
    succeed(vcpu, 0);
    suspendCurrentVcpu(vcpu);
  } else if (kind == SBI_HSM_SUSPEND_NON_RET_DEFAULT) {
    if (!canStartAt(vcpu, vcpu.x11)) {
      failWith(vcpu, SBI_ERR_INVALID_ADDRESS);
      return;
    }
    vcpu.startAddress = vcpu.x11;
    vcpu.startArgument = vcpu.x12;
    vcpu.resetOnWake = 1;
    suspendCurrentVcpu(vcpu);
  } else {
    const platform =
      (kind >= SBI_HSM_SUSPEND_RET_PLATFORM && kind <= SBI_HSM_SUSPEND_RET_LAST) ||
      kind >= SBI_HSM_SUSPEND_NON_RET_PLATFORM;
    if (platform) failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
    else invalid(vcpu);
  }
}
