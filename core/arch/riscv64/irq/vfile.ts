// SPDX-License-Identifier: Apache-2.0
// One interrupt file of a guest's IMSIC, in memory: what it would be in hardware, for a vCPU that has none of the hart's
// guest files now. Called with the guest's message lock held (messages.ts); it knows neither vCPU nor hart.
//
// Identities are 1 to 64 * words - 1; identity n is bit n % 64 of word n / 64. @spec aia §3.5, §3.8, §3.9, §3.10
import { IMSIC_EIDELIVERY, IMSIC_EIE0, IMSIC_EIE63, IMSIC_EIP0, IMSIC_EITHRESHOLD } from "./spec";

/** Words of pending and of enable bits at most: 255 identities. */
export const VFILE_WORDS: u32 = 4;

@unmanaged
export class Vfile {
  /** Pending bits, then enable bits: VFILE_WORDS each. */
  pending: u64 = 0;
  pending1: u64 = 0;
  pending2: u64 = 0;
  pending3: u64 = 0;
  enable: u64 = 0;
  enable1: u64 = 0;
  enable2: u64 = 0;
  enable3: u64 = 0;
  delivery: u32 = 0;
  threshold: u32 = 0;
  /** 1 + index of the hart one of whose guest files has this state now, 0 while it is here. Then: which file. */
  hart: u32 = 0;
  number: u32 = 0;
  /** hva of that file's page. */
  page: u64 = 0;
  /** 1: its vCPU is on another hart and waits for this state. */
  wanted: u32 = 0;
  /** Words in use, 1 to VFILE_WORDS. */
  words: u32 = 0;
}

/** As after power-on, with identities 1 to 64 * words - 1. */
export function vfileInit(file: Vfile, words: u32): void {
  memory.fill(changetype<usize>(file), 0, offsetof<Vfile>());
  file.words = words;
}

/** The lowest identity that is pending and enabled and that the threshold lets through, 0 for none. */
export function vfileTop(file: Vfile): u32 {
  const at = changetype<usize>(file);
  for (let word: u32 = 0; word < VFILE_WORDS; word++) {
    const ready = load<u64>(at + (word << 3)) & load<u64>(at + (word << 3), offsetof<Vfile>("enable"));
    if (ready == 0) continue;
    const identity = (word << 6) + <u32>ctz(ready);
    return file.threshold == 0 || identity < file.threshold ? identity : 0;
  }
  return 0;
}

/** 1 while the file interrupts its vCPU. */
export function vfileOutput(file: Vfile): u32 {
  return file.delivery != 0 && vfileTop(file) != 0 ? 1 : 0;
}

/** A message: makes an identity pending; those that do not exist are ignored. */
export function vfileSet(file: Vfile, identity: u32): void {
  if (identity == 0 || identity >= file.words << 6) return;
  const at = changetype<usize>(file) + ((identity >> 6) << 3);
  store<u64>(at, load<u64>(at) | ((<u64>1) << (identity & 63)));
}

/** The identity is served: no longer pending. 0 is ignored. */
export function vfileClaim(file: Vfile, identity: u32): void {
  if (identity >= file.words << 6) return;
  const at = changetype<usize>(file) + ((identity >> 6) << 3);
  store<u64>(at, load<u64>(at) & ~((<u64>1) << (identity & 63)));
}

/** Whether sireg reaches something with this value of siselect; of the arrays the odd registers do not exist on 64 bits. */
export function vfileHas(register: u64): bool {
  if (register < IMSIC_EIDELIVERY || register > IMSIC_EIE63) return false;
  return register < IMSIC_EIP0 || (register & 1) == 0;
}

/** Where the word behind a register of the arrays lies, 0 if it is all zeroes for ever. */
function wordAt(file: Vfile, register: u64): usize {
  const enables = register >= IMSIC_EIE0;
  const word = (<u32>(register - (enables ? IMSIC_EIE0 : IMSIC_EIP0))) >> 1;
  if (register < IMSIC_EIP0 || word >= file.words) return 0;
  return changetype<usize>(file) + (word << 3) + (enables ? offsetof<Vfile>("enable") : 0);
}

/** What sireg answers, for a register that vfileHas. */
export function vfileRead(file: Vfile, register: u64): u64 {
  if (register == IMSIC_EIDELIVERY) return file.delivery;
  if (register == IMSIC_EITHRESHOLD) return file.threshold;
  const at = wordAt(file, register);
  return at ? load<u64>(at) : 0;
}

/** A write to sireg, of a register that vfileHas. */
export function vfileWrite(file: Vfile, register: u64, value: u64): void {
  if (register == IMSIC_EIDELIVERY) file.delivery = <u32>(value & 1);
  else if (register == IMSIC_EITHRESHOLD) file.threshold = (<u32>value) & ((file.words << 6) - 1);
  const at = wordAt(file, register);
  // Identity 0 does not exist.
  if (at) store<u64>(at, register == IMSIC_EIP0 || register == IMSIC_EIE0 ? value & ~(<u64>1) : value);
}
