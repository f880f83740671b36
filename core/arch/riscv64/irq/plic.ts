// SPDX-License-Identifier: Apache-2.0
// Driver for the host's PLIC. Called by host.ts at boot, and from a trap to claim and complete. Knows contexts, not
// harts; changing an enable word is a read and a write, so callers hold host.ts's lock.
// @spec plic §4 to §10
import * as hw from "../../../hw";
import {
  PLIC_CONTEXT,
  PLIC_CONTEXT_CLAIM,
  PLIC_CONTEXT_STRIDE,
  PLIC_CONTEXT_THRESHOLD,
  PLIC_ENABLE,
  PLIC_ENABLE_STRIDE,
  PLIC_PRIORITY,
} from "./spec";

// @lock per boot: set once by the boot hart.
let registers: u64 = 0;
let sources: u32 = 0;

function contextRegisters(context: u32): u64 {
  return registers + PLIC_CONTEXT + <u64>context * PLIC_CONTEXT_STRIDE;
}

function enableWord(context: u32, irq: u32): u64 {
  return registers + PLIC_ENABLE + <u64>context * PLIC_ENABLE_STRIDE + ((<u64>(irq >> 5)) << 2);
}

/** Silences every source. `highest` is the highest source number. */
export function plicInit(hva: u64, highest: u32): void {
  registers = hva;
  sources = highest;
  for (let irq: u32 = 1; irq <= sources; irq++) hw.mmioWrite32(registers + PLIC_PRIORITY + ((<u64>irq) << 2), 0);
}

/** Makes a context deliver whatever is enabled for it, which is nothing yet. */
export function plicInitContext(context: u32): void {
  for (let irq: u32 = 0; irq <= sources; irq += 32) hw.mmioWrite32(enableWord(context, irq), 0);
  hw.mmioWrite32(contextRegisters(context) + PLIC_CONTEXT_THRESHOLD, 0);
}

/** Lets source `irq` interrupt a context. */
export function plicEnable(irq: u32, context: u32): void {
  hw.mmioWrite32(registers + PLIC_PRIORITY + ((<u64>irq) << 2), 1);
  const word = enableWord(context, irq);
  hw.mmioWrite32(word, hw.mmioRead32(word) | (1 << (irq & 31)));
}

/** Stops source `irq` from interrupting a context. */
export function plicDisable(irq: u32, context: u32): void {
  const word = enableWord(context, irq);
  hw.mmioWrite32(word, hw.mmioRead32(word) & ~(1 << (irq & 31)));
}

/** The source to serve, 0 for none. */
export function plicClaim(context: u32): u32 {
  return hw.mmioRead32(contextRegisters(context) + PLIC_CONTEXT_CLAIM);
}

/** The claimed source was served and may interrupt again. Ignored by the PLIC unless still enabled for the context. */
export function plicComplete(irq: u32, context: u32): void {
  hw.mmioWrite32(contextRegisters(context) + PLIC_CONTEXT_CLAIM, irq);
}
