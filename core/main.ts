// SPDX-License-Identifier: Apache-2.0
import * as hw from "./hw";
import { Hart, thisHart } from "./host/hart";
const record: usize = memory.data(1024, 16);
export { heapBase } from "./mem/heap";
export function boot(hart: u64, fdt: u64): usize {
  hw.setHart(record, 0);
  thisHart().id = hart;
  const s = "hello from typescript\n";
  for (let i = 0; i < s.length; i++) hw.sbi(0x4442434e, 2, <u64>s.charCodeAt(i), 0, 0);
  if (fdt == 0) store<u32>(0, 1);
  return 0;
}
export function secondary(index: u64): usize { return 0; }
export function trap(context: usize): usize { const h = thisHart(); if (h.faultPc) { hw.sbi(0x4442434e, 2, 70, 0, 0); h.faultPc = 0; } return 0; }
