// SPDX-License-Identifier: Apache-2.0
// Payload `hostile` with `mode=`: one way of misbehaving, kept up for ever. Nothing here ends by itself.
import { CSR_SATP, CSR_STVEC } from "../../core/arch/riscv64/csr";
import { SBI_EXT_DBCN, SBI_EXT_RFENCE, SBI_HART_MASK_BASE_ALL } from "../../core/arch/riscv64/sbi-spec";
import { startOthers } from "../lib/harts";
import { print, printField, putByte } from "../lib/print";
import { hartStop, sendIpi, setTimer } from "../lib/sbi";
import { enable, interruptsOff, tryJump, tryLoad } from "../lib/trap";
import { csrWrite, ecall, read64, read8, scratch, sfenceVma, wfi, write64 } from "../runtime/hw";
import { testHoles } from "./holes";

const TRAP_LOOP: u32 = 1;
const SPIN: u32 = 2;
const BAD_TRANSLATION: u32 = 3;
const STOP: u32 = 4;
const FLOOD_UART: u32 = 5;
const TIMER_STORM: u32 = 6;
const IPI_STORM: u32 = 7;
const FENCE_STORM: u32 = 8;
const FLOOD_DBCN: u32 = 9;
const SLEEP: u32 = 10;
const FAULT_STORM: u32 = 11;
const SELF_MAPPED: u32 = 12;

export function misbehave(mode: u64, hart: u64): void {
  printField("misbehaving", mode);
  interruptsOff();
  switch (<u32>mode) {
    case TRAP_LOOP:
      csrWrite(CSR_STVEC, 0x1000);
      read8(0x1000);
      break;
    case SPIN:
      break;
    case BAD_TRANSLATION:
      csrWrite(CSR_SATP, ((<u64>8) << 60) | (0x10000000 >> 12));
      sfenceVma();
      break;
    case STOP:
      hartStop();
      break;
    case FLOOD_UART:
      while (true) print("flood flood flood flood flood flood flood flood\n");
    case TIMER_STORM:
      enable(1 << 5);
      while (true) setTimer(0);
    case IPI_STORM:
      startOthers(hart);
      storm();
      break;
    case FENCE_STORM:
      startOthers(hart);
      while (true) ecall(SBI_EXT_RFENCE, 1, 0, SBI_HART_MASK_BASE_ALL, 0, ~0, 0, 0);
    case FLOOD_DBCN:
      putByte(10);
      while (true) ecall(SBI_EXT_DBCN, 0, 0x100000, 0x80200000, 0, 0, 0, 0);
    case SLEEP:
      while (true) wfi();
    case FAULT_STORM:
      while (true) {
        tryLoad(0x1000, 0);
        tryJump(0x100000);
        testHoles();
      }
    case SELF_MAPPED:
      selfMapped();
      break;
  }
  while (true) {}
}

function storm(): void {
  while (true) sendIpi(0, SBI_HART_MASK_BASE_ALL);
}

/** A page table whose every entry points at itself: whoever walks it goes round. */
function selfMapped(): void {
  const table = (scratch() + 4095) & ~4095;
  for (let entry: u64 = 0; entry < 512; entry++) write64(table + entry * 8, ((table >> 12) << 10) | 1);
  csrWrite(CSR_SATP, ((<u64>8) << 60) | (table >> 12));
  sfenceVma();
  read64(0x40000000);
}

export function secondary(_hart: u64, _argument: u64): void {
  storm();
}
