// SPDX-License-Identifier: Apache-2.0
// The parts of a guest's tree that are RISC-V's: cpu nodes, the PLIC, a seed from what randomness the host has.
// Boot and worker context.
import * as hw from "../../hw";
import {
  fdtBeginNode,
  fdtBeginNodeAt,
  fdtBeginProperty,
  fdtCellU32,
  fdtEndNode,
  fdtEndProperty,
  fdtPutBytes,
  fdtPutEmpty,
  fdtPutReg,
  fdtPutString,
  fdtPutU32,
  FdtWriter,
} from "../../fdt/write";
import { APLIC_BASE, APLIC_SIZE, IMSIC_BASE, IMSIC_STRIDE, PLIC_BASE, PLIC_SIZE } from "../../guest/board";
import { INTERRUPTS_AIA } from "../../guest/description";
import { Guest } from "../../guest/guest";
import { randomFill, randomStir } from "../../lib/random";
import { CSR_CYCLE, CSR_INSTRET, CSR_TIME, IRQ_S_EXT } from "./csr";
import { hostSatpMode, timebaseFrequency } from "./host";
import { fileWords } from "./irq/files";
import { writeGuestIsa } from "./guest-isa";
import { hostHas } from "./isa";

/** What takes the lines of devices, and what takes their messages: only with INTERRUPTS_AIA. */
export const IRQCHIP_PHANDLE: u32 = 64;
export const MSI_PHANDLE: u32 = 65;
const SEED_BYTES: u32 = 64;
// @lock none: boot, then the lifecycle worker alone.
const seed: usize = memory.data(64, 8);

export function writeCpus(out: FdtWriter, guest: Guest): void {
  fdtBeginNode(out, "cpus");
  fdtPutU32(out, "#address-cells", 1);
  fdtPutU32(out, "#size-cells", 0);
  fdtPutU32(out, "timebase-frequency", timebaseFrequency());
  for (let index: u32 = 0; index < guest.vcpuCount; index++) writeCpu(out, guest, index);
  fdtEndNode(out);
}

function writeCpu(out: FdtWriter, guest: Guest, index: u32): void {
  fdtBeginNodeAt(out, "cpu", index);
  fdtPutString(out, "device_type", "cpu");
  fdtPutString(out, "compatible", "riscv");
  fdtPutString(out, "status", "okay");
  fdtPutU32(out, "reg", index);
  fdtPutString(
    out,
    "mmu-type",
    hostSatpMode() == 10 ? "riscv,sv57" : hostSatpMode() == 9 ? "riscv,sv48" : "riscv,sv39",
  );
  writeGuestIsa(out, guest.interrupts == INTERRUPTS_AIA ? "ssaia" : "");
  if (hostHas("zicbom")) fdtPutU32(out, "riscv,cbom-block-size", 64);
  if (hostHas("zicboz")) fdtPutU32(out, "riscv,cboz-block-size", 64);
  if (hostHas("zicbop")) fdtPutU32(out, "riscv,cbop-block-size", 64);
  fdtBeginNode(out, "interrupt-controller");
  fdtPutString(out, "compatible", "riscv,cpu-intc");
  fdtPutU32(out, "#interrupt-cells", 1);
  fdtPutEmpty(out, "interrupt-controller");
  fdtPutU32(out, "phandle", index + 1);
  fdtEndNode(out);
  fdtEndNode(out);
}

export function writeInterruptController(out: FdtWriter, guest: Guest): void {
  if (guest.interrupts == INTERRUPTS_AIA) writeMessages(out, guest);
  else writePlic(out, guest);
}

function writePlic(out: FdtWriter, guest: Guest): void {
  fdtBeginNodeAt(out, "interrupt-controller", PLIC_BASE);
  fdtPutString(out, "compatible", "sifive,plic-1.0.0\0riscv,plic0");
  fdtPutReg(out, PLIC_BASE, PLIC_SIZE);
  putCells(out, 1, IRQCHIP_PHANDLE);
  fdtPutU32(out, "riscv,ndev", guest.lines);
  putOutputs(out, guest);
}

/** The vCPUs' interrupt files, and the APLIC that makes messages of lines. */
function writeMessages(out: FdtWriter, guest: Guest): void {
  fdtBeginNodeAt(out, "imsics", IMSIC_BASE);
  fdtPutString(out, "compatible", "riscv,imsics");
  fdtPutReg(out, IMSIC_BASE, IMSIC_STRIDE * guest.vcpuCount);
  putCells(out, 0, MSI_PHANDLE);
  fdtPutEmpty(out, "msi-controller");
  fdtPutU32(out, "riscv,num-ids", (fileWords() << 6) - 1);
  putOutputs(out, guest);
  fdtBeginNodeAt(out, "aplic", APLIC_BASE);
  fdtPutString(out, "compatible", "riscv,aplic");
  fdtPutReg(out, APLIC_BASE, APLIC_SIZE);
  putCells(out, 2, IRQCHIP_PHANDLE);
  fdtPutU32(out, "riscv,num-sources", guest.lines);
  fdtPutU32(out, "msi-parent", MSI_PHANDLE);
  fdtEndNode(out);
}

function putCells(out: FdtWriter, cells: u32, phandle: u32): void {
  fdtPutU32(out, "#interrupt-cells", cells);
  fdtPutU32(out, "#address-cells", 0);
  fdtPutEmpty(out, "interrupt-controller");
  fdtPutU32(out, "phandle", phandle);
}

/** To every vCPU's external interrupt; ends the node. */
function putOutputs(out: FdtWriter, guest: Guest): void {
  fdtBeginProperty(out, "interrupts-extended");
  for (let index: u32 = 0; index < guest.vcpuCount; index++) {
    fdtCellU32(out, index + 1);
    fdtCellU32(out, <u32>IRQ_S_EXT);
  }
  fdtEndProperty(out);
  fdtEndNode(out);
}

/** What starts a kernel's pool: random bytes, with this moment's counters stirred in. */
export function writeRandomSeed(out: FdtWriter): void {
  randomStir(hw.csrRead(CSR_TIME) ^ (hw.csrRead(CSR_CYCLE) << 20) ^ (hw.csrRead(CSR_INSTRET) << 40));
  randomFill(seed, SEED_BYTES);
  fdtPutBytes(out, "rng-seed", seed, SEED_BYTES);
}
