// SPDX-License-Identifier: Apache-2.0
// Where the interrupt pin of a PCI function goes: the host bridge's `interrupt-map`. Called by the boot hart. Reads a
// checked tree. @spec devicetree v0.4 §2.4.3; IEEE 1275 PCI interrupt mapping
//
//   a row of the map: 3 cells of the function's address · its pin · phandle of a controller · its address · its interrupt
import { fdtByPhandle, fdtCell, fdtCellCount, FdtInterrupt, fdtProperty, fdtU32 } from "../../fdt/read";
import { Status } from "../../lib/status";

/** Cells before the controller's own. */
const FIXED: u32 = 5;
const MOST_CELLS: u32 = 4;

/** The interrupt of pin `pin` (1 to 4) of function `number` below `bridge`. NotFound, or Malformed if the map is. */
export function pciLine(fdt: usize, bridge: usize, numberAndPin: u32, out: FdtInterrupt): i32 {
  const number = numberAndPin >> 8;
  const pin = numberAndPin & 0xff;
  const map = fdtProperty(fdt, bridge, "interrupt-map");
  const mask = fdtProperty(fdt, bridge, "interrupt-map-mask");
  if (map == 0 || mask == 0 || fdtCellCount(mask) != 4) return Status.NotFound;
  let phandle: u32 = 0;
  let controller: usize = 0;
  for (let at: u32 = 0; at + FIXED <= fdtCellCount(map);) {
    // The tree is walked for a phandle: rows mostly name one.
    if (controller == 0 || fdtCell(map, at + 4) != phandle) {
      phandle = fdtCell(map, at + 4);
      controller = fdtByPhandle(fdt, phandle);
      if (controller == 0) return Status.Malformed;
    }
    const addressCells = fdtU32(fdt, controller, "#address-cells", 0);
    const cells = fdtU32(fdt, controller, "#interrupt-cells", 0);
    const first = at + FIXED + addressCells;
    if (addressCells > MOST_CELLS || cells == 0 || cells > MOST_CELLS || first + cells > fdtCellCount(map)) break;
    const other =
      ((fdtCell(map, at) ^ (number << 8)) & fdtCell(mask, 0)) | ((fdtCell(map, at + 3) ^ pin) & fdtCell(mask, 3));
    if (other == 0) {
      out.controller = controller;
      out.cells = map + ((<usize>first) << 2);
      out.count = cells;
      return Status.Ok;
    }
    at = first + cells;
  }
  return Status.NotFound;
}
