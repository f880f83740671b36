// SPDX-License-Identifier: Apache-2.0
// The VirtIO devices in a guest's tree: a node for each on MMIO, the host bridge for those on PCI. Lifecycle worker.
import { IRQCHIP_PHANDLE, putInterrupt } from "../../arch/seam";
import { writePciNode } from "../../dev/pci/tree";
import {
  fdtBeginNodeAt,
  fdtEndNode,
  fdtPutEmpty,
  fdtPutReg,
  fdtPutString,
  fdtPutU32,
  FdtWriter,
} from "../../fdt/write";
import { VIRTIO_MMIO_SIZE } from "../board";
import { Guest } from "../guest";
import { MAX_DEVICES } from "./node";
import { deviceAt } from "./table";

export function writeDevices(out: FdtWriter, guest: Guest): void {
  for (let i: u32 = 0; i < MAX_DEVICES; i++) {
    const at = deviceAt(guest, i);
    if (at.base == 0) continue;
    fdtBeginNodeAt(out, "virtio", at.base);
    fdtPutString(out, "compatible", "virtio,mmio");
    fdtPutReg(out, at.base, VIRTIO_MMIO_SIZE);
    fdtPutEmpty(out, "dma-coherent");
    putInterrupt(out, guest, at.device.irq);
    fdtPutU32(out, "interrupt-parent", IRQCHIP_PHANDLE);
    fdtEndNode(out);
  }
  writePciNode(out, guest);
}
