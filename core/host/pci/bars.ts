// SPDX-License-Identifier: Apache-2.0
// Base addresses of PCI functions: where firmware put a function's memory windows, or, where it did not, a place in the
// host bridge's window for memory below 4 GiB, behind everything that has one. Called by the boot hart while it looks for
// devices. A window whose size is no power of two or that does not fit is left alone. @spec PCI 3.0 §6.2.5.1
import * as hw from "../../hw";
import {
  PCI_BAR,
  PCI_BAR_64,
  PCI_BAR_FLAGS,
  PCI_BAR_IO,
  PCI_COMMAND,
  PCI_COMMAND_MEMORY,
  PCI_HEADER_TYPE,
  PCI_SPACE_MASK,
  PCI_SPACE_MEMORY,
} from "../virtio/spec";
import { PCI_END, pciNext, pciSpace, PciWindow, pciWindow } from "./host";

const BARS: u32 = 6;
const ADDRESS: u32 = ~PCI_BAR_FLAGS;

// @lock per boot
const window: usize = memory.data(<i32>offsetof<PciWindow>(), 8);
/** The next free address of the window for assigned ones, as the bus sees it, and its end. */
let next: u64 = 0;
let end: u64 = 0;

function at(): PciWindow {
  return changetype<PciWindow>(window);
}

/** Boot, after pciFind: learns what firmware has assigned. */
export function barsInit(): void {
  for (let i: u32 = 0; pciWindow(i, at()); i++) {
    if ((at().space & PCI_SPACE_MASK) != PCI_SPACE_MEMORY) continue;
    next = at().bus;
    end = at().bus + at().size;
    break;
  }
  for (let number = pciNext(PCI_END); number != PCI_END; number = pciNext(number)) {
    const space = pciSpace(number);
    if (hw.mmioRead8(space + PCI_HEADER_TYPE) & 0x7f) continue;
    for (let index: u32 = 0; index < BARS; index++) {
      const flags = hw.mmioRead32(space + barAt(index));
      const base = barBase(space, index);
      const size = base ? barSize(space, index) : 0;
      if (base >= next && base < end && base + size <= end) next = base + size;
      index += u32((flags & (PCI_BAR_IO | PCI_BAR_64)) == PCI_BAR_64);
    }
  }
}

function barAt(index: u32): u32 {
  return PCI_BAR + (index << 2);
}

function isWide(flags: u32): bool {
  return (flags & PCI_BAR_64) != 0;
}

/** What a memory window's base address is set to, 0 if it is not, or is none. */
function barBase(space: u64, index: u32): u64 {
  const low = hw.mmioRead32(space + barAt(index));
  if (low & PCI_BAR_IO) return 0;
  const high: u64 = isWide(low) ? hw.mmioRead32(space + barAt(index + 1)) : 0;
  return (high << 32) | (low & ADDRESS);
}

function setBase(space: u64, index: u32, base: u64): void {
  const wide = isWide(hw.mmioRead32(space + barAt(index)));
  hw.mmioWrite32(space + barAt(index), <u32>base);
  if (wide) hw.mmioWrite32(space + barAt(index + 1), <u32>(base >> 32));
}

/** Bytes of a memory window, 0 if it is none or makes no sense. What it is set to stays. */
function barSize(space: u64, index: u32): u64 {
  const base = barBase(space, index);
  const low = hw.mmioRead32(space + barAt(index));
  if (low & PCI_BAR_IO) return 0;
  const command = hw.mmioRead16(space + PCI_COMMAND);
  hw.mmioWrite16(space + PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
  setBase(space, index, u64.MAX_VALUE);
  const read = barBase(space, index);
  setBase(space, index, base);
  hw.mmioWrite16(space + PCI_COMMAND, command);
  const mask = isWide(low) ? read : read | 0xffff_ffff_0000_0000;
  const size = ~mask + 1;
  return (read & 0xffff_ffff) == 0 || popcnt<u64>(size) != 1 ? 0 : size;
}

/**
 * Boot: the hpa of bytes [offset, offset + length) of memory window `index` of function `number`, which gets a place if it
 * has none; 0 if there is no such window, it is smaller, or no place is left.
 */
export function barAddress(number: u32, index: u32, offset: u32, length: u32): u64 {
  const space = pciSpace(number);
  if (index >= BARS) return 0;
  const size = barSize(space, index);
  if (<u64>offset + length > size) return 0;
  let base = barBase(space, index);
  if (base == 0) {
    base = (next + size - 1) & ~(size - 1);
    if (base == 0 || base < next || base > end || size > end - base) return 0;
    next = base + size;
    setBase(space, index, base);
  }
  for (let i: u32 = 0; pciWindow(i, at()); i++) {
    if (!(at().space & PCI_SPACE_MEMORY) || base < at().bus) continue;
    const within = base - at().bus;
    if (within < at().size && size <= at().size - within) return at().hpa + within + offset;
  }
  return 0;
}
