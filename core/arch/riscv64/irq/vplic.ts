// SPDX-License-Identifier: Apache-2.0
// The guest's PLIC (sifive,plic-1.0.0) with one supervisor context per vCPU: context i is vCPU i. Called in trap
// context with the guest's lock held. It knows neither its address nor its guest: outputs that moved are left as bits
// in `changed`, which the owner (line.ts) acts on and clears. It never allocates and never looks outside its own bytes.
//
// In memory: | Vplic | 128 priority bytes | one VplicContext per context |
//
// Each source has a level-triggered gateway: idle -> pending (input high) -> claimed -> (completed) idle.
// The best pending source of each context is kept up to date on every change, so claim and output are plain loads.
import { Access, Handled, Unhandled } from "../../../mmio/access";
import { Status } from "../../../lib/status";
import {
  PLIC_CONTEXT,
  PLIC_CONTEXT_CLAIM,
  PLIC_CONTEXT_STRIDE,
  PLIC_ENABLE,
  PLIC_ENABLE_STRIDE,
  PLIC_PENDING,
} from "./spec";

/** Sources that one guest can have: 1 to this. */
export const VPLIC_MAX_SOURCES: u32 = 127;
export const VPLIC_MAX_CONTEXTS: u32 = 32;
/** Priorities and thresholds have three bits; priority 0 never interrupts. */
const PRIORITY_MASK: u32 = 7;
/** Bytes of a bit per source: two u64 in each set below. */
const SET_BYTES: u32 = 16;

@unmanaged
export class Vplic {
  /** Sets of sources, bit n % 64 of word n / 64; the second word follows the first. */
  pending: u64 = 0;
  pendingHigh: u64 = 0;
  claimed: u64 = 0;
  claimedHigh: u64 = 0;
  /** Levels at the inputs. */
  level: u64 = 0;
  levelHigh: u64 = 0;
  /** Sources that exist. */
  exists: u64 = 0;
  existsHigh: u64 = 0;
  contexts: u32 = 0;
  sources: u32 = 0;
  /** A bit per context whose output moved since the owner last cleared this. */
  changed: u32 = 0;
  pad: u32 = 0;
}

@unmanaged
class VplicContext {
  enable: u64 = 0;
  enableHigh: u64 = 0;
  threshold: u32 = 0;
  /** Best pending and enabled source whatever the threshold, 0 if none, and its priority. */
  best: u32 = 0;
  bestPriority: u32 = 0;
  output: u32 = 0;
}

/** Bytes that a PLIC of so many contexts takes. */
export function vplicBytes(contexts: u32): usize {
  return offsetof<Vplic>() + VPLIC_MAX_SOURCES + 1 + contexts * offsetof<VplicContext>();
}

/** Makes a PLIC with sources 1 to `sources` over vplicBytes(contexts) bytes. */
export function vplicInit(plic: Vplic, contexts: u32, sources: u32): i32 {
  if (contexts > VPLIC_MAX_CONTEXTS || sources > VPLIC_MAX_SOURCES) return Status.Limit;
  memory.fill(changetype<usize>(plic), 0, vplicBytes(contexts));
  plic.contexts = contexts;
  plic.sources = sources;
  for (let irq: u32 = 1; irq <= sources; irq++) setBit(setAt(plic, offsetof<Vplic>("exists"), irq), irq);
  return Status.Ok;
}

/** Back to the state after power-on; inputs count as low. Outputs that fall are in `changed`. */
export function vplicReset(plic: Vplic): void {
  let changed = plic.changed;
  for (let index: u32 = 0; index < plic.contexts; index++) changed |= contextAt(plic, index).output << index;
  vplicInit(plic, plic.contexts, plic.sources);
  plic.changed = changed;
}

/** 1 while that context's interrupt is asserted. */
export function vplicOutput(plic: Vplic, context: u32): u32 {
  return context < plic.contexts ? contextAt(plic, context).output : 0;
}

/** Drives input `irq` to `level` (0 or 1); sources that do not exist are ignored. */
export function vplicSetLine(plic: Vplic, irq: u32, level: u32): void {
  if (irq - 1 >= plic.sources) return;
  const levelAt = setAt(plic, offsetof<Vplic>("level"), irq);
  if (level == 0) {
    // A request that the gateway has passed on stays pending (@spec plic §5: the handler finds nothing to do).
    clearBit(levelAt, irq);
    return;
  }
  setBit(levelAt, irq);
  if (!testBit(setAt(plic, offsetof<Vplic>("claimed"), irq), irq)) raise(plic, irq);
}

