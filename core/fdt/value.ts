// SPDX-License-Identifier: Apache-2.0
// Typed readings of a checked tree's properties: numbers, strings, `compatible`, `status`, memory reservations.
// Called at boot and at guest creation. A property of the wrong size reads as if it were absent.
import { Status } from "../lib/status";
import { be32, be64, nameIs, OFF_RESERVATIONS } from "./format";
import { fdtLength, fdtNext, fdtProperty, fdtRoot } from "./walk";

/** A stretch of some address space; base + size never wraps. */
@unmanaged
export class FdtRange {
  base: u64;
  size: u64;
}

export function fdtHas(fdt: usize, node: usize, name: string): bool {
  return fdtProperty(fdt, node, name) != 0;
}

/** A one-cell property; `absent` if it is missing or not 4 bytes long. */
export function fdtU32(fdt: usize, node: usize, name: string, absent: u32): u32 {
  const data = fdtProperty(fdt, node, name);
  return data != 0 && fdtLength(data) == 4 ? be32(data) : absent;
}

/** A property of one or two cells; `absent` if it is missing or of another size. */
export function fdtU64(fdt: usize, node: usize, name: string, absent: u64): u64 {
  const data = fdtProperty(fdt, node, name);
  if (data == 0) return absent;
  const length = fdtLength(data);
  return length == 8 ? be64(data) : length == 4 ? <u64>be32(data) : absent;
}

/** Number of whole cells in a property. */
export function fdtCellCount(property: usize): u32 {
  return fdtLength(property) >> 2;
}

/** Cell `index` of a property; 0 beyond its end. */
export function fdtCell(property: usize, index: u32): u32 {
  return index < fdtCellCount(property) ? be32(property + ((<usize>index) << 2)) : 0;
}

/** Bytes before the first NUL of a property's data (all of it if there is none). */
export function fdtStringLength(property: usize): u32 {
  const limit = fdtLength(property);
  let length: u32 = 0;
  while (length < limit && load<u8>(property + length) != 0) length++;
  return length;
}

/** Is the property exactly this one string? */
export function fdtEquals(fdt: usize, node: usize, name: string, text: string): bool {
  const data = fdtProperty(fdt, node, name);
  if (data == 0 || fdtLength(data) != <u32>text.length + 1) return false;
  return load<u8>(data + <u32>text.length) == 0 && nameIs(data, text);
}

/** Does the string list contain this string? An unterminated tail is no string. */
export function fdtListContains(fdt: usize, node: usize, name: string, text: string): bool {
  const data = fdtProperty(fdt, node, name);
  if (data == 0) return false;
  const end = data + fdtLength(data);
  let start = data;
  for (let p = data; p < end; p++) {
    if (load<u8>(p) != 0) continue;
    if (nameIs(start, text)) return true;
    start = p + 1;
  }
  return false;
}

/** Does `compatible` name this programming model? */
export function fdtCompatible(fdt: usize, node: usize, text: string): bool {
  return fdtListContains(fdt, node, "compatible", text);
}

/** The first compatible node in document order after `after`; 0 for `after` means from the root. 0 if there is none. */
export function fdtFindCompatible(fdt: usize, after: usize, text: string): usize {
  let node = after == 0 ? fdtRoot(fdt) : fdtNext(after);
  while (node != 0 && !fdtCompatible(fdt, node, text)) node = fdtNext(node);
  return node;
}

/** Is the node in use: no `status`, or "okay"/"ok"? */
export function fdtAvailable(fdt: usize, node: usize): bool {
  return !fdtHas(fdt, node, "status") || fdtEquals(fdt, node, "status", "okay") || fdtEquals(fdt, node, "status", "ok");
}

/** Entry `index` of the memory reservation block. NotFound past the last, Range if it wraps. */
export function fdtReservation(fdt: usize, index: u32, out: FdtRange): i32 {
  let entry = fdt + be32(fdt + OFF_RESERVATIONS);
  for (let i: u32 = 0; ; i++, entry += 16) {
    const base = be64(entry);
    const size = be64(entry + 8);
    if (base == 0 && size == 0) return Status.NotFound;
    if (i != index) continue;
    out.base = base;
    out.size = size;
    return base + size < base ? Status.Range : Status.Ok;
  }
}
