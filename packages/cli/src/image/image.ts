// SPDX-License-Identifier: Apache-2.0
// One bootable file of a system: hypervisor, guests' files, guests' descriptions. Two forms of the same: an ELF whose
// pieces lie at their places, and a flat Linux-style Image that is packed and unpacks itself. Either boots where the
// host is what the system says it is: a machine whose RAM begins at 0x80000000, with as much of it.
//
//   flat   hypervisor, its first jump led elsewhere │ lead-in, table, guests' fragment │ files, each on a page
//   ELF    0x80200000 hypervisor │ 0x8fe00000 lead-in, table, fragment │ each file at its place
//   RAM    0x8fe00000 … 0x90000000: where the tree with the guests is made; free again when the hypervisor has read it
import { readFile } from "node:fs/promises";
import { type BootImage, StepError } from "@typeone/host";
import { type FdtNode, FdtTree, serialize } from "@typeone/fdt";
import { type Piece, elfOf } from "./elf.ts";
import { type Copy, buildLeadIn, encodeTable, farJump, jumpTarget } from "./lead-in.ts";

const HYPERVISOR_BASE = 0x8020_0000;
/** The last 2 MiB below the guests' files. */
const SCRATCH = 0x8fe0_0000;
const SCRATCH_END = 0x9000_0000;
const TREE = SCRATCH + 0x4_0000;
const TREE_SPACE = 0x10_0000;
const PAGE = 4096;
/** Of a Linux Image's header: u64, bytes that it takes in memory. */
const IMAGE_SIZE_AT = 16;

const alignUp = (value: number): number => Math.ceil(value / PAGE) * PAGE;

/** What the system adds to a host's /chosen, as a tree whose root stands for it. */
export function chosenFragment(tree: FdtTree): Uint8Array {
  const chosen = tree.ensure("/chosen");
  const fragment = new FdtTree();
  for (const [name, value] of chosen.properties) if (/^#|^typeone,/.test(name)) fragment.root.set(name, value);
  const isGuest = (node: FdtNode): boolean => node.isCompatible("xen,domain");
  for (const node of chosen.children.filter(isGuest)) fragment.root.add(node.clone());
  return serialize(fragment);
}

interface Parts {
  readonly hypervisor: Buffer;
  readonly code: Uint8Array;
  readonly fragment: Uint8Array;
  readonly modules: readonly Piece[];
  /** Files into guests' own memory. */
  readonly preloads: readonly Copy[];
}

async function partsOf(boot: BootImage, image: string): Promise<Parts> {
  const { modules, guests } = boot.placement;
  const placed = new Map(modules.map(({ id, hpa }) => [id, hpa]));
  const preloads = guests
    .flatMap(({ preloaded }) => preloaded)
    .map(({ id, hpa, bytes }): Copy => ({ to: hpa, from: placed.get(id) as number, bytes }));
  return {
    hypervisor: await readFile(image),
    code: await buildLeadIn(),
    fragment: chosenFragment(boot.tree),
    modules: await Promise.all(modules.map(async ({ id, file, hpa }) => ({ hpa, data: await readFile(file ?? id) }))),
    preloads,
  };
}

/** Code, table and fragment as they lie at `base`. */
function leadIn({ hypervisor, code, fragment }: Parts, base: number, copies: readonly Copy[]): Uint8Array {
  const table = {
    stack: SCRATCH_END,
    next: HYPERVISOR_BASE + jumpTarget(hypervisor),
    tree: TREE,
    treeSpace: TREE_SPACE,
  };
  const size = encodeTable({ ...table, fragment: 0, copies }).length;
  const at = base + Math.ceil((code.length + size) / 8) * 8;
  const out = Buffer.alloc(at - base + fragment.length);
  out.set(code, 0);
  out.set(encodeTable({ ...table, fragment: at, copies }), code.length);
  out.set(fragment, at - base);
  return out;
}

/** The hypervisor with its first instructions leading to `target`. */
function led(hypervisor: Buffer, target: number): Buffer {
  const copy = Buffer.from(hypervisor);
  copy.set(farJump(target - HYPERVISOR_BASE), 0);
  return copy;
}

export async function elfImage(boot: BootImage, image: string): Promise<Uint8Array[]> {
  const parts = await partsOf(boot, image);
  const memory = Number(parts.hypervisor.readBigUInt64LE(IMAGE_SIZE_AT));
  const data = leadIn(parts, SCRATCH, parts.preloads);
  if (data.length > TREE - SCRATCH) throw new Error("the guests' descriptions are too large for an image");
  const hypervisor = { hpa: HYPERVISOR_BASE, data: led(parts.hypervisor, SCRATCH), bytes: memory };
  return elfOf(HYPERVISOR_BASE, [hypervisor, { hpa: SCRATCH, data }, ...parts.modules]);
}

export async function flatImage(boot: BootImage, image: string): Promise<Uint8Array[]> {
  const parts = await partsOf(boot, image);
  const begin = alignUp(Number(parts.hypervisor.readBigUInt64LE(IMAGE_SIZE_AT)));
  const base = HYPERVISOR_BASE + begin;
  // The table's size does not depend on what it says.
  const unplaced = parts.modules.map(({ hpa, data }): Copy => ({ to: hpa, from: 0, bytes: data.length }));
  let at = begin + alignUp(leadIn(parts, base, [...unplaced, ...parts.preloads]).length);
  const out: Uint8Array[] = [];
  const moves: Copy[] = [];
  for (const { hpa, data } of parts.modules) {
    moves.push({ to: hpa, from: HYPERVISOR_BASE + at, bytes: data.length });
    out.push(data, Buffer.alloc(alignUp(data.length) - data.length));
    at += alignUp(data.length);
  }
  if (HYPERVISOR_BASE + at > SCRATCH) {
    const why = `the guests' files take ${Math.ceil(at / 2 ** 20)} MiB, a flat Image holds ${(SCRATCH - HYPERVISOR_BASE) / 2 ** 20}`;
    throw new StepError({ step: "make the image", why, fix: "use --format elf" });
  }
  // The last one first: every file moves upwards, and none then meets one that has not been moved.
  const lead = leadIn(parts, base, [...moves.reverse(), ...parts.preloads]);
  const head = Buffer.alloc(begin);
  head.set(led(parts.hypervisor, base), 0);
  head.writeBigUInt64LE(BigInt(at), IMAGE_SIZE_AT);
  return [head, lead, Buffer.alloc(alignUp(lead.length) - lead.length), ...out];
}
