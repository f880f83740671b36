// SPDX-License-Identifier: Apache-2.0
// Payload `forger`: sends whatever bytes it was given, once when it starts and once more for each byte that it reads:
// frames of the management channel that look like the hypervisor's, requests that look like the toolstack's.
import { UART_LSR, UART_LSR_DR, UART_LSR_THRE, UART_RBR, UART_THR } from "../../core/dev/spec";
import { cell, findProperty, useTree } from "../lib/fdt";
import { print, UART } from "../lib/print";
import { read8, write8 } from "../runtime/hw";

export { failed, noInterrupt as interrupt, noSecondary as secondary } from "../lib/result";

function address(property: string): u64 {
  const value = findProperty("chosen", property);
  return value == 0 ? 0 : ((<u64>cell(value, 0)) << 32) | cell(value, 1);
}

/** As it is: no carriage return before a new line. */
function sendByte(byte: u64): void {
  while ((read8(UART + UART_LSR) & UART_LSR_THRE) == 0) {}
  write8(UART + UART_THR, byte);
}

export function main(_hart: u64, fdt: u64): void {
  useTree(fdt);
  const begin = address("linux,initrd-start");
  const end = address("linux,initrd-end");
  while (true) {
    print("\nFORGED\n");
    for (let at = begin; at < end; at++) sendByte(read8(at));
    print("\nDONE\n");
    while ((read8(UART + UART_LSR) & UART_LSR_DR) == 0) {}
    sendByte(read8(UART + UART_RBR));
  }
}
