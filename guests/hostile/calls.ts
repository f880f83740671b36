// SPDX-License-Identifier: Apache-2.0
// Payload `hostile`: SBI calls with random functions and arguments. Left out are those that rightly end or move this
// guest: reset of a valid type, stop, suspend, and starts of other harts inside RAM.
import {
  SBI_EXT_BASE,
  SBI_EXT_DBCN,
  SBI_EXT_HSM,
  SBI_EXT_IPI,
  SBI_EXT_RFENCE,
  SBI_EXT_SRST,
  SBI_EXT_TIME,
} from "../../core/arch/riscv64/sbi-spec";
import { check } from "../lib/result";
import { hartStatus, onOpenSbi, setTimer } from "../lib/sbi";
import { clearSoft } from "../lib/trap";
import { ecall } from "../runtime/hw";
import { random } from "./random";

/** A number of a kind that finds bugs: small, a power of two and its neighbours, an address, or anything. */
function nasty(): u64 {
  const bits = random();
  switch ((<u32>bits) & 7) {
    case 0:
      return (bits >> 8) & 7;
    case 1:
      return (<u64>1) << ((bits >> 8) & 63);
    case 2:
      return ((<u64>1) << ((bits >> 8) & 63)) - 1;
    case 3:
      return ~((bits >> 8) & 15);
    case 4:
      return 0x80000000 + ((bits >> 8) & 0x1fffffff);
    case 5:
      return (bits >> 8) & 0x1fffffff;
    default:
      return random();
  }
}

function extension(which: u32): u64 {
  switch (which) {
    case 0:
      return SBI_EXT_BASE;
    case 1:
      return SBI_EXT_TIME;
    case 2:
      return SBI_EXT_IPI;
    case 3:
      return SBI_EXT_RFENCE;
    case 4:
      return SBI_EXT_HSM;
    case 5:
      return SBI_EXT_DBCN;
    case 6:
      return SBI_EXT_SRST;
    default:
      return random();
  }
}

function leftOut(eid: u64, func: u64, a0: u64): bool {
  if (eid <= 0xf) return true;
  if (eid == SBI_EXT_SRST) return func == 0 && <u32>a0 <= 2;
  if (eid == SBI_EXT_HSM) return func == 1 || func == 3 || (func == 0 && hartStatus(a0) != ~0);
  // A read would take what the test types; a write of RAM would print it.
  return eid == SBI_EXT_DBCN && func == 2;
}

export function testCalls(count: u64, hart: u64): u64 {
  if (onOpenSbi()) return 0;
  let done: u64 = 0;
  for (let i: u64 = 0; i < count; i++) {
    const eid = extension(<u32>(random() & 7));
    const func = (random() & 15) < 14 ? random() % 9 : nasty();
    const a0 = nasty();
    // Console output stays short: lengths above 16 only with a nasty high half.
    const high = eid == SBI_EXT_DBCN && a0 > 16 ? nasty() | 1 : nasty();
    if (leftOut(eid, func, a0)) continue;
    const error = ecall(eid, func, a0, nasty(), high, nasty(), nasty(), nasty());
    check("an error code", error <= 0 && error >= -14, <u64>error);
    done++;
  }
  setTimer(~0);
  clearSoft();
  check("this hart still runs", hartStatus(hart) == 0, hartStatus(hart));
  return done;
}
