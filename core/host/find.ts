// SPDX-License-Identifier: Apache-2.0
// Reads the host's tree at boot: harts, RAM, what of it is taken, and the sizes of our own pools. Every failure is a
// message that names the node. Boot context.
import { setHostIsa } from "../arch/seam";
import {
  fdtAvailable,
  fdtChild,
  fdtCompatible,
  fdtEquals,
  fdtFind,
  FdtRange,
  fdtReg,
  fdtReservation,
  fdtRoot,
  fdtSibling,
} from "../fdt/read";
import * as hw from "../hw";
import { print } from "../lib/print";
import { Status } from "../lib/status";
import { ramAddBank, ramReserve } from "../mem/ram";
import { Hart } from "./hart";
import { newHart } from "./harts";

// @lock per boot
const range: usize = memory.data(16, 8);

function at(): FdtRange {
  return changetype<FdtRange>(range);
}

/** Adds the other harts' records, and remembers the ISA. False: the tree has no usable cpu node for the boot hart. */
export function findHarts(fdt: usize, boot: Hart): bool {
  const cpus = fdtFind(fdt, "/cpus");
  if (!cpus) return false;
  let found = false;
  for (let node = fdtChild(cpus); node; node = fdtSibling(node)) {
    if (!fdtEquals(fdt, node, "device_type", "cpu") || fdtReg(fdt, node, 0, at()) != Status.Ok) continue;
    if (at().base == boot.id) {
      setHostIsa(fdt, node);
      found = true;
    } else if (fdtAvailable(fdt, node)) {
      newHart(at().base);
    }
  }
  return found;
}

/** Adds every bank of RAM and takes out what is reserved. A Status, after a message. */
export function findMemory(fdt: usize): i32 {
  for (let node = fdtChild(fdtRoot(fdt)); node; node = fdtSibling(node)) {
    if (!fdtEquals(fdt, node, "device_type", "memory") || !fdtAvailable(fdt, node)) continue;
    for (let i: u32 = 0; ; i++) {
      const status = fdtReg(fdt, node, i, at());
      if (status == Status.NotFound) break;
      if (status != Status.Ok) return complain("/memory: its reg is broken\n", status);
      const added = ramAddBank(at().base, at().size);
      if (added != Status.Ok) return complain("/memory: too many banks, or banks that overlap\n", added);
    }
  }
  reserveFromTree(fdt);
  ramReserve(hw.imageStart(), hw.imageEnd() - hw.imageStart());
  return Status.Ok;
}

function complain(text: string, status: i32): i32 {
  print(text);
  return status;
}

/** Memory reservations, /reserved-memory, and every boot module that a guest names. */
function reserveFromTree(fdt: usize): void {
  for (let i: u32 = 0; fdtReservation(fdt, i, at()) == Status.Ok; i++) ramReserve(at().base, at().size);
  const reserved = fdtFind(fdt, "/reserved-memory");
  for (let node = reserved ? fdtChild(reserved) : 0; node; node = fdtSibling(node)) reserveAll(fdt, node);
  const chosen = fdtFind(fdt, "/chosen");
  for (let node = chosen ? fdtChild(chosen) : 0; node; node = fdtSibling(node)) {
    if (fdtCompatible(fdt, node, "multiboot,module")) reserveAll(fdt, node);
    for (let child = fdtChild(node); child; child = fdtSibling(child)) reserveAll(fdt, child);
  }
}

/** Does the tree keep any of [hpa, hpa + size) for firmware or a device? Reading such memory may fault. */
export function isReserved(fdt: usize, hpa: u64, size: u64): bool {
  const last = hpa + size - 1;
  for (let i: u32 = 0; fdtReservation(fdt, i, at()) == Status.Ok; i++) if (overlaps(hpa, last)) return true;
  const reserved = fdtFind(fdt, "/reserved-memory");
  for (let node = reserved ? fdtChild(reserved) : 0; node; node = fdtSibling(node)) {
    for (let i: u32 = 0; fdtReg(fdt, node, i, at()) == Status.Ok; i++) if (overlaps(hpa, last)) return true;
  }
  return false;
}

/** Whether the range that was read last has a byte among those from `first` to `last`. */
function overlaps(first: u64, last: u64): bool {
  return at().size != 0 && at().base <= last && at().base + at().size - 1 >= first;
}

/** Module addresses are host-physical as they stand: /chosen is no bus. */
function reserveAll(fdt: usize, node: usize): void {
  for (let i: u32 = 0; fdtReg(fdt, node, i, at()) == Status.Ok; i++) ramReserve(at().base, at().size);
}
