// SPDX-License-Identifier: Apache-2.0
// Payload `hello`: proves that a guest starts where it should, prints, and shuts down.
import { print, printField, printHex, putByte } from "../lib/print";
import { check, finish } from "../lib/result";
import { hartCount } from "../lib/sbi";
import { read32 } from "../runtime/hw";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

export function main(hart: u64, fdt: u64): void {
  print("hello from a guest in TypeScript\n");
  printField("hart", hart);
  printField("harts", hartCount());
  print("fdt ");
  printHex(fdt);
  putByte(10);
  check("device tree magic", read32(fdt) == 0xedfe0dd0, read32(fdt));
  finish();
}
