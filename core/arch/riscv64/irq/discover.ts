// SPDX-License-Identifier: Apache-2.0
// Finds the host's interrupt controller in the host tree: the one that interrupts supervisor mode. Called once by the
// boot hart. Reads a checked tree, touches no hardware. Machine-level twins (their outputs go to local interrupt 11
// instead of 9) and nodes with a disabled status are passed over.
//
//   device ── APLIC (supervisor domain) ─ msi-parent ─► IMSIC ─ interrupts-extended ─► cpu interrupt controller, 9
//   device ── APLIC (supervisor domain) ───────────────────────── interrupts-extended ─► cpu interrupt controller, 9
//   device ── PLIC, context i ─────────────────────────────────── interrupts-extended[i] ─► cpu interrupt controller, 9
import {
  fdtAddress,
  fdtAvailable,
  fdtByPhandle,
  fdtCell,
  fdtCellCount,
  fdtFindCompatible,
  fdtParent,
  fdtProperty,
  FdtRange,
  fdtReference,
  fdtReg,
  fdtRegCount,
  fdtU32,
} from "../../../fdt/read";
import { MAX_HARTS } from "../../../limits";
import { Status } from "../../../lib/status";
import { IRQ_S_EXT } from "../csr";
import {
  HOST_IRQ_APLIC,
  HOST_IRQ_HARTS_SIZE,
  HOST_IRQ_IMSIC,
  HOST_IRQ_NONE,
  HOST_IRQ_PLIC,
  HostIrqHart,
  hostIrqHart,
  HostIrqInfo,
} from "./info";
import { APLIC_MAX_SOURCES, IMSIC_MAX_IDENTITIES, IMSIC_PAGE_SIZE } from "./spec";

/** Bytes that a caller provides for HostIrqInfo with its hart records behind it. */
export const HOST_IRQ_INFO_SIZE: u32 = offsetof<HostIrqInfo>() + HOST_IRQ_HARTS_SIZE;
/** Guest files per hart: the field has room for 63, see `riscv,guest-index-bits`. */
const MAX_GUEST_BITS: u32 = 6;

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

/** Does any output of this controller go to a hart's supervisor external interrupt? */
function servesSupervisor(fdt: usize, node: usize): bool {
  const outputs = fdtProperty(fdt, node, "interrupts-extended");
  if (outputs == 0) return false;
  for (let i: u32 = 1; i < fdtCellCount(outputs); i += 2) {
    if (fdtCell(outputs, i) == <u32>IRQ_S_EXT) return true;
  }
  return false;
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

/** Adds the hart behind output `index`; answers a null pointer when that output is not one for supervisor mode. */
function addHart(fdt: usize, outputs: usize, index: u32, info: HostIrqInfo): HostIrqHart {
  const none = changetype<HostIrqHart>(0);
  if (fdtCell(outputs, index * 2 + 1) != <u32>IRQ_S_EXT || info.hartCount >= MAX_HARTS) return none;
  const controller = fdtByPhandle(fdt, fdtCell(outputs, index * 2));
  const cpu = controller != 0 ? fdtParent(fdt, controller) : 0;
  if (cpu == 0) return none;
  const range = changetype<FdtRange>(scratch);
  if (fdtReg(fdt, cpu, 0, range) != Status.Ok) return none;
  const hart = hostIrqHart(info, info.hartCount);
  info.hartCount += 1;
  hart.id = range.base;
  return hart;
}

/** PLIC contexts and APLIC delivery controls are numbered by their place in the list of outputs. */
function fillContexts(fdt: usize, node: usize, info: HostIrqInfo): i32 {
  const outputs = fdtProperty(fdt, node, "interrupts-extended");
  const indexes = fdtProperty(fdt, node, "riscv,hart-indexes");
  const renumbered = info.kind == HOST_IRQ_APLIC && indexes != 0 && fdtCellCount(indexes) == fdtCellCount(outputs) / 2;
  for (let i: u32 = 0; i < fdtCellCount(outputs) / 2; i++) {
    const hart = addHart(fdt, outputs, i, info);
    if (changetype<usize>(hart) != 0) hart.number = renumbered ? fdtCell(indexes, i) : i;
  }
  return info.hartCount != 0 ? Status.Ok : Status.Malformed;
}

/**
 * Interrupt files stand in the order of the outputs, one `reg` entry after the other; an entry is a group (a socket).
 * The APLIC's hart index is the group above the file's place in its group. @spec aia §3.6
 */
function fillImsic(fdt: usize, imsic: usize, info: HostIrqInfo): i32 {
  const guestBits = fdtU32(fdt, imsic, "riscv,guest-index-bits", 0);
  const identities = fdtU32(fdt, imsic, "riscv,num-ids", 0);
  if (guestBits > MAX_GUEST_BITS || identities < 63 || identities >= IMSIC_MAX_IDENTITIES) return Status.Malformed;
  info.identities = identities;
  info.guestFiles = (1 << guestBits) - 1;
  const outputs = fdtProperty(fdt, imsic, "interrupts-extended");
  const count = fdtCellCount(outputs) / 2;
  const stride = (<u64>IMSIC_PAGE_SIZE) << guestBits;
  const hartBits = fdtU32(fdt, imsic, "riscv,hart-index-bits", bitsFor(count));
  if (hartBits > 14) return Status.Malformed;
  let output: u32 = 0;
  for (let group: u32 = 0; <i32>group < fdtRegCount(fdt, imsic); group++) {
    const range = changetype<FdtRange>(scratch);
    if (fdtAddress(fdt, imsic, group, range) != Status.Ok) return Status.Malformed;
    const base = range.base;
    const files = range.size / stride;
    for (let i: u32 = 0; <u64>i < files && output < count; i++, output++) {
      const hart = addHart(fdt, outputs, output, info);
      if (changetype<usize>(hart) == 0) continue;
      hart.file = base + <u64>i * stride;
      hart.number = (groupOf(fdt, imsic, base) << hartBits) | i;
    }
  }
  return info.hartCount != 0 ? Status.Ok : Status.Malformed;
}

function groupOf(fdt: usize, imsic: usize, file: u64): u32 {
  const bits = fdtU32(fdt, imsic, "riscv,group-index-bits", 0);
  const shift = fdtU32(fdt, imsic, "riscv,group-index-shift", 24);
  if (bits == 0 || bits > 7 || shift < 12 || shift > 55) return 0;
  return (<u32>(file >> shift)) & ((1 << bits) - 1);
}

/** Bits that number `count` things from 0. */
function bitsFor(count: u32): u32 {
  return count <= 1 ? 0 : 32 - clz<u32>(count - 1);
}
