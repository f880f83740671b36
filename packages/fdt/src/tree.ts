// SPDX-License-Identifier: Apache-2.0
// A whole tree: its root, its memory reservations, its boot CPU; paths, phandles and merging.
import { FdtError } from "./error.ts";
import { FdtNode } from "./node.ts";
import type { PropertyInput } from "./value.ts";

/** A stretch of memory that the operating system must not touch. */
export interface Reservation {
  readonly address: bigint;
  readonly size: bigint;
}

const NO_PHANDLES: ReadonlySet<number> = new Set([0, 0xffff_ffff]);

function components(path: string): string[] {
  if (!path.startsWith("/")) throw new FdtError(`${JSON.stringify(path)} is not an absolute path`);
  return path.split("/").filter((part) => part !== "");
}

export class FdtTree {
  readonly root: FdtNode;
  reservations: Reservation[];
  bootCpu: number;

  constructor(
    root: FdtNode = new FdtNode(""),
    options: { readonly reservations?: readonly Reservation[]; readonly bootCpu?: number } = {},
  ) {
    if (root.name !== "" || root.parent !== undefined) throw new FdtError("a tree's root has no name and no parent");
    this.root = root;
    this.reservations = [...(options.reservations ?? [])];
    this.bootCpu = options.bootCpu ?? 0;
  }

  /**
   * The node at an absolute path, or undefined. A component without `@` also finds a node with a unit address
   * ("/memory" finds "/memory@80000000"), an exact name first.
   */
  find(path: string): FdtNode | undefined {
    let at: FdtNode | undefined = this.root;
    for (const component of components(path)) at = at?.child(component);
    return at;
  }

  /** As find, but a missing node is an error. */
  get(path: string): FdtNode {
    const found = this.find(path);
    if (found === undefined) throw new FdtError("there is no such node", path);
    return found;
  }

  /** The node at exactly this path; what is missing is made, without properties. */
  ensure(path: string): FdtNode {
    let at = this.root;
    for (const component of components(path)) at = at.ensureChild(component);
    return at;
  }

  /** Sets one property of a node that must exist. */
  setProperty(path: string, name: string, value: PropertyInput): this {
    this.get(path).set(name, value);
    return this;
  }

  /** Removes a node with all below it; answers whether there was one. */
  remove(path: string): boolean {
    const found = this.find(path);
    if (found === this.root) throw new FdtError("the root cannot be removed", path);
    found?.detach();
    return found !== undefined;
  }

  /** All nodes in document order. */
  nodes(): Generator<FdtNode> {
    return this.root.walk();
  }

  /** All nodes that are compatible with this model, in document order. */
  compatible(model: string): FdtNode[] {
    return [...this.nodes()].filter((node) => node.isCompatible(model));
  }

  /** The node with this phandle, or undefined; an error if several claim it. */
  byPhandle(phandle: number): FdtNode | undefined {
    return this.#phandles().get(phandle);
  }

  /** The phandle of a node of this tree; the lowest that is free is given to it if it has none. */
  phandle(target: FdtNode | string): number {
    const node = typeof target === "string" ? this.get(target) : target;
    const own = node.u32("phandle");
    if (own !== undefined) return own;
    const taken = this.#phandles();
    let free = 1;
    while (taken.has(free)) free++;
    node.set("phandle", free);
    return free;
  }

  #phandles(): Map<number, FdtNode> {
    const found = new Map<number, FdtNode>();
    for (const node of this.nodes()) {
      const phandle = node.u32("phandle");
      if (phandle === undefined) continue;
      if (NO_PHANDLES.has(phandle)) throw new FdtError(`${phandle} is not a phandle`, node.path, "phandle");
      const other = found.get(phandle);
      if (other !== undefined) throw new FdtError(`${phandle} is already that of ${other.path}`, node.path, "phandle");
      found.set(phandle, node);
    }
    return found;
  }

  /**
   * Lays another tree over this one: nodes are matched by exact path, its properties replace those of the same name,
   * its new nodes come after the present ones, its reservations are added. An error, and no change, if the two use
   * one phandle for two nodes.
   */
  merge(overlay: FdtTree): this {
    const trial = this.clone();
    trial.#lay(overlay);
    trial.#phandles();
    return this.#lay(overlay);
  }

  #lay(overlay: FdtTree): this {
    const matches = new Map<FdtNode, FdtNode>();
    for (const source of overlay.nodes()) {
      const parent = source.parent === undefined ? undefined : matches.get(source.parent);
      const target = parent === undefined ? this.root : parent.ensureChild(source.name);
      matches.set(source, target);
      for (const [name, value] of source.properties) target.set(name, value);
    }
    for (const added of overlay.reservations) {
      const known = this.reservations.some((own) => own.address === added.address && own.size === added.size);
      if (!known) this.reservations.push(added);
    }
    return this;
  }

  clone(): FdtTree {
    return new FdtTree(this.root.clone(), { reservations: this.reservations, bootCpu: this.bootCpu });
  }
}

/** The base with the overlay laid over it, as a new tree; see FdtTree.merge. */
export function merge(base: FdtTree, overlay: FdtTree): FdtTree {
  return base.clone().merge(overlay);
}

/** The node at a path, or undefined; see FdtTree.find. */
export function find(tree: FdtTree, path: string): FdtNode | undefined {
  return tree.find(path);
}
