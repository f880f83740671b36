// SPDX-License-Identifier: Apache-2.0
// What a codec of the protocol is, and the few helpers that the generated ones use. Pure; every decoder is given a view
// that is long enough for its struct (frames are checked before).

/** Turns one struct into bytes and back. */
export interface Codec<T> {
  readonly name: string;
  /** Bytes on the wire. */
  readonly size: number;
  decode(view: DataView, at: number): T;
  /** Writes into zeroed bytes. */
  encode(value: T, view: DataView, at: number): void;
}

/** The struct of operations that have none. */
export const Nothing: Codec<Record<never, never>> = {
  name: "Nothing",
  size: 0,
  decode: () => ({}),
  encode: () => undefined,
};

const decoder = new TextDecoder("utf-8");
const encoder = new TextEncoder();

export function readBytes(view: DataView, at: number, size: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, size).slice();
}

/** NUL-padded text. */
export function readText(view: DataView, at: number, size: number): string {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, size);
  const end = bytes.indexOf(0);
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** RangeError when the bytes are not exactly as many as the field has. */
export function writeBytes(view: DataView, at: number, size: number, value: Uint8Array): void {
  if (value.length !== size) throw new RangeError(`a field of ${size} bytes was given ${value.length}`);
  new Uint8Array(view.buffer, view.byteOffset + at, size).set(value);
}

/** RangeError when the text and its NUL do not fit. */
export function writeText(view: DataView, at: number, size: number, value: string): void {
  const bytes = encoder.encode(value);
  if (bytes.length >= size) throw new RangeError(`${JSON.stringify(value)} is longer than ${size - 1} bytes`);
  new Uint8Array(view.buffer, view.byteOffset + at, size).set(bytes);
}
