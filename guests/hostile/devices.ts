// SPDX-License-Identifier: Apache-2.0
// Payload `hostile`: every width at every offset of the emulated devices, misaligned and over their ends, random places
// in the PLIC, and instructions that no driver uses on device memory (AMO, LR/SC, FP, cbo, compressed). Each access
// answers something or traps in the guest. The UART is put back afterwards.
import { CSR_SSTATUS } from "../../core/arch/riscv64/csr";
import { UART_FCR, UART_IER, UART_LCR, UART_LCR_WLEN8, UART_MCR } from "../../core/dev/spec";
import { findPlic, setEnabled, setThreshold } from "../lib/plic";
import { UART } from "../lib/print";
import { check } from "../lib/result";
import { onOpenSbi } from "../lib/sbi";
import { tryLoad, tryStore } from "../lib/trap";
import { csrClear, csrSet, execute, write8 } from "../runtime/hw";
import { random } from "./random";

const FS_INITIAL: u64 = 0x2000;
const PLIC_BYTES: u64 = 0x400000;
const RTC: u64 = 0x101000;
let accesses: u64 = 0;

/** Nothing, or a misaligned or access fault of a load (4, 5) or a store (6, 7). */
function loads(gpa: u64, width: u32): void {
  const cause = tryLoad(gpa, width);
  accesses++;
  check("load from a device", cause + 1 == 0 || cause == 4 || cause == 5, cause);
}

function stores(gpa: u64, width: u32, value: u64): void {
  const cause = tryStore(gpa, width, value);
  accesses++;
  check("store to a device", cause + 1 == 0 || cause == 6 || cause == 7, cause);
}

/** A store of spaces to the UART prints spaces and leaves no register in a state that matters. */
const SPACES: u64 = 0x2020202020202020;

function sweep(base: u64, from: u64, to: u64, value: u64): void {
  for (let offset = from; offset < to; offset++) {
    for (let width: u32 = 0; width <= 3; width++) {
      loads(base + offset, width);
      stores(base + offset, width, value);
    }
  }
}

function restoreUart(): void {
  write8(UART + UART_LCR, UART_LCR_WLEN8);
  write8(UART + UART_IER, 0);
  write8(UART + UART_FCR, 1);
  write8(UART + UART_MCR, 0);
}

function wildPlic(base: u64): void {
  for (let i = 0; i < 4000; i++) {
    const place = random();
    loads(base + (place % PLIC_BYTES), (<u32>(place >> 40)) & 3);
    stores(base + (place % PLIC_BYTES), (<u32>(place >> 42)) & 3, random());
  }
  for (let word: u64 = 0; word < 4; word++) stores(base + 0x2000 + word * 4, 2, 0);
}

/** One instruction word on a device register in a0, with a1 as data. */
function odd(word: u32, gpa: u64): void {
  const cause = execute(word, gpa, 0x20);
  accesses++;
  check("an odd instruction on a device", cause + 1 == 0 || (cause >= 2 && cause <= 7), cause);
}

function oddInstructions(gpa: u64): void {
  for (let kind: u32 = 0; kind < 32; kind++) {
    for (let width: u32 = 0; width < 8; width++) {
      const base = (kind << 27) | (10 << 15) | (width << 12) | (11 << 7) | 0x2f;
      odd(base, gpa);
      odd(base | (11 << 20), gpa);
      odd(base | (11 << 20) | (3 << 25), gpa);
    }
  }
  for (let width: u32 = 0; width < 8; width++) {
    odd((10 << 15) | (width << 12) | (10 << 7) | 0x07, gpa);
    odd((10 << 20) | (10 << 15) | (width << 12) | 0x27, gpa);
    odd((width << 20) | (10 << 15) | (2 << 12) | 0x0f, gpa);
    odd((2 << 24) | (10 << 15) | (width << 12) | 0x07, gpa);
  }
  // c.lw, c.ld, c.sw, c.sd, c.fld, c.fsd and the Zcb byte and halfword forms, all of (a0).
  for (let funct: u32 = 1; funct < 8; funct++) odd((funct << 13) | (2 << 7) | (3 << 2), gpa);
  for (let funct: u32 = 0; funct < 4; funct++) odd(0x8000 | (funct << 10) | (2 << 7) | (3 << 2), gpa);
}

export function testDevices(hart: u64): u64 {
  if (onOpenSbi()) return 0;
  const plic = findPlic(hart);
  sweep(UART, 0, 16, SPACES);
  sweep(UART, 0xf0, 0x110, SPACES);
  sweep(UART, 0xff0, 0x1000, SPACES);
  restoreUart();
  sweep(RTC, 0, 0x28, 0);
  sweep(RTC, 0xff0, 0x1000, 0);
  sweep(plic, 0, 16, 0);
  sweep(plic, 0x1000, 0x1010, ~0);
  sweep(plic, 0x2000, 0x2010, 0);
  sweep(plic, 0x200000, 0x200010, 0);
  sweep(plic, PLIC_BYTES - 16, PLIC_BYTES, 0);
  wildPlic(plic);
  csrSet(CSR_SSTATUS, FS_INITIAL);
  oddInstructions(UART + 7);
  oddInstructions(UART + 4);
  oddInstructions(plic + 0x200004);
  oddInstructions(plic + 4);
  oddInstructions(RTC + 0x10);
  csrClear(CSR_SSTATUS, 0x6000);
  restoreUart();
  setEnabled(0, 0);
  setThreshold(0);
  return accesses;
}
