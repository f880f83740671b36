// SPDX-License-Identifier: Apache-2.0
// Payload `sbi`: the debug console with good and bad pointers, and the resets that must be refused.
import {
  SBI_ERR_INVALID_PARAM,
  SBI_ERR_NOT_SUPPORTED,
  SBI_EXT_DBCN,
  SBI_EXT_SRST,
  SBI_SUCCESS,
} from "../../core/arch/riscv64/sbi-spec";
import { ramBase, ramEnd } from "../lib/fdt";
import { check, equal, equalSigned } from "../lib/result";
import { call2, call3, probeExtension } from "../lib/sbi";
import { ecallValue, scratch, write8 } from "../runtime/hw";
import { refused, refused3 } from "./refused";

function put(text: string): u64 {
  for (let i = 0; i < text.length; i++) write8(scratch() + <u64>i, text.charCodeAt(i));
  return text.length;
}

export function testConsole(strict: u32): void {
  check("DBCN is there", probeExtension(SBI_EXT_DBCN) != 0, 0);
  const length = put("console_write says hello\n");
  let sent: u64 = 0;
  for (let tries = 0; sent < length && tries < 1000; tries++) {
    equalSigned("write", call3(SBI_EXT_DBCN, 0, length - sent, scratch() + sent, 0), SBI_SUCCESS);
    sent += ecallValue();
  }
  equal("all was written", sent, length);
  equalSigned("write of nothing", call3(SBI_EXT_DBCN, 0, 0, scratch(), 0), SBI_SUCCESS);
  equal("write of nothing", ecallValue(), 0);
  equalSigned("read", call3(SBI_EXT_DBCN, 1, 16, scratch(), 0), SBI_SUCCESS);
  check("read answers a count", ecallValue() <= 16, ecallValue());
  equalSigned("write byte", call2(SBI_EXT_DBCN, 2, 0x2e, 0), SBI_SUCCESS);
  equal("write byte", ecallValue(), 0);
  equalSigned("write byte takes the low 8 bits", call2(SBI_EXT_DBCN, 2, 0xffffffffffffff0a, 0), SBI_SUCCESS);
  refused("DBCN function 3", SBI_EXT_DBCN, 3, SBI_ERR_NOT_SUPPORTED);
  if (strict == 0) return;
  for (let func: u64 = 0; func <= 1; func++) {
    bad(func, 1, 0, 0);
    bad(func, 1, ramBase() - 1, 0);
    bad(func, 2, ramBase() - 1, 0);
    bad(func, 1, ramEnd(), 0);
    bad(func, 2, ramEnd() - 1, 0);
    bad(func, 0x40000000, ramEnd() - 0x1000, 0);
    bad(func, ~0, ramBase(), 0);
    bad(func, ~0 - ramBase() + 1, ramBase(), 0);
    bad(func, 8, 0x10000000, 0);
    bad(func, 8, 0xc000000, 0);
    bad(func, 8, ramBase(), 1);
    bad(func, 8, ramBase(), ~0);
    bad(func, 8, ~7, ~0);
    bad(func, 8, 1 << 41, 0);
    bad(func, 8, 1 << 56, 0);
    bad(func, 0x80000000, ramBase(), 0);
  }
}

function bad(func: u64, length: u64, low: u64, high: u64): void {
  refused3("DBCN with a bad pointer", SBI_EXT_DBCN, func, SBI_ERR_INVALID_PARAM, length, low, high);
}

export function testReset(strict: u32): void {
  check("SRST is there", probeExtension(SBI_EXT_SRST) != 0, 0);
  refused("SRST function 1", SBI_EXT_SRST, 1, SBI_ERR_NOT_SUPPORTED);
  refused3("reset of a reserved type", SBI_EXT_SRST, 0, SBI_ERR_INVALID_PARAM, 3, 0, 0);
  refused3("reset of a reserved type", SBI_EXT_SRST, 0, SBI_ERR_INVALID_PARAM, 0xefffffff, 0, 0);
  if (strict == 0) return;
  refused3("reset for a reserved reason", SBI_EXT_SRST, 0, SBI_ERR_INVALID_PARAM, 0, 2, 0);
  refused3("reset for a reserved reason", SBI_EXT_SRST, 0, SBI_ERR_INVALID_PARAM, 1, 0xdfffffff, 0);
}
