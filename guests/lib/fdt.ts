// SPDX-License-Identifier: Apache-2.0
// The few things that a payload wants from the device tree it was given: RAM, a device's cells, the command line.
// Reads the tree where it lies; trusts it (the tree's own tests are elsewhere).
import { read32, read8 } from "../runtime/hw";

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROP: u32 = 3;
const NOP: u32 = 4;

let tree: u64 = 0;

export function useTree(fdt: u64): void {
  tree = fdt;
}

function big32(gpa: u64): u32 {
  return bswap<u32>(<u32>read32(gpa));
}

/** Does the NUL-terminated text at `gpa` start with `text`? With `text` at its full length when `whole` is not 0. */
function startsWith(gpa: u64, text: string, whole: u32): bool {
  for (let i = 0; i < text.length; i++) {
    if (<i32>read8(gpa + <u64>i) != text.charCodeAt(i)) return false;
  }
  return whole == 0 || read8(gpa + <u64>text.length) == 0;
}

/** Address of the value of `property` in the first node whose name starts with `node`; 0 if there is none. */
export function findProperty(node: string, property: string): u64 {
  let at = tree + big32(tree + 8);
  const strings = tree + big32(tree + 12);
  let inside: i32 = -1;
  let depth: i32 = 0;
  while (true) {
    const token = big32(at);
    at += 4;
    if (token == BEGIN_NODE) {
      if (inside < 0 && startsWith(at, node, 0)) inside = depth;
      depth++;
      while (read8(at) != 0) at++;
      at = (at + 4) & ~3;
    } else if (token == END_NODE) {
      depth--;
      if (depth == inside) inside = -1;
    } else if (token == PROP) {
      if (inside >= 0 && depth == inside + 1 && startsWith(strings + big32(at + 4), property, 1)) return at + 8;
      at = (at + 8 + big32(at) + 3) & ~3;
    } else if (token != NOP) return 0;
  }
}

/** Bytes of the value at `value` (an answer of findProperty). */
export function propertyLength(value: u64): u32 {
  return value == 0 ? 0 : big32(value - 8);
}

export function cell(value: u64, index: u32): u32 {
  return big32(value + <u64>index * 4);
}

export function ramBase(): u64 {
  const reg = findProperty("memory@", "reg");
  return ((<u64>cell(reg, 0)) << 32) | cell(reg, 1);
}

export function ramEnd(): u64 {
  const reg = findProperty("memory@", "reg");
  return ramBase() + (((<u64>cell(reg, 2)) << 32) | cell(reg, 3));
}

/** First byte after this tree. */
export function treeEnd(): u64 {
  return tree + big32(tree + 4);
}

/** The decimal number after `key` (which ends in "=") on the command line. */
export function argument(key: string, absent: u64): u64 {
  const line = findProperty("chosen", "bootargs");
  const length = propertyLength(line);
  for (let i: u64 = 0; i < length; i++) {
    if (!startsWith(line + i, key, 0)) continue;
    let at = line + i + <u64>key.length;
    let value: u64 = 0;
    while (read8(at) >= 48 && read8(at) <= 57) value = value * 10 + (read8(at++) - 48);
    return value;
  }
  return absent;
}
