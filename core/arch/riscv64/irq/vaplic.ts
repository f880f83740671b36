// SPDX-License-Identifier: Apache-2.0
// A guest's APLIC: one supervisor-level domain for its wires, which sends a message for each. Called in trap or worker
// context with the guest's lock held. It knows no interrupt file: what is to be sent is taken from it one by one
// (vaplicTake), by its owner (messages.ts).
//
// In memory: | Vaplic | a byte of source mode per source | a target word per source |, sources 0 to 63; 0 stands for genmsi.
// @spec aia §4.5 to §4.9
import { Access, Handled, Unhandled } from "../../../mmio/access";
import { Status } from "../../../lib/status";
import {
  APLIC_CLRIE,
  APLIC_CLRIENUM,
  APLIC_CLRIPNUM,
  APLIC_DOMAINCFG,
  APLIC_DOMAINCFG_DM,
  APLIC_DOMAINCFG_IE,
  APLIC_DOMAINCFG_TOP,
  APLIC_IN_CLRIP,
  APLIC_MMSIADDRCFG,
  APLIC_SETIE,
  APLIC_SETIENUM,
  APLIC_SETIP,
  APLIC_SETIPNUM,
  APLIC_SETIPNUM_BE,
  APLIC_SETIPNUM_LE,
  APLIC_SOURCECFG_D,
  APLIC_SOURCECFG_SM_DETACHED,
  APLIC_SOURCECFG_SM_EDGE1,
  APLIC_SOURCECFG_SM_INACTIVE,
  APLIC_SOURCECFG_SM_LEVEL1,
  APLIC_SOURCECFG_SM_MASK,
  APLIC_TARGET,
  APLIC_TARGET_EIID_MASK,
  APLIC_TARGET_HART_MASK,
  APLIC_TARGET_HART_SHIFT,
} from "./spec";

/** Sources that one guest can have: 1 to this. */
export const VAPLIC_MAX_SOURCES: u32 = 63;
const SLOTS: u32 = VAPLIC_MAX_SOURCES + 1;
/** Writable bits of a target: no guest files, since the guest has no hypervisor extension. */
const TARGET_BITS: u32 = (APLIC_TARGET_HART_MASK << APLIC_TARGET_HART_SHIFT) | APLIC_TARGET_EIID_MASK;
/** sourcecfg has no register for source 0: below it lies domaincfg. */
const SOURCECFG_END: u32 = 0x1000;

@unmanaged
export class Vaplic {
  /** Sets of sources, bit n for source n: pending, enabled, what comes in, and which sources there are. */
  pending: u64 = 0;
  enabled: u64 = 0;
  wires: u64 = 0;
  exists: u64 = 0;
  /** 1 while domaincfg.IE is set. */
  open: u32 = 0;
  pad: u32 = 0;
}

export const VAPLIC_BYTES: usize = offsetof<Vaplic>() + SLOTS + SLOTS * 4;

/** Makes an APLIC with sources 1 to `sources` over VAPLIC_BYTES bytes, as after power-on with all wires low. */
export function vaplicInit(aplic: Vaplic, sources: u32): i32 {
  if (sources > VAPLIC_MAX_SOURCES) return Status.Limit;
  memory.fill(changetype<usize>(aplic), 0, VAPLIC_BYTES);
  aplic.exists = (((<u64>1) << sources) - 1) << 1;
  return Status.Ok;
}

function modeAt(aplic: Vaplic, source: u32): usize {
  return changetype<usize>(aplic) + offsetof<Vaplic>() + source;
}

function targetAt(aplic: Vaplic, source: u32): usize {
  return changetype<usize>(aplic) + offsetof<Vaplic>() + SLOTS + (source << 2);
}

/** Drives wire `source` to `level` (0 or 1); sources that do not exist are ignored. */
export function vaplicSetLine(aplic: Vaplic, source: u32, level: u32): void {
  if (source > VAPLIC_MAX_SOURCES) return;
  const before = rectified(aplic, source);
  const bit = ((<u64>1) << source) & aplic.exists;
  aplic.wires = level != 0 ? aplic.wires | bit : aplic.wires & ~bit;
  moved(aplic, source, before);
}

