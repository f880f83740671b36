// SPDX-License-Identifier: Apache-2.0
// The writer's frame: begin, reservations, nodes, finish. Called at guest creation, through write.ts.
// Order and nesting are checked; the caller answers for unique names among siblings.
import { Status } from "../lib/status";
import { CACHE_BYTES, fail, FdtWriter, pad, putCell, room } from "./emit";
import {
  AT,
  BOOT_CPU,
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_MAGIC,
  FDT_MAX_DEPTH,
  FDT_MAX_NAME,
  FDT_MAX_NODES,
  FDT_MAX_SIZE,
  FDT_OLDEST_VERSION,
  FDT_VERSION,
  HEADER_SIZE,
  isNameByte,
  LAST_COMPATIBLE,
  OFF_RESERVATIONS,
  OFF_STRINGS,
  OFF_STRUCT,
  putBe32,
  SIZE_STRINGS,
  SIZE_STRUCT,
  textUnit,
  TOTAL_SIZE,
  VERSION,
} from "./format";

const MAX_STRINGS: u32 = 8192;
const MIN_CAPACITY: u32 = 512;
/** Longest unit address with its `@`. */
const MAX_UNIT: u32 = 17;

/** Starts a tree. The buffer is 8-byte aligned; its old content does not matter. */
export function fdtBegin(writer: FdtWriter, buffer: usize, capacity: u32): void {
  writer.buffer = buffer;
  writer.at = buffer + HEADER_SIZE;
  writer.structure = 0;
  writer.stringsSize = 0;
  writer.property = 0;
  writer.depth = 0;
  writer.nodes = 0;
  writer.acceptsProperties = 0;
  writer.bootCpu = 0;
  writer.status = Status.Ok;
  if (buffer == 0 || (buffer & 7) != 0 || <u64>buffer + <u64>capacity > <u64>u32.MAX_VALUE) {
    fail(writer, Status.Invalid);
    return;
  }
  if (capacity < MIN_CAPACITY) {
    fail(writer, Status.NoMemory);
    return;
  }
  const usable = (capacity < FDT_MAX_SIZE ? capacity : FDT_MAX_SIZE) & ~7;
  const cache = buffer + usable - CACHE_BYTES;
  for (let i: u32 = 0; i < CACHE_BYTES; i += 4) store<u32>(cache + i, 0);
  writer.stringsLimit = usable >> 2 < MAX_STRINGS ? usable >> 2 : MAX_STRINGS;
  writer.strings = cache - writer.stringsLimit;
}

/** The boot CPU's id for the header (0 unless set). */
export function fdtSetBootCpu(writer: FdtWriter, id: u32): void {
  writer.bootCpu = id;
}

/** Adds a memory reservation; only before the first node. A reservation 0,0 would end the list and is refused. */
export function fdtReserve(writer: FdtWriter, base: u64, size: u64): void {
  if (writer.structure != 0 || (base | size) == 0 || base + size < base) {
    fail(writer, Status.Invalid);
    return;
  }
  if (!room(writer, 16)) return;
  putCell(writer, <u32>(base >> 32));
  putCell(writer, <u32>base);
  putCell(writer, <u32>(size >> 32));
  putCell(writer, <u32>size);
}

/** Opens a node. The root comes first, with the name "". */
export function fdtBeginNode(writer: FdtWriter, name: string): void {
  if (beginNode(writer, changetype<usize>(name), name.length, 1)) endName(writer);
}

/** Opens a node called `name@unit`, unit in lower-case hexadecimal. */
export function fdtBeginNodeAt(writer: FdtWriter, name: string, unit: u64): void {
  if (<u32>name.length > FDT_MAX_NAME - MAX_UNIT) fail(writer, Status.Limit);
  if (!beginNode(writer, changetype<usize>(name), name.length, 1)) return;
  store<u8>(writer.at++, AT);
  let shift: u32 = 60;
  while (shift != 0 && unit >> shift == 0) shift -= 4;
  for (; ; shift -= 4) {
    const digit = (<u32>(unit >> shift)) & 15;
    store<u8>(writer.at++, <u8>(digit < 10 ? 0x30 + digit : 0x57 + digit));
    if (shift == 0) break;
  }
  endName(writer);
}

