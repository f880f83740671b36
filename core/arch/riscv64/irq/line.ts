// SPDX-License-Identifier: Apache-2.0
// Joins a guest's interrupt controller to its vCPUs. Called in trap or worker context with the guest's lock held: by
// the bus for the controller's own registers, and by whoever moves a device's interrupt line. It never knows a device.
import { fdtBeginProperty, fdtCellU32, fdtEndProperty, FdtWriter } from "../../../fdt/write";
import { INTERRUPTS_AIA, INTERRUPTS_PLIC } from "../../../guest/description";
import { Guest } from "../../../guest/guest";
import { Vcpu } from "../../../guest/vcpu";
import { Access } from "../../../mmio/access";
import { vcpuSetExternal } from "../inject";
import { allocate } from "../../../mem/arena";
import { hostHasAia } from "../aia";
import { guestFiles } from "./files";
import { initMessages, resetMessages, setMessageLine } from "./messages";
import { Vplic, vplicAccess, vplicBytes, vplicInit, vplicOutput, vplicPeek, vplicReset, vplicSetLine } from "./vplic";

/** An APLIC's second interrupt cell. */
const LEVEL_HIGH: u32 = 4;

/** Room for a controller of so many vCPUs; 0 when memory is used up. */
export function newIrqchip(vcpus: u32): usize {
  return allocate(vplicBytes(vcpus));
}

/** Makes such a room a controller for `vcpus` vCPUs as after power-on, with lines 1 to `lines`. */
export function initIrqchip(irqchip: usize, vcpus: u32, lines: u32): i32 {
  return vplicInit(changetype<Vplic>(irqchip), vcpus, lines);
}

/** The controller of a guest that does not say: messages only where they reach a running vCPU without an exit. */
export function defaultInterrupts(guestHasPci: u32): u32 {
  return guestHasPci != 0 && guestFiles() != 0 ? INTERRUPTS_AIA : INTERRUPTS_PLIC;
}

/** Whether guests of this host can have interrupt files at all: else their accesses to one would not even trap. */
export function messagesPossible(): bool {
  return hostHasAia() != 0;
}

/** The guest, which is being made, gets the controller that `interrupts` names, with its `lines`. */
export function makeIrqchip(guest: Guest): i32 {
  if (guest.interrupts == INTERRUPTS_AIA) return initMessages(guest);
  return initIrqchip(guest.irqchip, guest.vcpuCount, guest.lines);
}

/** Writes the `interrupts` property of a device on that line, whose interrupt parent is IRQCHIP_PHANDLE. */
export function putInterrupt(out: FdtWriter, guest: Guest, line: u32): void {
  fdtBeginProperty(out, "interrupts");
  fdtCellU32(out, line);
  if (guest.interrupts == INTERRUPTS_AIA) fdtCellU32(out, LEVEL_HIGH);
  fdtEndProperty(out);
}

/** Drives interrupt line `irq` of the guest to `level` (0 or 1). */
export function setLine(guest: Guest, irq: u32, level: u32): void {
  if (guest.interrupts == INTERRUPTS_AIA) {
    setMessageLine(guest, irq, level);
    return;
  }
  const plic = changetype<Vplic>(guest.irqchip);
  vplicSetLine(plic, irq, level);
  if (plic.changed != 0) drive(guest, plic);
}

/** A guest access to its interrupt controller's registers. */
export function irqchipAccess(guest: Guest, access: Access): i32 {
  const plic = changetype<Vplic>(guest.irqchip);
  const answer = vplicAccess(plic, access);
  if (plic.changed != 0) drive(guest, plic);
  return answer;
}

/** What a load of its registers answers if it has no effect, else -1. Needs no lock. */
export function irqchipPeek(guest: Guest, offset: u64, width: u32): i64 {
  return vplicPeek(changetype<Vplic>(guest.irqchip), offset, width);
}

/** The guest restarts: back to power-on, all lines low. */
export function irqchipReset(guest: Guest): void {
  if (guest.interrupts == INTERRUPTS_AIA) {
    resetMessages(guest);
    return;
  }
  const plic = changetype<Vplic>(guest.irqchip);
  vplicReset(plic);
  drive(guest, plic);
}

/** Tells each vCPU whose external interrupt moved. */
function drive(guest: Guest, plic: Vplic): void {
  let changed = plic.changed;
  plic.changed = 0;
  for (let index: u32 = 0; changed != 0 && index < guest.vcpuCount; index++) {
    if (changed & 1) {
      const vcpu = load<usize>(guest.vcpus + index * sizeof<usize>());
      vcpuSetExternal(changetype<Vcpu>(vcpu), vplicOutput(plic, index));
    }
    changed >>= 1;
  }
}
