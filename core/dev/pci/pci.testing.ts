// SPDX-License-Identifier: Apache-2.0
// What the tests of a guest's PCI need besides its interface: a guest with an interrupt controller and a bus, devices
// from the pool, and fields by name. Compiled only into test modules; no part of the hypervisor imports it.
import { makeIrqchip, newIrqchip } from "../../arch/seam";
import { fdtBegin, fdtBeginNode, fdtEndNode, fdtFinish, fdtPutU32, FdtWriter } from "../../fdt/write";
import { devicesBytes } from "../../guest/devices/table";
import { Guest } from "../../guest/guest";
import { Vcpu } from "../../guest/vcpu";
import { newHart } from "../../host/harts";
import { Lock, lockInit, RANK_GUEST } from "../../lib/lock";
import { allocate, arenaFree, arenaInit } from "../../mem/arena";
import { busBytes } from "../../mmio/region";
import { schedInit } from "../../sched/sched";
import { VirtioDevice, Virtqueue } from "../virtio/device";
import { takeVirtioDevice } from "../virtio/pool";
import { PciFunction, PciHost } from "./function";
import { pciInit } from "./host";
import { writePciNode } from "./tree";

export { arenaFree };
export { busAccess } from "../../mmio/bus";
export { giveVirtioDevice } from "../virtio/pool";
export { queueAt } from "../virtio/device";
export { virtioConfigInterrupt, virtioInterrupt } from "../virtio/interrupt";
export { virtioQuiet, virtioWake } from "../virtio/state";
export { enter, leave } from "./function";
export { pciAttach, pciDetach, pciEnd, pciInit, pciRemove, pciReset } from "./host";
export { pciMessage } from "./message";

export const FUNCTION: u32 = offsetof<VirtioDevice>("function");
export const ISR: u32 = offsetof<VirtioDevice>("isr");
export const STATUS: u32 = offsetof<VirtioDevice>("status");
export const TRANSPORT: u32 = offsetof<VirtioDevice>("transport");
export const NOTIFICATIONS: u32 = offsetof<VirtioDevice>("notifications");
export const GENERATION: u32 = offsetof<VirtioDevice>("generation");
export const IN_FLIGHT: u32 = offsetof<Virtqueue>("inFlight");
export const READY: u32 = offsetof<Virtqueue>("ready");
export const VECTOR: u32 = offsetof<Virtqueue>("vector");
export const MESSAGES: u32 = offsetof<Guest>("messages");
export const IRQCHIP: u32 = offsetof<Guest>("irqchip");
export const LOCK: u32 = offsetof<Guest>("lock");
export const PCI: u32 = offsetof<Guest>("pci");
export const USERS: u32 = offsetof<PciFunction>("users");
export const LEVEL: u32 = offsetof<PciFunction>("level");
export const LINES: u32 = offsetof<PciHost>("lines");

/** Linear memory [from, to) becomes the arena. Answers the record of the one hart there is. */
export function testSetup(from: usize, to: usize): usize {
  arenaInit(from, to);
  const hart = newHart(100);
  schedInit(1);
  return changetype<usize>(hart);
}

/** A guest with one vCPU, that interrupt controller (INTERRUPTS_*), and a host bridge with `ports` root ports. */
export function testGuest(interrupts: u32, ports: u32): usize {
  const guest = changetype<Guest>(allocate(offsetof<Guest>()));
  const lock = changetype<Lock>(allocate(offsetof<Lock>()));
  lockInit(lock, RANK_GUEST);
  guest.lock = lock;
  guest.vcpuCount = 1;
  guest.vcpus = allocate(sizeof<usize>());
  const vcpu = changetype<Vcpu>(allocate(offsetof<Vcpu>()));
  vcpu.guest = guest;
  store<usize>(guest.vcpus, changetype<usize>(vcpu));
  guest.regions = allocate(busBytes());
  guest.devices = allocate(devicesBytes());
  guest.interrupts = interrupts;
  guest.lines = 35;
  guest.irqchip = newIrqchip(1);
  makeIrqchip(guest);
  return pciInit(guest, ports) == 0 ? changetype<usize>(guest) : 0;
}

/** Gives such a guest, whose host bridge went, another. */
export function testAgain(guest: Guest, ports: u32): i32 {
  guest.regionCount = 0;
  return pciInit(guest, ports);
}

/** A device of the guest that may work. */
export function testDevice(guest: Guest, type: u32, queues: u32, offered: u64): usize {
  const device = takeVirtioDevice(type, queues);
  device.guest = guest;
  device.offered = offered;
  device.quiet = 0;
  return changetype<usize>(device);
}

/** Writes a tree with the host bridge's node into `buffer`; answers its size. */
export function testTree(guest: Guest, buffer: usize, bytes: u32): i32 {
  const out = changetype<FdtWriter>(allocate(64));
  fdtBegin(out, buffer, bytes);
  fdtBeginNode(out, "");
  fdtPutU32(out, "#address-cells", 2);
  fdtPutU32(out, "#size-cells", 2);
  writePciNode(out, guest);
  fdtEndNode(out);
  return fdtFinish(out);
}
