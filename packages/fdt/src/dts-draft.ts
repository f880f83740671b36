// SPDX-License-Identifier: Apache-2.0
// A tree while its source is read: definitions laid over each other, things deleted, references not yet resolved. What
// is deleted keeps its place in the order, as with dtc. Used by dts-parse.ts, which asks for the finished tree.
import { FdtError } from "./error.ts";
import { FdtNode, MAX_DEPTH } from "./node.ts";
import { FdtTree, type Reservation } from "./tree.ts";
import { cells, concat, decodeCells } from "./value.ts";

/** A reference to a node: "label", or a path that begins with "/". */
export interface Reference {
  readonly to: string;
  /** A phandle in a list of cells, or the node's path as text. */
  readonly as: "phandle" | "path";
  readonly offset: number;
}

export type Chunk = Uint8Array | Reference;
export type State = "live" | "deleted";

export interface DraftProperty {
  readonly name: string;
  chunks: readonly Chunk[];
  state: State;
  offset: number;
}

export class DraftNode {
  readonly name: string;
  readonly labels = new Set<string>();
  readonly properties: DraftProperty[] = [];
  readonly children: DraftNode[] = [];
  parent: DraftNode | undefined;
  state: State = "live";
  omit: "never" | "unreferenced" = "never";
  referenced = 0;
  phandle = 0;
  offset: number;

  constructor(name: string, offset: number) {
    this.name = name;
    this.offset = offset;
  }

  get path(): string {
    if (this.parent === undefined) return "/";
    return `${this.parent.parent === undefined ? "" : this.parent.path}/${this.name}`;
  }

  add(child: DraftNode): void {
    child.parent = this;
    this.children.push(child);
  }

  property(name: string): DraftProperty | undefined {
    return this.properties.find((own) => own.name === name && own.state === "live");
  }

  /** Lays another definition of this node over it; `more` is used up. */
  merge(more: DraftNode): void {
    this.state = "live";
    for (const label of more.labels) this.labels.add(label);
    for (const added of more.properties) {
      // As dtc: the first of that name, be it deleted already.
      const own = this.properties.find(({ name }) => name === added.name);
      if (added.state === "deleted") {
        if (own) own.state = "deleted";
      } else if (own) Object.assign(own, { chunks: added.chunks, state: "live", offset: added.offset });
      else this.properties.push(added);
    }
    for (const child of more.children) {
      const own = this.children.find(({ name }) => name === child.name);
      if (child.state === "deleted") own?.delete();
      else if (own) own.merge(child);
      else this.add(child);
    }
  }

  child(name: string): DraftNode | undefined {
    return this.children.find((own) => own.name === name && own.state === "live");
  }

  delete(): void {
    this.state = "deleted";
    this.labels.clear();
    for (const property of this.properties) property.state = "deleted";
    for (const child of this.children) child.delete();
  }

  /** This node and all live ones below it, in document order. */
  *walk(): Generator<DraftNode> {
    const pending: DraftNode[] = [this];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (next.state === "deleted") continue;
      yield next;
      for (const child of [...next.children].reverse()) pending.push(child);
    }
  }
}

export type Fail = (reason: string, offset: number) => never;

/** The live node that a reference means. */
export function resolve(root: DraftNode, to: string): DraftNode | undefined {
  if (!to.startsWith("/")) {
    for (const node of root.walk()) if (node.labels.has(to)) return node;
    return undefined;
  }
  let at: DraftNode | undefined = root;
  for (const name of to.split("/").filter((part) => part !== "")) at = at?.child(name);
  return at;
}

/** Draft to tree: names and labels are checked, references become phandles and paths. */
export class Finisher {
  readonly #root: DraftNode;
  readonly #fail: Fail;
  readonly #labels = new Map<string, DraftNode>();
  readonly #phandles = new Set<number>();
  #nextPhandle = 1;
  /** Where each node and property of the tree stands in the source. */
  readonly offsets = new Map<FdtNode, { readonly node: number; readonly properties: ReadonlyMap<string, number> }>();

  constructor(root: DraftNode, fail: Fail) {
    this.#root = root;
    this.#fail = fail;
  }

