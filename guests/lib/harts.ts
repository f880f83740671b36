// SPDX-License-Identifier: Apache-2.0
// Starting the other harts and meeting them: used by the payloads ipi, smp, fp and hostile.
import { SBI_HSM_STATE_STARTED, SBI_HSM_STATE_STOPPED, SBI_SUCCESS } from "../../core/arch/riscv64/sbi-spec";
import { atomicLoad, secondaryEntry } from "../runtime/hw";
import { check, equal, equalSigned } from "./result";
import { hartCount, hartStart, hartStatus } from "./sbi";
import { now } from "./trap";

/** 20 s of guest time: longer means that it will never come. */
const LIMIT: u64 = 200000000;

/** Waits until the 32-bit word at `ptr` is `wanted`. */
export function await32(what: string, ptr: usize, wanted: u32): void {
  const end = now() + LIMIT;
  while (atomicLoad(ptr) != wanted && now() < end) {}
  equal(what, atomicLoad(ptr), wanted);
}

export function awaitStatus(what: string, hart: u64, wanted: u64): void {
  const end = now() + LIMIT;
  while (hartStatus(hart) != wanted && now() < end) {}
  equal(what, hartStatus(hart), wanted);
}

/** Starts every other hart with its own number as argument; answers how many there are with this one. */
export function startOthers(self: u64): u64 {
  const count = hartCount();
  for (let hart: u64 = 0; hart < count; hart++) {
    if (hart == self) continue;
    equal("stopped before its start", hartStatus(hart), SBI_HSM_STATE_STOPPED);
    equalSigned("start", hartStart(hart, secondaryEntry(), hart), SBI_SUCCESS);
  }
  for (let hart: u64 = 0; hart < count; hart++) awaitStatus("started", hart, SBI_HSM_STATE_STARTED);
  check("harts", count > 0, count);
  return count;
}
