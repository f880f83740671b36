// SPDX-License-Identifier: Apache-2.0
// Nodes of a checked tree by name and by path. Called at boot and at guest creation. Never checks bounds: only blobs that
// passed fdtCheck may come here. Texts are bytes (shift 0) or string literals in UTF-16 (shift 1).
import { AT, COLON, SLASH, textMatch, textUnit } from "./format";
import {
  fdtChild,
  fdtFirstProperty,
  fdtLength,
  fdtName,
  fdtNextProperty,
  fdtPropertyName,
  fdtRoot,
  fdtSibling,
} from "./walk";

/** Does a node carry this name, its unit address left out unless `name` gives one? */
export function fdtNamed(node: usize, name: string): bool {
  return matches(node, changetype<usize>(name), name.length, 1);
}

/** The node at an absolute path such as "/cpus/cpu@0"; a component without `@` also finds a node that has one. */
export function fdtFind(fdt: usize, path: string): usize {
  return findPath(fdt, changetype<usize>(path), path.length, 1);
}

/** The same for a path of `length` bytes. */
export function fdtFindBytes(fdt: usize, path: usize, length: u32): usize {
  return findPath(fdt, path, length, 0);
}

/**
 * The node that a string property names, as /chosen's stdout-path does: an absolute path, or an alias from /aliases,
 * optionally followed by `:options`. 0 if there is none.
 */
export function fdtResolve(fdt: usize, property: usize): usize {
  const length = pathLength(property);
  if (length == 0) return 0;
  if (load<u8>(property) == SLASH) return findPath(fdt, property, length, 0);
  const aliases = fdtFind(fdt, "/aliases");
  let alias: usize = aliases != 0 ? fdtFirstProperty(aliases) : 0;
  while (alias != 0) {
    const name = fdtPropertyName(fdt, alias);
    if (textMatch(name, property, length, 0) == length && load<u8>(name + length) == 0) break;
    alias = fdtNextProperty(alias);
  }
  return alias != 0 ? findPath(fdt, alias, pathLength(alias), 0) : 0;
}

function pathLength(property: usize): u32 {
  const limit = fdtLength(property);
  let length: u32 = 0;
  while (length < limit) {
    const byte: u32 = load<u8>(property + length);
    if (byte == 0 || byte == COLON) break;
    length++;
  }
  return length;
}

function findPath(fdt: usize, text: usize, length: u32, shift: u32): usize {
  if (length == 0 || textUnit(text, 0, shift) != SLASH) return 0;
  let node = fdtRoot(fdt);
  let start: u32 = 1;
  while (start < length && node != 0) {
    let end = start;
    while (end < length && textUnit(text, end, shift) != SLASH) end++;
    if (end > start) {
      const part = text + ((<usize>start) << shift);
      node = fdtChild(node);
      while (node != 0 && !matches(node, part, end - start, shift)) node = fdtSibling(node);
    }
    start = end + 1;
  }
  return node;
}

function matches(node: usize, text: usize, length: u32, shift: u32): bool {
  const name = fdtName(node);
  if (textMatch(name, text, length, shift) != length) return false;
  const next: u32 = load<u8>(name + length);
  if (next == 0) return true;
  if (next != AT) return false;
  for (let i: u32 = 0; i < length; i++) if (textUnit(text, i, shift) == AT) return false;
  return true;
}
