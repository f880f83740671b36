// SPDX-License-Identifier: Apache-2.0
// Configuration spaces as after power-on: what is in them, and which bits a guest may write. Called when a function is
// attached and when its guest restarts, with no vCPU in it. What a write brings about is config.ts's.
// The list of capabilities begins with what is looked for most: each look walks it from the start, an exit an entry.
// @spec pci 3.0 §6.1, §6.7; virtio 1.2 §4.1.2, §4.1.4; pcie 5.0 §7.5
import {
  COMMON_OFFSET,
  DEVICE_OFFSET,
  ISR_OFFSET,
  NOTIFY_OFFSET,
  NOTIFY_STRIDE,
  PBA_OFFSET,
  REGISTERS_BYTES,
  TABLE_BYTES,
} from "./layout";
import { PciFunction } from "./function";
import { clearMessages } from "./message";
import { portPlugged } from "./slot";
import {
  EXPRESS_BYTES,
  EXPRESS_DEVICE,
  EXPRESS_DEVICE_CONTROL,
  EXPRESS_ENDPOINT,
  EXPRESS_ERRORS_BY_ROLE,
  EXPRESS_FLAGS,
  EXPRESS_LINK,
  EXPRESS_LINK_CONTROL,
  EXPRESS_LINK_OFF,
  EXPRESS_LINK_REPORTS,
  EXPRESS_LINK_SPEED,
  EXPRESS_LINK_STATUS,
  EXPRESS_PORT,
  EXPRESS_SLOT,
  PCI_BAR,
  PCI_BAR_64,
  PCI_BYTES,
  PCI_CACHE_LINE,
  PCI_CAP_EXPRESS,
  PCI_CAP_MSIX,
  PCI_CAP_VENDOR,
  PCI_CAPABILITIES,
  PCI_CLASS,
  PCI_COMMAND,
  PCI_COMMAND_INTX_OFF,
  PCI_COMMAND_MASTER,
  PCI_COMMAND_MEMORY,
  PCI_HEADER_BRIDGE,
  PCI_HEADER_TYPE,
  PCI_ID,
  PCI_INTERRUPT,
  PCI_MSIX_ENABLE,
  PCI_MSIX_MASK_ALL,
  PCI_MSIX_PBA,
  PCI_PIN_A,
  PCI_STATUS_CAPABILITIES,
  PCI_SUBSYSTEM,
  PORT_BUSES,
  PORT_CLASS,
  PORT_DEVICE,
  PORT_MEMORY,
  PORT_VENDOR,
  SLOT_BUTTON,
  SLOT_HOTPLUG,
  SLOT_INDICATOR,
  SLOT_NUMBER_SHIFT,
  SLOT_POWER,
  SLOT_SILENT,
  VIRTIO_PCI_CAP_BAR,
  VIRTIO_PCI_CAP_BYTES,
  VIRTIO_PCI_CAP_COMMON,
  VIRTIO_PCI_CAP_DEVICE,
  VIRTIO_PCI_CAP_ISR,
  VIRTIO_PCI_CAP_LENGTH,
  VIRTIO_PCI_CAP_MORE,
  VIRTIO_PCI_CAP_NOTIFY,
  VIRTIO_PCI_CAP_OFFSET,
  VIRTIO_PCI_CAP_PCI,
  VIRTIO_PCI_CAP_TYPE,
  VIRTIO_PCI_MODERN,
  VIRTIO_PCI_REVISION,
  VIRTIO_PCI_SUBSYSTEM,
  VIRTIO_PCI_VENDOR,
} from "./spec";

/** Where the first capability is. */
const FIRST: u32 = 0x40;
const WORD: u32 = 4;

/** Everything as after power-on. */
export function buildSpace(pci: PciFunction): void {
  memory.fill(pci.config, 0, 2 * PCI_BYTES);
  pci.registers = 0;
  pci.table = 0;
  put(pci, PCI_COMMAND, PCI_STATUS_CAPABILITIES << 16);
  writable(pci, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_OFF);
  writable(pci, PCI_CACHE_LINE, 0xff);
  put(pci, PCI_CAPABILITIES, FIRST);
  put(pci, PCI_INTERRUPT, PCI_PIN_A << 8);
  writable(pci, PCI_INTERRUPT, 0xff);
  if (changetype<usize>(pci.device)) buildDevice(pci);
  else buildPort(pci);
}

function put(pci: PciFunction, offset: u32, value: u32): void {
  store<u32>(pci.config + offset, value);
}

function writable(pci: PciFunction, offset: u32, bits: u32): void {
  store<u32>(pci.mask + offset, bits);
}

/** Begins a capability of `bytes` at `at` and answers where the one behind it begins. */
function capability(pci: PciFunction, at: u32, id: u32, bytes: u32): u32 {
  const next = (at + bytes + WORD - 1) & ~(WORD - 1);
  put(pci, at, id | (next << 8));
  return next;
}

/** Ends the list with the capability at `at`. */
function last(pci: PciFunction, at: u32): void {
  store<u8>(pci.config + at + 1, 0);
}

function bar(pci: PciFunction, index: u32, bytes: u32): void {
  const at = PCI_BAR + index * WORD;
  put(pci, at, PCI_BAR_64);
  writable(pci, at, ~(bytes - 1));
  writable(pci, at + WORD, ~0);
}

// ---- a VirtIO device

