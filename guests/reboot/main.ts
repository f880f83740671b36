// SPDX-License-Identifier: Apache-2.0
// Payload `reboot`: a restarted guest starts from clean memory. Each boot checks that all RAM outside its own image and
// the device tree is zero, says so, fills it with a pattern and reboots, cold and warm in turn. It never ends by
// itself: the test counts its lines. Finding anything ends it with RESULT fail.
import { CSR_SATP, CSR_SIE } from "../../core/arch/riscv64/csr";
import { SBI_SRST_TYPE_COLD_REBOOT, SBI_SRST_TYPE_WARM_REBOOT } from "../../core/arch/riscv64/sbi-spec";
import { ramBase, ramEnd, treeEnd, useTree } from "../lib/fdt";
import { print, printHex, printNumber } from "../lib/print";
import { check, equal, finish } from "../lib/result";
import { hartCount, hartStatus, reset } from "../lib/sbi";
import { now } from "../lib/trap";
import { csrRead, read64, write64 } from "../runtime/hw";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

/** The payload's own image and linear memory: runtime/payload.ld. */
const IMAGE: u64 = 0x80200000;
const IMAGE_END: u64 = 0x80500000;

let treeStart: u64 = 0;
let found: u64 = 0;
let pages: u64 = 0;

function ours(page: u64): bool {
  if (page >= IMAGE && page < IMAGE_END) return true;
  return page + 4096 > treeStart && page < treeEnd();
}

/** Looks at eight words of each page: enough to see memory that was not cleared, and quick. */
function look(): void {
  for (let page = ramBase(); page < ramEnd(); page += 4096) {
    if (ours(page)) continue;
    pages++;
    for (let offset: u64 = 0; offset < 4096; offset += 512) {
      if (read64(page + offset) != 0 && found == 0) found = page + offset;
    }
  }
}

function dirty(): void {
  for (let page = ramBase(); page < ramEnd(); page += 4096) {
    if (ours(page)) continue;
    for (let offset: u64 = 0; offset < 4096; offset += 512) write64(page + offset, 0xdeadbeefcafef00d);
  }
}

export function main(hart: u64, fdt: u64): void {
  useTree(fdt);
  treeStart = fdt;
  equal("interrupts are off", csrRead(CSR_SIE), 0);
  equal("translation is off", csrRead(CSR_SATP), 0);
  const harts = hartCount();
  for (let other: u64 = 0; other < harts; other++) if (other != hart) equal("others are stopped", hartStatus(other), 1);
  look();
  if (found != 0) {
    print("dirty at ");
    printHex(found);
    print("\n");
    check("memory is clean", false, read64(found));
    finish();
  }
  print("BOOT clean pages ");
  printNumber(pages);
  print("\n");
  dirty();
  reset((now() & 1) == 0 ? SBI_SRST_TYPE_COLD_REBOOT : SBI_SRST_TYPE_WARM_REBOOT);
}
