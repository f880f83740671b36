// SPDX-License-Identifier: Apache-2.0
// Configuration space as a guest reaches it by ECAM: which function, which of its bytes, and what a write brings about.
// Called by the bus in trap context without the guest's lock. Absent functions, and the extended part that none has,
// read as all ones: that is how a guest sees that nothing is there, with the fewest accesses.
// @spec pci 3.0 §6; pcie 5.0 §7.2.2
import { Access, Handled, Unhandled } from "../../mmio/access";
import { configWord, enter, leave, MAX_SLOTS, PciFunction, PciHost, slotAt } from "./function";
import { followLine, wish } from "./intx";
import { REGISTERS_BYTES, TABLE_BYTES } from "./layout";
import { flushMessages, tableAccess } from "./message";
import { followLink, isUp, writeSlot } from "./slot";
import {
  EXPRESS_LINK_CONTROL,
  EXPRESS_SLOT_CONTROL,
  PCI_BAR,
  PCI_BYTES,
  PCI_COMMAND,
  PCI_COMMAND_MEMORY,
  PCI_STATUS,
  PCI_STATUS_CAPABILITIES,
  PCI_STATUS_INTERRUPT,
  PORT_BUSES,
  VIRTIO_PCI_CAP_BAR,
  VIRTIO_PCI_CAP_LENGTH,
  VIRTIO_PCI_CAP_MORE,
  VIRTIO_PCI_CAP_OFFSET,
} from "./spec";
import { virtioPciAccess } from "./transport";

const FUNCTION_SHIFT: u32 = 12;
const DEVICE_SHIFT: u32 = 15;
const BUS_SHIFT: u32 = 20;
/** BAR 0 to 3: two of 64 bits. */
const BARS_BYTES: u32 = 16;

/** One guest access in the KIND_PCI_CONFIG region. Unhandled: 8 bytes at a time. */
export function pciConfigAccess(host: PciHost, access: Access): i32 {
  if (access.width > 4) return Unhandled;
  const offset = <u32>access.offset;
  const at = functionAt(host, offset);
  const register = offset & ((1 << FUNCTION_SHIFT) - 1);
  if (register >= PCI_BYTES || !enter(host, at)) {
    if (!access.write) access.value = ones(access.width);
    return Handled;
  }
  const pci = changetype<PciFunction>(at);
  let answer = Handled;
  if (pci.cfgAccess != 0 && register - (pci.cfgAccess + VIRTIO_PCI_CAP_MORE) < 4)
    answer = throughCapability(pci, access);
  else if (access.write) writeRegister(pci, access, register);
  else readRegister(pci, access, register);
  leave(at);
  return answer;
}

export function ones(width: u32): u64 {
  return ~(<u64>0) >> (64 - (width << 3));
}

/** The function whose space holds that offset, 0 if there is none. */
function functionAt(host: PciHost, offset: u32): usize {
  if (offset & (((1 << DEVICE_SHIFT) - 1) & ~((1 << FUNCTION_SHIFT) - 1))) return 0;
  const bus = offset >> BUS_SHIFT;
  const slot = (offset >> DEVICE_SHIFT) & (MAX_SLOTS - 1);
  if (bus == 0) return slotAt(host, slot);
  return slot == 0 && host.ports != 0 ? childOnBus(host, bus) : 0;
}

/** What is plugged into the port that leads to the bus, as the guest numbered it. */
function childOnBus(host: PciHost, bus: u32): usize {
  for (let slot: u32 = 0; slot < MAX_SLOTS; slot++) {
    const at = slotAt(host, slot);
    if (!at) continue;
    const port = changetype<PciFunction>(at);
    const child = port.child;
    if (child && configWord(port, PORT_BUSES) >> 8 == bus && isUp(port)) return child;
  }
  return 0;
}

function readRegister(pci: PciFunction, access: Access, register: u32): void {
  const at = pci.config + register;
  if ((register & ~3) == PCI_COMMAND) {
    const status = wish(pci) ? PCI_STATUS_CAPABILITIES | PCI_STATUS_INTERRUPT : PCI_STATUS_CAPABILITIES;
    store<u16>(pci.config + PCI_STATUS, <u16>status);
  }
  access.value = access.width == 1 ? load<u8>(at) : access.width == 2 ? load<u16>(at) : load<u32>(at);
}

/** Whatever the width, a write is one to a word, in which only some bits count. */
function writeRegister(pci: PciFunction, access: Access, register: u32): void {
  const word = register & ~3;
  const shift = (register & 3) << 3;
  const bits = (<u32>ones(access.width)) << shift;
  const value = (<u32>access.value) << shift;
  if (changetype<usize>(pci.device) == 0 && word == pci.express + EXPRESS_SLOT_CONTROL) {
    writeSlot(pci, value, bits);
    followLine(pci);
    return;
  }
  const writable = load<u32>(pci.mask + word) & bits;
  if (writable == 0) return;
  const at = pci.config + word;
  store<u32>(at, (load<u32>(at) & ~writable) | (value & writable));
  written(pci, word);
}

/** What follows from a changed word. */
function written(pci: PciFunction, word: u32): void {
  const isPort = changetype<usize>(pci.device) == 0;
  if (!isPort && word >= PCI_COMMAND && word < PCI_BAR + BARS_BYTES) placeBars(pci);
  if (isPort && word == pci.express + EXPRESS_LINK_CONTROL) followLink(pci);
  else if (word != PCI_COMMAND && word != pci.msix) return;
  flushMessages(pci);
  followLine(pci);
}

/** Where its BARs answer. */
function placeBars(pci: PciFunction): void {
  const on = (configWord(pci, PCI_COMMAND) & PCI_COMMAND_MEMORY) != 0;
  const bars = pci.config + PCI_BAR;
  pci.registers = on ? load<u64>(bars) & ~(<u64>(REGISTERS_BYTES - 1)) : 0;
  pci.table = on && pci.vectors != 0 ? load<u64>(bars + 8) & ~(<u64>(TABLE_BYTES - 1)) : 0;
}

/**
 * Access to a BAR through the capability for it: BAR, offset and length stand in its other fields, which the guest chose.
 * @spec virtio 1.2 §4.1.4.9
 */
function throughCapability(pci: PciFunction, access: Access): i32 {
  const capability = pci.config + pci.cfgAccess;
  const bar = load<u8>(capability + VIRTIO_PCI_CAP_BAR);
  const offset = load<u32>(capability + VIRTIO_PCI_CAP_OFFSET);
  const length = load<u32>(capability + VIRTIO_PCI_CAP_LENGTH);
  const width = access.width;
  const end = bar == 0 ? REGISTERS_BYTES : bar == 2 && pci.vectors != 0 ? TABLE_BYTES : 0;
  const isSound = length == 1 || length == 2 || length == 4;
  let answer = Handled;
  if (!access.write) access.value = 0;
  if (isSound && (offset & (length - 1)) == 0 && offset < end) {
    access.width = length;
    if (bar == 0) answer = virtioPciAccess(pci, access, offset);
    else tableAccess(pci, access, offset);
    access.width = width;
  }
  if (!access.write) access.value &= ones(width);
  return answer;
}