  finish(reservations: readonly Reservation[]): FdtTree {
    const bootCpu = this.#bootCpu();
    for (const node of this.#root.walk()) this.#check(node);
    const values = new Map<DraftProperty, Uint8Array>();
    // In document order; a phandle that this makes is a new last property, and is visited too.
    for (const node of this.#root.walk()) {
      for (const property of node.properties)
        if (property.state === "live") values.set(property, this.#value(property));
    }
    for (const node of this.#root.walk()) if (node.omit === "unreferenced" && node.referenced === 0) node.delete();
    return new FdtTree(this.#build(values), { reservations, bootCpu });
  }

  #check(node: DraftNode): void {
    const names = new Set<string>();
    for (const { name, offset, state } of node.properties) {
      if (state === "deleted") continue;
      if (names.has(name)) this.#fail(`${node.path} has two properties ${name}`, offset);
      names.add(name);
    }
    names.clear();
    for (const { name, offset, state } of node.children) {
      if (names.has(name) && state === "deleted") this.#fail(`node ${name} is deleted where it is defined`, offset);
      if (names.has(name)) this.#fail(`${node.path} has two nodes ${name}`, offset);
      if (state === "live") names.add(name);
    }
    for (const label of node.labels) {
      const other = this.#labels.get(label);
      if (other) this.#fail(`label ${label} is already that of ${other.path}`, node.offset);
      this.#labels.set(label, node);
    }
    this.#explicitPhandle(node);
  }

  #explicitPhandle(node: DraftNode): void {
    const property = node.property("phandle") ?? node.property("linux,phandle");
    const [chunk, ...rest] = property?.chunks ?? [];
    if (property === undefined) return;
    if (rest.length > 0 || chunk === undefined) this.#fail("a phandle is one cell", property.offset);
    if (!(chunk instanceof Uint8Array)) {
      // Its own phandle: "give me one". Another's makes no sense.
      if (this.#target(chunk) !== node) this.#fail("a node cannot have the phandle of another", chunk.offset);
      return;
    }
    const value = decodeCells(chunk);
    if (value?.length !== 1) this.#fail("a phandle is one cell", property.offset);
    node.phandle = value[0] ?? 0;
    if (node.phandle === 0 || node.phandle === 0xffff_ffff)
      this.#fail(`${node.phandle} is not a phandle`, property.offset);
    if (this.#phandles.has(node.phandle))
      this.#fail(`phandle ${node.phandle} is already another node's`, property.offset);
    this.#phandles.add(node.phandle);
  }

  #target(reference: Reference): DraftNode {
    const found = resolve(this.#root, reference.to);
    return found ?? this.#fail(`there is no node &${reference.to}`, reference.offset);
  }

  #value(property: DraftProperty): Uint8Array {
    const parts = property.chunks.map((chunk) => {
      if (chunk instanceof Uint8Array) return chunk;
      const target = this.#target(chunk);
      target.referenced++;
      return chunk.as === "path" ? new TextEncoder().encode(`${target.path}\0`) : cells(this.#phandleOf(target));
    });
    return concat(...parts);
  }

  #phandleOf(node: DraftNode): number {
    if (node.phandle !== 0) return node.phandle;
    while (this.#phandles.has(this.#nextPhandle)) this.#nextPhandle++;
    node.phandle = this.#nextPhandle;
    this.#phandles.add(node.phandle);
    if (!node.property("phandle")) {
      node.properties.push({ name: "phandle", chunks: [cells(node.phandle)], state: "live", offset: node.offset });
    }
    return node.phandle;
  }

  #build(values: ReadonlyMap<DraftProperty, Uint8Array>): FdtNode {
    const made = new Map<DraftNode, FdtNode>();
    for (const draft of this.#root.walk()) {
      let node: FdtNode;
      try {
        node = new FdtNode(draft.name);
        for (const property of draft.properties) {
          if (property.state === "deleted") continue;
          node.set(property.name, values.get(property) ?? concat(...(property.chunks as Uint8Array[])));
        }
      } catch (error) {
        if (!(error instanceof FdtError)) throw error;
        return this.#fail(error.message, draft.offset);
      }
      made.set(draft, node);
      if (draft.parent) made.get(draft.parent)?.add(node);
      const live = draft.properties.filter(({ state }) => state === "live");
      this.offsets.set(node, {
        node: draft.offset,
        properties: new Map(live.map(({ name, offset }) => [name, offset])),
      });
    }
    return made.get(this.#root) as FdtNode;
  }

  /** As dtc guesses it: `reg` of the first node in /cpus, before references are resolved. */
  #bootCpu(): number {
    const reg = resolve(this.#root, "/cpus")?.children[0]?.property("reg");
    const unresolved = ({ as }: Reference): Uint8Array => (as === "phandle" ? cells(0xffff_ffff) : new Uint8Array());
    const value = concat(
      ...(reg?.chunks ?? []).map((chunk) => (chunk instanceof Uint8Array ? chunk : unresolved(chunk))),
    );
    return value.length === 4 ? (decodeCells(value)?.[0] ?? 0) : 0;
  }
}

/** How deep nodes may be nested in source; the depth of a tree. */
export const MAX_SOURCE_DEPTH = MAX_DEPTH;
