// SPDX-License-Identifier: Apache-2.0
// Addresses in a checked tree: `reg` in the parent's cells, and their translation through every bus's `ranges` up to
// the root, that is, to host-physical addresses in the host tree. Called at boot and at guest creation.
// Address cells are 1 or 2 here, size cells 0 to 2; PCI's three-cell addresses are refused, never misread.
// @spec devicetree v0.4 §2.3.5, §2.3.6, §2.3.8
import { Status } from "../lib/status";
import { be32, be64 } from "./format";
import { FdtRange } from "./value";
import { fdtLength, fdtParent, fdtProperty, fdtRoot } from "./walk";

/** A bus's `#address-cells`; 2 if it has none, u32.MAX_VALUE if it is not one cell. */
export function fdtAddressCells(fdt: usize, bus: usize): u32 {
  return cellsOf(fdtProperty(fdt, bus, "#address-cells"), 2);
}

/** A bus's `#size-cells`; 1 if it has none, u32.MAX_VALUE if it is not one cell. */
export function fdtSizeCells(fdt: usize, bus: usize): u32 {
  return cellsOf(fdtProperty(fdt, bus, "#size-cells"), 1);
}

function cellsOf(property: usize, absent: u32): u32 {
  if (property == 0) return absent;
  return fdtLength(property) == 4 ? be32(property) : u32.MAX_VALUE;
}

function number(ptr: usize, cells: u32): u64 {
  return cells == 2 ? be64(ptr) : cells == 1 ? <u64>be32(ptr) : 0;
}

/** Number of entries in `reg` (0 without one), or a negative Status. */
export function fdtRegCount(fdt: usize, node: usize): i32 {
  const data = fdtProperty(fdt, node, "reg");
  if (data == 0) return 0;
  const stride = regStride(fdt, fdtParent(fdt, node));
  if (stride == 0 || fdtLength(data) % stride != 0) return Status.Malformed;
  return fdtLength(data) / stride;
}

/** Bytes of one `reg` entry below this bus, 0 if its cells are not what we take. */
function regStride(fdt: usize, bus: usize): u32 {
  if (bus == 0) return 0;
  const addressCells = fdtAddressCells(fdt, bus);
  const sizeCells = fdtSizeCells(fdt, bus);
  return addressCells == 0 || addressCells > 2 || sizeCells > 2 ? 0 : (addressCells + sizeCells) << 2;
}

/**
 * Entry `index` of `reg` as the parent bus numbers it (a cpu's hart id, a device's bus address).
 * NotFound: no reg, or fewer entries. Malformed: cells or length wrong. Range: base + size wraps.
 */
export function fdtReg(fdt: usize, node: usize, index: u32, out: FdtRange): i32 {
  const data = fdtProperty(fdt, node, "reg");
  return data == 0 ? Status.NotFound : regEntry(fdt, fdtParent(fdt, node), data, index, out);
}

function regEntry(fdt: usize, bus: usize, data: usize, index: u32, out: FdtRange): i32 {
  const stride = regStride(fdt, bus);
  const length = fdtLength(data);
  if (stride == 0 || length == 0 || length % stride != 0) return Status.Malformed;
  if (index >= length / stride) return Status.NotFound;
  const addressCells = fdtAddressCells(fdt, bus);
  const entry = data + <usize>index * stride;
  out.base = number(entry, addressCells);
  out.size = number(entry + (addressCells << 2), fdtSizeCells(fdt, bus));
  return out.base + out.size < out.base ? Status.Range : Status.Ok;
}

/** Entry `index` of `reg` as an address at the root. As fdtReg; also Range if a bus on the way does not map it. */
export function fdtAddress(fdt: usize, node: usize, index: u32, out: FdtRange): i32 {
  const status = fdtReg(fdt, node, index, out);
  return status == Status.Ok ? fdtTranslate(fdt, fdtParent(fdt, node), out) : status;
}

/** Whether addresses on this bus are those of the root: its parent is the root and its `ranges` are empty. */
export function fdtBusIsFlat(fdt: usize, bus: usize): bool {
  const ranges = fdtProperty(fdt, bus, "ranges");
  return ranges != 0 && fdtLength(ranges) == 0 && fdtParent(fdt, bus) == fdtRoot(fdt);
}

/** fdtReg's first entry for a caller that has the node's parent: to find one is a walk. */
export function fdtRegOn(fdt: usize, bus: usize, node: usize, out: FdtRange): i32 {
  const data = fdtProperty(fdt, node, "reg");
  return data == 0 ? Status.NotFound : regEntry(fdt, bus, data, 0, out);
}

/** Rewrites a range that counts in the addresses of `bus` into the root's. On failure its content means nothing. */
export function fdtTranslate(fdt: usize, bus: usize, range: FdtRange): i32 {
  let parent = fdtParent(fdt, bus);
  while (parent != 0) {
    const status = translateOnce(fdt, bus, parent, range);
    if (status != Status.Ok) return status;
    bus = parent;
    parent = fdtParent(fdt, bus);
  }
  return Status.Ok;
}

function translateOnce(fdt: usize, bus: usize, parent: usize, range: FdtRange): i32 {
  const data = fdtProperty(fdt, bus, "ranges");
  if (data == 0) return Status.Range;
  const length = fdtLength(data);
  if (length == 0) return Status.Ok;
  const childCells = fdtAddressCells(fdt, bus);
  const parentCells = fdtAddressCells(fdt, parent);
  const sizeCells = fdtSizeCells(fdt, bus);
  if (childCells - 1 > 1 || parentCells - 1 > 1 || sizeCells - 1 > 1) return Status.Malformed;
  const stride = (childCells + parentCells + sizeCells) << 2;
  if (length % stride != 0) return Status.Malformed;
  for (let entry = data; entry < data + length; entry += stride) {
    const offset = range.base - number(entry, childCells);
    const size = number(entry + ((childCells + parentCells) << 2), sizeCells);
    if (range.base < number(entry, childCells) || offset >= size || range.size > size - offset) continue;
    const base = number(entry + (childCells << 2), parentCells);
    const end = base + offset + range.size;
    if (base + offset < base || end < base + offset) return Status.Range;
    range.base = base + offset;
    return Status.Ok;
  }
  return Status.Range;
}
