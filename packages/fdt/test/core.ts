// SPDX-License-Identifier: Apache-2.0
// Drives core/fdt/*.ts, loaded alone, from a test: blobs and string literals go into its linear memory, and a whole
// tree comes back through its accessors.
import type { UnitModule } from "@typeone/sim";
import { FdtNode, FdtTree, type Reservation } from "../src/index.ts";

const AREA = 1 << 20;
const LITERALS = 1 << 16;

/** The values of core/lib/status.ts. */
export const Status = {
  Ok: 0,
  Invalid: -1,
  NoMemory: -2,
  NotFound: -3,
  Range: -4,
  Unsupported: -6,
  Malformed: -7,
  Limit: -8,
} as const;

export class CoreFdt {
  readonly unit: UnitModule;
  /** Where `load` puts a blob. */
  readonly blob: number;
  /** 64 bytes for a caller-owned struct. */
  readonly out: number;
  readonly #literalsEnd: number;
  #literalsAt: number;
  readonly #literals = new Map<string, number>();

  constructor(unit: UnitModule) {
    this.unit = unit;
    this.blob = unit.scratch(AREA);
    this.out = unit.scratch(64);
    this.#literalsAt = unit.scratch(LITERALS);
    this.#literalsEnd = this.#literalsAt + LITERALS;
  }

  /** Calls an exported function; strings become literals as the compiler lays them out. */
  call(name: string, ...args: readonly (number | bigint | string)[]): number {
    const exported = this.unit.exports[name];
    if (exported === undefined) throw new Error(`${name} is not exported`);
    return Number(exported(...args.map((arg) => (typeof arg === "string" ? this.literal(arg) : arg))) ?? 0);
  }

  /** A UTF-16 string behind a header whose last word is its size in bytes. */
  literal(text: string): number {
    const known = this.#literals.get(text);
    if (known !== undefined) return known;
    if (this.#literalsAt + 24 + text.length * 2 > this.#literalsEnd) {
      this.#literals.clear();
      this.#literalsAt = this.#literalsEnd - LITERALS;
    }
    const ptr = this.#literalsAt + 8;
    const view = this.unit.view();
    view.setUint32(ptr - 4, text.length * 2, true);
    [...text].forEach((_, i) => view.setUint16(ptr + i * 2, text.charCodeAt(i), true));
    this.#literalsAt = (ptr + text.length * 2 + 7) & ~7;
    this.#literals.set(text, ptr);
    return ptr;
  }

  /** Copies a blob to where the accessors expect it; answers fdtCheck. */
  load(blob: Uint8Array): number {
    if (blob.length > AREA) throw new Error("the blob does not fit the test's area");
    this.unit.bytes().set(blob, this.blob);
    return this.call("fdtCheck", this.blob, blob.length);
  }

  bytesAt(ptr: number, length: number): Uint8Array {
    return this.unit.bytes().slice(ptr, ptr + length);
  }

  textAt(ptr: number): string {
    const bytes = this.unit.bytes();
    return new TextDecoder("latin1").decode(bytes.subarray(ptr, bytes.indexOf(0, ptr)));
  }

  find(path: string): number {
    return this.call("fdtFind", this.blob, path);
  }

  /** base and size of the FdtRange in `out`. */
  range(): { base: bigint; size: bigint } {
    const view = this.unit.view();
    return { base: view.getBigUint64(this.out, true), size: view.getBigUint64(this.out + 8, true) };
  }

  /** The loaded tree as the accessors show it. */
  dump(): FdtTree {
    const reservations: Reservation[] = [];
    for (let i = 0; this.call("fdtReservation", this.blob, i, this.out) !== Status.NotFound; i++) {
      const { base, size } = this.range();
      reservations.push({ address: base, size });
    }
    const bootCpu = new DataView(this.unit.memory.buffer).getUint32(this.blob + 28);
    return new FdtTree(this.#dumpNode(this.call("fdtRoot", this.blob)), { reservations, bootCpu });
  }

  #dumpNode(ptr: number): FdtNode {
    const name = this.textAt(this.call("fdtName", ptr));
    if (this.call("fdtNameLength", ptr) !== name.length) throw new Error(`length of the name ${name}`);
    const node = new FdtNode(name);
    for (let at = this.call("fdtFirstProperty", ptr); at !== 0; at = this.call("fdtNextProperty", at)) {
      const property = this.textAt(this.call("fdtPropertyName", this.blob, at));
      node.set(property, this.bytesAt(at, this.call("fdtLength", at)));
    }
    for (let at = this.call("fdtChild", ptr); at !== 0; at = this.call("fdtSibling", at)) node.add(this.#dumpNode(at));
    return node;
  }
}
