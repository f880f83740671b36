// SPDX-License-Identifier: Apache-2.0
// The SBI calls that payloads make, by name. Answers are the SBI's error; the value is ecallValue().
import {
  SBI_BASE_GET_IMP_ID,
  SBI_BASE_PROBE_EXT,
  SBI_EXT_BASE,
  SBI_EXT_HSM,
  SBI_EXT_IPI,
  SBI_EXT_SRST,
  SBI_EXT_TIME,
  SBI_HSM_HART_GET_STATUS,
  SBI_HSM_HART_START,
  SBI_HSM_HART_STOP,
  SBI_HSM_HART_SUSPEND,
  SBI_IPI_SEND_IPI,
  SBI_SRST_SYSTEM_RESET,
  SBI_SUCCESS,
  SBI_TIME_SET_TIMER,
} from "../../core/arch/riscv64/sbi-spec";
import { ecall, ecallValue, wfi } from "../runtime/hw";

export function call2(extension: u64, func: u64, a0: u64, a1: u64): i64 {
  return ecall(extension, func, a0, a1, 0, 0, 0, 0);
}

export function call3(extension: u64, func: u64, a0: u64, a1: u64, a2: u64): i64 {
  return ecall(extension, func, a0, a1, a2, 0, 0, 0);
}

/** Are we on bare OpenSBI? Rows where it or QEMU's hardware differs from the specification are left out there. */
export function onOpenSbi(): bool {
  call2(SBI_EXT_BASE, SBI_BASE_GET_IMP_ID, 0, 0);
  return ecallValue() == 1;
}

/** Not 0 if the extension is there. */
export function probeExtension(extension: u64): u64 {
  return call2(SBI_EXT_BASE, SBI_BASE_PROBE_EXT, extension, 0) == SBI_SUCCESS ? ecallValue() : 0;
}

export function setTimer(deadline: u64): i64 {
  return call2(SBI_EXT_TIME, SBI_TIME_SET_TIMER, deadline, 0);
}

export function sendIpi(mask: u64, base: u64): i64 {
  return call2(SBI_EXT_IPI, SBI_IPI_SEND_IPI, mask, base);
}

export function hartStart(hart: u64, address: u64, argument: u64): i64 {
  return call3(SBI_EXT_HSM, SBI_HSM_HART_START, hart, address, argument);
}

export function hartStop(): i64 {
  return call2(SBI_EXT_HSM, SBI_HSM_HART_STOP, 0, 0);
}

export function hartSuspend(kind: u64, resume: u64, argument: u64): i64 {
  return call3(SBI_EXT_HSM, SBI_HSM_HART_SUSPEND, kind, resume, argument);
}

/** SBI_HSM_STATE_*, or all ones if there is no such hart. */
export function hartStatus(hart: u64): u64 {
  return call2(SBI_EXT_HSM, SBI_HSM_HART_GET_STATUS, hart, 0) == SBI_SUCCESS ? ecallValue() : ~0;
}

/** How many harts this machine has; numbers are dense from 0 in a guest and on QEMU. */
export function hartCount(): u64 {
  let count: u64 = 0;
  while (count < 16 && hartStatus(count) != ~0) count++;
  return count;
}

export function reset(kind: u64): void {
  call2(SBI_EXT_SRST, SBI_SRST_SYSTEM_RESET, kind, 0);
  while (true) wfi();
}