/** Opens a node whose name is bytes without a NUL (a name read from another tree). */
export function fdtBeginNodeBytes(writer: FdtWriter, name: usize, length: u32): void {
  if (beginNode(writer, name, length, 0)) endName(writer);
}

/** Token and name; leaves room for a unit address and the padding. */
function beginNode(writer: FdtWriter, name: usize, length: u32, shift: u32): bool {
  if (writer.status != Status.Ok) return false;
  const isRoot = writer.nodes == 0;
  if (writer.property != 0 || (writer.depth == 0) != isRoot || (length == 0) != isRoot) {
    return fail(writer, Status.Invalid);
  }
  if (length > FDT_MAX_NAME || writer.depth >= FDT_MAX_DEPTH || writer.nodes >= FDT_MAX_NODES) {
    return fail(writer, Status.Limit);
  }
  if (!room(writer, 16 + 4 + length + MAX_UNIT + 4)) return false;
  if (isRoot) {
    for (let i = 0; i < 4; i++) putCell(writer, 0);
    writer.structure = writer.at;
  }
  putCell(writer, FDT_BEGIN_NODE);
  writer.depth++;
  writer.nodes++;
  writer.acceptsProperties = 1;
  return putText(writer, name, length, shift);
}

/** Copies a name's units to the structure block, for which there must be room. */
function putText(writer: FdtWriter, text: usize, length: u32, shift: u32): bool {
  for (let i: u32 = 0; i < length; i++) {
    const unit = textUnit(text, i, shift);
    if (!isNameByte(unit)) return fail(writer, Status.Invalid);
    store<u8>(writer.at++, <u8>unit);
  }
  return true;
}

function endName(writer: FdtWriter): void {
  store<u8>(writer.at++, 0);
  pad(writer);
}

/** Closes the node that is open. */
export function fdtEndNode(writer: FdtWriter): void {
  if (writer.depth == 0 || writer.property != 0) {
    fail(writer, Status.Invalid);
    return;
  }
  if (!room(writer, 4)) return;
  putCell(writer, FDT_END_NODE);
  writer.depth--;
  writer.acceptsProperties = 0;
}

/** Ends the tree: moves the strings behind the structure, fills the header. Size of the blob, or a negative Status. */
export function fdtFinish(writer: FdtWriter): i32 {
  if (writer.status == Status.Ok && (writer.depth != 0 || writer.nodes == 0)) fail(writer, Status.Invalid);
  if (!room(writer, 4)) return writer.status;
  putCell(writer, FDT_END);
  const fdt = writer.buffer;
  const strings = writer.at;
  for (let i: u32 = 0; i < writer.stringsSize; i++) store<u8>(strings + i, load<u8>(writer.strings + i));
  const total = <u32>(strings - fdt) + writer.stringsSize;
  putBe32(fdt, FDT_MAGIC);
  putBe32(fdt + TOTAL_SIZE, total);
  putBe32(fdt + OFF_STRUCT, <u32>(writer.structure - fdt));
  putBe32(fdt + OFF_STRINGS, <u32>(strings - fdt));
  putBe32(fdt + OFF_RESERVATIONS, HEADER_SIZE);
  putBe32(fdt + VERSION, FDT_VERSION);
  putBe32(fdt + LAST_COMPATIBLE, FDT_OLDEST_VERSION);
  putBe32(fdt + BOOT_CPU, writer.bootCpu);
  putBe32(fdt + SIZE_STRINGS, writer.stringsSize);
  putBe32(fdt + SIZE_STRUCT, <u32>(strings - writer.structure));
  fail(writer, Status.Busy);
  return total;
}