/** The next message to send, as a target word, or -1. What it was for is no longer pending. */
export function vaplicTake(aplic: Vaplic): i64 {
  // genmsi stands in slot 0 and does not ask whether the domain is open.
  const ready = aplic.pending & (aplic.open != 0 ? aplic.enabled | 1 : 1);
  if (ready == 0) return -1;
  const source = <u32>ctz(ready);
  aplic.pending &= ~((<u64>1) << source);
  return load<u32>(targetAt(aplic, source));
}

/** What the source's mode makes of its wire: 1 for active. */
function rectified(aplic: Vaplic, source: u32): u32 {
  const mode = <u32>load<u8>(modeAt(aplic, source));
  if (mode < APLIC_SOURCECFG_SM_EDGE1) return 0;
  // Of edges and of levels the odd mode is the inverted one.
  return ((<u32>(aplic.wires >> source)) & 1) ^ (mode & 1);
}

/** The wire or the mode changed: a rise makes it pending, and a level that is gone was never there. @spec aia §4.7 */
function moved(aplic: Vaplic, source: u32, before: u32): void {
  const after = rectified(aplic, source);
  const bit = (<u64>1) << source;
  if (after > before) aplic.pending |= bit;
  else if (after == 0 && load<u8>(modeAt(aplic, source)) >= APLIC_SOURCECFG_SM_LEVEL1) aplic.pending &= ~bit;
}

/** Sets pending bits as software may: of a level only while it is there, of an inactive source never. */
function setPending(aplic: Vaplic, bits: u64): void {
  for (let left = bits & aplic.exists; left != 0; left &= left - 1) {
    const source = <u32>ctz(left);
    const mode = <u32>load<u8>(modeAt(aplic, source));
    if (mode == APLIC_SOURCECFG_SM_INACTIVE || (mode >= APLIC_SOURCECFG_SM_LEVEL1 && !rectified(aplic, source)))
      continue;
    aplic.pending |= (<u64>1) << source;
  }
}

/** Sources that are not inactive: only they can be enabled or have a target. */
function isActive(aplic: Vaplic, source: u32): bool {
  return load<u8>(modeAt(aplic, source)) != <u8>APLIC_SOURCECFG_SM_INACTIVE;
}

function setEnabled(aplic: Vaplic, bits: u64): void {
  for (let left = bits & aplic.exists; left != 0; left &= left - 1) {
    if (isActive(aplic, <u32>ctz(left))) aplic.enabled |= left & (0 - left);
  }
}

/** A guest access. Only aligned words exist; what names no source reads 0 and ignores writes. */
export function vaplicAccess(aplic: Vaplic, access: Access): i32 {
  const offset = <u32>access.offset;
  if (access.width != 4 || (offset & 3) != 0) return Unhandled;
  if (access.write) write(aplic, offset, <u32>access.value);
  else access.value = read(aplic, offset);
  return Handled;
}

/** Bits 31:0 or 63:32 of a set, for a register of an array that begins at `first`; 0 behind its second word. */
function half(set: u64, offset: u32, first: u32): u32 {
  const word = (offset - first) >> 2;
  return word > 1 ? 0 : <u32>(set >> ((<u64>word) << 5));
}

function read(aplic: Vaplic, offset: u32): u32 {
  if (offset == APLIC_DOMAINCFG)
    return APLIC_DOMAINCFG_TOP | APLIC_DOMAINCFG_DM | (aplic.open ? APLIC_DOMAINCFG_IE : 0);
  const source = (offset & 0xfff) >> 2;
  if (offset < SOURCECFG_END) return source <= VAPLIC_MAX_SOURCES ? load<u8>(modeAt(aplic, source)) : 0;
  if (offset >= APLIC_TARGET) return offset < APLIC_TARGET + SLOTS * 4 ? load<u32>(targetAt(aplic, source)) : 0;
  if (offset >= APLIC_SETIP && offset < APLIC_SETIPNUM) return half(aplic.pending, offset, APLIC_SETIP);
  if (offset >= APLIC_SETIE && offset < APLIC_SETIENUM) return half(aplic.enabled, offset, APLIC_SETIE);
  if (offset < APLIC_IN_CLRIP || offset >= APLIC_CLRIPNUM) return 0;
  let inputs: u64 = 0;
  for (let i: u32 = 1; i <= VAPLIC_MAX_SOURCES; i++) inputs |= (<u64>rectified(aplic, i)) << i;
  return half(inputs, offset, APLIC_IN_CLRIP);
}

