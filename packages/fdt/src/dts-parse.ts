// SPDX-License-Identifier: Apache-2.0
// Device tree source to tree: the language that dtc reads, without its preprocessor, its file inclusion and overlays.
// What those need is refused with a word on what to do. The result is the tree that dtc makes, to the byte.
import { DraftNode, type Chunk, Finisher, MAX_SOURCE_DEPTH, resolve } from "./dts-draft.ts";
import { type DtsPlace, Scanner } from "./dts-scan.ts";
import type { FdtNode } from "./node.ts";
import type { FdtTree, Reservation } from "./tree.ts";
import { concat } from "./value.ts";

export interface DtsOptions {
  /** Name for messages; "input" when absent. */
  readonly file?: string;
}

export interface ParsedDts {
  readonly tree: FdtTree;
  /** Where a node, or a property of it, stands in the source; undefined for what is not of this tree. */
  placeOf(node: FdtNode, property?: string): DtsPlace | undefined;
}

const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*):/y;
const NAME = /\\?([a-zA-Z0-9,._+*#?@-]+)/y;
const REFERENCE = /&(?:([a-zA-Z_][a-zA-Z0-9_]*)|\{(\/[a-zA-Z0-9,._+*#?@/-]*)\})/y;
const DIRECTIVE = /\/[a-z][a-z0-9-]*\//y;
const HEX_BYTE = /[0-9a-fA-F]{2}/y;

/** Reads device tree source. Throws a DtsError (an FdtError with file, line and column) for what is wrong with it. */
export function parseDts(text: string, options: DtsOptions = {}): FdtTree {
  return parseDtsWithPlaces(text, options).tree;
}

/** As parseDts, for who wants to point into the source afterwards. */
export function parseDtsWithPlaces(text: string, options: DtsOptions = {}): ParsedDts {
  const scanner = new Scanner(text, options.file ?? "input");
  const parser = new Parser(scanner);
  const { root, reservations } = parser.source();
  const finisher = new Finisher(root, (reason, offset) => scanner.fail(reason, offset));
  const tree = finisher.finish(reservations);
  const placeOf = (node: FdtNode, property?: string): DtsPlace | undefined => {
    const known = finisher.offsets.get(node);
    const offset = property === undefined ? known?.node : (known?.properties.get(property) ?? known?.node);
    return offset === undefined ? undefined : scanner.place(offset);
  };
  return { tree, placeOf };
}

class Parser {
  readonly #scan: Scanner;

  constructor(scanner: Scanner) {
    this.#scan = scanner;
  }

  source(): { root: DraftNode; reservations: Reservation[] } {
    const scan = this.#scan;
    if (!scan.accept("/dts-v1/")) scan.fail(`expected /dts-v1/; at the beginning, not ${scan.here}`);
    scan.expect(";", "behind /dts-v1/");
    while (scan.accept("/dts-v1/")) scan.expect(";", "behind /dts-v1/");
    const reservations = this.#reservations();
    let root: DraftNode | undefined;
    while (!scan.ended) {
      const start = scan.offset;
      const labels = this.#labels();
      const reference = scan.take(REFERENCE);
      if (reference) root = this.#extend(root, { to: targetOf(reference), labels, start });
      else if (labels.length === 0 && scan.is("/") && scan.take(/\/(?=[\s{/])(?!\/)/y)) {
        const body = this.#body(new DraftNode("", start), 1);
        if (root) root.merge(body);
        else root = body;
      } else root = this.#topDirective(root, start);
    }
    return { root: root ?? scan.fail("there is no root node: write / { … };"), reservations };
  }

  #reservations(): Reservation[] {
    const scan = this.#scan;
    const found: Reservation[] = [];
    for (;;) {
      const label = scan.take(/(?:[a-zA-Z_][a-zA-Z0-9_]*:\s*)+(?=\/memreserve\/)/y);
      if (!scan.accept("/memreserve/")) return label ? scan.fail("expected /memreserve/") : found;
      const [address, size] = [this.#number("an address"), this.#number("a size")];
      scan.expect(";", "behind /memreserve/");
      found.push({ address, size });
    }
  }

  #number(what: string): bigint {
    return this.#scan.number() ?? this.#scan.fail(`expected ${what}, not ${this.#scan.here}`);
  }

  #labels(): string[] {
    const found: string[] = [];
    for (let next = this.#scan.take(LABEL); next; next = this.#scan.take(LABEL)) found.push(next[1] ?? "");
    return found;
  }

  /** `&label { … };` at top level. */
  #extend(
    root: DraftNode | undefined,
    at: { readonly to: string; readonly labels: readonly string[]; readonly start: number },
  ): DraftNode {
    const target = root && resolve(root, at.to);
    if (!root || !target) return this.#scan.fail(`there is no node &${at.to} above`, at.start);
    const body = this.#body(new DraftNode(target.name, at.start), 1);
    for (const label of at.labels) body.labels.add(label);
    target.merge(body);
    return root;
  }

  #topDirective(root: DraftNode | undefined, start: number): DraftNode {
    const scan = this.#scan;
    const directive = scan.take(DIRECTIVE)?.[0];
    if (directive !== "/delete-node/" && directive !== "/omit-if-no-ref/") return this.#refuse(directive, start);
    const reference = scan.take(REFERENCE) ?? scan.fail(`expected &label behind ${directive}, not ${scan.here}`);
    const to = targetOf(reference);
    const target = root && resolve(root, to);
    if (!root || !target) return scan.fail(`there is no node &${to} above`, start);
    if (directive === "/delete-node/") target.delete();
    else target.omit = "unreferenced";
    scan.expect(";", `behind ${directive}`);
    return root;
  }

  #refuse(directive: string | undefined, start: number): never {
    const scan = this.#scan;
    if (directive === "/include/") scan.fail("/include/ is not followed: put the other file's text here", start);
    if (directive === "/incbin/") scan.fail("/incbin/ is not followed: write the bytes as [ … ]", start);
    if (directive === "/plugin/") scan.fail("overlays (/plugin/) are not read", start);
    if (directive === "/memreserve/") scan.fail("/memreserve/ must stand before the first node", start);
    if (directive !== undefined) scan.fail(`${directive} cannot stand here`, start);
    if (scan.is("#include") || scan.is("#define"))
      scan.fail("this source needs the C preprocessor: run cpp over it first");
    return scan.fail(`expected a node or a property, not ${scan.here}`, start);
  }

  /** `{ … };`, with properties before nodes. */
  #body(node: DraftNode, depth: number): DraftNode {
    const scan = this.#scan;
    if (depth > MAX_SOURCE_DEPTH) scan.fail(`nodes are nested deeper than ${MAX_SOURCE_DEPTH}`);
    scan.expect("{", "to open the node");
    while (!scan.is("}")) this.#member(node, depth);
    scan.accept("}");
    scan.expect(";", "behind the node");
    return node;
  }

  #member(node: DraftNode, depth: number): void {
    const scan = this.#scan;
    let omit: DraftNode["omit"] = "never";
    const labels = this.#labels();
    if (scan.accept("/omit-if-no-ref/")) {
      omit = "unreferenced";
      labels.push(...this.#labels());
    }
    const start = scan.offset;
    const directive = scan.take(DIRECTIVE)?.[0];
    if (directive !== undefined) return this.#delete(node, directive, start);
    const name = scan.take(NAME)?.[1];
    if (name === undefined || /^#(include|define|if|ifdef)$/.test(name)) {
      if (name !== undefined) scan.fail("this source needs the C preprocessor: run cpp over it first", start);
      return this.#refuse(undefined, start);
    }
    if (scan.is("{")) {
      const child = new DraftNode(name, start);
      child.omit = omit;
      for (const label of labels) child.labels.add(label);
      node.add(this.#body(child, depth + 1));
      return;
    }
    const chunks = scan.accept("=") ? this.#values() : [];
    scan.expect(";", `behind property ${name}`);
    if (node.children.length > 0) scan.fail(`property ${name} must stand before the nodes of its parent`, start);
    if (omit === "unreferenced") scan.fail("/omit-if-no-ref/ is for nodes", start);
    node.properties.push({ name, chunks, state: "live", offset: start });
  }

  #delete(node: DraftNode, directive: string, start: number): void {
    const scan = this.#scan;
    if (directive !== "/delete-property/" && directive !== "/delete-node/") return this.#refuse(directive, start);
    const name = scan.take(NAME)?.[1] ?? scan.fail(`expected a name behind ${directive}, not ${scan.here}`);
    scan.expect(";", `behind ${directive}`);
    if (directive === "/delete-property/") {
      if (node.children.length > 0) scan.fail("/delete-property/ must stand before the nodes of its parent", start);
      node.properties.push({ name, chunks: [], state: "deleted", offset: start });
      return;
    }
    const gone = new DraftNode(name, start);
    gone.state = "deleted";
    node.add(gone);
  }

  // ---- Values.

  #values(): Chunk[] {
    const chunks: Chunk[] = [];
    do {
      this.#labels();
      chunks.push(...this.#value());
      this.#labels();
    } while (this.#scan.accept(","));
    return chunks;
  }

  #value(): Chunk[] {
    const scan = this.#scan;
    const start = scan.offset;
    const text = scan.text();
    if (text) return [concat(text, new Uint8Array(1))];
    const reference = scan.take(REFERENCE);
    if (reference) return [{ to: targetOf(reference), as: "path", offset: start }];
    if (scan.accept("[")) return [this.#bytes()];
    if (scan.is("<")) return this.#cells(32);
    if (scan.accept("/bits/")) {
      const width = Number(this.#number("a width"));
      if (![8, 16, 32, 64].includes(width)) scan.fail("/bits/ must be 8, 16, 32 or 64", start);
      return this.#cells(width);
    }
    const directive = scan.take(DIRECTIVE)?.[0];
    if (directive !== undefined) return this.#refuse(directive, start);
    return scan.fail(`expected a value, not ${scan.here}`);
  }

  #bytes(): Uint8Array {
    const scan = this.#scan;
    const found: number[] = [];
    for (;;) {
      this.#labels();
      if (scan.accept("]")) return Uint8Array.from(found);
      const byte = scan.take(HEX_BYTE) ?? scan.fail(`expected two hexadecimal digits or ], not ${scan.here}`);
      found.push(parseInt(byte[0], 16));
    }
  }

  #cells(width: number): Chunk[] {
    const scan = this.#scan;
    scan.expect("<", "to open the list");
    const chunks: Chunk[] = [];
    for (;;) {
      this.#labels();
      if (scan.accept(">")) return chunks;
      const start = scan.offset;
      const reference = scan.take(REFERENCE);
      if (reference) {
        if (width !== 32) scan.fail("references fit only 32-bit lists", start);
        chunks.push({ to: targetOf(reference), as: "phandle", offset: start });
        continue;
      }
      const value = scan.number() ?? scan.fail(`expected a number, a &reference or >, not ${scan.here}`);
      chunks.push(this.#integer(value, width, start));
    }
  }

  /** A number in `width` bits; negative ones are the upper half. */
  #integer(value: bigint, width: number, start: number): Uint8Array {
    const fits = BigInt.asUintN(width, value) === value || BigInt.asUintN(64, BigInt.asIntN(width, value)) === value;
    const signed = (value | ((1n << BigInt(width)) - 1n)) === 0xffff_ffff_ffff_ffffn;
    if (!fits && !signed) this.#scan.fail(`${value} does not fit ${width} bits`, start);
    const wide = new DataView(new ArrayBuffer(8));
    wide.setBigUint64(0, value);
    return new Uint8Array(wide.buffer).slice(8 - width / 8);
  }
}

function targetOf(reference: RegExpExecArray): string {
  return reference[1] ?? reference[2] ?? "";
}
