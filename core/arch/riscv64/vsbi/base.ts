// SPDX-License-Identifier: Apache-2.0
// BASE: which SBI this is. @spec sbi §4
import { Vcpu } from "../../../guest/vcpu";
import {
  SBI_BASE_GET_IMP_ID,
  SBI_BASE_GET_IMP_VERSION,
  SBI_BASE_GET_MARCHID,
  SBI_BASE_GET_MIMPID,
  SBI_BASE_GET_MVENDORID,
  SBI_BASE_GET_SPEC_VERSION,
  SBI_BASE_PROBE_EXT,
  SBI_ERR_NOT_SUPPORTED,
  SBI_EXT_BASE,
  SBI_EXT_DBCN,
  SBI_EXT_HSM,
  SBI_EXT_IPI,
  SBI_EXT_RFENCE,
  SBI_EXT_SRST,
  SBI_EXT_TIME,
  SBI_SPEC_VERSION_2_0,
} from "../sbi-spec";
import { failWith, succeed } from "./result";

/** Not in the specification's list of implementations: "T1" in the upper half of the number space. */
const IMPLEMENTATION_ID: u64 = 0x5431_0000;
/** 0.1.0, one byte each. */
const IMPLEMENTATION_VERSION: u64 = 0x0001_00;

/** 1 if a guest may call the extension, else 0. */
export function hasExtension(extension: u64): u64 {
  return u64(
    extension == SBI_EXT_BASE ||
      extension == SBI_EXT_TIME ||
      extension == SBI_EXT_IPI ||
      extension == SBI_EXT_RFENCE ||
      extension == SBI_EXT_HSM ||
      extension == SBI_EXT_SRST ||
      extension == SBI_EXT_DBCN,
  );
}

export function sbiBase(vcpu: Vcpu, func: u64): void {
  if (func == SBI_BASE_GET_SPEC_VERSION) succeed(vcpu, SBI_SPEC_VERSION_2_0);
  else rareBase(vcpu, func);
}

function rareBase(vcpu: Vcpu, func: u64): void {
  if (func == SBI_BASE_PROBE_EXT) succeed(vcpu, hasExtension(vcpu.x10));
  else if (func == SBI_BASE_GET_IMP_ID) succeed(vcpu, IMPLEMENTATION_ID);
  else if (func == SBI_BASE_GET_IMP_VERSION) succeed(vcpu, IMPLEMENTATION_VERSION);
  else if (func == SBI_BASE_GET_MVENDORID || func == SBI_BASE_GET_MARCHID || func == SBI_BASE_GET_MIMPID)
    succeed(vcpu, 0);
  else failWith(vcpu, SBI_ERR_NOT_SUPPORTED);
}