/** PCI's class of a VirtIO device: network, console, block; else "other". */
function classOf(type: u32): u32 {
  return type == 1 ? 0x02_0000 : type == 2 ? 0x01_8000 : type == 3 ? 0x07_8000 : 0xff_0000;
}

function buildDevice(pci: PciFunction): void {
  put(pci, PCI_ID, VIRTIO_PCI_VENDOR | ((VIRTIO_PCI_MODERN + pci.device.type) << 16));
  put(pci, PCI_CLASS, VIRTIO_PCI_REVISION | (classOf(pci.device.type) << 8));
  put(pci, PCI_SUBSYSTEM, VIRTIO_PCI_VENDOR | (VIRTIO_PCI_SUBSYSTEM << 16));
  bar(pci, 0, REGISTERS_BYTES);
  let at = FIRST;
  if (pci.vectors) at = addMessages(pci, at);
  if (pci.port) at = addEndpoint(pci, at);
  at = addStructure(pci, at, VIRTIO_PCI_CAP_COMMON, COMMON_OFFSET);
  put(pci, at + VIRTIO_PCI_CAP_MORE, NOTIFY_STRIDE);
  at = addStructure(pci, at, VIRTIO_PCI_CAP_NOTIFY, NOTIFY_OFFSET);
  at = addStructure(pci, at, VIRTIO_PCI_CAP_ISR, ISR_OFFSET);
  at = addStructure(pci, at, VIRTIO_PCI_CAP_DEVICE, DEVICE_OFFSET);
  pci.cfgAccess = at;
  addStructure(pci, at, VIRTIO_PCI_CAP_PCI, 0);
  put(pci, at + VIRTIO_PCI_CAP_LENGTH, 0);
  writable(pci, at + VIRTIO_PCI_CAP_BAR, 0xff);
  writable(pci, at + VIRTIO_PCI_CAP_OFFSET, ~0);
  writable(pci, at + VIRTIO_PCI_CAP_LENGTH, ~0);
  last(pci, at);
}

function addMessages(pci: PciFunction, at: u32): u32 {
  pci.msix = at;
  const next = capability(pci, at, PCI_CAP_MSIX, PCI_MSIX_PBA + WORD);
  store<u16>(pci.config + at + 2, <u16>(pci.vectors - 1));
  writable(pci, at, (PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL) << 16);
  put(pci, at + WORD, 2);
  put(pci, at + PCI_MSIX_PBA, 2 | PBA_OFFSET);
  bar(pci, 2, TABLE_BYTES);
  clearMessages(pci);
  return next;
}

/** Where VirtIO's structure `type` is: a page of BAR 0. Those with something behind their capability fill it. */
function addStructure(pci: PciFunction, at: u32, type: u32, offset: u32): u32 {
  const isLong = type == VIRTIO_PCI_CAP_NOTIFY || type == VIRTIO_PCI_CAP_PCI;
  const bytes = isLong ? VIRTIO_PCI_CAP_MORE + WORD : VIRTIO_PCI_CAP_BYTES;
  const next = capability(pci, at, PCI_CAP_VENDOR, bytes);
  store<u8>(pci.config + at + 2, <u8>bytes);
  store<u8>(pci.config + at + VIRTIO_PCI_CAP_TYPE, <u8>type);
  put(pci, at + VIRTIO_PCI_CAP_OFFSET, offset);
  put(pci, at + VIRTIO_PCI_CAP_LENGTH, ISR_OFFSET);
  return next;
}

function addEndpoint(pci: PciFunction, at: u32): u32 {
  return addExpress(pci, at, EXPRESS_ENDPOINT, EXPRESS_SLOT);
}

/** Which is in both ends of a link; the port's status says whether it is up. */
function addExpress(pci: PciFunction, at: u32, type: u32, bytes: u32): u32 {
  pci.express = at;
  const next = capability(pci, at, PCI_CAP_EXPRESS, bytes);
  store<u16>(pci.config + at + EXPRESS_FLAGS, <u16>type);
  put(pci, at + EXPRESS_DEVICE, EXPRESS_ERRORS_BY_ROLE);
  writable(pci, at + EXPRESS_DEVICE_CONTROL, 0xf);
  put(pci, at + EXPRESS_LINK, EXPRESS_LINK_SPEED);
  store<u16>(pci.config + at + EXPRESS_LINK_STATUS, <u16>EXPRESS_LINK_SPEED);
  return next;
}

// ---- a root port

function buildPort(pci: PciFunction): void {
  put(pci, PCI_ID, PORT_VENDOR | (PORT_DEVICE << 16));
  put(pci, PCI_CLASS, PORT_CLASS << 8);
  store<u8>(pci.config + PCI_HEADER_TYPE, <u8>PCI_HEADER_BRIDGE);
  writable(pci, PORT_BUSES, 0xff_ffff);
  writable(pci, PORT_MEMORY, 0xfff0_fff0);
  const at = FIRST;
  addExpress(pci, at, EXPRESS_PORT, EXPRESS_BYTES);
  last(pci, at);
  put(pci, at + EXPRESS_LINK, EXPRESS_LINK_SPEED | EXPRESS_LINK_REPORTS);
  writable(pci, at + EXPRESS_LINK_CONTROL, EXPRESS_LINK_OFF);
  const slot = SLOT_BUTTON | SLOT_POWER | SLOT_INDICATOR | SLOT_HOTPLUG | SLOT_SILENT;
  put(pci, at + EXPRESS_SLOT, slot | ((pci.slot + 1) << SLOT_NUMBER_SHIFT));
  portPlugged(pci);
}
