// SPDX-License-Identifier: Apache-2.0
// The shape of one constant in a spec table, and the helpers that make rows.
// Used by the tables when they are loaded and by the generator; never sees a guest or a machine.

/** AssemblyScript type of the constant. In Node a u64 or i64 is a bigint, a u32 a number. */
export type RowType = "u64" | "i64" | "u32";

export interface Row<Value extends number | bigint = number | bigint> {
  readonly type: RowType;
  readonly value: Value;
  /** What it is, with the section of the specification; becomes the comment of the generated constant. */
  readonly doc: string;
  readonly radix: "hex" | "decimal";
}

/** Rows that belong together; the title becomes a heading of the generated file. */
export interface Group<Rows extends Record<string, Row> = Record<string, Row>> {
  readonly title: string;
  readonly rows: Rows;
}

/** The constants of a group as plain values under their names. */
export type Values<Rows extends Record<string, Row>> = { readonly [Name in keyof Rows]: Rows[Name]["value"] };

/** A u64 written in hexadecimal: a mask, or a field's value in place. */
export const mask = (value: bigint, doc: string): Row<bigint> => ({ type: "u64", value, doc, radix: "hex" });

/** A u64 with one bit set. */
export const bit = (position: number, doc: string): Row<bigint> => mask(1n << BigInt(position), doc);

/** A u64 mask of the bits `high` down to `low`, in place. */
export const field = (high: number, low: number, doc: string): Row<bigint> =>
  mask(((1n << BigInt(high - low + 1)) - 1n) << BigInt(low), doc);

/** A u64 that is `value` placed at bit `low`. */
export const placed = (value: number, low: number, doc: string): Row<bigint> => mask(BigInt(value) << BigInt(low), doc);

/** A u64 written in decimal: a shift, a cause, a state, a function number. */
export const plain = (value: number, doc: string): Row<bigint> => ({
  type: "u64",
  value: BigInt(value),
  doc,
  radix: "decimal",
});

/** A u32 written in hexadecimal: a CSR number, a register offset, a register bit. */
export const u32 = (value: number, doc: string): Row<number> => ({ type: "u32", value, doc, radix: "hex" });

/** A u32 written in decimal: a count, a shift. */
export const count = (value: number, doc: string): Row<number> => ({ type: "u32", value, doc, radix: "decimal" });

/** A signed 64-bit number: an SBI error. */
export const i64 = (value: number, doc: string): Row<bigint> => ({
  type: "i64",
  value: BigInt(value),
  doc,
  radix: "decimal",
});

export function group<Rows extends Record<string, Row>>(title: string, rows: Rows): Group<Rows> {
  return { title, rows };
}

/** Strips a group to its values. */
export function values<Rows extends Record<string, Row>>(from: Group<Rows>): Values<Rows> {
  return Object.fromEntries(Object.entries(from.rows).map(([name, row]) => [name, row.value])) as Values<Rows>;
}
