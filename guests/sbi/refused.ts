// SPDX-License-Identifier: Apache-2.0
// One SBI call that must fail: the error is the wanted one and a1 comes back as 0 (nothing left over from elsewhere).
import { equal, equalSigned } from "../lib/result";
import { onOpenSbi } from "../lib/sbi";
import { ecall, ecallValue } from "../runtime/hw";

export function refused(what: string, extension: u64, func: u64, error: i64): void {
  refused3(what, extension, func, error, 0, 0, 0);
}

export function refused3(what: string, extension: u64, func: u64, error: i64, a0: u64, a1: u64, a2: u64): void {
  equalSigned(what, ecall(extension, func, a0, a1, a2, 0x5a5a, 0x5a5a, 0x5a5a), error);
  const left = ecallValue();
  if (!onOpenSbi()) equal("a1 after an error", left, 0);
}
