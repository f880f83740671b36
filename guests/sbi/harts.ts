// SPDX-License-Identifier: Apache-2.0
// Payload `sbi`: TIME, IPI, RFENCE and HSM as far as one hart can test them (more is in payloads ipi and smp).
import {
  SBI_ERR_ALREADY_AVAILABLE,
  SBI_ERR_INVALID_ADDRESS,
  SBI_ERR_INVALID_PARAM,
  SBI_ERR_NOT_SUPPORTED,
  SBI_EXT_HSM,
  SBI_EXT_IPI,
  SBI_EXT_RFENCE,
  SBI_EXT_TIME,
  SBI_HART_MASK_BASE_ALL,
  SBI_HSM_STATE_STARTED,
  SBI_HSM_STATE_STOPPED,
  SBI_SUCCESS,
} from "../../core/arch/riscv64/sbi-spec";
import { ramEnd } from "../lib/fdt";
import { check, equal, equalSigned } from "../lib/result";
import { hartCount, hartStart, hartStatus, hartSuspend, probeExtension, sendIpi, setTimer } from "../lib/sbi";
import { clearSoft, disable, enable, now, pending, SOFT, TIMER, waitPending } from "../lib/trap";
import { ecall, ecallValue, secondaryEntry } from "../runtime/hw";
import { refused, refused3 } from "./refused";

const SECOND: u64 = 10000000;

export function testTime(): void {
  check("TIME is there", probeExtension(SBI_EXT_TIME) != 0, 0);
  refused("TIME function 1", SBI_EXT_TIME, 1, SBI_ERR_NOT_SUPPORTED);
  equalSigned("set_timer", setTimer(0), SBI_SUCCESS);
  check("a past deadline is pending", waitPending(TIMER, SECOND), 0);
  equalSigned("set_timer off", setTimer(~0), SBI_SUCCESS);
  check("no deadline is not pending", !pending(TIMER), 0);
}

export function testIpi(hart: u64, strict: u32): void {
  check("IPI is there", probeExtension(SBI_EXT_IPI) != 0, 0);
  refused("IPI function 1", SBI_EXT_IPI, 1, SBI_ERR_NOT_SUPPORTED);
  equalSigned("IPI to self", sendIpi(1, hart), SBI_SUCCESS);
  check("IPI to self is pending", waitPending(SOFT, SECOND), 0);
  clearSoft();
  check("IPI is clear", !pending(SOFT), 0);
  equalSigned("IPI to all", sendIpi(0, SBI_HART_MASK_BASE_ALL), SBI_SUCCESS);
  check("IPI to all comes here", waitPending(SOFT, SECOND), 0);
  clearSoft();
  equalSigned("IPI to all with a mask", sendIpi(0xffff, SBI_HART_MASK_BASE_ALL), SBI_SUCCESS);
  check("IPI to all with a mask comes here", waitPending(SOFT, SECOND), 0);
  clearSoft();
  refused3("IPI to an absent hart", SBI_EXT_IPI, 0, SBI_ERR_INVALID_PARAM, 1, hartCount(), 0);
  if (strict == 0) return;
  refused3("IPI to hart 2^63", SBI_EXT_IPI, 0, SBI_ERR_INVALID_PARAM, 1, 0x8000000000000000, 0);
  refused3("IPI to hart -2", SBI_EXT_IPI, 0, SBI_ERR_INVALID_PARAM, 1, 0xfffffffffffffffe, 0);
  refused3("IPI to too many", SBI_EXT_IPI, 0, SBI_ERR_INVALID_PARAM, ~0, 0, 0);
  check("a refused IPI reaches nobody", !pending(SOFT), 0);
}

/** Kinds 1 to 4 of fence with `size`; the harts are right. */
function fence(func: u64, hart: u64, start: u64, size: u64): i64 {
  return ecall(SBI_EXT_RFENCE, func, 1, hart, start, size, 0, 0);
}

