// SPDX-License-Identifier: Apache-2.0
// The guests that the host's tree asks for: every `xen,domain` node under /chosen, in order. One that cannot be
// created is said so and does not keep the others from running. Boot context, and later the terminal's worker.
import { fdtChild, fdtCompatible, fdtFind, fdtSibling } from "../fdt/read";
import { print } from "../lib/print";
import { Status } from "../lib/status";
import { makeSwitches } from "./devices/net";
import { createFromNode, isDescribedAs, printDraftName } from "./create";
import { refusalWords, refuse } from "./refusal";
import { guestCount } from "./table";

// @lock per boot
let hostTree: usize = 0;

export function startGuests(tree: usize): void {
  hostTree = tree;
  makeSwitches(tree);
  for (let node = firstDomain(tree); node; node = nextDomain(tree, node)) startFromNode(node, 1);
  if (guestCount() == 0) print('the host\'s tree names no guest (compatible = "xen,domain" under /chosen)\n');
}

function firstDomain(tree: usize): usize {
  const chosen = fdtFind(tree, "/chosen");
  const child = chosen ? fdtChild(chosen) : 0;
  return child && !fdtCompatible(tree, child, "xen,domain") ? nextDomain(tree, child) : child;
}

function nextDomain(tree: usize, node: usize): usize {
  let at = fdtSibling(node);
  while (at && !fdtCompatible(tree, at, "xen,domain")) at = fdtSibling(at);
  return at;
}

function startFromNode(node: usize, fresh: u32): i32 {
  const status = createFromNode(hostTree, node, fresh);
  if (status == Status.Ok) return status;
  print("guest ");
  printDraftName();
  print(" cannot be created: ");
  print(refusalWords());
  print("\n");
  return status;
}

/** Creates and starts the guest of that name that the host's tree describes. NotFound: it describes none such. */
export function startDescribed(name: usize, length: u32): i32 {
  for (let node = firstDomain(hostTree); node; node = nextDomain(hostTree, node)) {
    if (isDescribedAs(hostTree, node, name, length)) return startFromNode(node, 0);
  }
  return refuse(Status.NotFound, "the host's device tree describes no guest of that name");
}
