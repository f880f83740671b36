// SPDX-License-Identifier: Apache-2.0
// Payload `faults`: asks the hypervisor to fault while it works for this guest (core/guest/self-test.ts). A guest whose
// node has `typeone,self-test` is stopped for it; any other is told that there is no such call. It says so `lines=` times.
import { SBI_ERR_NOT_SUPPORTED } from "../../core/arch/riscv64/sbi-spec";
import { SELF_TEST_EXTENSION } from "../../core/guest/self-test";
import { argument, useTree } from "../lib/fdt";
import { print } from "../lib/print";
import { equalSigned, finish } from "../lib/result";
import { ecall } from "../runtime/hw";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  for (let lines = argument("lines=", 1); lines > 0; lines--) print("asking for a fault\n");
  equalSigned("self test", ecall(SELF_TEST_EXTENSION, argument("fault=", 0), 0, 0, 0, 0, 0, 0), SBI_ERR_NOT_SUPPORTED);
  finish();
}