export function testRfence(hart: u64, strict: u32): void {
  check("RFENCE is there", probeExtension(SBI_EXT_RFENCE) != 0, 0);
  for (let func: u64 = 0; func <= 2; func++) {
    equalSigned("fence of nothing", fence(func, hart, 0, 0), SBI_SUCCESS);
    equalSigned("fence of a page", fence(func, hart, 0x80200000, 4096), SBI_SUCCESS);
    equalSigned("fence of everything", fence(func, hart, 0, ~0), SBI_SUCCESS);
    equalSigned("fence of half", fence(func, hart, 0x1001, 0x8000000000000000), SBI_SUCCESS);
    refused3("fence on an absent hart", SBI_EXT_RFENCE, func, SBI_ERR_INVALID_PARAM, 1, hartCount(), 0);
    if (strict != 0) refused3("fence on too many harts", SBI_EXT_RFENCE, func, SBI_ERR_INVALID_PARAM, ~0, 0, 0);
    equalSigned("fence on all", ecall(SBI_EXT_RFENCE, func, 0, SBI_HART_MASK_BASE_ALL, 0, ~0, ~0, 0), SBI_SUCCESS);
  }
  refused("RFENCE function 7", SBI_EXT_RFENCE, 7, SBI_ERR_NOT_SUPPORTED);
  if (strict == 0) return;
  for (let func: u64 = 3; func <= 6; func++) {
    refused3("a hypervisor's fence", SBI_EXT_RFENCE, func, SBI_ERR_NOT_SUPPORTED, 1, hart, 0);
  }
}

export function testHsm(hart: u64, strict: u32): void {
  const harts = hartCount();
  check("HSM is there", probeExtension(SBI_EXT_HSM) != 0, 0);
  equal("own status", hartStatus(hart), SBI_HSM_STATE_STARTED);
  refused3("status of an absent hart", SBI_EXT_HSM, 2, SBI_ERR_INVALID_PARAM, harts, 0, 0);
  refused3("status of hart -1", SBI_EXT_HSM, 2, SBI_ERR_INVALID_PARAM, ~0, 0, 0);
  if (strict != 0) refused3("status of hart 2^32", SBI_EXT_HSM, 2, SBI_ERR_INVALID_PARAM, 0x100000000, 0, 0);
  equalSigned("start of self", hartStart(hart, secondaryEntry(), 0), SBI_ERR_ALREADY_AVAILABLE);
  refused3("start of an absent hart", SBI_EXT_HSM, 0, SBI_ERR_INVALID_PARAM, harts, secondaryEntry(), 0);
  refused("HSM function 4", SBI_EXT_HSM, 4, SBI_ERR_NOT_SUPPORTED);
  refused3("suspend of a reserved type", SBI_EXT_HSM, 3, SBI_ERR_INVALID_PARAM, 1, 0, 0);
  refused3("suspend of a reserved type", SBI_EXT_HSM, 3, SBI_ERR_INVALID_PARAM, 0x80000001, secondaryEntry(), 0);
  if (harts > 1 && strict != 0) {
    const other: u64 = hart == 0 ? 1 : 0;
    refused3("start beyond RAM", SBI_EXT_HSM, 0, SBI_ERR_INVALID_ADDRESS, other, ramEnd(), 0);
    refused3("start at a device", SBI_EXT_HSM, 0, SBI_ERR_INVALID_ADDRESS, other, 0x10000000, 0);
    refused3("start at -2", SBI_EXT_HSM, 0, SBI_ERR_INVALID_ADDRESS, other, ~1, 0);
    equal("and it did not start", hartStatus(other), SBI_HSM_STATE_STOPPED);
  }
  if (strict != 0) {
    refused3("suspend with a bad resume address", SBI_EXT_HSM, 3, SBI_ERR_INVALID_ADDRESS, 0x80000000, ramEnd(), 0);
  }
  testSuspend();
}

/** Retentive suspend returns after a wake-up; bits above the low 32 of the type do not count. */
function testSuspend(): void {
  enable(TIMER);
  for (let i = 0; i < 2; i++) {
    const start = now();
    setTimer(start + 20000);
    equalSigned("suspend", hartSuspend(i == 0 ? 0 : 0x500000000, 0, 0), SBI_SUCCESS);
    check("suspend waited", now() >= start + 20000, now() - start);
    check("the timer woke it", pending(TIMER), ecallValue());
  }
  disable(TIMER);
  setTimer(~0);
}
