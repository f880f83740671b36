// SPDX-License-Identifier: Apache-2.0
// The header of a RISC-V Linux Image, as far as placement needs it. Called by boot-image.ts for each guest kernel.
// What the hypervisor itself checks at boot is stricter: this only decides where a copy of the kernel may be laid.
//
//   0x08 text_offset u64   0x10 image_size u64 (with BSS)   0x18 flags u64 (bit 0: big endian)   0x38 "RSC\x05"
import { open } from "node:fs/promises";

export interface KernelShape {
  /** A Linux Image says where in RAM it wants to be; anything else is a flat binary. */
  readonly format: "linux-image" | "flat";
  /** Offset from the start of guest RAM at which it is loaded. */
  readonly textOffset: number;
  /** Bytes of RAM that it needs from there on, BSS included. */
  readonly memoryBytes: number;
  readonly fileBytes: number;
}

const HEADER_BYTES = 64;
/** Where the hypervisor puts a kernel that says nothing itself. */
const FLAT_OFFSET = 0x20_0000;

/** Reads the shape off the first 64 bytes and the file's size. */
export function kernelShape(header: Uint8Array, fileBytes: number): KernelShape {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  const isImage = header.byteLength >= HEADER_BYTES && view.getUint32(0x38, true) === 0x05435352;
  if (!isImage) return { format: "flat", textOffset: FLAT_OFFSET, memoryBytes: fileBytes, fileBytes };
  const textOffset = Number(view.getBigUint64(0x08, true));
  const memoryBytes = Math.max(Number(view.getBigUint64(0x10, true)), fileBytes);
  return { format: "linux-image", textOffset, memoryBytes, fileBytes };
}

export async function readKernelShape(file: string): Promise<KernelShape> {
  const handle = await open(file);
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const { bytesRead } = await handle.read(header, 0, HEADER_BYTES, 0);
    return kernelShape(header.subarray(0, bytesRead), (await handle.stat()).size);
  } finally {
    await handle.close();
  }
}
