// SPDX-License-Identifier: Apache-2.0
// The host bridge in a guest's tree. Boot and worker context, while the guest is furnished.
// @spec IEEE 1275 PCI bus binding §2, §3; host-generic-pci binding
import { IRQCHIP_PHANDLE, MSI_PHANDLE } from "../../arch/seam";
import {
  fdtBeginNodeAt,
  fdtBeginProperty,
  fdtCellU32,
  fdtCellU64,
  fdtEndNode,
  fdtEndProperty,
  fdtPutEmpty,
  fdtPutReg,
  fdtPutString,
  fdtPutU32,
  FdtWriter,
} from "../../fdt/write";
import { Guest } from "../../guest/guest";
import { PCI_LINES, PciHost } from "./function";
import { PCI_CONFIG_BASE, PCI_CONFIG_BUS, PCI_LINE, PCI_WINDOW_BASE, PCI_WINDOW_SIZE } from "./layout";
import { PCI_PIN_A } from "./spec";

const MEMORY_SPACE: u32 = 0x0200_0000;
const LEVEL_HIGH: u32 = 4;
const SLOT_SHIFT: u32 = 11;

/** Writes the node of the guest's host bridge, if it has one, into its tree's bus node (two cells for an address). */
export function writePciNode(out: FdtWriter, guest: Guest): void {
  if (!guest.pci) return;
  const host = changetype<PciHost>(guest.pci);
  fdtBeginNodeAt(out, "pci", PCI_CONFIG_BASE);
  fdtPutString(out, "compatible", "pci-host-ecam-generic");
  fdtPutString(out, "device_type", "pci");
  fdtPutReg(out, PCI_CONFIG_BASE, PCI_CONFIG_BUS * (1 + <u64>host.ports));
  fdtPutU32(out, "#address-cells", 3);
  fdtPutU32(out, "#size-cells", 2);
  fdtPutU32(out, "#interrupt-cells", 1);
  fdtPutU32(out, "linux,pci-domain", 0);
  fdtPutEmpty(out, "dma-coherent");
  fdtBeginProperty(out, "bus-range");
  fdtCellU32(out, 0);
  fdtCellU32(out, host.ports);
  fdtEndProperty(out);
  fdtBeginProperty(out, "ranges");
  fdtCellU32(out, MEMORY_SPACE);
  fdtCellU64(out, PCI_WINDOW_BASE);
  fdtCellU64(out, PCI_WINDOW_BASE);
  fdtCellU64(out, PCI_WINDOW_SIZE);
  fdtEndProperty(out);
  if (host.messages) fdtPutU32(out, "msi-parent", MSI_PHANDLE);
  writeInterruptMap(out, host);
  fdtEndNode(out);
}

/** INTA is the only pin: slots take the lines in turn. */
function writeInterruptMap(out: FdtWriter, host: PciHost): void {
  fdtBeginProperty(out, "interrupt-map-mask");
  writeUnit(out, PCI_LINES - 1, 7);
  fdtEndProperty(out);
  fdtBeginProperty(out, "interrupt-map");
  for (let slot: u32 = 0; slot < PCI_LINES; slot++) {
    writeUnit(out, slot, PCI_PIN_A);
    fdtCellU32(out, IRQCHIP_PHANDLE);
    fdtCellU32(out, PCI_LINE + slot);
    if (host.messages) fdtCellU32(out, LEVEL_HIGH);
  }
  fdtEndProperty(out);
}

function writeUnit(out: FdtWriter, slot: u32, pin: u32): void {
  fdtCellU32(out, slot << SLOT_SHIFT);
  fdtCellU64(out, 0);
  fdtCellU32(out, pin);
}
