// SPDX-License-Identifier: Apache-2.0
// INTx: the guest's four interrupt lines that PCI functions share. A line is up while any of its functions holds it up.
// Called in every context that moves an interrupt. What decides on a line is read under the guest's lock, so that
// whoever comes last is right.
// @spec pci 3.0 §2.2.6; PCI-to-PCI bridge 1.2 §9.1
import { setLine } from "../../arch/seam";
import * as hw from "../../hw";
import { acquire, release } from "../../lib/lock";
import { VirtioDevice } from "../virtio/device";
import { PCI_LINE } from "./layout";
import { configWord, PCI_LINES, PciFunction } from "./function";
import { portInterrupts } from "./slot";
import { PCI_COMMAND, PCI_COMMAND_INTX_OFF, PCI_MSIX_ENABLE } from "./spec";

/** Whether its messages are switched on, so that it has no line. */
export function sendsMessages(pci: PciFunction): bool {
  return pci.msix != 0 && (configWord(pci, pci.msix + 2) & PCI_MSIX_ENABLE) != 0;
}

/** The function at `at` wants its line up (1) or not (0); one that goes has none. The guest's lock is held. */
export function pciLine(at: usize, level: u32): void {
  const pci = changetype<PciFunction>(at);
  const gone = changetype<usize>(pci.host) == 0;
  const off = gone || (configWord(pci, PCI_COMMAND) & PCI_COMMAND_INTX_OFF) != 0 || sendsMessages(pci);
  drive(pci, off ? 0 : level);
}

/** Something that decides on the function's line may have changed. The guest's lock is not held. */
export function followLine(pci: PciFunction): void {
  const guest = pci.bridge.guest;
  acquire(guest.lock);
  pciLine(changetype<usize>(pci), wish(pci));
  release(guest.lock);
}

/** 1 while it has something to say, whichever way. */
export function wish(pci: PciFunction): u32 {
  const device = changetype<usize>(pci.device);
  return device ? u32(hw.atomicLoad(device + offsetof<VirtioDevice>("isr")) != 0) : portInterrupts(pci);
}

/** The function has gone from its host bridge: its line is without it. */
export function dropLine(pci: PciFunction): void {
  const guest = pci.bridge.guest;
  acquire(guest.lock);
  drive(pci, 0);
  release(guest.lock);
}

/** What is behind a root port has slot 0 there, so that its INTA is the port's. */
function drive(pci: PciFunction, level: u32): void {
  if (pci.level == level) return;
  pci.level = level;
  const line = pci.slot % PCI_LINES;
  const at = pci.bridge.lines + line * 4;
  const count = load<u32>(at) + (level << 1) - 1;
  store<u32>(at, count);
  if (count == level) setLine(pci.bridge.guest, PCI_LINE + line, level);
}
