// SPDX-License-Identifier: Apache-2.0
// How the protocol's structs are described: fields of numbers, text and bytes. Shared by the files that hold the tables.

/** A number's type, or NUL-padded text or bytes of a fixed length. */
export type FieldType = "u8" | "u16" | "u32" | "u64" | { readonly text: number } | { readonly bytes: number };

export interface Field {
  readonly type: FieldType;
  readonly doc: string;
}

export interface Struct {
  readonly doc: string;
  readonly fields: Readonly<Record<string, Field>>;
}

export const u16 = (doc: string): Field => ({ type: "u16", doc });
export const u32 = (doc: string): Field => ({ type: "u32", doc });
export const u64 = (doc: string): Field => ({ type: "u64", doc });
export const text = (length: number, doc: string): Field => ({ type: { text: length }, doc });
export const bytes = (length: number, doc: string): Field => ({ type: { bytes: length }, doc });
