// SPDX-License-Identifier: Apache-2.0
// The guest's PLIC as the device tree describes it: which context is this hart's, and its registers.
// Used by the payloads plic, hostile and exits. Harts are numbered densely from 0, in a guest and on QEMU.
import {
  PLIC_CONTEXT,
  PLIC_CONTEXT_CLAIM,
  PLIC_CONTEXT_STRIDE,
  PLIC_ENABLE,
  PLIC_ENABLE_STRIDE,
  PLIC_PENDING,
} from "../../core/arch/riscv64/irq/spec";
import { read32, write32 } from "../runtime/hw";
import { cell, findProperty, propertyLength } from "./fdt";

const SUPERVISOR_EXTERNAL: u32 = 9;

let base: u64 = 0;
let context: u64 = 0;

/** Finds the PLIC and this hart's supervisor context; answers its address, 0 if the tree has none. */
export function findPlic(hart: u64): u64 {
  let lines = findProperty("plic@", "interrupts-extended");
  let reg = findProperty("plic@", "reg");
  if (lines == 0) {
    lines = findProperty("interrupt-controller@", "interrupts-extended");
    reg = findProperty("interrupt-controller@", "reg");
  }
  if (lines == 0) return 0;
  base = ((<u64>cell(reg, 0)) << 32) | cell(reg, 1);
  const count = propertyLength(lines) / 8;
  let seen: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (cell(lines, i * 2 + 1) != SUPERVISOR_EXTERNAL) continue;
    if (seen++ == hart) context = i;
  }
  return base;
}

export function uartLine(): u32 {
  return cell(findProperty("serial@", "interrupts"), 0);
}

export function setPriority(source: u32, priority: u32): void {
  write32(base + <u64>source * 4, priority);
}

export function priority(source: u32): u64 {
  return read32(base + <u64>source * 4);
}

export function isPending(source: u32): bool {
  return ((read32(base + PLIC_PENDING + <u64>(source / 32) * 4) >> (source % 32)) & 1) != 0;
}

/** All enable bits of the word that holds `source`. */
export function setEnabled(source: u32, bits: u64): void {
  write32(base + PLIC_ENABLE + context * PLIC_ENABLE_STRIDE + <u64>(source / 32) * 4, bits);
}

export function enabled(source: u32): u64 {
  return read32(base + PLIC_ENABLE + context * PLIC_ENABLE_STRIDE + <u64>(source / 32) * 4);
}

export function setThreshold(threshold: u32): void {
  write32(base + PLIC_CONTEXT + context * PLIC_CONTEXT_STRIDE, threshold);
}

export function threshold(): u64 {
  return read32(base + PLIC_CONTEXT + context * PLIC_CONTEXT_STRIDE);
}

export function claim(): u64 {
  return read32(base + PLIC_CONTEXT + context * PLIC_CONTEXT_STRIDE + PLIC_CONTEXT_CLAIM);
}

export function complete(source: u64): void {
  write32(base + PLIC_CONTEXT + context * PLIC_CONTEXT_STRIDE + PLIC_CONTEXT_CLAIM, source);
}
