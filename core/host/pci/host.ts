// SPDX-License-Identifier: Apache-2.0
// The host's PCI: the first generic host bridge of the host's tree whose configuration space is memory (ECAM), and the
// functions of its first bus. Called by the boot hart while it looks for devices. Functions are numbered as PCI does:
// bus, device, function in 8, 5 and 3 bits. Nothing behind a bridge is looked for.
// @spec PCI Express 5.0 §7.2.2, IEEE 1275 PCI bus binding §2.2.1.1
import {
  fdtAddress,
  fdtAddressCells,
  fdtAvailable,
  fdtCell,
  fdtCellCount,
  fdtFindCompatible,
  fdtParent,
  fdtProperty,
  FdtRange,
} from "../../fdt/read";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { PCI_HEADER_TYPE, PCI_ID, PCI_NONE } from "../virtio/spec";

/** Configuration space of a bus, and of a function. */
const BUS_BYTES: u64 = 0x10_0000;
const FUNCTION_SHIFT: u64 = 12;
const FUNCTIONS: u32 = 256;
const MULTI: u32 = 0x80;
/** Answer of pciNext behind the last function. */
export const PCI_END: u32 = u32.MAX_VALUE;

/** One window of the bridge onto its bus. */
@unmanaged
export class PciWindow {
  /** Where it begins for the bus, and for the host; bytes. */
  bus: u64 = 0;
  hpa: u64 = 0;
  size: u64 = 0;
  /** First cell of the bus address: PCI_SPACE_*. */
  space: u32 = 0;
  pad: u32 = 0;
}

// @lock per boot
const range: usize = memory.data(16, 8);
let tree: usize = 0;
let bridge: usize = 0;
let spaceHva: u64 = 0;

/** Boot: looks for a host bridge in the host's tree. False: there is none that we can use. */
export function pciFind(fdt: usize): bool {
  const where = changetype<FdtRange>(range);
  for (
    let node = fdtFindCompatible(fdt, 0, "pci-host-ecam-generic");
    node;
    node = fdtFindCompatible(fdt, node, "pci-host-ecam-generic")
  ) {
    if (!fdtAvailable(fdt, node) || fdtAddress(fdt, node, 0, where) != Status.Ok) continue;
    if (where.size < BUS_BYTES || where.base & (BUS_BYTES - 1)) continue;
    spaceHva = hw.mapDevice(where.base, BUS_BYTES);
    tree = fdt;
    bridge = node;
    return spaceHva != 0;
  }
  return false;
}

/** The bridge's node. */
export function pciBridge(): usize {
  return bridge;
}

/** hva of a function's configuration space. */
export function pciSpace(number: u32): u64 {
  return spaceHva + ((<u64>number) << FUNCTION_SHIFT);
}

/** The first function behind `after` that is there (PCI_END: from the beginning on); PCI_END behind the last. */
export function pciNext(after: u32): u32 {
  for (let number = after + 1; number < FUNCTIONS; number++) {
    const first = pciSpace(number & ~7);
    if (number & 7 && !(hw.mmioRead8(first + PCI_HEADER_TYPE) & MULTI)) continue;
    if ((hw.mmioRead32(pciSpace(number) + PCI_ID) & 0xffff) != PCI_NONE) return number;
    // Without a first function there is no device.
    if (!(number & 7)) number += 7;
  }
  return PCI_END;
}

/** Window `index` of the bridge; false if there is none, or the tree's `ranges` are broken. */
export function pciWindow(index: u32, out: PciWindow): bool {
  const data = fdtProperty(tree, bridge, "ranges");
  const parentCells = fdtAddressCells(tree, fdtParent(tree, bridge));
  if (data == 0 || parentCells - 1 > 1) return false;
  const stride = 5 + parentCells;
  const at = index * stride;
  if (index > fdtCellCount(data) || at + stride > fdtCellCount(data)) return false;
  out.space = fdtCell(data, at);
  out.bus = pair(data, at + 1);
  out.hpa = parentCells == 2 ? pair(data, at + 3) : <u64>fdtCell(data, at + 3);
  out.size = pair(data, at + 3 + parentCells);
  return out.bus + out.size >= out.bus && out.hpa + out.size >= out.hpa;
}

function pair(data: usize, index: u32): u64 {
  return ((<u64>fdtCell(data, index)) << 32) | fdtCell(data, index + 1);
}
