// SPDX-License-Identifier: Apache-2.0
// Payload `sbi`: every function of every SBI extension that a guest has, with each error that the specification names.
// Under OpenSBI (implementation 1) the rows that differ by right are left out, and those that hang it.
import {
  SBI_BASE_GET_SPEC_VERSION,
  SBI_BASE_PROBE_EXT,
  SBI_ERR_NOT_SUPPORTED,
  SBI_EXT_BASE,
  SBI_EXT_CPPC,
  SBI_EXT_DBTR,
  SBI_EXT_FWFT,
  SBI_EXT_MPXY,
  SBI_EXT_NACL,
  SBI_EXT_PMU,
  SBI_EXT_SSE,
  SBI_EXT_STA,
  SBI_EXT_SUSP,
  SBI_SPEC_VERSION_2_0,
  SBI_SUCCESS,
} from "../../core/arch/riscv64/sbi-spec";
import { useTree } from "../lib/fdt";
import { check, equal, equalSigned, finish } from "../lib/result";
import { call2, onOpenSbi, probeExtension } from "../lib/sbi";
import { ecall, ecallValue } from "../runtime/hw";
import { testConsole, testReset } from "./console";
import { refused } from "./refused";
import { testHsm, testIpi, testRfence, testTime } from "./harts";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

function testBase(): void {
  equalSigned("base spec version", call2(SBI_EXT_BASE, SBI_BASE_GET_SPEC_VERSION, 0, 0), SBI_SUCCESS);
  check(
    "base spec version is 2.0 or newer",
    ecallValue() >= SBI_SPEC_VERSION_2_0 && ecallValue() < 0x80000000,
    ecallValue(),
  );
  for (let func: u64 = 1; func <= 6; func++)
    equalSigned("base function", call2(SBI_EXT_BASE, func, SBI_EXT_BASE, 0), SBI_SUCCESS);
  refused("base function 7", SBI_EXT_BASE, 7, SBI_ERR_NOT_SUPPORTED);
  refused("base function -1", SBI_EXT_BASE, ~0, SBI_ERR_NOT_SUPPORTED);
  check("base is there", probeExtension(SBI_EXT_BASE) != 0, 0);
  equalSigned("probe of nothing", call2(SBI_EXT_BASE, SBI_BASE_PROBE_EXT, 0xdeadbeef, 0), SBI_SUCCESS);
  equal("probe of nothing", ecallValue(), 0);
}

/** What is probed as absent must also answer so. */
function testAbsent(extension: u64): void {
  if (probeExtension(extension) == 0) refused("an absent extension", extension, 0, SBI_ERR_NOT_SUPPORTED);
}

function testUnknown(): void {
  testAbsent(SBI_EXT_PMU);
  testAbsent(SBI_EXT_SUSP);
  testAbsent(SBI_EXT_CPPC);
  testAbsent(SBI_EXT_NACL);
  testAbsent(SBI_EXT_STA);
  testAbsent(SBI_EXT_SSE);
  testAbsent(SBI_EXT_FWFT);
  testAbsent(SBI_EXT_DBTR);
  testAbsent(SBI_EXT_MPXY);
  let state: u64 = 88172645463325252;
  for (let i = 0; i < 2000; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const extension = state | 0x80000000;
    equalSigned(
      "a random extension",
      ecall(extension, state >> 60, state, state, state, state, state, state),
      SBI_ERR_NOT_SUPPORTED,
    );
  }
}

function testLegacy(): void {
  for (let extension: u64 = 0; extension <= 0xf; extension++) {
    if (probeExtension(extension) == 0) refused("legacy", extension, 0, SBI_ERR_NOT_SUPPORTED);
  }
}

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  const strict = !onOpenSbi();
  testBase();
  testUnknown();
  testTime();
  testIpi(hart, strict ? 1 : 0);
  testRfence(hart, strict ? 1 : 0);
  testHsm(hart, strict ? 1 : 0);
  testReset(strict ? 1 : 0);
  testConsole(strict ? 1 : 0);
  if (strict) testLegacy();
  finish();
}
