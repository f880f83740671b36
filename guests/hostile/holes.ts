// SPDX-License-Identifier: Apache-2.0
// Payload `hostile`: loads, stores and jumps where a guest has nothing, host devices and addresses beyond stage 2
// included. Each must be an access fault of the guest's own, with the address in stval.
import { ramBase, ramEnd } from "../lib/fdt";
import { check, equal } from "../lib/result";
import { onOpenSbi } from "../lib/sbi";
import { CAUSE_FETCH_ACCESS, CAUSE_LOAD_ACCESS, CAUSE_STORE_ACCESS, tryJump, tryLoad, tryStore } from "../lib/trap";
import { probeTval } from "../runtime/hw";

let tried: u64 = 0;

function hole(gpa: u64): void {
  tried++;
  for (let width: u32 = 0; width <= 3; width++) {
    const load = tryLoad(gpa, width);
    equal("load from a hole", load, CAUSE_LOAD_ACCESS);
    equal("its stval", probeTval(), gpa);
    const store = tryStore(gpa, width, 0x5a5a5a5a5a5a5a5a);
    equal("store to a hole", store, CAUSE_STORE_ACCESS);
    equal("its stval", probeTval(), gpa);
  }
  const jump = tryJump(gpa);
  equal("jump to a hole", jump, CAUSE_FETCH_ACCESS);
}

export function testHoles(): u64 {
  // On bare hardware the firmware and the devices are where these point.
  if (onOpenSbi()) return 0;
  hole(0);
  hole(0x1000);
  hole(0x100000);
  hole(0x2000000);
  hole(0x200bff8);
  hole(0x3000000);
  hole(0x10001000);
  hole(0x10008000);
  hole(0x20000000);
  hole(0x24000000);
  hole(0x28000000);
  hole(0x30000000);
  hole(0x40000000);
  hole(ramBase() - 0x1000);
  hole(ramBase() - 8);
  hole(ramEnd());
  hole(ramEnd() + 0x1000);
  hole(ramEnd() + 0x100000000);
  for (let bit: u64 = 34; bit < 63; bit++) hole((<u64>1) << bit);
  for (let bit: u64 = 38; bit < 63; bit++) hole(((<u64>1) << bit) - 8);
  for (let bit: u64 = 41; bit < 63; bit++) hole(((<u64>1) << bit) | 0x80200000);
  hole(0x8000000000000000);
  hole(0xffffffff80200000);
  hole(~7);
  straddle(ramEnd());
  return tried;
}

/** A misaligned access over the end of RAM does part of nothing. */
function straddle(end: u64): void {
  const load = tryLoad(end - 3, 3);
  check("load over the end of RAM", load == CAUSE_LOAD_ACCESS || load == 4, load);
  const store = tryStore(end - 3, 3, ~0);
  check("store over the end of RAM", store == CAUSE_STORE_ACCESS || store == 6, store);
}
