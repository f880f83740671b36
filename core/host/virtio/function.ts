// SPDX-License-Identifier: Apache-2.0
// A VirtIO device behind a PCI function: its capabilities say where its registers are. Modern devices, and transitional
// ones as far as they are modern. Called by the boot hart while it looks for devices; writes nothing but base addresses.
// Capabilities are the device's word: what they name must lie in a window that the function really has.
// @spec virtio 1.2 §4.1.2, §4.1.4
import { FdtInterrupt, fdtInterruptCell } from "../../fdt/read";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { hostTree } from "../host-tree";
import { barAddress } from "../pci/bars";
import { pciBridge, pciSpace } from "../pci/host";
import { pciLine } from "../pci/lines";
import {
  PCI_CAP_MSIX,
  PCI_CAP_VENDOR,
  PCI_CAPABILITIES,
  PCI_COMMAND,
  PCI_ID,
  PCI_INTERRUPT,
  PCI_MSIX_BIR,
  PCI_STATUS_CAPABILITIES,
  PCI_SUBSYSTEM,
  VIRTIO_PCI_CAP_COMMON,
  VIRTIO_PCI_CAP_DEVICE,
  VIRTIO_PCI_CAP_ISR,
  VIRTIO_PCI_CAP_NOTIFY,
  VIRTIO_PCI_COMMON_BYTES,
  VIRTIO_PCI_LAST,
  VIRTIO_PCI_MODERN,
  VIRTIO_PCI_TRANSITIONAL,
  VIRTIO_PCI_VENDOR,
} from "./spec";
import { HostVirtio, VIA_PCI } from "./transport";

/** Capabilities begin behind the header; there is room for so many. */
const FIRST_CAPABILITY: u32 = 0x40;
const MOST_CAPABILITIES: u32 = 48;
/** Most of a window that is mapped. */
const MOST_BYTES: u32 = 0x4000;
/** One entry of an MSI-X table. */
const MSIX_ENTRY: u32 = 16;

// @lock per boot
const interrupt: usize = memory.data(16, 8);

/** Boot: fills `at` from PCI function `number`. False: it is no VirtIO device that can be driven. */
export function virtioFunction(number: u32, at: HostVirtio): bool {
  const space = pciSpace(number);
  const id = hw.mmioRead32(space + PCI_ID);
  const device = id >> 16;
  if ((id & 0xffff) != VIRTIO_PCI_VENDOR || device < VIRTIO_PCI_TRANSITIONAL || device > VIRTIO_PCI_LAST) return false;
  if (!((hw.mmioRead32(space + PCI_COMMAND) >> 16) & PCI_STATUS_CAPABILITIES)) return false;
  at.kind = VIA_PCI;
  at.space = space;
  at.place = number;
  at.type = device >= VIRTIO_PCI_MODERN ? device - VIRTIO_PCI_MODERN : hw.mmioRead32(space + PCI_SUBSYSTEM) >> 16;
  let capability = hw.mmioRead8(space + PCI_CAPABILITIES) & ~3;
  for (let i: u32 = 0; i < MOST_CAPABILITIES && capability >= FIRST_CAPABILITY; i++) {
    const head = hw.mmioRead32(space + capability);
    if ((head & 0xff) == PCI_CAP_VENDOR) readWindow(at, capability, head >> 24);
    else if ((head & 0xff) == PCI_CAP_MSIX) readMessages(at, capability);
    capability = (head >> 8) & 0xfc;
  }
  findLine(at);
  return at.registers != 0 && at.doorbells != 0 && at.cause != 0;
}

/** One of the structures of §4.1.4; of each kind the first that is usable counts. */
function readWindow(at: HostVirtio, capability: u32, what: u32): void {
  const from = at.space + capability;
  const bytes = min(hw.mmioRead32(from + 12), MOST_BYTES);
  if (bytes == 0 || bytes < (what == VIRTIO_PCI_CAP_COMMON ? VIRTIO_PCI_COMMON_BYTES : 1)) return;
  if (what == VIRTIO_PCI_CAP_COMMON && at.registers == 0) at.registers = mapBar(at, capability, bytes);
  if (what == VIRTIO_PCI_CAP_ISR && at.cause == 0) at.cause = mapBar(at, capability, 1);
  if (what == VIRTIO_PCI_CAP_DEVICE && at.config == 0) {
    at.config = mapBar(at, capability, bytes);
    at.configBytes = at.config ? bytes : 0;
  }
  if (what == VIRTIO_PCI_CAP_NOTIFY && at.doorbells == 0) {
    at.doorbells = mapBar(at, capability, bytes);
    at.doorbellBytes = bytes;
    at.doorbellStep = hw.mmioRead32(from + 16);
  }
}

function mapBar(at: HostVirtio, capability: u32, bytes: u32): u64 {
  const from = at.space + capability;
  return mapWindow(at, hw.mmioRead8(from + 4), hw.mmioRead32(from + 8), bytes);
}

function mapWindow(at: HostVirtio, bar: u32, offset: u32, bytes: u32): u64 {
  const hpa = offset & 3 ? 0 : barAddress(at.place, bar, offset, bytes);
  return hpa ? hw.mapDevice(hpa, bytes) : 0;
}

function readMessages(at: HostVirtio, capability: u32): void {
  const table = hw.mmioRead32(at.space + capability + 4);
  at.table = mapWindow(at, table & PCI_MSIX_BIR, table & ~PCI_MSIX_BIR, MSIX_ENTRY);
  at.msix = capability;
}

function findLine(at: HostVirtio): void {
  const pin = hw.mmioRead8(at.space + PCI_INTERRUPT + 1);
  const what = changetype<FdtInterrupt>(interrupt);
  if (pin == 0 || pciLine(hostTree(), pciBridge(), (at.place << 8) | pin, what) != Status.Ok) return;
  at.irq = fdtInterruptCell(what, 0);
  at.trigger = fdtInterruptCell(what, 1);
}
