// SPDX-License-Identifier: Apache-2.0
// The host's interrupt files from the IMSIC's node: where each hart's are, how many it has for guests, and how the APLIC
// numbers the harts. Called once by the boot hart. Reads a checked tree, touches no hardware.
import { fdtAddress, fdtCellCount, fdtProperty, FdtRange, fdtRegCount, fdtU32 } from "../../../fdt/read";
import { Status } from "../../../lib/status";
import { HostIrqInfo } from "./info";
import { addHart } from "./outputs";
import { IMSIC_MAX_IDENTITIES, IMSIC_PAGE_SIZE } from "./spec";

/** Guest files per hart: the field has room for 63, see `riscv,guest-index-bits`. */
const MAX_GUEST_BITS: u32 = 6;

// @lock per boot: scratch of the boot hart.
const scratch: usize = memory.data(16, 8);

/**
 * Interrupt files stand in the order of the outputs, one `reg` entry after the other; an entry is a group (a socket).
 * The APLIC's hart index is the group above the file's place in its group. @spec aia §3.6
 */
export function fillImsic(fdt: usize, imsic: usize, info: HostIrqInfo): i32 {
  const guestBits = fdtU32(fdt, imsic, "riscv,guest-index-bits", 0);
  const identities = fdtU32(fdt, imsic, "riscv,num-ids", 0);
  if (guestBits > MAX_GUEST_BITS || identities < 63 || identities >= IMSIC_MAX_IDENTITIES) return Status.Malformed;
  info.identities = identities;
  info.guestFiles = (1 << guestBits) - 1;
  const outputs = fdtProperty(fdt, imsic, "interrupts-extended");
  const count = fdtCellCount(outputs) / 2;
  const stride = (<u64>IMSIC_PAGE_SIZE) << guestBits;
  const hartBits = fdtU32(fdt, imsic, "riscv,hart-index-bits", bitsFor(count));
  if (hartBits > 14) return Status.Malformed;
  let output: u32 = 0;
  for (let group: u32 = 0; <i32>group < fdtRegCount(fdt, imsic); group++) {
    const range = changetype<FdtRange>(scratch);
    if (fdtAddress(fdt, imsic, group, range) != Status.Ok) return Status.Malformed;
    const base = range.base;
    const files = range.size / stride;
    for (let i: u32 = 0; <u64>i < files && output < count; i++, output++) {
      const hart = addHart(fdt, outputs, output, info);
      if (changetype<usize>(hart) == 0) continue;
      hart.file = base + <u64>i * stride;
      hart.number = (groupOf(fdt, imsic, base) << hartBits) | i;
    }
  }
  return info.hartCount != 0 ? Status.Ok : Status.Malformed;
}

function groupOf(fdt: usize, imsic: usize, file: u64): u32 {
  const bits = fdtU32(fdt, imsic, "riscv,group-index-bits", 0);
  const shift = fdtU32(fdt, imsic, "riscv,group-index-shift", 24);
  if (bits == 0 || bits > 7 || shift < 12 || shift > 55) return 0;
  return (<u32>(file >> shift)) & ((1 << bits) - 1);
}

/** Bits that number `count` things from 0. */
function bitsFor(count: u32): u32 {
  return count <= 1 ? 0 : 32 - clz<u32>(count - 1);
}
