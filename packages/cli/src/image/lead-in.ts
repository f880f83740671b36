// SPDX-License-Identifier: Apache-2.0
// Builds the few hundred bytes that run before the hypervisor in a boot image (lead-in.S, lead-in.c), and the table that
// they read. The hypervisor's first instructions are replaced by a jump to them.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { CFLAGS, tool } from "@typeone/toolchain";

const LINK =
  "SECTIONS { . = 0; .text : { *(.head) *(.text*) *(.rodata*) *(.tail) } /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) *(.riscv*) } }";

/** The code; it runs anywhere, and its table follows it at once. */
export async function buildLeadIn(): Promise<Uint8Array> {
  const work = await mkdtemp(path.join(os.tmpdir(), "typeone-image-"));
  const at = (name: string): string => path.join(work, name);
  try {
    await writeFile(at("link.ld"), LINK);
    const sources = ["lead-in.S", "lead-in.c"].map((name) => path.join(import.meta.dirname, name));
    const flags = ["-nostdlib", "-static", "-Wl,--build-id=none", "-T", at("link.ld"), "-o", at("lead-in.elf")];
    await tool("gcc", [...CFLAGS, ...flags, ...sources]);
    await tool("objcopy", ["-O", "binary", "-j", ".text", at("lead-in.elf"), at("lead-in.bin")]);
    return await readFile(at("lead-in.bin"));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export interface Copy {
  readonly to: number;
  readonly from: number;
  readonly bytes: number;
}

export interface LeadInTable {
  readonly stack: number;
  /** Where the hypervisor begins. */
  readonly next: number;
  /** Where the tree with the guests is made, and how large it may get. */
  readonly tree: number;
  readonly treeSpace: number;
  readonly fragment: number;
  /** In the order in which they are done. */
  readonly copies: readonly Copy[];
}

/** `struct table` of lead-in.c. */
export function encodeTable({ stack, next, tree, treeSpace, fragment, copies }: LeadInTable): Uint8Array {
  const words = [stack, next, tree, treeSpace, fragment, copies.length];
  words.push(...copies.flatMap(({ to, from, bytes }) => [to, from, bytes]));
  const out = Buffer.alloc(words.length * 8);
  words.forEach((word, i) => out.writeBigUInt64LE(BigInt(word), i * 8));
  return out;
}

/** Where `jal zero` at the beginning of the hypervisor leads, from its beginning. */
export function jumpTarget(image: Uint8Array): number {
  const word = Buffer.from(image).readUInt32LE(0);
  if ((word & 0xfff) !== 0x06f) throw new Error("the hypervisor does not begin with a jump");
  const imm =
    ((word >>> 31) << 20) |
    (((word >>> 12) & 0xff) << 12) |
    (((word >>> 20) & 1) << 11) |
    (((word >>> 21) & 0x3ff) << 1);
  return (imm << 11) >> 11;
}

/** `auipc t0, …; jr …(t0)`: the two words that a Linux Image header has for code. */
export function farJump(distance: number): Uint8Array {
  const high = (distance + 0x800) & ~0xfff;
  const low = distance - high;
  const out = Buffer.alloc(8);
  out.writeUInt32LE(((high & 0xfffff000) | (5 << 7) | 0x17) >>> 0, 0);
  out.writeUInt32LE((((low & 0xfff) << 20) | (5 << 15) | 0x67) >>> 0, 4);
  return out;
}
