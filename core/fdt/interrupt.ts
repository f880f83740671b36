// SPDX-License-Identifier: Apache-2.0
// References between nodes of a checked tree: phandles, interrupt parents, interrupt specifiers as raw cells.
// Called at boot and at guest creation. A phandle that two nodes claim names nobody, and every chain is followed for
// a bounded number of hops, so that loops end.
// @spec devicetree v0.4 §2.3.3, §2.4
import { Status } from "../lib/status";
import { be32, FDT_MAX_DEPTH } from "./format";
import { fdtHas, fdtU32 } from "./value";
import { fdtLength, fdtNext, fdtParent, fdtProperty, fdtRoot } from "./walk";

/** Most cells of one interrupt specifier that we take. */
const MAX_INTERRUPT_CELLS: u32 = 8;

/** One interrupt specifier: `count` cells at `cells` (read with fdtInterruptCell), meant for `controller`. */
@unmanaged
export class FdtInterrupt {
  controller: usize;
  cells: usize;
  count: u32;
  reserved: u32;
}

/** The node with this phandle; 0 if none or several claim it, and for the values that are no phandle. */
export function fdtByPhandle(fdt: usize, phandle: u32): usize {
  if (phandle == 0 || phandle == u32.MAX_VALUE) return 0;
  let found: usize = 0;
  for (let node = fdtRoot(fdt); node != 0; node = fdtNext(node)) {
    if (fdtU32(fdt, node, "phandle", 0) != phandle) continue;
    if (found != 0) return 0;
    found = node;
  }
  return found;
}

/** The node that the one-cell property `name` refers to, or 0. */
export function fdtReference(fdt: usize, node: usize, name: string): usize {
  return fdtByPhandle(fdt, fdtU32(fdt, node, name, 0));
}

/** The controller that a node's `interrupts` go to: by `interrupt-parent`, else the parent's; 0 if there is none. */
export function fdtInterruptParent(fdt: usize, node: usize): usize {
  for (let hops: u32 = 0; hops < FDT_MAX_DEPTH && node != 0; hops++) {
    const named = fdtHas(fdt, node, "interrupt-parent");
    node = named ? fdtReference(fdt, node, "interrupt-parent") : fdtParent(fdt, node);
    if (node != 0 && fdtHas(fdt, node, "#interrupt-cells")) return node;
  }
  return 0;
}

/**
 * Interrupt `index` of a node, from `interrupts-extended` or else `interrupts`.
 * NotFound: the node has fewer. Malformed: a controller is missing or ambiguous, or the list does not fit its cells.
 */
export function fdtInterrupt(fdt: usize, node: usize, index: u32, out: FdtInterrupt): i32 {
  const extended = fdtProperty(fdt, node, "interrupts-extended");
  if (extended != 0) return extendedInterrupt(fdt, extended, index, out);
  const data = fdtProperty(fdt, node, "interrupts");
  if (data == 0) return Status.NotFound;
  const controller = fdtInterruptParent(fdt, node);
  if (controller == 0) return Status.Malformed;
  const count = fdtU32(fdt, controller, "#interrupt-cells", 0);
  const length = fdtLength(data);
  if (count == 0 || count > MAX_INTERRUPT_CELLS || length % (count << 2) != 0) return Status.Malformed;
  if (index >= length / (count << 2)) return Status.NotFound;
  out.controller = controller;
  out.cells = data + ((<usize>index * count) << 2);
  out.count = count;
  return Status.Ok;
}

function extendedInterrupt(fdt: usize, data: usize, index: u32, out: FdtInterrupt): i32 {
  const end = data + fdtLength(data);
  let entry = data;
  for (let i: u32 = 0; entry != end; i++) {
    if (end - entry < 4) return Status.Malformed;
    const controller = fdtByPhandle(fdt, be32(entry));
    if (controller == 0) return Status.Malformed;
    const count = fdtU32(fdt, controller, "#interrupt-cells", u32.MAX_VALUE);
    if (count > MAX_INTERRUPT_CELLS || end - entry < <usize>((count + 1) << 2)) return Status.Malformed;
    if (i == index) {
      out.controller = controller;
      out.cells = entry + 4;
      out.count = count;
      return Status.Ok;
    }
    entry += (count + 1) << 2;
  }
  return Status.NotFound;
}

/** Cell `index` of a specifier; 0 beyond its end. */
export function fdtInterruptCell(interrupt: FdtInterrupt, index: u32): u32 {
  return index < interrupt.count ? be32(interrupt.cells + ((<usize>index) << 2)) : 0;
}
