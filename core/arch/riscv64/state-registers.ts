// SPDX-License-Identifier: Apache-2.0
// A vCPU's registers besides the general ones, by name, for people and programs. Called by workers; never changes any.
import { Context } from "./context";

// In the order of Context, from pc on.
// prettier-ignore
const NAMES: StaticArray<string> = [
  "pc", "hstatus", "sstatus", "hvip", "vsstatus", "vsie", "vstvec", "vsscratch", "vsepc", "vscause", "vstval", "vsatp",
  "scounteren", "senvcfg", "timer", "",
];

/** The name of register `index`; the empty one is behind the last. */
export function stateRegisterName(index: u32): string {
  return unchecked(NAMES[index]);
}

export function stateRegister(context: Context, index: u32): u64 {
  return load<u64>(changetype<usize>(context) + offsetof<Context>("pc") + ((<usize>index) << 3));
}
