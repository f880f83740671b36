// SPDX-License-Identifier: Apache-2.0
// MSI-X of a function: the table of messages, their masks and pending bits, and sending. pciMessage is called in every
// context that interrupts a guest, by any hart; the table is the guest's to write at any time. No lock: a message that
// finds its vector masked leaves a pending bit and then looks again, as does who lifts the mask after lifting it; the
// one that takes the bit sends. A message that is torn by a guest's own race goes nowhere but to that guest.
// @spec pci 3.0 §6.8.2
import { guestMessage } from "../../arch/seam";
import * as hw from "../../hw";
import { Access } from "../../mmio/access";
import { sendsMessages } from "./intx";
import { PBA_OFFSET } from "./layout";
import { configWord, PciFunction } from "./function";
import {
  MSIX_ENTRY_BYTES,
  MSIX_ENTRY_CONTROL,
  MSIX_ENTRY_DATA,
  MSIX_ENTRY_MASKED,
  PCI_COMMAND,
  PCI_COMMAND_MASTER,
  PCI_MSIX_MASK_ALL,
} from "./spec";

/** Interrupts by message `vector`, NO_VECTOR for none. 0: the function's messages are off, so that its line is used. */
export function pciMessage(at: usize, vector: u32): u32 {
  const pci = changetype<PciFunction>(at);
  if (!sendsMessages(pci)) return 0;
  if (vector >= pci.vectors) return 1;
  if (isMasked(pci, vector)) {
    hw.atomicOr(at + offsetof<PciFunction>("pending"), 1 << vector);
    if (!isMasked(pci, vector)) sendPending(pci, vector);
  } else {
    send(pci, vector);
  }
  return 1;
}

/** Sends what waits and is no longer masked: a mask may have been lifted. */
export function flushMessages(pci: PciFunction): void {
  if (!sendsMessages(pci)) return;
  for (let vector: u32 = 0; vector < pci.vectors; vector++) {
    if (!isMasked(pci, vector)) sendPending(pci, vector);
  }
}

/** Every vector is masked and nothing waits, as after power-on. */
export function clearMessages(pci: PciFunction): void {
  memory.fill(pci.entries, 0, pci.vectors * MSIX_ENTRY_BYTES);
  for (let vector: u32 = 0; vector < pci.vectors; vector++) {
    store<u32>(entry(pci, vector) + MSIX_ENTRY_CONTROL, MSIX_ENTRY_MASKED);
  }
  pci.pending = 0;
}

function entry(pci: PciFunction, vector: u32): usize {
  return pci.entries + vector * MSIX_ENTRY_BYTES;
}

function isMasked(pci: PciFunction, vector: u32): bool {
  if (configWord(pci, pci.msix + 2) & PCI_MSIX_MASK_ALL) return true;
  return (hw.atomicLoad(entry(pci, vector) + MSIX_ENTRY_CONTROL) & MSIX_ENTRY_MASKED) != 0;
}

function sendPending(pci: PciFunction, vector: u32): void {
  const bit: u32 = 1 << vector;
  const before = hw.atomicAnd(changetype<usize>(pci) + offsetof<PciFunction>("pending"), ~bit);
  if (before & bit) send(pci, vector);
}

/** The guest chose address and data; an address that is none of its interrupt files is nobody's. */
function send(pci: PciFunction, vector: u32): void {
  if (!(configWord(pci, PCI_COMMAND) & PCI_COMMAND_MASTER)) return;
  const at = entry(pci, vector);
  guestMessage(pci.bridge.guest, load<u64>(at), load<u32>(at + MSIX_ENTRY_DATA));
}

/** A guest access in BAR 2, by words and double words; anything else reads as zero and writes nothing. */
export function tableAccess(pci: PciFunction, access: Access, offset: u32): void {
  const value = access.value;
  if (access.write == 0) access.value = 0;
  if (access.width < 4) return;
  for (let part: u32 = 0; part < access.width; part += 4) {
    if (access.write) writeWord(pci, offset + part, <u32>(value >> (part << 3)));
    else access.value |= (<u64>readWord(pci, offset + part)) << (part << 3);
  }
}

function readWord(pci: PciFunction, offset: u32): u32 {
  if (offset < pci.vectors * MSIX_ENTRY_BYTES) return load<u32>(pci.entries + offset);
  return offset == PBA_OFFSET ? pci.pending : 0;
}

function writeWord(pci: PciFunction, offset: u32, value: u32): void {
  if (offset >= pci.vectors * MSIX_ENTRY_BYTES) return;
  const register = offset & (MSIX_ENTRY_BYTES - 1);
  const isControl = register == MSIX_ENTRY_CONTROL;
  const bits: u32 = isControl ? MSIX_ENTRY_MASKED : register == 0 ? ~3 : ~0;
  hw.atomicSwap(pci.entries + offset, value & bits);
  if (isControl) flushMessages(pci);
}
