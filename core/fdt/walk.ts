// SPDX-License-Identifier: Apache-2.0
// Walking a checked tree: nodes, properties, names. Called at boot and at guest creation.
// A node is the linear address of its BEGIN_NODE token, a property the linear address of its data; 0 is "none".
// Never checks bounds: only blobs that passed fdtCheck may come here. Never allocates, never recurses.
import {
  align4,
  be32,
  FDT_BEGIN_NODE,
  FDT_END,
  FDT_END_NODE,
  FDT_NOP,
  FDT_PROP,
  nameIs,
  OFF_STRINGS,
  OFF_STRUCT,
  PROP_HEADER,
} from "./format";

// Tokens as they lie in memory: a walk reads thousands of them and needs none in our own byte order.
const RAW_BEGIN_NODE: u32 = bswap<u32>(FDT_BEGIN_NODE);
const RAW_END_NODE: u32 = bswap<u32>(FDT_END_NODE);
const RAW_END: u32 = bswap<u32>(FDT_END);
const RAW_PROP: u32 = bswap<u32>(FDT_PROP);
const RAW_NOP: u32 = bswap<u32>(FDT_NOP);

function skipNops(token: usize): usize {
  while (load<u32>(token) == RAW_NOP) token += 4;
  return token;
}

function afterName(node: usize): usize {
  let p = node + 4;
  while (load<u8>(p) != 0) p++;
  return align4(p + 1);
}

/** The token after this one, whatever it is. */
export function fdtSkipToken(token: usize): usize {
  const kind = load<u32>(token);
  if (kind == RAW_BEGIN_NODE) return afterName(token);
  if (kind == RAW_PROP) return align4(token + PROP_HEADER + be32(token + 4));
  return token + 4;
}

/** One past a node's END_NODE token. */
export function fdtNodeEnd(node: usize): usize {
  return skipNode(node, 0);
}

/** One past a node's END_NODE token; 0 if `within` is a node inside it. */
function skipNode(node: usize, within: usize): usize {
  let p = afterName(node);
  let depth: u32 = 1;
  while (p != within) {
    const kind = load<u32>(p);
    if (kind == RAW_PROP) {
      p = align4(p + PROP_HEADER + be32(p + 4));
    } else if (kind == RAW_BEGIN_NODE) {
      depth++;
      p = afterName(p);
    } else {
      p += 4;
      if (kind == RAW_END_NODE && --depth == 0) return p;
    }
  }
  return 0;
}

/** The root node. */
export function fdtRoot(fdt: usize): usize {
  return skipNops(fdt + be32(fdt + OFF_STRUCT));
}

/** The next node in document order (children before siblings), 0 after the last. */
export function fdtNext(node: usize): usize {
  return nodeBefore(node, RAW_END);
}

/** The first child, or 0. */
export function fdtChild(node: usize): usize {
  return nodeBefore(node, RAW_END_NODE);
}

/** The next node in document order, 0 if a token of kind `last` comes first. */
function nodeBefore(node: usize, last: u32): usize {
  let p = afterName(node);
  while (true) {
    const kind = load<u32>(p);
    if (kind == RAW_BEGIN_NODE) return p;
    if (kind == last) return 0;
    p = kind == RAW_PROP ? align4(p + PROP_HEADER + be32(p + 4)) : p + 4;
  }
}

/** The next node with the same parent, or 0. */
export function fdtSibling(node: usize): usize {
  return nodeAt(fdtNodeEnd(node));
}

function nodeAt(token: usize): usize {
  const p = skipNops(token);
  return load<u32>(p) == RAW_BEGIN_NODE ? p : 0;
}

/** The parent, 0 for the root. Walks from the root: keep the parent where you already have it. */
export function fdtParent(fdt: usize, node: usize): usize {
  let parent: usize = 0;
  let at = fdtRoot(fdt);
  while (at != 0 && at != node) {
    const end = skipNode(at, node);
    if (end == 0) {
      parent = at;
      at = fdtChild(at);
    } else {
      at = nodeAt(end);
    }
  }
  return parent;
}

/** A node's name with its unit address: NUL-terminated printable bytes; the root's is empty. */
export function fdtName(node: usize): usize {
  return node + 4;
}

export function fdtNameLength(node: usize): u32 {
  let length: u32 = 0;
  while (load<u8>(node + 4 + length) != 0) length++;
  return length;
}

/** A node's first property, or 0. */
export function fdtFirstProperty(node: usize): usize {
  return propertyAt(afterName(node));
}

/** The next property of the same node, or 0. */
export function fdtNextProperty(property: usize): usize {
  return propertyAt(align4(property + fdtLength(property)));
}

function propertyAt(token: usize): usize {
  const p = skipNops(token);
  return load<u32>(p) == RAW_PROP ? p + PROP_HEADER : 0;
}

/** A property's name: NUL-terminated printable bytes. */
export function fdtPropertyName(fdt: usize, property: usize): usize {
  return fdt + be32(fdt + OFF_STRINGS) + be32(property - 4);
}

/** Length of a property's data in bytes. */
export function fdtLength(property: usize): u32 {
  return be32(property - 8);
}

/** The property of that name: the address of its data, 0 if the node has none. Its length is fdtLength(of that). */
export function fdtProperty(fdt: usize, node: usize, name: string): usize {
  let property = fdtFirstProperty(node);
  while (property != 0 && !nameIs(fdtPropertyName(fdt, property), name)) property = fdtNextProperty(property);
  return property;
}
