// SPDX-License-Identifier: Apache-2.0
// The state of a device tree being written, and the few steps that all of the writer shares. Internal to core/fdt.
// The first failure sticks, and nothing is ever written outside the caller's buffer: every write asks room() first.
//
// The buffer while writing:   | header | reservations | structure -> free | strings -> free | name cache |
import { Status } from "../lib/status";
import { align4, putBe32 } from "./format";

/** Slots of the direct-mapped cache from a property name's hash to its string offset (0: empty, else offset + 1). */
export const CACHE_SLOTS: u32 = 64;
export const CACHE_BYTES: u32 = CACHE_SLOTS * 2;

/** A tree being written. All fields belong to this file, except that callers read `status`. */
@unmanaged
export class FdtWriter {
  buffer: usize;
  /** Where the next token or data byte goes. */
  at: usize;
  /** Start of the structure block, 0 until the first node closes the reservations. */
  structure: usize;
  /** The strings block so far; it is also where the structure block must end. */
  strings: usize;
  stringsSize: u32;
  stringsLimit: u32;
  /** Data of the property that is open, 0 if none is. */
  property: usize;
  depth: u32;
  nodes: u32;
  /** 1 while the open node may still get properties. */
  acceptsProperties: u32;
  bootCpu: u32;
  /** First failure, or Status.Ok. */
  status: i32;
}

export function fail(writer: FdtWriter, status: i32): bool {
  if (writer.status == Status.Ok) writer.status = status;
  return false;
}

/** Is there room for that many more bytes of structure (and nothing failed before)? */
export function room(writer: FdtWriter, bytes: u32): bool {
  if (writer.status != Status.Ok) return false;
  return bytes <= <u32>(writer.strings - writer.at) ? true : fail(writer, Status.NoMemory);
}

export function putCell(writer: FdtWriter, value: u32): void {
  putBe32(writer.at, value);
  writer.at += 4;
}

export function pad(writer: FdtWriter): void {
  const end = align4(writer.at);
  while (writer.at < end) store<u8>(writer.at++, 0);
}