function write(aplic: Vaplic, offset: u32, value: u32): void {
  if (offset == APLIC_DOMAINCFG) aplic.open = value & APLIC_DOMAINCFG_IE ? 1 : 0;
  else if (offset < SOURCECFG_END) configure(aplic, offset >> 2, value);
  else if (offset >= APLIC_TARGET) aim(aplic, (offset - APLIC_TARGET) >> 2, value);
  else if (offset > APLIC_MMSIADDRCFG) writeSet(aplic, offset, value);
}

/** sourcecfg: delegation needs a child, which this domain has not; a reserved mode is none. */
function configure(aplic: Vaplic, source: u32, value: u32): void {
  if (source > VAPLIC_MAX_SOURCES || !((aplic.exists >> source) & 1)) return;
  const before = rectified(aplic, source);
  let mode = value & APLIC_SOURCECFG_D ? APLIC_SOURCECFG_SM_INACTIVE : value & APLIC_SOURCECFG_SM_MASK;
  if (mode > APLIC_SOURCECFG_SM_DETACHED && mode < APLIC_SOURCECFG_SM_EDGE1) mode = APLIC_SOURCECFG_SM_INACTIVE;
  store<u8>(modeAt(aplic, source), <u8>mode);
  if (mode == APLIC_SOURCECFG_SM_INACTIVE) {
    const bit = (<u64>1) << source;
    aplic.pending &= ~bit;
    aplic.enabled &= ~bit;
    store<u32>(targetAt(aplic, source), 0);
  } else moved(aplic, source, before);
}

/** A target, or genmsi in the place of source 0. */
function aim(aplic: Vaplic, source: u32, value: u32): void {
  if (source > VAPLIC_MAX_SOURCES || (source != 0 && !isActive(aplic, source))) return;
  store<u32>(targetAt(aplic, source), value & TARGET_BITS);
  if (source == 0) aplic.pending |= 1;
}

function writeSet(aplic: Vaplic, offset: u32, value: u32): void {
  // Registers of a number name one bit; the arrays have their number at the end of a block of 0x100 bytes.
  const one = value <= VAPLIC_MAX_SOURCES ? (<u64>1) << value : 0;
  const word = (offset & 0xff) >> 2;
  const bits = word > 1 ? 0 : (<u64>value) << ((<u64>word) << 5);
  if (offset == APLIC_SETIPNUM || offset == APLIC_SETIPNUM_LE) setPending(aplic, one);
  else if (offset == APLIC_SETIPNUM_BE) {
    const number = bswap<u32>(value);
    setPending(aplic, number <= VAPLIC_MAX_SOURCES ? (<u64>1) << number : 0);
  } else if (offset == APLIC_CLRIPNUM) aplic.pending &= ~(one & ~(<u64>1));
  else if (offset == APLIC_SETIENUM) setEnabled(aplic, one);
  else if (offset == APLIC_CLRIENUM) aplic.enabled &= ~one;
  else if (offset < APLIC_SETIP) return;
  else if (offset < APLIC_SETIPNUM) setPending(aplic, bits);
  else if (offset >= APLIC_IN_CLRIP && offset < APLIC_CLRIPNUM) aplic.pending &= ~(bits & ~(<u64>1));
  else if (offset >= APLIC_SETIE && offset < APLIC_SETIENUM) setEnabled(aplic, bits);
  else if (offset >= APLIC_CLRIE && offset < APLIC_CLRIENUM) aplic.enabled &= ~bits;
}
