// SPDX-License-Identifier: Apache-2.0
// Validation of a flattened device tree before anything reads it: firmware's, a guest module's, a toolstack's.
// Called at boot and at guest creation. Afterwards the accessors of read.ts need no bounds checks.
// Walks every token once, without recursion; time is bounded by FDT_MAX_SIZE. Changes nothing, prints nothing.
// @spec devicetree v0.4 §5
import { Status } from "../lib/status";
import {
  align4,
  be32,
  be64,
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_MAGIC,
  FDT_MAX_DEPTH,
  FDT_MAX_NAME,
  FDT_MAX_NODES,
  FDT_MAX_PROPERTY,
  FDT_MAX_SIZE,
  FDT_NOP,
  FDT_OLDEST_VERSION,
  FDT_PROP,
  FDT_VERSION,
  HEADER_SIZE,
  isNameByte,
  LAST_COMPATIBLE,
  OFF_RESERVATIONS,
  OFF_STRINGS,
  OFF_STRUCT,
  PROP_HEADER,
  SIZE_STRINGS,
  SIZE_STRUCT,
  TOTAL_SIZE,
  VERSION,
} from "./format";
import { checkUnique } from "./unique";

/**
 * Is there a sound tree at `ptr`, of which `size` bytes may be read?
 * Invalid: unaligned or wrapping arguments. Malformed: not a tree. Unsupported: a version we cannot read.
 * Limit: sound perhaps, but beyond our bounds (size, depth, nodes, property length, name comparisons).
 */
export function fdtCheck(ptr: usize, size: u32): i32 {
  if (ptr == 0 || (ptr & 7) != 0 || <u64>ptr + <u64>size > <u64>u32.MAX_VALUE) return Status.Invalid;
  const header = checkHeader(ptr, size);
  if (header != Status.Ok) return header;
  const blocks = checkBlocks(ptr);
  if (blocks != Status.Ok) return blocks;
  const structure = checkStructure(ptr);
  return structure == Status.Ok ? checkUnique(ptr) : structure;
}

function checkHeader(fdt: usize, size: u32): i32 {
  if (size < HEADER_SIZE || be32(fdt) != FDT_MAGIC) return Status.Malformed;
  const total = be32(fdt + TOTAL_SIZE);
  if (total < HEADER_SIZE || total > size) return Status.Malformed;
  if (total > FDT_MAX_SIZE) return Status.Limit;
  const version = be32(fdt + VERSION);
  return version < FDT_OLDEST_VERSION || be32(fdt + LAST_COMPATIBLE) > FDT_VERSION ? Status.Unsupported : Status.Ok;
}

/** The three blocks lie inside, aligned, behind the header and apart from each other. */
function checkBlocks(fdt: usize): i32 {
  const total = be32(fdt + TOTAL_SIZE);
  const structure = be32(fdt + OFF_STRUCT);
  const strings = be32(fdt + OFF_STRINGS);
  const stringsSize = be32(fdt + SIZE_STRINGS);
  const structureSize = structSize(fdt);
  if ((structure & 3) != 0 || !inside(structure, structureSize, total)) return Status.Malformed;
  if (!inside(strings, stringsSize, total)) return Status.Malformed;
  const reservations = be32(fdt + OFF_RESERVATIONS);
  if ((reservations & 7) != 0) return Status.Malformed;
  const reservationsSize = reservationBytes(fdt, reservations, total);
  if (reservationsSize == 0) return Status.Malformed;
  if (apart(structure, structureSize, reservations, reservationsSize)) {
    if (apart(strings, stringsSize, reservations, reservationsSize)) {
      if (apart(strings, stringsSize, structure, structureSize)) return Status.Ok;
    }
  }
  return Status.Malformed;
}

/** Size of the structure block; version 16 does not say it, so there it reaches to the next block or the end. */
function structSize(fdt: usize): u32 {
  if (be32(fdt + VERSION) >= 17) return be32(fdt + SIZE_STRUCT);
  const start = be32(fdt + OFF_STRUCT);
  let end = be32(fdt + TOTAL_SIZE);
  const strings = be32(fdt + OFF_STRINGS);
  const reservations = be32(fdt + OFF_RESERVATIONS);
  if (strings > start && strings < end) end = strings;
  if (reservations > start && reservations < end) end = reservations;
  return end > start ? end - start : 0;
}

function inside(start: u32, size: u32, total: u32): bool {
  return start >= HEADER_SIZE && start <= total && size <= total - start;
}

function apart(a: u32, aSize: u32, b: u32, bSize: u32): bool {
  return a + aSize <= b || b + bSize <= a;
}

/** Bytes of the reservation block with its terminator, 0 if that does not come before the end. */
function reservationBytes(fdt: usize, start: u32, total: u32): u32 {
  if (start < HEADER_SIZE) return 0;
  for (let at: u64 = start; at + 16 <= <u64>total; at += 16) {
    const entry = fdt + <usize>at;
    if (be64(entry) == 0 && be64(entry + 8) == 0) return <u32>at + 16 - start;
  }
  return 0;
}

/** One past the NUL of a legal name, 0 if it is illegal, too long, or not terminated before `end`. */
function nameEnd(name: usize, end: usize): usize {
  for (let p = name; p < end && p - name <= FDT_MAX_NAME; p++) {
    const byte: u32 = load<u8>(p);
    if (byte == 0) return p + 1;
    if (!isNameByte(byte)) return 0;
  }
  return 0;
}

/** Token by token: one root with an empty name, properties before children, everything closed, FDT_END inside. */
function checkStructure(fdt: usize): i32 {
  const end = fdt + be32(fdt + OFF_STRUCT) + structSize(fdt);
  let p = fdt + be32(fdt + OFF_STRUCT);
  let depth: u32 = 0;
  let nodes: u32 = 0;
  let mayHaveProperty = false;
  while (p < end && end - p >= 4) {
    const kind = be32(p);
    if (kind == FDT_NOP) {
      p += 4;
    } else if (kind == FDT_BEGIN_NODE) {
      const next = nameEnd(p + 4, end);
      if (next == 0 || (depth == 0 && nodes != 0) || (next == p + 5) != (nodes == 0)) return Status.Malformed;
      if (++depth > FDT_MAX_DEPTH || ++nodes > FDT_MAX_NODES) return Status.Limit;
      mayHaveProperty = true;
      p = align4(next);
    } else if (kind == FDT_PROP) {
      if (!mayHaveProperty || end - p < PROP_HEADER) return Status.Malformed;
      const status = checkProperty(fdt, p, end);
      if (status != Status.Ok) return status;
      p = align4(p + PROP_HEADER + be32(p + 4));
    } else if (kind == FDT_END_NODE) {
      if (depth == 0) return Status.Malformed;
      depth--;
      mayHaveProperty = false;
      p += 4;
    } else {
      return kind == FDT_END && depth == 0 && nodes != 0 ? Status.Ok : Status.Malformed;
    }
  }
  return Status.Malformed;
}

function checkProperty(fdt: usize, token: usize, end: usize): i32 {
  const length = be32(token + 4);
  if (length > <u32>(end - token - PROP_HEADER)) return Status.Malformed;
  if (length > FDT_MAX_PROPERTY) return Status.Limit;
  const nameOffset = be32(token + 8);
  const stringsSize = be32(fdt + SIZE_STRINGS);
  if (nameOffset >= stringsSize) return Status.Malformed;
  const strings = fdt + be32(fdt + OFF_STRINGS);
  const name = strings + nameOffset;
  const next = nameEnd(name, strings + stringsSize);
  return next > name + 1 ? Status.Ok : Status.Malformed;
}
