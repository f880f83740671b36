// SPDX-License-Identifier: Apache-2.0
// CRC-32 as IEEE 802.3 has it (reflected, polynomial 0xedb88320, inverted before and after), four bytes a step by four
// tables. crc32Init fills the tables once at boot; crc32 then runs in every context and never writes.

const POLYNOMIAL: u32 = 0xedb8_8320;

// @lock per boot: four tables of 256 words; table n says what a byte does that n more bytes follow.
const tables: usize = memory.data(4096, 8);

/** Boot: fills the tables. */
export function crc32Init(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
    store<u32>(tables + ((<usize>byte) << 2), crc);
  }
  for (let at = tables; at < tables + 3072; at += 4) store<u32>(at, next(load<u32>(at), 0), 1024);
}

function next(crc: u32, byte: u32): u32 {
  return (crc >> 8) ^ load<u32>(tables + ((<usize>((crc ^ byte) & 0xff)) << 2));
}

/** The checksum of `length` bytes. */
export function crc32(at: usize, length: u32): u32 {
  return crc32More(0, at, length);
}

/** The checksum of what `sum` is the checksum of (0: of nothing) and `length` bytes more. */
export function crc32More(sum: u32, at: usize, length: u32): u32 {
  const end = at + length;
  let crc = ~sum;
  for (; at < end && (at & 3) != 0; at++) crc = next(crc, load<u8>(at));
  for (; end - at >= 4; at += 4) {
    const word = crc ^ load<u32>(at);
    // A byte times four, in one step less than shifting it out and back.
    crc =
      load<u32>(tables + ((word << 2) & 0x3fc), 3072) ^
      load<u32>(tables + ((word >> 6) & 0x3fc), 2048) ^
      load<u32>(tables + ((word >> 14) & 0x3fc), 1024) ^
      load<u32>(tables + ((word >> 22) & 0x3fc));
  }
  for (; at < end; at++) crc = next(crc, load<u8>(at));
  return ~crc;
}
