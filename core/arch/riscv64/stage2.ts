// SPDX-License-Identifier: Apache-2.0
// Stage-2 tables: guest-physical to host-physical, in the mode that the host has, with the largest page that fits.
// Tables live in linear memory, from one pool; the root is 16 KiB (its index has two bits more, "x4").
// Every leaf has U, A and D set, so neither the host's Svadu nor its lack of it matters. @spec priv §21.5
import * as hw from "../../hw";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_MEMORY, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { PAGE, allocate, hpaOf } from "../../mem/arena";
import { Guest } from "../../guest/guest";
import {
  HGATP_MODE_SV39X4,
  HGATP_MODE_SV48X4,
  HGATP_MODE_SV57X4,
  PTE_A,
  PTE_D,
  PTE_PPN_SHIFT,
  PTE_R,
  PTE_U,
  PTE_V,
  PTE_W,
  PTE_X,
} from "./csr";

const ROOT_PAGES: usize = 4;
const LEAF: u64 = PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D;

// @lock per boot
let mode: u64 = HGATP_MODE_SV39X4;
let levels: u32 = 3;
// @lock tables: the pool.
const lock: usize = memory.data(LOCK_SIZE, 8);
let freeTables: usize = 0;
let freeCount: u32 = 0;
let allCount: u32 = 0;

/** Boot: the widest mode in use by this host. */
export function setStage2Mode(hgatpMode: u64): void {
  lockInit(changetype<Lock>(lock), RANK_MEMORY);
  mode = hgatpMode;
  levels = hgatpMode == HGATP_MODE_SV57X4 ? 5 : hgatpMode == HGATP_MODE_SV48X4 ? 4 : 3;
}

/** hgatp without VMID for a guest's root. */
export function stage2Hgatp(root: usize): u64 {
  return mode | (hpaOf(root) >> 12);
}

/** Guest-physical addresses at or above this do not exist. */
export function stage2Limit(): u64 {
  const bits: u64 = 12 + 9 * levels + 2;
  return (<u64>1) << bits;
}

/** Boot, or with the creation lock held: adds `count` table pages to the pool. */
export function addTables(count: u32): i32 {
  for (let i: u32 = 0; i < count; i++) {
    const page = allocate(PAGE, PAGE);
    if (!page) return Status.NoMemory;
    allCount += 1;
    giveTable(page);
  }
  return Status.Ok;
}

export function tablesFree(): u32 {
  return freeCount;
}

/** Pages of the pool, free or not; roots are not of the pool. */
export function tablesTotal(): u32 {
  return allCount;
}

/** Levels of a table. */
export function stage2Levels(): u32 {
  return levels;
}

function giveTable(page: usize): void {
  acquire(changetype<Lock>(lock));
  store<usize>(page, freeTables);
  freeTables = page;
  freeCount += 1;
  release(changetype<Lock>(lock));
}

function takeTable(): usize {
  acquire(changetype<Lock>(lock));
  const page = freeTables;
  if (page) {
    freeTables = load<usize>(page);
    freeCount -= 1;
  }
  release(changetype<Lock>(lock));
  if (page) memory.fill(page, 0, PAGE);
  return page;
}

/** A new, empty root (allocated once per guest slot and kept). 0 when memory is used up. */
export function newRoot(): usize {
  return allocate(ROOT_PAGES * PAGE, ROOT_PAGES * PAGE);
}

/** Bytes that one entry of a table at `level` (0 = 4 KiB leaves) covers. */
function span(level: u32): u64 {
  const bits: u64 = 12 + 9 * level;
  return (<u64>1) << bits;
}

function entryAt(table: usize, gpa: u64, level: u32): usize {
  const mask: u64 = level == levels - 1 ? 2047 : 511;
  return table + <usize>(((gpa >> (<u64>(12 + 9 * level))) & mask) << 3);
}

/** Linear address of the table that an entry points to. */
function tableOf(entry: u64): usize {
  return <usize>(((entry >> PTE_PPN_SHIFT) << 12) - hw.linearBase());
}

/** The largest level whose page fits at gpa and hpa within `size`; gigapages at most. */
function bestLevel(gpa: u64, hpa: u64, size: u64): u32 {
  for (let level: u32 = 2; level > 0; level--) {
    const mask = span(level) - 1;
    if (((gpa | hpa) & mask) == 0 && size > mask) return level;
  }
  return 0;
}

/**
 * Maps [gpa, gpa + size) to host memory from hpa on. All are multiples of 4 KiB, and nothing was mapped there.
 * NoMemory: the pool is used up; what was mapped stays and goes with unmapStage2.
 */
export function mapStage2(guest: Guest, gpa: u64, hpa: u64, size: u64): i32 {
  if (gpa + size > stage2Limit() || gpa + size < gpa) return Status.Range;
  while (size) {
    const level = bestLevel(gpa, hpa, size);
    const entry = walkTo(guest.stage2Root, gpa, level);
    if (!entry) return Status.NoMemory;
    store<u64>(entry, ((hpa >> 12) << PTE_PPN_SHIFT) | LEAF);
    const step = span(level);
    gpa += step;
    hpa += step;
    size -= min(size, step);
  }
  return Status.Ok;
}

/** Linear address of the entry for gpa at `level`, making tables on the way; 0 when the pool is used up. */
function walkTo(root: usize, gpa: u64, level: u32): usize {
  let table = root;
  for (let at: u32 = levels - 1; at > level; at--) {
    const entry = entryAt(table, gpa, at);
    if (!(load<u64>(entry) & PTE_V)) {
      const next = takeTable();
      if (!next) return 0;
      store<u64>(entry, ((hpaOf(next) >> 12) << PTE_PPN_SHIFT) | PTE_V);
    }
    table = tableOf(load<u64>(entry));
  }
  return entryAt(table, gpa, level);
}

/** Makes the tables that mapPage needs at gpa, so that it never takes one. NoMemory: the pool is used up. */
export function makeTables(guest: Guest, gpa: u64): i32 {
  return walkTo(guest.stage2Root, gpa, 0) ? Status.Ok : Status.NoMemory;
}

/** Maps the page of a device at gpa to hpa, or unmaps it when that is 0; nothing where makeTables was not. No fence. */
export function mapPage(guest: Guest, gpa: u64, hpa: u64): void {
  let table = <usize>guest.stage2Root;
  for (let level = levels - 1; level != 0; level--) {
    const entry = load<u64>(entryAt(table, gpa, level));
    if (!isTable(entry)) return;
    table = tableOf(entry);
  }
  store<u64>(entryAt(table, gpa, 0), hpa != 0 ? ((hpa >> 12) << PTE_PPN_SHIFT) | (LEAF & ~PTE_X) : 0);
}

/** Empties the guest's tables and returns all but the root to the pool. No hart may still translate through them. */
export function unmapStage2(guest: Guest): void {
  const top = levels - 1;
  for (let i: usize = 0; i < 2048; i++) {
    const entry = load<u64>(<usize>guest.stage2Root + (i << 3));
    if (isTable(entry)) freeBelow(tableOf(entry), top - 1);
  }
  memory.fill(guest.stage2Root, 0, ROOT_PAGES * PAGE);
}

function isTable(entry: u64): bool {
  return (entry & (PTE_V | PTE_R | PTE_W | PTE_X)) == PTE_V;
}

/** Returns a table and those below it; depth is bounded by the number of levels. */
function freeBelow(table: usize, level: u32): void {
  for (let i: usize = 0; level > 0 && i < 512; i++) {
    const entry = load<u64>(table + (i << 3));
    if (isTable(entry)) freeBelow(tableOf(entry), level - 1);
  }
  giveTable(table);
}
