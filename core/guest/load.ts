// SPDX-License-Identifier: Apache-2.0
// Puts kernel, ramdisk and device tree into a guest's clean RAM and starts its first vCPU. The layout, from the top:
// tree at 64 KiB below the end, ramdisk below it on a page boundary, kernel where its header says. Boot and worker.
import { now } from "../arch/seam";
import { print, printText } from "../lib/print";
import { acquire, release } from "../lib/lock";
import { Status } from "../lib/status";
import { traceGuest } from "../trace/events";
import { startVcpu } from "./power";
import { Description } from "./description";
import { Guest, GUEST_RUNNING, GUEST_SHUTDOWN } from "./guest";
import { KernelPlace, placeKernel } from "./image";
import { loadGuest } from "./memory";
import { guestTree, TREE_ROOM } from "./tree";
import { vcpuAt } from "./lifecycle";

@unmanaged
export class Layout {
  kernel: u64 = 0;
  ramdisk: u64 = 0;
  tree: u64 = 0;
}

// @lock none: boot, then the lifecycle worker alone.
const layout: usize = memory.data(24, 8);
const place: usize = memory.data(16, 8);

/** Computes where everything goes. Range: it does not fit, or pieces overlap. */
export function layOut(guest: Guest, description: Description, into: Layout): i32 {
  const at = changetype<KernelPlace>(place);
  const status = placeKernel(description.kernel, guest.ramSize, at);
  if (status != Status.Ok) return status;
  if (guest.ramSize < TREE_ROOM + at.offset + at.extent) return Status.Range;
  const top = guest.ramSize - TREE_ROOM;
  const ramdisk = description.ramdisk.size > top ? u64.MAX_VALUE : (top - description.ramdisk.size) & ~(<u64>0xfff);
  if (ramdisk > top || ramdisk < at.offset + at.extent) return Status.Range;
  into.kernel = guest.ramBase + at.offset;
  into.ramdisk = guest.ramBase + ramdisk;
  into.tree = guest.ramBase + top;
  return Status.Ok;
}

/** `first`: 1 on the first start, when preloaded modules already lie in place. The guest becomes running. */
export function loadAndStart(guest: Guest, first: u32): i32 {
  const description = changetype<Description>(guest.description);
  const where = changetype<Layout>(layout);
  let status = layOut(guest, description, where);
  if (status == Status.Ok && !(first && description.kernel.preloaded)) {
    status = loadGuest(guest, where.kernel, description.kernel.hpa, description.kernel.size);
  }
  if (status == Status.Ok && description.ramdisk.size && !(first && description.ramdisk.preloaded)) {
    status = loadGuest(guest, where.ramdisk, description.ramdisk.hpa, description.ramdisk.size);
  }
  if (status == Status.Ok) {
    if (description.tree.size > TREE_ROOM) status = Status.Range;
    else if (description.tree.size) status = loadGuest(guest, where.tree, description.tree.hpa, description.tree.size);
    else status = guestTree(guest, description, where);
  }
  acquire(guest.lock);
  if (status == Status.Ok) {
    if (first) guest.timeDelta = 0 - now();
    guest.state = GUEST_RUNNING;
    startVcpu(vcpuAt(guest, 0), where.kernel, where.tree);
  } else {
    guest.state = GUEST_SHUTDOWN;
  }
  traceGuest(guest);
  release(guest.lock);
  if (status != Status.Ok) sayWhy(guest, status);
  return status;
}

function sayWhy(guest: Guest, status: i32): void {
  print("guest ");
  printText(guest.name);
  if (status == Status.Unsupported) print(" cannot start: its kernel is big-endian\n");
  else if (status == Status.Malformed) print(" cannot start: its kernel's Image header contradicts itself\n");
  else print(" cannot start: kernel, ramdisk and device tree do not fit into its memory\n");
}
