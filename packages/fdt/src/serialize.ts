// SPDX-License-Identifier: Apache-2.0
// Tree to flattened blob, version 17, byte for byte as dtc lays it out.
// @spec devicetree v0.4 §5
import { FdtError } from "./error.ts";
import { align4, BEGIN_NODE, END, END_NODE, HEADER_SIZE, MAGIC, OLDEST_VERSION, PROP, VERSION } from "./format.ts";
import { MAX_DEPTH, type FdtNode } from "./node.ts";
import type { FdtTree } from "./tree.ts";

/** A growing byte buffer of big-endian cells. */
class Sink {
  bytes = new Uint8Array(4096);
  size = 0;

  #reserve(more: number): void {
    if (this.size + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.size + more));
    grown.set(this.bytes.subarray(0, this.size));
    this.bytes = grown;
  }

  cell(value: number): void {
    this.#reserve(4);
    new DataView(this.bytes.buffer).setUint32(this.size, value);
    this.size += 4;
  }

  wide(value: bigint): void {
    this.#reserve(8);
    new DataView(this.bytes.buffer).setBigUint64(this.size, value);
    this.size += 8;
  }

  /** Bytes and zeroes up to the next cell; the buffer is zero where nothing was written. */
  data(value: Uint8Array): void {
    this.#reserve(value.length + 3);
    this.bytes.set(value, this.size);
    this.size = align4(this.size + value.length);
  }
}

/** Names of properties; one that is the tail of another shares its bytes, as with dtc. */
class Strings {
  text = "";
  readonly #offsets = new Map<string, number>();

  offset(name: string): number {
    const known = this.#offsets.get(name) ?? this.text.indexOf(`${name}\0`);
    const offset = known >= 0 ? known : this.text.length;
    if (known < 0) this.text += `${name}\0`;
    this.#offsets.set(name, offset);
    return offset;
  }
}

/** The flattened blob of a tree. */
export function serialize(tree: FdtTree): Uint8Array {
  const out = new Sink();
  const strings = new Strings();
  for (let i = 0; i < HEADER_SIZE; i += 4) out.cell(0);
  for (const { address, size } of tree.reservations) {
    if (address === 0n && size === 0n) throw new FdtError("an empty reservation at 0 would end the list of them");
    for (const number of [address, size]) {
      if (BigInt.asUintN(64, number) !== number) throw new FdtError(`reservation ${number} does not fit 64 bits`);
      out.wide(number);
    }
  }
  out.wide(0n);
  out.wide(0n);
  const structureAt = out.size;
  writeNode(out, strings, tree.root, 1);
  out.cell(END);
  const stringsAt = out.size;
  const names = new TextEncoder().encode(strings.text);
  out.data(names);

  const total = stringsAt + names.length;
  const header = new DataView(out.bytes.buffer);
  const fields = [MAGIC, total, structureAt, stringsAt, HEADER_SIZE, VERSION, OLDEST_VERSION, tree.bootCpu];
  [...fields, names.length, stringsAt - structureAt].forEach((value, i) => header.setUint32(i * 4, value));
  return out.bytes.slice(0, total);
}

function writeNode(out: Sink, strings: Strings, node: FdtNode, depth: number): void {
  if (depth > MAX_DEPTH) throw new FdtError(`nodes are nested deeper than ${MAX_DEPTH}`, node.path);
  out.cell(BEGIN_NODE);
  out.data(new TextEncoder().encode(`${node.name}\0`));
  for (const [name, value] of node.properties) {
    out.cell(PROP);
    out.cell(value.length);
    out.cell(strings.offset(name));
    out.data(value);
  }
  for (const child of node.children) writeNode(out, strings, child, depth + 1);
  out.cell(END_NODE);
}
