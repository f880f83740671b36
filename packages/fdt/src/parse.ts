// SPDX-License-Identifier: Apache-2.0
// Flattened blob to tree. The blob may come from anywhere: every offset is checked, nothing recurses, the work is
// linear in the blob's length, and what cannot be represented (duplicate names) is refused with the node's path.
// @spec devicetree v0.4 §5
import { FdtError } from "./error.ts";
import { align4, BEGIN_NODE, END, END_NODE, HEADER_SIZE, HEADER_SIZE_16, MAGIC, NOP, PROP } from "./format.ts";
import { OLDEST_VERSION, VERSION } from "./format.ts";
import { FdtNode, MAX_DEPTH, nameFault } from "./node.ts";
import { FdtTree, type Reservation } from "./tree.ts";

interface Block {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

interface Layout {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly structure: Block;
  readonly strings: Block;
  readonly reservations: readonly Reservation[];
  readonly bootCpu: number;
}

/** Reads a flattened device tree; bytes behind its stated size are ignored. */
export function parse(blob: Uint8Array): FdtTree {
  const layout = readLayout(blob);
  const root = readStructure(layout);
  return new FdtTree(root, { reservations: layout.reservations, bootCpu: layout.bootCpu });
}

function readLayout(blob: Uint8Array): Layout {
  const whole = new DataView(blob.buffer, blob.byteOffset, blob.length);
  if (blob.length < HEADER_SIZE_16) throw new FdtError(`${blob.length} bytes are too few for a header`);
  const magic = whole.getUint32(0);
  if (magic !== MAGIC) throw new FdtError(`magic 0x${magic.toString(16)} is not that of a device tree blob`);
  const total = whole.getUint32(4);
  if (total > blob.length) throw new FdtError(`the header says ${total} bytes, but there are only ${blob.length}`);
  const version = whole.getUint32(20);
  if (version < OLDEST_VERSION || whole.getUint32(24) > VERSION) {
    throw new FdtError(`version ${version} (readable as ${whole.getUint32(24)}) is not one that this can read`);
  }
  const header = version >= VERSION ? HEADER_SIZE : HEADER_SIZE_16;
  if (total < header) throw new FdtError(`the header says ${total} bytes, less than itself`);

  const [structureAt, stringsAt, reservationsAt] = [8, 12, 16].map((at) => whole.getUint32(at)) as [
    number,
    number,
    number,
  ];
  const nextBlock = [stringsAt, reservationsAt, total].filter((at) => at > structureAt);
  const structureSize = version >= VERSION ? whole.getUint32(36) : Math.min(...nextBlock) - structureAt;
  const bytes = blob.subarray(0, total);
  const view = new DataView(blob.buffer, blob.byteOffset, total);
  const { reservations, end } = readReservations(view, reservationsAt);
  const blocks: [Block, Block, Block] = [
    { name: "structure", start: structureAt, end: structureAt + structureSize },
    { name: "strings", start: stringsAt, end: stringsAt + whole.getUint32(32) },
    { name: "reservation", start: reservationsAt, end },
  ];
  for (const block of blocks) {
    if (block.start < header || block.end > total) throw new FdtError(`the ${block.name} block is not inside the blob`);
    const clash = blocks.find((other) => other !== block && other.start < block.end && block.start < other.end);
    if (clash !== undefined) throw new FdtError(`the ${block.name} and ${clash.name} blocks overlap`);
  }
  if (structureAt % 4 !== 0) throw new FdtError("the structure block is not aligned to 4 bytes");
  return { bytes, view, structure: blocks[0], strings: blocks[1], reservations, bootCpu: whole.getUint32(28) };
}

function readReservations(view: DataView, start: number): { reservations: Reservation[]; end: number } {
  if (start % 8 !== 0) throw new FdtError("the reservation block is not aligned to 8 bytes");
  const reservations: Reservation[] = [];
  for (let at = start; at + 16 <= view.byteLength; at += 16) {
    const [address, size] = [view.getBigUint64(at), view.getBigUint64(at + 8)];
    if (address === 0n && size === 0n) return { reservations, end: at + 16 };
    reservations.push({ address, size });
  }
  throw new FdtError("the reservation block does not end");
}

/** The name at `at`, which must end before `end`. */
function readName(bytes: Uint8Array, at: number, end: number): string | undefined {
  const stop = bytes.subarray(at, Math.min(end, at + 256)).indexOf(0);
  return stop < 0 ? undefined : String.fromCharCode(...bytes.subarray(at, at + stop));
}

function readStructure(layout: Layout): FdtNode {
  const { bytes, view, structure } = layout;
  let root: FdtNode | undefined;
  let open: FdtNode | undefined;
  let depth = 0;
  let at = structure.start;
  while (at + 4 <= structure.end) {
    const token = view.getUint32(at);
    at += 4;
    if (token === NOP) continue;
    if (token === BEGIN_NODE) {
      const name = readName(bytes, at, structure.end);
      if (name === undefined) throw new FdtError("a child's name does not end", open?.path);
      if (open === undefined && root !== undefined) throw new FdtError("there is a second root");
      if (open === undefined && name !== "") throw new FdtError(`the root is called ${JSON.stringify(name)}`);
      if (++depth > MAX_DEPTH) throw new FdtError(`nodes are nested deeper than ${MAX_DEPTH}`, open?.path);
      if (open === undefined) open = root = new FdtNode("");
      else open = addChild(open, name);
      at = align4(at + name.length + 1);
    } else if (token === PROP) {
      if (open === undefined) throw new FdtError("there is a property outside the root");
      at = readProperty(layout, open, at);
    } else if (token === END_NODE) {
      if (open === undefined) throw new FdtError("a node ends that never began");
      depth--;
      open = open.parent;
    } else if (token === END) {
      if (root === undefined) throw new FdtError("there is no root");
      if (open !== undefined) throw new FdtError("the tree ends inside this node", open.path);
      return root;
    } else {
      throw new FdtError(`unknown token 0x${token.toString(16)} at byte ${at - 4}`, open?.path);
    }
  }
  throw new FdtError("the structure block has no end token", open?.path);
}

function addChild(parent: FdtNode, name: string): FdtNode {
  const fault = nameFault(name);
  if (fault !== undefined) throw new FdtError(`a child is wrong: ${fault}`, parent.path);
  const child = new FdtNode(name);
  parent.add(child);
  return child;
}

/** Reads the property whose header is at `at`; answers where the next token is. */
function readProperty(layout: Layout, node: FdtNode, at: number): number {
  const { bytes, view, structure, strings } = layout;
  if (at + 8 > structure.end) throw new FdtError("a property's header leaves the structure block", node.path);
  const length = view.getUint32(at);
  const nameAt = strings.start + view.getUint32(at + 4);
  const start = at + 8;
  const name = nameAt < strings.end ? readName(bytes, nameAt, strings.end) : undefined;
  if (name === undefined) throw new FdtError("a property's name is not in the strings block", node.path);
  const fault = nameFault(name);
  if (fault !== undefined) throw new FdtError(fault, node.path, name);
  if (length > structure.end - start) throw new FdtError(`${length} bytes leave the structure block`, node.path, name);
  if (node.has(name)) throw new FdtError("is there twice", node.path, name);
  if (node.hasChildren) throw new FdtError("stands behind a child node", node.path, name);
  node.set(name, bytes.subarray(start, start + length));
  return align4(start + length);
}
