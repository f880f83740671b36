// SPDX-License-Identifier: Apache-2.0
// The guest OS tree: the machine that a guest finds. Written into linear memory, then copied to the guest's RAM.
// Boot and worker context. The processor's and interrupt controller's nodes come from the architecture.
import { putInterrupt, writeCpus, writeInterruptController, writeRandomSeed, IRQCHIP_PHANDLE } from "../arch/seam";
import { TOTAL_SIZE } from "../fdt/format";
import {
  fdtBegin,
  fdtBeginNode,
  fdtBeginNodeAt,
  fdtEndNode,
  fdtFinish,
  fdtPutBytes,
  fdtPutEmpty,
  fdtPutReg,
  fdtPutString,
  fdtPutU32,
  fdtPutU64,
  FdtWriter,
} from "../fdt/write";
import { acquire, Lock, lockInit, RANK_MEMORY, release } from "../lib/lock";
import { Status } from "../lib/status";
import { RTC_BASE, RTC_IRQ, RTC_SIZE, UART_BASE, UART_CLOCK, UART_IRQ, UART_SIZE } from "./board";
import { Description } from "./description";
import { writeDevices } from "./devices/tree";
import { Guest } from "./guest";
import { writeGuest } from "./memory";

/** Room kept at the top of guest RAM for the tree. */
export const TREE_ROOM: u64 = 0x1_0000;
const BUFFER: u32 = 16384;
/** Unused bytes at the tree's end, its own: U-Boot adds to its copy in place, and what it needs itself lies behind that. */
const SLACK: u32 = 4096;

// @lock tree: the writer and its buffer.
const lock: usize = memory.data(16, 8);
const buffer: usize = memory.data(16384, 8);
const writer: usize = memory.data(64, 8);

/** Boot. */
export function treeInit(): void {
  lockInit(changetype<Lock>(lock), RANK_MEMORY);
}

/** Writes the guest's tree to its place in guest RAM. NoMemory: it has more to say than fits. */
export function guestTree(guest: Guest, description: Description): i32 {
  acquire(changetype<Lock>(lock));
  const out = changetype<FdtWriter>(writer);
  fdtBegin(out, buffer, BUFFER);
  writeRoot(out, guest, description);
  const size = fdtFinish(out);
  store<u32>(buffer, bswap<u32>(size + SLACK), TOTAL_SIZE);
  const status = size < 0 ? size : writeGuest(guest, guest.treeGpa, buffer, size);
  release(changetype<Lock>(lock));
  return status < 0 ? status : Status.Ok;
}

function writeRoot(out: FdtWriter, guest: Guest, description: Description): void {
  fdtBeginNode(out, "");
  fdtPutString(out, "compatible", "typeone,guest\0riscv-virtio");
  fdtPutString(out, "model", "TypeOne guest");
  fdtPutU32(out, "#address-cells", 2);
  fdtPutU32(out, "#size-cells", 2);
  writeChosen(out, guest, description);
  fdtBeginNodeAt(out, "memory", guest.ramBase);
  fdtPutString(out, "device_type", "memory");
  fdtPutReg(out, guest.ramBase, guest.ramSize);
  fdtEndNode(out);
  writeCpus(out, guest);
  fdtBeginNode(out, "soc");
  fdtPutString(out, "compatible", "simple-bus");
  fdtPutU32(out, "#address-cells", 2);
  fdtPutU32(out, "#size-cells", 2);
  fdtPutEmpty(out, "ranges");
  writeInterruptController(out, guest);
  writeSerial(out, guest);
  writeRtc(out, guest);
  writeDevices(out, guest);
  fdtEndNode(out);
  fdtEndNode(out);
}

function writeChosen(out: FdtWriter, guest: Guest, description: Description): void {
  fdtBeginNode(out, "chosen");
  if (description.bootargs) fdtPutBytes(out, "bootargs", description.bootargs, description.bootargsLength + 1);
  fdtPutString(out, "stdout-path", "/soc/serial@10000000");
  if (description.ramdisk.size) {
    fdtPutU64(out, "linux,initrd-start", guest.ramdiskGpa);
    fdtPutU64(out, "linux,initrd-end", guest.ramdiskGpa + description.ramdisk.size);
  }
  // Without a seed a kernel spends a third of its boot on gathering entropy.
  writeRandomSeed(out);
  fdtEndNode(out);
}

function writeSerial(out: FdtWriter, guest: Guest): void {
  fdtBeginNodeAt(out, "serial", UART_BASE);
  fdtPutString(out, "compatible", "ns16550a");
  fdtPutReg(out, UART_BASE, UART_SIZE);
  fdtPutU32(out, "clock-frequency", UART_CLOCK);
  putInterrupt(out, guest, UART_IRQ);
  fdtPutU32(out, "interrupt-parent", IRQCHIP_PHANDLE);
  fdtEndNode(out);
}

function writeRtc(out: FdtWriter, guest: Guest): void {
  fdtBeginNodeAt(out, "rtc", RTC_BASE);
  fdtPutString(out, "compatible", "google,goldfish-rtc");
  fdtPutReg(out, RTC_BASE, RTC_SIZE);
  putInterrupt(out, guest, RTC_IRQ);
  fdtPutU32(out, "interrupt-parent", IRQCHIP_PHANDLE);
  fdtEndNode(out);
}
