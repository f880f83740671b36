// SPDX-License-Identifier: Apache-2.0
// Random trees for property-based tests, here and beside core/fdt.
import fc from "fast-check";
import { FdtNode, FdtTree, strings, u64 } from "../src/index.ts";
import { cells } from "../src/index.ts";

const unit = fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz0123456789,._+-");
const word = fc.string({ unit, minLength: 1, maxLength: 12 });
const nodeName = fc.oneof(
  word,
  fc.tuple(word, fc.bigInt(0n, 0xffff_ffff_ffff_ffffn)).map(([name, at]) => `${name}@${at.toString(16)}`),
  fc.constantFrom("cpus", "chosen", "soc", "aliases", "memory@80000000"),
);
// `name` and `phandle` mean something to dtc, which refuses them with arbitrary values.
const propertyName = fc.oneof(
  word.filter((name) => name !== "name" && name !== "phandle"),
  fc.constantFrom("compatible", "reg", "ranges", "status", "#address-cells", "#size-cells", "interrupts"),
);
const value = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  fc.array(fc.nat(0xffff_ffff), { maxLength: 6 }).map((list) => cells(...list)),
  fc.array(fc.bigInt(0n, 0xffff_ffff_ffff_ffffn), { maxLength: 3 }).map((list) => u64(...list)),
  fc.array(word, { minLength: 1, maxLength: 3 }).map((list) => strings(...list)),
);

interface Shape {
  readonly name: string;
  readonly properties: readonly (readonly [string, Uint8Array])[];
  readonly children: readonly Shape[];
}

function shapes(children: fc.Arbitrary<Shape[]>): fc.Arbitrary<Shape> {
  const properties = fc.uniqueArray(fc.tuple(propertyName, value), { maxLength: 5, selector: ([name]) => name });
  return fc.record({ name: nodeName, properties, children });
}

const siblings = (of: fc.Arbitrary<Shape>) => fc.uniqueArray(of, { maxLength: 4, selector: ({ name }) => name });
const leaf = shapes(fc.constant([]));
const shape = [1, 2, 3].reduce((below) => shapes(siblings(fc.oneof(leaf, below))), leaf);

function build(name: string, { properties, children }: Shape): FdtNode {
  const made = new FdtNode(name).assign(Object.fromEntries(properties));
  for (const child of children) made.add(build(child.name, child));
  return made;
}

const reservation = fc
  .tuple(fc.bigInt(0n, 0xffff_ffff_ffffn), fc.bigInt(1n, 0xffff_ffffn))
  .map(([address, size]) => ({ address, size }));

/** A tree as both readers take it: unique names, legal characters, at least a root. */
export const anyTree: fc.Arbitrary<FdtTree> = fc
  .tuple(shape, fc.array(reservation, { maxLength: 3 }), fc.nat(7))
  .map(([root, reservations, bootCpu]) => new FdtTree(build("", root), { reservations, bootCpu }));

/** What may go wrong with a blob on its way: bytes and cells changed, words swapped out, the end cut off. */
export interface Damage {
  readonly edits: readonly { readonly at: number; readonly value: number; readonly width: number }[];
  readonly keep: number;
}

export const anyDamage: fc.Arbitrary<Damage> = fc.record({
  edits: fc.array(
    fc.record({
      at: fc.oneof(fc.nat(60), fc.nat(0xffff)),
      value: fc.oneof(fc.nat(12), fc.nat(0xff), fc.constantFrom(0x7fff_ffff, 0xffff_fff0, 0xffff_ffff), fc.nat()),
      width: fc.constantFrom(1, 4),
    }),
    { minLength: 0, maxLength: 4 },
  ),
  keep: fc.oneof(
    { arbitrary: fc.constant(1), weight: 3 },
    { arbitrary: fc.double({ min: 0, max: 1, noNaN: true }), weight: 1 },
  ),
});

/** A damaged copy of a blob. */
export function damage(blob: Uint8Array, { edits, keep }: Damage): Uint8Array {
  const copy = Uint8Array.from(blob);
  const view = new DataView(copy.buffer);
  for (const { at, value, width } of edits) {
    if (width === 1) view.setUint8(at % copy.length, value & 0xff);
    else view.setUint32((at % (copy.length - 3)) & ~3, value);
  }
  return copy.slice(0, Math.floor(copy.length * keep));
}
