// SPDX-License-Identifier: Apache-2.0
// The guests that the host's tree asks for: every `xen,domain` node under /chosen, in order. One that cannot be
// created is said so and does not keep the others from running. Boot context.
import { fdtChild, fdtCompatible, fdtFind, fdtSibling } from "../fdt/read";
import { print, printDec } from "../lib/print";
import { Status } from "../lib/status";
import { createGuest, printName } from "./create";
import { describeGuest, describeProblem, newDescription } from "./describe";
import { Description } from "./description";
import { guestCount } from "./table";

export function startGuests(tree: usize): void {
  const chosen = fdtFind(tree, "/chosen");
  for (let node = chosen ? fdtChild(chosen) : 0; node; node = fdtSibling(node)) {
    if (fdtCompatible(tree, node, "xen,domain")) startGuest(tree, node);
  }
  if (guestCount() == 0) print('the host\'s tree names no guest (compatible = "xen,domain" under /chosen)\n');
}

function startGuest(tree: usize, node: usize): void {
  const description = newDescription();
  if (changetype<usize>(description) == 0) {
    print("no memory is left for another guest\n");
    return;
  }
  if (describeGuest(tree, node, description) != Status.Ok) {
    print("guest ");
    printName(description);
    print(" is refused: ");
    print(describeProblem());
    print("\n");
    return;
  }
  if (createGuest(description) == Status.Ok) announce(description);
}

function announce(description: Description): void {
  print("guest ");
  printName(description);
  print(" runs: ");
  printDec(description.cpus);
  print(" vCPU, ");
  printDec(description.memory >> 20);
  print(" MiB\n");
}
