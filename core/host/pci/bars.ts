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
      if (!isBar(space, index)) continue;
      const flags = hw.mmioRead32(space + barAt(index));
      const base = barBase(space, index, flags);
      const size = base ? barSize(space, index, flags) : 0;
      if (base >= next && base < end && base + size <= end) next = base + size;
    }
  }
}

function barAt(index: u32): u32 {
  return PCI_BAR + (index << 2);
}

function isWide(flags: u32): bool {
  return (flags & (PCI_BAR_IO | PCI_BAR_64)) == PCI_BAR_64;
}

/** Is `index` a base address of its own, not the upper half of another, whose own upper half there is, if it has one? */
function isBar(space: u64, index: u32): bool {
  let at: u32 = 0;
  while (at < index) at += isWide(hw.mmioRead32(space + barAt(at))) ? 2 : 1;
  return at == index && index + u32(isWide(hw.mmioRead32(space + barAt(index)))) < BARS;
}

/** What a base address of these flags is set to; 0 if it is not, or is one of I/O. */
function barBase(space: u64, index: u32, flags: u32): u64 {
  if (flags & PCI_BAR_IO) return 0;
  const low: u64 = hw.mmioRead32(space + barAt(index)) & ADDRESS;
  return isWide(flags) ? ((<u64>hw.mmioRead32(space + barAt(index + 1))) << 32) | low : low;
}

function setBase(space: u64, index: u32, base: u64, flags: u32): void {
  hw.mmioWrite32(space + barAt(index), <u32>base);
  if (isWide(flags)) hw.mmioWrite32(space + barAt(index + 1), <u32>(base >> 32));
}

/** Bytes of a memory window of these flags, 0 if it is none or makes no sense. What it is set to stays. */
function barSize(space: u64, index: u32, flags: u32): u64 {
  const base = barBase(space, index, flags);
  if (flags & PCI_BAR_IO) return 0;
  const command = hw.mmioRead16(space + PCI_COMMAND);
  hw.mmioWrite16(space + PCI_COMMAND, command & ~PCI_COMMAND_MEMORY);
  setBase(space, index, u64.MAX_VALUE, flags);
  const read = barBase(space, index, flags);
  setBase(space, index, base, flags);
  hw.mmioWrite16(space + PCI_COMMAND, command);
  const size = ~(isWide(flags) ? read : read | 0xffff_ffff_0000_0000) + 1;
  return (read & 0xffff_ffff) == 0 || popcnt<u64>(size) != 1 ? 0 : size;
}

/**
 * Boot: the hpa of bytes [offset, offset + length) of memory window `index` of function `number`, which gets a place if it
 * has none; 0 if there is no such window, it is smaller, or no place is left.
 */
export function barAddress(number: u32, index: u32, offset: u32, length: u32): u64 {
  const space = pciSpace(number);
  if (index >= BARS || !isBar(space, index)) return 0;
  const flags = hw.mmioRead32(space + barAt(index));
  const size = barSize(space, index, flags);
  if (<u64>offset + length > size) return 0;
  let base = barBase(space, index, flags);
  if (base == 0) {
    base = (next + size - 1) & ~(size - 1);
    if (base == 0 || base < next || base > end || size > end - base) return 0;
    next = base + size;
    setBase(space, index, base, flags);
  }
  for (let i: u32 = 0; pciWindow(i, at()); i++) {
    if (!(at().space & PCI_SPACE_MEMORY) || base < at().bus) continue;
    const within = base - at().bus;
    if (within < at().size && size <= at().size - within) return at().hpa + within + offset;
  }
  return 0;
}
