// SPDX-License-Identifier: Apache-2.0
// What a kernel module is and where it goes: a Linux Image (its header says) or a flat binary (at the usual place).
// Every number of the header is hostile. Boot and worker context.
//
//   0x00 code   0x08 text_offset   0x10 image_size   0x18 flags   0x20 version   0x30 "RISCV\0\0\0"   0x38 "RSC\5"
import * as hw from "../hw";
import { Status } from "../lib/status";
import { Module } from "./description";

const HEADER_SIZE: u32 = 64;
const MAGIC: u64 = 0x5643_5349_52; // "RISCV\0\0\0", little-endian
const MAGIC2: u32 = 0x0543_5352; // "RSC\5"
const FLAG_BIG_ENDIAN: u64 = 1;
/** Where a kernel goes without a header that says otherwise: 2 MiB into RAM. */
const USUAL_OFFSET: u64 = 0x20_0000;
const ALIGNMENT: u64 = 0x20_0000;

@unmanaged
export class KernelPlace {
  /** Bytes from the start of guest RAM. */
  offset: u64 = 0;
  /** Bytes of RAM that the kernel needs from there on, its cleared part included. */
  extent: u64 = 0;
}

// @lock creation
const header: usize = memory.data(64, 8);

/**
 * Where the kernel in `module` goes in `ramSize` bytes of RAM. Malformed: a header that contradicts itself or its
 * module; Unsupported: big-endian; Range: it does not fit.
 */
export function placeKernel(module: Module, ramSize: u64, place: KernelPlace): i32 {
  place.offset = USUAL_OFFSET;
  place.extent = module.size;
  if (module.size >= HEADER_SIZE) {
    hw.copyIn(header, module.hpa, HEADER_SIZE);
    if (load<u64>(header, 0x30) == MAGIC || load<u32>(header, 0x38) == MAGIC2) {
      const imageSize = load<u64>(header, 0x10);
      if (load<u64>(header, 0x18) & FLAG_BIG_ENDIAN) return Status.Unsupported;
      place.offset = load<u64>(header, 0x08);
      if (place.offset & (ALIGNMENT - 1) && imageSize != 0) return Status.Malformed;
      // A header without a size is of a time when the loader guessed; the module's own size is the least.
      if (imageSize != 0) place.extent = max(imageSize, module.size);
    }
  }
  if (place.offset >= ramSize || place.extent > ramSize - place.offset) return Status.Range;
  return Status.Ok;
}