/**
 * What a load answers if it has no effect: all but a claim that takes something. Each answer is one word that is
 * always whole, so it needs no lock. -1: vplicAccess must do it.
 */
export function vplicPeek(plic: Vplic, offset: u64, width: u32): i64 {
  if (width != 4 || ((<u32>offset) & 3) != 0) return -1;
  if (offset < PLIC_CONTEXT) return readWord(plic, <u32>offset);
  const context = contextOf(plic, offset);
  if (context == 0) return 0;
  if (((<u32>offset) & PLIC_CONTEXT_CLAIM) == 0) return changetype<VplicContext>(context).threshold;
  return changetype<VplicContext>(context).best == 0 ? 0 : -1;
}

/** A guest access. Only aligned words exist; whatever names no source or context reads 0 and ignores writes. */
export function vplicAccess(plic: Vplic, access: Access): i32 {
  const offset = access.offset;
  if (access.width != 4 || ((<u32>offset) & 3) != 0) return Unhandled;
  if (offset < PLIC_CONTEXT) {
    if (access.write) writeWord(plic, <u32>offset, <u32>access.value);
    else access.value = readWord(plic, <u32>offset);
    return Handled;
  }
  const context = changetype<VplicContext>(contextOf(plic, offset));
  if (changetype<usize>(context) == 0) {
    if (!access.write) access.value = 0;
  } else if (((<u32>offset) & PLIC_CONTEXT_CLAIM) != 0) {
    if (access.write) complete(plic, context, <u32>access.value);
    else access.value = claim(plic, context.best);
  } else if (access.write) {
    context.threshold = (<u32>access.value) & PRIORITY_MASK;
    settle(plic, context, <u32>((offset - PLIC_CONTEXT) / PLIC_CONTEXT_STRIDE));
  } else access.value = context.threshold;
  return Handled;
}

/** The context whose threshold (offset bit 2 clear) or claim register (set) is at `offset`; 0 if neither is there. */
function contextOf(plic: Vplic, offset: u64): usize {
  const index = (offset - PLIC_CONTEXT) / PLIC_CONTEXT_STRIDE;
  if (index >= plic.contexts) return 0;
  if (((<u32>offset) & (PLIC_CONTEXT_STRIDE - 1)) > PLIC_CONTEXT_CLAIM) return 0;
  return changetype<usize>(contextAt(plic, <u32>index));
}

/** @spec plic §7: claiming is not affected by the threshold. `irq` is the context's best. */
function claim(plic: Vplic, irq: u32): u32 {
  if (irq == 0) return 0;
  clearBit(setAt(plic, offsetof<Vplic>("pending"), irq), irq);
  setBit(setAt(plic, offsetof<Vplic>("claimed"), irq), irq);
  for (let index: u32 = 0; index < plic.contexts; index++) {
    const context = contextAt(plic, index);
    if (context.best == irq) search(plic, context, index);
  }
  return irq;
}

/** @spec plic §8: ignored unless the source is enabled for this context; who claimed it is not checked. */
function complete(plic: Vplic, context: VplicContext, irq: u32): void {
  if (irq - 1 >= plic.sources || !testBit(changetype<usize>(context) + wordOf(irq), irq)) return;
  const claimedAt = setAt(plic, offsetof<Vplic>("claimed"), irq);
  if (!testBit(claimedAt, irq)) return;
  clearBit(claimedAt, irq);
  if (testBit(setAt(plic, offsetof<Vplic>("level"), irq), irq)) raise(plic, irq);
}

/** Makes a source pending that is not claimed, and offers it to every context that enables it. */
function raise(plic: Vplic, irq: u32): void {
  setBit(setAt(plic, offsetof<Vplic>("pending"), irq), irq);
  const priority = <u32>load<u8>(priorityAt(plic, irq));
  for (let index: u32 = 0; index < plic.contexts; index++) {
    const context = contextAt(plic, index);
    if (!testBit(changetype<usize>(context) + wordOf(irq), irq)) continue;
    // Of equal priorities the lowest number is served first (@spec plic §3).
    if (priority < context.bestPriority || (priority == context.bestPriority && irq >= context.best)) continue;
    context.best = irq;
    context.bestPriority = priority;
    settle(plic, context, index);
  }
}

