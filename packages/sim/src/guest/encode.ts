// SPDX-License-Identifier: Apache-2.0
// Encodings of the few instructions that simulated guests execute, for htinst, stval and instruction fetch, and the
// layout of a simulated kernel: a Linux Image header and one marked word per entry point.
import { SLOT } from "./cpu.ts";
import type { Width } from "./ops.ts";

export const WFI_WORD = 0x10500073;
export const ECALL_WORD = 0x00000073;
const FUNCT3: Readonly<Record<Width, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };

export interface LoadForm {
  readonly width: Width;
  readonly signed: boolean;
  readonly rd: number;
}

export function loadWord({ width, signed, rd }: LoadForm, rs1: number): number {
  const funct3 = FUNCT3[width] | (signed || width === 8 ? 0 : 4);
  return ((rs1 << 15) | (funct3 << 12) | (rd << 7) | 0x03) >>> 0;
}

export function storeWord(width: Width, rs2: number, rs1: number): number {
  return ((rs2 << 20) | (rs1 << 15) | (FUNCT3[width] << 12) | 0x23) >>> 0;
}

/** c.lw, c.ld, c.sw or c.sd between x9 and (x8), offset 0; `data` is 8 to 15. */
export function compressedWord(kind: "load" | "store", width: 4 | 8, data: number): number {
  const funct3 = (kind === "load" ? 2 : 6) | (width === 8 ? 1 : 0);
  return (funct3 << 13) | (0 << 7) | ((data - 8) << 2);
}

/** csrrs rd, csr, x0. */
export function csrReadWord(csr: number, rd: number): number {
  return ((csr << 20) | (2 << 12) | (rd << 7) | 0x73) >>> 0;
}

/** csrrw x0, csr, rs1. */
export function csrWriteWord(csr: number, rs1: number): number {
  return ((csr << 20) | (rs1 << 15) | (1 << 12) | 0x73) >>> 0;
}

/** csrrw register, csr, register. */
export function csrSwapWord(csr: number, register: number): number {
  return (csrWriteWord(csr, register) | (register << 7)) >>> 0;
}

/** fmv.x.d rd, f[register]. */
export function fpReadWord(register: number, rd: number): number {
  return ((0x71 << 25) | (register << 15) | (rd << 7) | 0x53) >>> 0;
}

/** fmv.d.x f[register], rs1. */
export function fpWriteWord(register: number, rs1: number): number {
  return ((0x79 << 25) | (rs1 << 15) | (register << 7) | 0x53) >>> 0;
}

const MARK = 0xa5000000;

/** The instruction word (custom-0) that stands at the entry point of routine `number` of the machine. */
export function entryWord(number: number): number {
  return (MARK | (number << 7) | 0x0b) >>> 0;
}

/** Number of the routine that a word stands for, -1 for any other word. */
export function routineOf(word: number): number {
  return (word & 0xff00007f) >>> 0 === (MARK | 0x0b) >>> 0 ? (word >>> 7) & 0x1ffff : -1;
}

export interface KernelForm {
  /** Bytes that the kernel claims beyond its file, as BSS does. */
  readonly bss?: number;
  readonly textOffset?: bigint;
}

/** A Linux Image whose entry points are routines `first`, `first + 1`, … of the machine. */
export function kernelImage(first: number, count: number, form: KernelForm = {}): Uint8Array {
  const size = Math.ceil(((count + 1) * SLOT) / 4096) * 4096;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (let slot = 0; slot < count; slot++) view.setUint32(slot * SLOT, entryWord(first + slot), true);
  view.setBigUint64(8, form.textOffset ?? 0x200000n, true);
  view.setBigUint64(16, BigInt(size + (form.bss ?? 0)), true);
  view.setUint32(32, 2, true);
  bytes.set(new TextEncoder().encode("RISCV\0\0\0"), 48);
  bytes.set(new TextEncoder().encode("RSC\x05"), 56);
  return bytes;
}
