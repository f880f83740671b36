// SPDX-License-Identifier: Apache-2.0
// Where the host's device tree lies in linear memory: it passed fdtCheck and stays for good. Set at boot, read by workers.
// @lock per boot
let tree: usize = 0;

/** Boot: remembers the checked tree. */
export function setHostTree(checked: usize): void {
  tree = checked;
}

/** The host's tree, 0 before boot has copied it. */
export function hostTree(): usize {
  return tree;
}