/** Finds a context's best pending source afresh. */
function search(plic: Vplic, context: VplicContext, index: u32): void {
  context.best = 0;
  context.bestPriority = 0;
  searchWord(plic, context, plic.pending & context.enable, 0);
  searchWord(plic, context, plic.pendingHigh & context.enableHigh, 64);
  settle(plic, context, index);
}

function searchWord(plic: Vplic, context: VplicContext, candidates: u64, first: u32): void {
  while (candidates != 0) {
    const irq = first + <u32>ctz(candidates);
    const priority = <u32>load<u8>(priorityAt(plic, irq));
    if (priority > context.bestPriority) {
      context.best = irq;
      context.bestPriority = priority;
    }
    candidates &= candidates - 1;
  }
}

/** Brings a context's output in line with its best source and threshold. */
function settle(plic: Vplic, context: VplicContext, index: u32): void {
  const output = u32(context.bestPriority > context.threshold);
  if (output == context.output) return;
  context.output = output;
  plic.changed |= 1 << index;
}

// ---- Registers that are not hot: priorities, pending and enable bits.

function readWord(plic: Vplic, offset: u32): u32 {
  if (offset >= PLIC_ENABLE) {
    const context = (offset - PLIC_ENABLE) / PLIC_ENABLE_STRIDE;
    const byte = offset & (PLIC_ENABLE_STRIDE - 1);
    if (context >= plic.contexts || byte >= SET_BYTES) return 0;
    return load<u32>(changetype<usize>(contextAt(plic, context)) + byte);
  }
  if (offset >= PLIC_PENDING) {
    const byte = offset - PLIC_PENDING;
    return byte < SET_BYTES ? load<u32>(changetype<usize>(plic) + byte, offsetof<Vplic>("pending")) : 0;
  }
  const irq = offset >> 2;
  return irq <= plic.sources ? load<u8>(priorityAt(plic, irq)) : 0;
}

function writeWord(plic: Vplic, offset: u32, value: u32): void {
  if (offset >= PLIC_ENABLE) {
    const index = (offset - PLIC_ENABLE) / PLIC_ENABLE_STRIDE;
    const byte = offset & (PLIC_ENABLE_STRIDE - 1);
    if (index >= plic.contexts || byte >= SET_BYTES) return;
    const exists = load<u32>(changetype<usize>(plic) + byte, offsetof<Vplic>("exists"));
    const context = contextAt(plic, index);
    store<u32>(changetype<usize>(context) + byte, value & exists);
    search(plic, context, index);
    return;
  }
  const irq = offset >> 2;
  if (irq == 0 || irq > plic.sources) return; // This covers the pending bits: nobody writes them.
  store<u8>(priorityAt(plic, irq), <u8>(value & PRIORITY_MASK));
  for (let index: u32 = 0; index < plic.contexts; index++) search(plic, contextAt(plic, index), index);
}

// ---- Where things are.

function priorityAt(plic: Vplic, irq: u32): usize {
  return changetype<usize>(plic) + offsetof<Vplic>() + irq;
}

function contextAt(plic: Vplic, index: u32): VplicContext {
  const first = changetype<usize>(plic) + offsetof<Vplic>() + VPLIC_MAX_SOURCES + 1;
  return changetype<VplicContext>(first + index * offsetof<VplicContext>());
}

/** Byte offset, in a set, of the word that holds source `irq`. */
function wordOf(irq: u32): u32 {
  return (irq >> 6) << 3;
}

function setAt(plic: Vplic, set: usize, irq: u32): usize {
  return changetype<usize>(plic) + set + wordOf(irq);
}

function testBit(at: usize, irq: u32): bool {
  return ((load<u64>(at) >> (irq & 63)) & 1) != 0;
}

function setBit(at: usize, irq: u32): void {
  store<u64>(at, load<u64>(at) | ((<u64>1) << (irq & 63)));
}

function clearBit(at: usize, irq: u32): void {
  store<u64>(at, load<u64>(at) & ~((<u64>1) << (irq & 63)));
}
