// SPDX-License-Identifier: Apache-2.0
// One node: a name, properties in order, children in order. Names are unique among siblings and among properties.
import { FdtError } from "./error.ts";
import { decodeCells, decodeStrings, encode, type PropertyInput } from "./value.ts";

/** Longest path of nodes that the package handles; far beyond what any tree uses. */
export const MAX_DEPTH = 256;

/** Why a name cannot stand in a tree, or undefined if it can. */
export function nameFault(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name.length > 255) return "the name is longer than 255 bytes";
  if (!/^[\x21-\x2e\x30-\x7e]+$/.test(name)) {
    return `the name ${JSON.stringify(name)} has characters that no name may have`;
  }
  return undefined;
}

/** Does a path component find a node of this name? Without `@` it also finds a node that has a unit address. */
function answersTo(name: string, component: string): boolean {
  return name === component || (!component.includes("@") && name.startsWith(`${component}@`));
}

export class FdtNode {
  readonly name: string;
  #parent: FdtNode | undefined;
  readonly #properties = new Map<string, Uint8Array>();
  readonly #children = new Map<string, FdtNode>();

  /** Use `node()`, or `ensure` of a tree. The root's name is "". */
  constructor(name: string) {
    const fault = name === "" ? undefined : nameFault(name);
    if (fault !== undefined) throw new FdtError(fault);
    this.name = name;
  }

  get parent(): FdtNode | undefined {
    return this.#parent;
  }

  /** "/" for a root, else the absolute path. */
  get path(): string {
    const names: string[] = [];
    let at: FdtNode = this;
    while (at.#parent !== undefined) {
      names.push(at.name);
      at = at.#parent;
    }
    return names.length === 0 ? `/${at.name}` : `${at.name === "" ? "" : `/${at.name}`}/${names.reverse().join("/")}`;
  }

  /** The children in order, as they are now. */
  get children(): readonly FdtNode[] {
    return [...this.#children.values()];
  }

  get hasChildren(): boolean {
    return this.#children.size > 0;
  }

  /** The properties in order; the bytes are the tree's own, change them through `set`. */
  get properties(): ReadonlyMap<string, Uint8Array> {
    return this.#properties;
  }

  // ---- Children.

  /** The child of exactly this name, else the first whose name without unit address this is. */
  child(component: string): FdtNode | undefined {
    const exact = this.#children.get(component);
    if (exact !== undefined) return exact;
    for (const child of this.#children.values()) if (answersTo(child.name, component)) return child;
    return undefined;
  }

  /** Appends a child that has no parent yet. */
  add(child: FdtNode): this {
    if (child.name === "") throw new FdtError("a root cannot become a child", this.path);
    if (child.#parent !== undefined) throw new FdtError(`the node is already below ${child.#parent.path}`, child.path);
    if (this.#children.has(child.name)) throw new FdtError(`there is already a node ${child.name}`, this.path);
    for (let at: FdtNode | undefined = this; at !== undefined; at = at.#parent) {
      if (at === child) throw new FdtError("a node cannot be its own descendant", child.path);
    }
    child.#parent = this;
    this.#children.set(child.name, child);
    return this;
  }

  /** The child of exactly this name, made if it is missing. */
  ensureChild(name: string): FdtNode {
    const existing = this.#children.get(name);
    if (existing !== undefined) return existing;
    const fault = nameFault(name);
    if (fault !== undefined) throw new FdtError(fault, this.path);
    const child = new FdtNode(name);
    this.add(child);
    return child;
  }

  /** Takes this node out of its parent. */
  detach(): this {
    if (this.#parent !== undefined) this.#parent.#children.delete(this.name);
    this.#parent = undefined;
    return this;
  }

  /** This node and all below it in document order. */
  *walk(): Generator<FdtNode> {
    const pending: FdtNode[] = [this];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      yield next;
      for (const child of [...next.#children.values()].reverse()) pending.push(child);
    }
  }

  /** A deep copy without a parent. */
  clone(): FdtNode {
    const copies = new Map<FdtNode, FdtNode>();
    for (const original of this.walk()) {
      const copy = new FdtNode(original.name);
      for (const [name, value] of original.#properties) copy.#properties.set(name, Uint8Array.from(value));
      copies.set(original, copy);
      if (original !== this && original.#parent !== undefined) copies.get(original.#parent)?.add(copy);
    }
    return copies.get(this) as FdtNode;
  }

  // ---- Properties.

  has(name: string): boolean {
    return this.#properties.has(name);
  }

  /** The bytes of a property, or undefined. */
  get(name: string): Uint8Array | undefined {
    return this.#properties.get(name);
  }

  /** Sets a property; `undefined` and `false` remove it. */
  set(name: string, input: PropertyInput): this {
    const fault = nameFault(name);
    if (fault !== undefined) throw new FdtError(fault, this.path, name);
    let value: Uint8Array | undefined;
    try {
      value = encode(input);
    } catch (error) {
      throw error instanceof FdtError ? new FdtError(error.message, this.path, name) : error;
    }
    if (value === undefined) this.#properties.delete(name);
    else this.#properties.set(name, value);
    return this;
  }

  /** Sets several properties in order. */
  assign(properties: Readonly<Record<string, PropertyInput>>): this {
    for (const [name, input] of Object.entries(properties)) this.set(name, input);
    return this;
  }

  delete(name: string): this {
    this.#properties.delete(name);
    return this;
  }

  // ---- Typed readings: undefined if the property is missing, an FdtError if it is not of that type.

  cells(name: string): number[] | undefined {
    return this.#decode(name, decodeCells, "is not a whole number of cells");
  }

  u32(name: string): number | undefined {
    return this.#decode(name, (value) => (value.length === 4 ? decodeCells(value)?.[0] : undefined), "is not one cell");
  }

  /** One or two cells as one number. */
  u64(name: string): bigint | undefined {
    const wide = (value: Uint8Array) =>
      value.length === 4 || value.length === 8
        ? decodeCells(value)?.reduce((sum, cell) => (sum << 32n) | BigInt(cell), 0n)
        : undefined;
    return this.#decode(name, wide, "is not one or two cells");
  }

  strings(name: string): string[] | undefined {
    return this.#decode(name, decodeStrings, "is not a list of NUL-terminated strings");
  }

  string(name: string): string | undefined {
    const one = (value: Uint8Array) => {
      const list = decodeStrings(value);
      return list?.length === 1 ? list[0] : undefined;
    };
    return this.#decode(name, one, "is not one NUL-terminated string");
  }

  /** Does `compatible` name this programming model? */
  isCompatible(model: string): boolean {
    return this.strings("compatible")?.includes(model) ?? false;
  }

  #decode<T>(name: string, decode: (value: Uint8Array) => T | undefined, complaint: string): T | undefined {
    const value = this.#properties.get(name);
    if (value === undefined) return undefined;
    const decoded = decode(value);
    if (decoded === undefined) throw new FdtError(`${complaint} (${value.length} bytes)`, this.path, name);
    return decoded;
  }
}

/** Builds a node: `node("cpus", { "#address-cells": 1 }, [node("cpu@0", { reg: 0 })])`. */
export function node(
  name: string,
  properties: Readonly<Record<string, PropertyInput>> = {},
  children: readonly FdtNode[] = [],
): FdtNode {
  const made = new FdtNode(name).assign(properties);
  for (const child of children) made.add(child);
  return made;
}
