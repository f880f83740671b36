// SPDX-License-Identifier: Apache-2.0
// The writer's properties, piece by piece, and the strings block with their names. Called through write.ts.
// Cells may follow a text and so be unaligned: data is stored bytewise.
import { Status } from "../lib/status";
import { CACHE_SLOTS, fail, FdtWriter, pad, putCell, room } from "./emit";
import {
  FDT_MAX_NAME,
  FDT_MAX_PROPERTY,
  FDT_PROP,
  isNameByte,
  PROP_HEADER,
  putBe32,
  textMatch,
  textUnit,
} from "./format";

/** Opens a property of the open node; its data follows by fdtCellU32 and the like, then fdtEndProperty. */
export function fdtBeginProperty(writer: FdtWriter, name: string): void {
  beginProperty(writer, changetype<usize>(name), name.length, 1);
}

/** As fdtBeginProperty, for a name that is bytes without a NUL. */
export function fdtBeginPropertyBytes(writer: FdtWriter, name: usize, length: u32): void {
  beginProperty(writer, name, length, 0);
}

function beginProperty(writer: FdtWriter, name: usize, length: u32, shift: u32): void {
  if (writer.status != Status.Ok) return;
  if (writer.acceptsProperties == 0 || writer.property != 0 || length == 0) {
    fail(writer, Status.Invalid);
    return;
  }
  if (!room(writer, <u32>PROP_HEADER)) return;
  const offset = internName(writer, name, length, shift);
  if (writer.status != Status.Ok) return;
  putCell(writer, FDT_PROP);
  putCell(writer, 0);
  putCell(writer, offset);
  writer.property = writer.at;
}

/** Offset of a name in the strings block: from the cache, else appended. A cache miss may store a name twice. */
function internName(writer: FdtWriter, name: usize, length: u32, shift: u32): u32 {
  if (length > FDT_MAX_NAME) {
    fail(writer, Status.Limit);
    return 0;
  }
  let hash: u32 = length;
  for (let i: u32 = 0; i < length; i++) {
    const unit = textUnit(name, i, shift);
    if (!isNameByte(unit)) {
      fail(writer, Status.Invalid);
      return 0;
    }
    hash = hash * 31 + unit;
  }
  const slot = writer.strings + writer.stringsLimit + ((<usize>(hash % CACHE_SLOTS)) << 1);
  const cached: u32 = load<u16>(slot);
  if (cached != 0) {
    const known = writer.strings + cached - 1;
    if (textMatch(known, name, length, shift) == length && load<u8>(known + length) == 0) return cached - 1;
  }
  const offset = writer.stringsSize;
  if (length + 1 > writer.stringsLimit - offset) {
    fail(writer, Status.NoMemory);
    return 0;
  }
  const to = writer.strings + offset;
  for (let i: u32 = 0; i < length; i++) store<u8>(to + i, <u8>textUnit(name, i, shift));
  store<u8>(to + length, 0);
  writer.stringsSize = offset + length + 1;
  store<u16>(slot, <u16>(offset + 1));
  return offset;
}

/** Is a property open that can take that many more bytes, with its padding? */
function dataRoom(writer: FdtWriter, bytes: u32): bool {
  if (writer.status != Status.Ok) return false;
  if (writer.property == 0) return fail(writer, Status.Invalid);
  const length = <u32>(writer.at - writer.property);
  if (bytes > FDT_MAX_PROPERTY - length) return fail(writer, Status.Limit);
  return room(writer, bytes + 3);
}

export function fdtCellU32(writer: FdtWriter, value: u32): void {
  if (!dataRoom(writer, 4)) return;
  store<u8>(writer.at, <u8>(value >> 24));
  store<u8>(writer.at + 1, <u8>(value >> 16));
  store<u8>(writer.at + 2, <u8>(value >> 8));
  store<u8>(writer.at + 3, <u8>value);
  writer.at += 4;
}

/** Two cells, the high one first. */
export function fdtCellU64(writer: FdtWriter, value: u64): void {
  fdtCellU32(writer, <u32>(value >> 32));
  fdtCellU32(writer, <u32>value);
}

/** A string and its NUL; the text is ASCII, and a `\0` in it separates strings. Call again for a further one. */
export function fdtText(writer: FdtWriter, text: string): void {
  const length: u32 = text.length;
  if (!dataRoom(writer, length + 1)) return;
  for (let i: u32 = 0; i < length; i++) {
    const unit = textUnit(changetype<usize>(text), i, 1);
    if (unit > 0x7f) fail(writer, Status.Invalid);
    store<u8>(writer.at++, <u8>unit);
  }
  store<u8>(writer.at++, 0);
}

export function fdtBytes(writer: FdtWriter, bytes: usize, length: u32): void {
  if (!dataRoom(writer, length)) return;
  for (let i: u32 = 0; i < length; i++) store<u8>(writer.at++, load<u8>(bytes + i));
}

export function fdtEndProperty(writer: FdtWriter): void {
  if (writer.status != Status.Ok) return;
  if (writer.property == 0) {
    fail(writer, Status.Invalid);
    return;
  }
  putBe32(writer.property - 8, <u32>(writer.at - writer.property));
  pad(writer);
  writer.property = 0;
}
