// SPDX-License-Identifier: Apache-2.0
// Byte offsets of the protocol's structs: fields in order, each naturally aligned, which they must be without holes.
// Called by render-wire.ts; a struct that would need padding is refused, so that both ends agree by construction.
import type { FieldType, Struct } from "./tables/protocol.ts";

export interface PlacedField {
  readonly name: string;
  readonly type: FieldType;
  readonly doc: string;
  readonly offset: number;
  readonly size: number;
}

const NUMBER_SIZES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

function sizeOf(type: FieldType): number {
  if (typeof type === "string") return NUMBER_SIZES[type];
  return "text" in type ? type.text : type.bytes;
}

/** Fields with their offsets, and the struct's size, a multiple of 8. */
export function layOut(
  name: string,
  struct: Struct,
): { readonly fields: readonly PlacedField[]; readonly size: number } {
  let offset = 0;
  const fields = Object.entries(struct.fields).map(([field, { type, doc }]): PlacedField => {
    const size = sizeOf(type);
    const alignment = typeof type === "string" ? size : 8;
    if (offset % alignment !== 0) throw new Error(`${name}.${field} would stand at ${offset}, which its type cannot`);
    const placed = { name: field, type, doc, offset, size };
    offset += size;
    return placed;
  });
  if (offset % 8 !== 0) throw new Error(`${name} has ${offset} bytes, which is no multiple of 8`);
  return { fields, size: offset };
}
