// SPDX-License-Identifier: Apache-2.0
// How an SBI function answers: error in a0, value in a1, and nothing left over in either. @spec sbi §3
import { Vcpu } from "../../../guest/vcpu";
import { SBI_ERR_INVALID_PARAM } from "../sbi-spec";

/** Success with a value. */
export function succeed(vcpu: Vcpu, value: u64): void {
  vcpu.x10 = 0;
  vcpu.x11 = value;
}

/** An error of the specification; the value is zero. */
export function failWith(vcpu: Vcpu, error: i64): void {
  vcpu.x10 = <u64>error;
  vcpu.x11 = 0;
}

export function invalid(vcpu: Vcpu): void {
  failWith(vcpu, SBI_ERR_INVALID_PARAM);
}
