// SPDX-License-Identifier: Apache-2.0
// The flattened device tree format: header offsets, tokens, our limits, and the few byte helpers that the reader and
// the writer share. Internal to core/fdt. Everything in a blob is big-endian; wider loads than 4 bytes are never made,
// because the format aligns nothing beyond 4 bytes, and names are read bytewise.
// @spec devicetree v0.4 §5
//
//   | header (40) | reservations (16 each, ends with 0,0) | structure (4-byte tokens) | strings (NUL-terminated) |
//
//   node      BEGIN_NODE  name NUL pad   properties   child nodes   END_NODE
//   property  PROP  length  name-offset  data  pad        (a property's handle is the address of its data)

export const FDT_MAGIC: u32 = 0xd00d_feed;
export const FDT_VERSION: u32 = 17;
export const FDT_OLDEST_VERSION: u32 = 16;

export const FDT_BEGIN_NODE: u32 = 1;
export const FDT_END_NODE: u32 = 2;
export const FDT_PROP: u32 = 3;
export const FDT_NOP: u32 = 4;
export const FDT_END: u32 = 9;

// Byte offsets of the header's fields.
export const TOTAL_SIZE: usize = 4;
export const OFF_STRUCT: usize = 8;
export const OFF_STRINGS: usize = 12;
export const OFF_RESERVATIONS: usize = 16;
export const VERSION: usize = 20;
export const LAST_COMPATIBLE: usize = 24;
export const BOOT_CPU: usize = 28;
export const SIZE_STRINGS: usize = 32;
export const SIZE_STRUCT: usize = 36;
export const HEADER_SIZE: u32 = 40;
/** A property's data follows its token, its length and its name offset. */
export const PROP_HEADER: usize = 12;

// What we take at most; a tree beyond is refused with Status.Limit.
export const FDT_MAX_SIZE: u32 = 0x20_0000;
export const FDT_MAX_DEPTH: u32 = 64;
export const FDT_MAX_NODES: u32 = 16384;
export const FDT_MAX_PROPERTY: u32 = 0x1_0000;
export const FDT_MAX_NAME: u32 = 127;

export const SLASH: u32 = 0x2f;
export const COLON: u32 = 0x3a;
export const AT: u32 = 0x40;

export function be32(ptr: usize): u32 {
  return bswap<u32>(load<u32>(ptr));
}

export function be64(ptr: usize): u64 {
  return ((<u64>be32(ptr)) << 32) | (<u64>be32(ptr + 4));
}

export function putBe32(ptr: usize, value: u32): void {
  store<u32>(ptr, bswap<u32>(value));
}

export function align4(ptr: usize): usize {
  return (ptr + 3) & ~3;
}

/** May this byte stand in a node's or a property's name? Printable, so that a name can be logged as it is. */
export function isNameByte(byte: u32): bool {
  return byte > 0x20 && byte < 0x7f && byte != SLASH;
}

/** Unit `index` of a text that is bytes (shift 0) or a string literal's UTF-16 (shift 1). */
export function textUnit(text: usize, index: u32, shift: u32): u32 {
  return shift != 0 ? <u32>load<u16>(text + ((<usize>index) << 1)) : <u32>load<u8>(text + index);
}

/** Number of leading bytes at `bytes` that equal the text's `length` units; a NUL byte equals nothing. */
export function textMatch(bytes: usize, text: usize, length: u32, shift: u32): u32 {
  let i: u32 = 0;
  while (i < length) {
    const byte: u32 = load<u8>(bytes + i);
    if (byte == 0 || byte != textUnit(text, i, shift)) break;
    i++;
  }
  return i;
}

/** Is the NUL-terminated name at `bytes` this literal? */
export function nameIs(bytes: usize, name: string): bool {
  const length: u32 = name.length;
  return textMatch(bytes, changetype<usize>(name), length, 1) == length && load<u8>(bytes + length) == 0;
}
