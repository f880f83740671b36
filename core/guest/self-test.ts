// SPDX-License-Identifier: Apache-2.0
// Faults on purpose, to show that they are contained: a guest whose node has `typeone,self-test` may ask the hypervisor
// to go wrong while it works for that guest; any other guest gets NOT_SUPPORTED. `/chosen` with `typeone,panic` makes
// it go wrong with nobody to blame. Trap and boot context.
import { fdtFind, fdtHas } from "../fdt/read";

/** "T1" in the specification's range for firmware-specific extensions. */
export const SELF_TEST_EXTENSION: u64 = 0x0a54_3100;

/** Somewhere in the guard: a pointer whose top bit is set. */
const WILD: usize = 0xc000_0000;

/** 0 stores to null, 1 loads from the guard, 2 stores to the guard, 3 fails a check. False: no such fault. */
export function goWrong(func: u64): bool {
  if (func == 0) store<u64>(0, 1);
  else if (func == 1) store<u64>(8, load<u64>(WILD) + 1);
  else if (func == 2) store<u64>(WILD, 1);
  else assert(func != 3);
  return false;
}

/** Boot: whether the host's tree asks for the report of a fault that no guest can be blamed for. */
export function wantsPanic(tree: usize): bool {
  const chosen = fdtFind(tree, "/chosen");
  return chosen != 0 && fdtHas(tree, chosen, "typeone,panic");
}
