// SPDX-License-Identifier: Apache-2.0
// The outputs of the host's interrupt controller, `interrupts-extended` of its node: which harts they go to. Called once by
// the boot hart. Reads a checked tree, touches no hardware.
import { fdtByPhandle, fdtCell, fdtCellCount, fdtParent, fdtProperty, FdtRange, fdtReg } from "../../../fdt/read";
import { Status } from "../../../lib/status";
import { MAX_HARTS } from "../../../limits";
import { IRQ_S_EXT } from "../csr";
import { HOST_IRQ_APLIC, HostIrqHart, hostIrqHart, HostIrqInfo } from "./info";

// @lock per boot: scratch of the boot hart.
const scratch: usize = memory.data(16, 8);

/** Does any output of this controller go to a hart's supervisor external interrupt? */
export function servesSupervisor(fdt: usize, node: usize): bool {
  const outputs = fdtProperty(fdt, node, "interrupts-extended");
  if (outputs == 0) return false;
  for (let i: u32 = 1; i < fdtCellCount(outputs); i += 2) {
    if (fdtCell(outputs, i) == <u32>IRQ_S_EXT) return true;
  }
  return false;
}

/** Adds the hart behind output `index`; answers a null pointer when that output is not one for supervisor mode. */
export function addHart(fdt: usize, outputs: usize, index: u32, info: HostIrqInfo): HostIrqHart {
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
export function fillContexts(fdt: usize, node: usize, info: HostIrqInfo): i32 {
  const outputs = fdtProperty(fdt, node, "interrupts-extended");
  const indexes = fdtProperty(fdt, node, "riscv,hart-indexes");
  const renumbered = info.kind == HOST_IRQ_APLIC && indexes != 0 && fdtCellCount(indexes) == fdtCellCount(outputs) / 2;
  for (let i: u32 = 0; i < fdtCellCount(outputs) / 2; i++) {
    const hart = addHart(fdt, outputs, i, info);
    if (changetype<usize>(hart) != 0) hart.number = renumbered ? fdtCell(indexes, i) : i;
  }
  return info.hartCount != 0 ? Status.Ok : Status.Malformed;
}
