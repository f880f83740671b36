// SPDX-License-Identifier: Apache-2.0
// guest dumpmem, memory dump: 16 bytes a step, as hexadecimal and as text. Reads RAM only, never a device; firmware's
// own memory would fault. Called by the terminal's worker.
import { readGuest } from "../../guest/memory";
import { isReserved } from "../../host/find";
import { hostTree } from "../../host/host-tree";
import * as hw from "../../hw";
import { lineHex } from "../../lib/line";
import { acquire, release } from "../../lib/lock";
import { print, printByte, printHex, printLine } from "../../lib/print";
import { Status } from "../../lib/status";
import { ramHas } from "../../mem/ram";
import { argAddress, argGuest, argNumber } from "./args";
import { jsonKey } from "./json";
import { wantsJson } from "./words";

const PER_ROW: u32 = 16;
const MOST: u64 = 4096;

// @lock none: the terminal's worker only.
const row: usize = memory.data(<i32>PER_ROW, 8);

export function memoryDump(step: u32): u32 {
  const length = argNumber();
  const hpa = argAddress();
  if (step == 0) {
    if (length > MOST) return refuse("4 KiB at most");
    if (!ramHas(hpa, length)) return refuse("that is no RAM of this host");
    if (isReserved(hostTree(), hpa, length)) return refuse("that is reserved memory, maybe firmware's");
  }
  const at = <u64>step * PER_ROW;
  if (at >= length) return 0;
  const count = <u32>min<u64>(length - at, PER_ROW);
  hw.copyIn(row, hpa + at, count);
  showBytes(hpa + at, count);
  return 1;
}

export function guestDump(step: u32): u32 {
  const length = argNumber();
  const at = <u64>step * PER_ROW;
  if (length > MOST) return refuse("4 KiB at most");
  if (at >= length) return 0;
  const count = <u32>min<u64>(length - at, PER_ROW);
  const gpa = argAddress() + at;
  const guest = argGuest();
  // While something is done with the guest its memory may be somebody else's.
  acquire(guest.lock);
  const still = guest.wanted == 0 && guest.rangeCount != 0 && gpa >= at;
  const status = still ? readGuest(guest, row, gpa, count) : Status.Range;
  release(guest.lock);
  if (status != Status.Ok) return refuse("that is no RAM of this guest, or something is being done with it");
  showBytes(gpa, count);
  return 1;
}

function refuse(why: string): u32 {
  print(why);
  print("\n");
  return 0;
}

/** One row: `0x80000000  00 11 …  |..|`, or with -j `{"address":"0x80000000","bytes":"0011…"}`. */
function showBytes(address: u64, count: u32): void {
  const json = wantsJson();
  if (json) {
    print("{");
    jsonKey("address");
    print('"');
  }
  printHex(address);
  print(json ? '","bytes":"' : " ");
  for (let i: u32 = 0; i < PER_ROW; i++) {
    if (!json) print(i == PER_ROW / 2 ? "  " : " ");
    if (i < count) lineHex(printLine(), load<u8>(row + i), 2);
    else if (!json) print("  ");
  }
  if (json) {
    print('"}\n');
    return;
  }
  print("  |");
  for (let i: u32 = 0; i < count; i++) {
    const byte: u32 = load<u8>(row + i);
    printByte(byte >= 0x20 && byte < 0x7f ? byte : 0x2e);
  }
  print("|\n");
}
