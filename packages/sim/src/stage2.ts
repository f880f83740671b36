// SPDX-License-Identifier: Apache-2.0
// Walks guest-physical translation tables as hardware does, in simulated memory: Sv39x4, Sv48x4, Sv57x4, with every
// check of the privileged specification. Used for each guest access and by the invariant checker; never writes.
import { PAGE_SIZE, type Ram } from "./ram.ts";

/** Number of levels by hgatp.MODE. */
export const STAGE2_LEVELS: Readonly<Record<number, number>> = { 8: 3, 9: 4, 10: 5 };

const PTE_V = 1n;
const PTE_R = 2n;
const PTE_W = 4n;
const PTE_X = 8n;
const PTE_U = 16n;
const PTE_A = 64n;
const PTE_D = 128n;
/** Bits 60:54 are reserved; N (63) and PBMT (62:61) need extensions that the walker does not model. */
const PTE_RESERVED = (0xffn << 54n) | (0x7n << 61n);

export type AccessKind = "load" | "store" | "fetch";

export interface Leaf {
  readonly hpa: number;
  /** Bytes that this leaf maps: 4 KiB, 2 MiB, 1 GiB, 512 GiB. */
  readonly size: number;
  readonly pte: bigint;
}

export interface Translation {
  /** Host-physical address of the byte asked for. */
  readonly hpa: number;
  readonly leaf: Leaf;
}

const pteHpa = (pte: bigint): number => Number((pte >> 10n) & ((1n << 44n) - 1n)) * PAGE_SIZE;
const permitted = (pte: bigint, kind: AccessKind): boolean =>
  (pte & (kind === "load" ? PTE_R : kind === "store" ? PTE_W : PTE_X)) !== 0n;

export interface Stage2Root {
  readonly mode: number;
  readonly root: number;
  readonly vmid: number;
}

export function decodeHgatp(hgatp: bigint): Stage2Root {
  return {
    mode: Number(hgatp >> 60n),
    vmid: Number((hgatp >> 44n) & 0x3fffn),
    root: Number(hgatp & ((1n << 44n) - 1n)) * PAGE_SIZE,
  };
}

/** Bits of a guest-physical address that the mode translates. */
export function stage2Bits(mode: number): number {
  return 12 + 9 * (STAGE2_LEVELS[mode] ?? 0) + 2;
}

/** Translates one byte's address; null is a guest-page fault. */
export function walkStage2(ram: Ram, table: Stage2Root, gpa: bigint, kind: AccessKind): Translation | null {
  const levels = STAGE2_LEVELS[table.mode];
  if (!levels || gpa >> BigInt(stage2Bits(table.mode)) !== 0n) return null;
  let at = table.root;
  for (let level = levels - 1; level >= 0; level--) {
    const width = level === levels - 1 ? 11 : 9;
    const index = Number((gpa >> BigInt(12 + 9 * level)) & ((1n << BigInt(width)) - 1n));
    if (!ram.contains(at + index * 8, 8)) return null;
    const pte = ram.read64(at + index * 8);
    if ((pte & PTE_V) === 0n || (pte & PTE_RESERVED) !== 0n || (pte & (PTE_R | PTE_W)) === PTE_W) return null;
    if ((pte & (PTE_R | PTE_X)) === 0n) {
      if ((pte & (PTE_U | PTE_A | PTE_D)) !== 0n) return null;
      at = pteHpa(pte);
      continue;
    }
    const size = PAGE_SIZE * 512 ** level;
    const hpa = pteHpa(pte);
    if (hpa % size !== 0 || (pte & PTE_U) === 0n || !permitted(pte, kind)) return null;
    if ((pte & PTE_A) === 0n || (kind === "store" && (pte & PTE_D) === 0n)) return null;
    return { hpa: hpa + Number(gpa % BigInt(size)), leaf: { hpa, size, pte } };
  }
  return null;
}

export interface MappedLeaf extends Leaf {
  readonly gpa: number;
}

export interface TableSummary {
  readonly leaves: readonly MappedLeaf[];
  /** Host-physical pages that hold tables, the four of the root included. */
  readonly tables: readonly number[];
  /** Entries that hardware would refuse: reserved bits, misaligned superpages, tables outside RAM, loops. */
  readonly broken: readonly string[];
}

/** Every leaf and every table page below one root. */
export function readStage2(ram: Ram, table: Stage2Root): TableSummary {
  const leaves: MappedLeaf[] = [];
  const tables: number[] = [];
  const broken: string[] = [];
  const levels = STAGE2_LEVELS[table.mode] ?? 0;
  const seen = new Set<number>();
  const visit = (at: number, level: number, gpa: number): void => {
    const pages = level === levels - 1 ? 4 : 1;
    if (!ram.contains(at, pages * PAGE_SIZE)) {
      broken.push(`table at ${at.toString(16)} is outside RAM`);
      return;
    }
    for (let page = 0; page < pages; page++) tables.push(at + page * PAGE_SIZE);
    if (seen.has(at)) {
      broken.push(`table at ${at.toString(16)} is used twice`);
      return;
    }
    seen.add(at);
    const view = new DataView(ram.read(at, pages * PAGE_SIZE).buffer);
    for (let index = 0; index < pages * 512; index++) {
      const pte = view.getBigUint64(index * 8, true);
      if (pte === 0n) continue;
      const here = gpa + index * PAGE_SIZE * 512 ** level;
      entry(pte, level, here);
    }
  };
  const entry = (pte: bigint, level: number, gpa: number): void => {
    const size = PAGE_SIZE * 512 ** level;
    const where = `entry for gpa ${gpa.toString(16)} level ${level}: ${pte.toString(16)}`;
    if ((pte & PTE_V) === 0n) return;
    if ((pte & PTE_RESERVED) !== 0n) broken.push(`${where}: reserved bits`);
    if ((pte & (PTE_R | PTE_W | PTE_X)) === 0n) {
      if (level === 0) broken.push(`${where}: pointer at the last level`);
      else visit(pteHpa(pte), level - 1, gpa);
      return;
    }
    if ((pte & PTE_U) === 0n) broken.push(`${where}: not a user page`);
    if ((pte & PTE_A) === 0n || ((pte & PTE_W) !== 0n && (pte & PTE_D) === 0n)) broken.push(`${where}: A or D clear`);
    const hpa = pteHpa(pte);
    if (hpa % size !== 0) broken.push(`${where}: misaligned superpage`);
    leaves.push({ gpa, hpa, size, pte });
  };
  if (levels > 0) {
    if (table.root % (4 * PAGE_SIZE) !== 0) broken.push(`root ${table.root.toString(16)} is not 16 KiB aligned`);
    visit(table.root, levels - 1, 0);
  }
  return { leaves, tables, broken };
}
