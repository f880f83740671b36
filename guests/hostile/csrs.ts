// SPDX-License-Identifier: Apache-2.0
// Payload `hostile`: all 4096 CSR numbers, read, and written with all ones, zero and what was there. Machine and
// hypervisor registers must be an illegal instruction here; the rest answers or is one too.
import { CSR_SATP, CSR_SIE, CSR_SSCRATCH, CSR_SSTATUS, CSR_STVEC } from "../../core/arch/riscv64/csr";
import { check, equal } from "../lib/result";
import { onOpenSbi } from "../lib/sbi";
import { CAUSE_ILLEGAL, NONE } from "../lib/trap";
import { execute, probeValue } from "../runtime/hw";

/** csrrs a0, csr, x0 and csrrw a0, csr, a1. */
const READ: u32 = 0x00002573;
const WRITE: u32 = 0x00059573;

/** Those without which the probes themselves do not work. */
export function vital(csr: u32): bool {
  return csr == CSR_STVEC || csr == CSR_SATP || csr == CSR_SSCRATCH || csr == CSR_SSTATUS || csr == CSR_SIE;
}

function write(csr: u32, value: u64): void {
  const cause = execute(WRITE | (csr << 20), 0, value);
  check("a register's write", cause == NONE || cause == CAUSE_ILLEGAL, ((<u64>csr) << 32) | (cause & 0xffffffff));
}

export function testCsrs(): u64 {
  const strict = !onOpenSbi();
  let readable: u64 = 0;
  for (let csr: u32 = 0; csr < 4096; csr++) {
    const cause = execute(READ | (csr << 20), 0, 0);
    const before = probeValue();
    if (cause == NONE) readable++;
    check("a register's read", cause == NONE || cause == CAUSE_ILLEGAL, ((<u64>csr) << 32) | (cause & 0xffffffff));
    // Bits 9 and 8: 3 is machine, 2 is hypervisor and VS by number.
    const level = (csr >> 8) & 3;
    if (level == 3 || (level == 2 && strict)) equal("a higher level's register", cause, CAUSE_ILLEGAL);
    if (vital(csr)) continue;
    write(csr, ~0);
    write(csr, 0);
    write(csr, before);
  }
  return readable;
}
