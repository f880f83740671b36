// SPDX-License-Identifier: Apache-2.0
// Finds the host's interrupt controller in the host tree: the one that interrupts supervisor mode. Called once by the
// boot hart. Reads a checked tree, touches no hardware. Machine-level twins (their outputs go to local interrupt 11
// instead of 9) and nodes with a disabled status are passed over.
//
//   device ── APLIC (supervisor domain) ─ msi-parent ─► IMSIC ─ interrupts-extended ─► cpu interrupt controller, 9
//   device ── APLIC (supervisor domain) ───────────────────────── interrupts-extended ─► cpu interrupt controller, 9
//   device ── PLIC, context i ─────────────────────────────────── interrupts-extended[i] ─► cpu interrupt controller, 9
import { fdtAddress, fdtAvailable, fdtFindCompatible, FdtRange, fdtReference, fdtU32 } from "../../../fdt/read";
import { Status } from "../../../lib/status";
import { HOST_IRQ_APLIC, HOST_IRQ_HARTS_SIZE, HOST_IRQ_IMSIC, HOST_IRQ_NONE, HOST_IRQ_PLIC, HostIrqInfo } from "./info";
import { fillImsic } from "./discover-imsic";
import { fillContexts, servesSupervisor } from "./outputs";
import { APLIC_MAX_SOURCES } from "./spec";

/** Bytes that a caller provides for HostIrqInfo with its hart records behind it. */
export const HOST_IRQ_INFO_SIZE: u32 = offsetof<HostIrqInfo>() + HOST_IRQ_HARTS_SIZE;

// @lock per boot: scratch of the boot hart.
const scratch: usize = memory.data(16, 8);

/**
 * Fills `info` (HOST_IRQ_INFO_SIZE bytes) from the host tree. NotFound: no controller that serves supervisor mode.
 * Malformed, Range: the controller's node is broken. `info.kind` is HOST_IRQ_NONE unless the answer is Ok.
 */
export function discoverHostIrq(fdt: usize, info: HostIrqInfo): i32 {
  memory.fill(changetype<usize>(info), 0, HOST_IRQ_INFO_SIZE);
  info.harts = changetype<usize>(info) + offsetof<HostIrqInfo>();
  let status = discoverAplic(fdt, info);
  if (status == Status.NotFound) status = discoverPlic(fdt, info);
  if (status != Status.Ok) info.kind = HOST_IRQ_NONE;
  return status;
}

function discoverAplic(fdt: usize, info: HostIrqInfo): i32 {
  let node = fdtFindCompatible(fdt, 0, "riscv,aplic");
  for (; node != 0; node = fdtFindCompatible(fdt, node, "riscv,aplic")) {
    if (!fdtAvailable(fdt, node)) continue;
    const imsic = fdtReference(fdt, node, "msi-parent");
    if (imsic != 0 && fdtAvailable(fdt, imsic) && servesSupervisor(fdt, imsic)) {
      info.kind = HOST_IRQ_IMSIC;
      const status = fillRegisters(fdt, node, fdtU32(fdt, node, "riscv,num-sources", 0), info);
      return status == Status.Ok ? fillImsic(fdt, imsic, info) : status;
    }
    if (servesSupervisor(fdt, node)) {
      info.kind = HOST_IRQ_APLIC;
      const status = fillRegisters(fdt, node, fdtU32(fdt, node, "riscv,num-sources", 0), info);
      return status == Status.Ok ? fillContexts(fdt, node, info) : status;
    }
  }
  return Status.NotFound;
}

function discoverPlic(fdt: usize, info: HostIrqInfo): i32 {
  const node = nextPlic(fdt);
  if (node == 0) return Status.NotFound;
  info.kind = HOST_IRQ_PLIC;
  const status = fillRegisters(fdt, node, fdtU32(fdt, node, "riscv,ndev", 0), info);
  return status == Status.Ok ? fillContexts(fdt, node, info) : status;
}

function nextPlic(fdt: usize): usize {
  let node = fdtFindCompatible(fdt, 0, "riscv,plic0");
  while (node != 0 && !(fdtAvailable(fdt, node) && servesSupervisor(fdt, node))) {
    node = fdtFindCompatible(fdt, node, "riscv,plic0");
  }
  if (node != 0) return node;
  node = fdtFindCompatible(fdt, 0, "sifive,plic-1.0.0");
  while (node != 0 && !(fdtAvailable(fdt, node) && servesSupervisor(fdt, node))) {
    node = fdtFindCompatible(fdt, node, "sifive,plic-1.0.0");
  }
  return node;
}

function fillRegisters(fdt: usize, node: usize, sources: u32, info: HostIrqInfo): i32 {
  if (sources == 0) return Status.Malformed;
  info.sources = sources < APLIC_MAX_SOURCES ? sources : APLIC_MAX_SOURCES - 1;
  const range = changetype<FdtRange>(scratch);
  const status = fdtAddress(fdt, node, 0, range);
  if (status != Status.Ok) return status == Status.NotFound ? Status.Malformed : status;
  info.hpa = range.base;
  info.size = range.size;
  return range.size == 0 || (range.base & 3) != 0 ? Status.Malformed : Status.Ok;
}
