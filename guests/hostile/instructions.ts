// SPDX-License-Identifier: Apache-2.0
// Payload `hostile`: random instruction words, 16 and 32 bits, and the privileged ones by name. Left out are those that
// would make the payload itself lose its way (jumps, sret, waits, its own vital registers).
import { check, equal } from "../lib/result";
import { onOpenSbi } from "../lib/sbi";
import { CAUSE_ILLEGAL, NONE } from "../lib/trap";
import { execute, scratch } from "../runtime/hw";
import { vital } from "./csrs";
import { random, seedRandom } from "./random";

const OPCODE_SYSTEM: u32 = 0x73;

function leftOut32(word: u32): bool {
  const opcode = word & 0x7f;
  if (opcode == 0x6f || opcode == 0x67 || opcode == 0x63) return true;
  if (opcode != OPCODE_SYSTEM) return false;
  const funct = (word >> 12) & 7;
  if (funct == 0) {
    const what = word >> 20;
    return what == 0 || what == 0x102 || what == 0x105 || what == 0x00d || what == 0x01d;
  }
  return funct != 4 && vital(word >> 20);
}

function leftOut16(word: u32): bool {
  const funct = (word >> 13) & 7;
  if ((word & 3) == 1) return funct >= 5;
  return (word & 3) == 2 && funct == 4 && ((word >> 2) & 31) == 0;
}

function tryWord(word: u32): void {
  const middle = scratch() + 4096;
  const cause = execute(word, middle, middle);
  check(
    "an instruction's end",
    cause == NONE || (cause >= 1 && cause <= 7) || (cause >= 12 && cause <= 15),
    ((<u64>word) << 32) | cause,
  );
}

/** Instructions of machine and hypervisor: illegal here. */
function forbidden(word: u32): void {
  const middle = scratch() + 4096;
  equal("a forbidden instruction", execute(word, middle, middle), CAUSE_ILLEGAL);
}

function testForbidden(): void {
  forbidden(0x30200073); // mret
  forbidden(0x7b200073); // dret
  forbidden(0x00200073); // uret
  if (onOpenSbi()) return;
  forbidden(0x62000073); // hfence.gvma
  forbidden(0x22000073); // hfence.vvma
  forbidden(0x60054573); // hlv.b a0, (a0)
  forbidden(0x6c054573); // hlv.d a0, (a0)
  forbidden(0x64354573); // hlvx.hu a0, (a0)
  forbidden(0x6eb54073); // hsv.d a1, (a0)
}

export function testInstructions(count: u64, seed: u64): u64 {
  testForbidden();
  seedRandom(seed);
  let done: u64 = 0;
  for (let i: u64 = 0; i < count; i++) {
    const bits = random();
    // Every other word is 32 bits long, and one in four of those a SYSTEM instruction.
    let word = <u32>(bits >> 8);
    if ((bits & 1) != 0) word |= 3;
    else if ((word & 3) == 3) word &= ~1;
    if ((bits & 7) == 7) word = (word & ~0x7f) | OPCODE_SYSTEM;
    if ((word & 3) == 3 ? leftOut32(word) : leftOut16(word)) continue;
    tryWord((word & 3) == 3 ? word : word & 0xffff);
    done++;
  }
  return done;
}
