// SPDX-License-Identifier: Apache-2.0
// CRC-32 (IEEE 802.3) of frames and blobs: Node's own where it has one (from 20.15 on), else a table.
import zlib from "node:zlib";

const native = (zlib as { crc32?: (data: Uint8Array, value?: number) => number }).crc32;

let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    return crc;
  });
}

/** The same without Node's help. */
export function crc32ByTable(bytes: Uint8Array, before = 0): number {
  table ??= makeTable();
  let crc = ~before;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** The checksum of `bytes`; of `before`'s bytes and these when that is a checksum. */
export function crc32(bytes: Uint8Array, before = 0): number {
  return native ? native(bytes, before) : crc32ByTable(bytes, before);
}
