// SPDX-License-Identifier: Apache-2.0
// The window in which a guest places its functions' BARs: whose registers an address is in. Called by the bus in trap
// context without the guest's lock, for every notification. Where nobody answers it reads as all ones. Of BARs that
// overlap the first found answers.
import { Access, Handled } from "../../mmio/access";
import { ones } from "./config";
import { enter, HINTS, leave, MAX_SLOTS, PciFunction, PciHost, slotAt } from "./function";
import { PCI_WINDOW_BASE, REGISTERS_BYTES, TABLE_BYTES } from "./layout";
import { tableAccess } from "./message";
import { isUp } from "./slot";
import { virtioPciAccess } from "./transport";

const HINT_SHIFT: u32 = 14;

/** One guest access in the KIND_PCI_WINDOW region. Retry: the device cannot do it yet. */
export function pciWindowAccess(host: PciHost, access: Access): i32 {
  const gpa = PCI_WINDOW_BASE + access.offset;
  const hint = host.hints + (((<u32>gpa) >> HINT_SHIFT) & (HINTS - 1)) * 4;
  let at = load<usize>(hint);
  if (!at || !answers(at, gpa) || !enter(host, at)) {
    at = find(host, gpa);
    if (!enter(host, at)) {
      if (!access.write) access.value = ones(access.width);
      return Handled;
    }
    store<usize>(hint, at);
  }
  const pci = changetype<PciFunction>(at);
  let answer = Handled;
  const offset = gpa - pci.registers;
  if (offset < REGISTERS_BYTES) answer = virtioPciAccess(pci, access, <u32>offset);
  else tableAccess(pci, access, (<u32>(gpa - pci.table)) & (TABLE_BYTES - 1));
  leave(at);
  return answer;
}

/** No BAR at 0 reaches into the window, so that 0 is one that does not answer. */
function answers(at: usize, gpa: u64): bool {
  const pci = changetype<PciFunction>(at);
  return gpa - pci.registers < REGISTERS_BYTES || gpa - pci.table < TABLE_BYTES;
}

function find(host: PciHost, gpa: u64): usize {
  for (let slot: u32 = 0; slot < MAX_SLOTS; slot++) {
    const at = slotAt(host, slot);
    if (!at) continue;
    if (answers(at, gpa)) return at;
    const port = changetype<PciFunction>(at);
    // It may be taken away at any time.
    const child = port.child;
    if (child && answers(child, gpa) && isUp(port)) return child;
  }
  return 0;
}
