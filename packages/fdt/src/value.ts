// SPDX-License-Identifier: Apache-2.0
// Property values: builders that make their bytes, and readers that take the bytes apart.
// A property is nothing but bytes in the format; which reading is meant is known only to whoever asks.
import { FdtError } from "./error.ts";

/**
 * What may stand for a property's value. A string is one string, an array of strings a string list, a number one cell,
 * a bigint two cells, `true` the empty value, `false` and `undefined` no property at all; bytes stand for themselves.
 */
export type PropertyInput = Uint8Array | string | readonly string[] | number | bigint | boolean | undefined;

const U32_MAX = 0xffff_ffff;
const U64_MAX = 0xffff_ffff_ffff_ffffn;

/** 32-bit cells: `cells(0, 0x80000000)` is `<0x0 0x80000000>`. */
export function cells(...values: readonly number[]): Uint8Array {
  const out = new Uint8Array(values.length * 4);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => {
    if (!Number.isInteger(value) || value < 0 || value > U32_MAX) throw new FdtError(`${value} does not fit a cell`);
    view.setUint32(i * 4, value);
  });
  return out;
}

/** 64-bit numbers, two cells each, the high cell first. */
export function u64(...values: readonly (bigint | number)[]): Uint8Array {
  const out = new Uint8Array(values.length * 8);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => {
    if (typeof value === "number" && !Number.isSafeInteger(value))
      throw new FdtError(`${value} is not an exact integer`);
    const wide = BigInt(value);
    if (wide < 0n || wide > U64_MAX) throw new FdtError(`${value} does not fit 64 bits`);
    view.setBigUint64(i * 8, wide);
  });
  return out;
}

/** A string list, each NUL-terminated, in UTF-8. */
export function strings(...values: readonly string[]): Uint8Array {
  for (const value of values) {
    if (value.includes("\0")) throw new FdtError(`string ${JSON.stringify(value)} contains a NUL`);
  }
  return new TextEncoder().encode(values.map((value) => `${value}\0`).join(""));
}

/** Bytes as they are: `bytes(0x52, 0x54, 0)`. */
export function bytes(...values: readonly number[]): Uint8Array {
  for (const value of values) {
    if (!Number.isInteger(value) || value < 0 || value > 255) throw new FdtError(`${value} does not fit a byte`);
  }
  return Uint8Array.from(values);
}

/** Several values one behind the other, as dts writes `<1 2>, "text"`. */
export function concat(...values: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(values.reduce((sum, value) => sum + value.length, 0));
  let at = 0;
  for (const value of values) {
    out.set(value, at);
    at += value.length;
  }
  return out;
}

/** The bytes of an input; undefined where it means "no property". */
export function encode(input: PropertyInput): Uint8Array | undefined {
  if (input === undefined || input === false) return undefined;
  if (input === true) return new Uint8Array(0);
  if (typeof input === "number") return cells(input);
  if (typeof input === "bigint") return u64(input);
  if (typeof input === "string") return strings(input);
  return input instanceof Uint8Array ? Uint8Array.from(input) : strings(...input);
}

/** The bytes as cells; undefined if they are not whole cells. */
export function decodeCells(value: Uint8Array): number[] | undefined {
  if (value.length % 4 !== 0) return undefined;
  const view = new DataView(value.buffer, value.byteOffset, value.length);
  return Array.from({ length: value.length / 4 }, (_, i) => view.getUint32(i * 4));
}

/** The bytes as a string list; undefined if they do not end with a NUL or are not UTF-8. The empty value is no string. */
export function decodeStrings(value: Uint8Array): string[] | undefined {
  if (value.length === 0) return [];
  if (value[value.length - 1] !== 0) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value.subarray(0, -1));
    return text.split("\0");
  } catch {
    return undefined;
  }
}
