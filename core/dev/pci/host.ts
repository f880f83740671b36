// SPDX-License-Identifier: Apache-2.0
// A guest's PCI from outside: a host bridge when the guest is made, devices that come and go, a restart. Boot, and worker
// context with the creation lock held. What its vCPUs do meanwhile goes through config.ts and window.ts.
import { INTERRUPTS_AIA } from "../../guest/description";
import { Guest } from "../../guest/guest";
import * as hw from "../../hw";
import { Status } from "../../lib/status";
import { busAdd } from "../../mmio/bus";
import { KIND_PCI_CONFIG, KIND_PCI_WINDOW, Region } from "../../mmio/region";
import { VIRTIO_STATUS_ACKNOWLEDGE } from "../spec";
import { TRANSPORT_MMIO, TRANSPORT_PCI, VirtioDevice } from "../virtio/device";
import { onPciInterrupt } from "../virtio/interrupt";
import {
  clearHints,
  configWord,
  giveFunction,
  giveHost,
  HINTS,
  isLeft,
  MAX_SLOTS,
  MAX_VECTORS,
  PCI_LINES,
  PciFunction,
  PciHost,
  setSlot,
  slotAt,
  takeFunction,
  takeHost,
} from "./function";
import { dropLine, followLine, pciLine } from "./intx";
import { PCI_CONFIG_BASE, PCI_CONFIG_BUS, PCI_WINDOW_BASE, PCI_WINDOW_SIZE } from "./layout";
import { pciMessage } from "./message";
import { isPoweredOff, isWatched, plugEvent, pressButton } from "./slot";
import { buildSpace } from "./space";
import { PCI_COMMAND, PCI_COMMAND_MASTER } from "./spec";

/** Any free slot of bus 0. */
export const ANY_SLOT: i32 = -1;
/** Behind a root port that is empty. */
export const PLUG_SLOT: i32 = -2;
/** Root ports that a guest can have. They, and what is plugged in, have the last line for themselves. */
export const MAX_PORTS: u32 = 4;

// @lock creation
const region: usize = memory.data(64, 8);

/**
 * Gives the guest, which has its interrupt controller, a host bridge with `ports` empty root ports, 0 to MAX_PORTS.
 * NoMemory, or what busAdd refuses; then it has none.
 */
export function pciInit(guest: Guest, ports: u32): i32 {
  const host = takeHost(guest);
  if (changetype<usize>(host) == 0) return Status.NoMemory;
  onPciInterrupt(changetype<u32>(pciMessage.index), changetype<u32>(pciLine.index));
  guest.pci = changetype<usize>(host);
  host.messages = u32(guest.interrupts == INTERRUPTS_AIA);
  let status: i32 = Status.Ok;
  while (host.ports < ports && status == Status.Ok) {
    const port = newFunction(changetype<VirtioDevice>(0), portSlot(host.ports), 0);
    if (changetype<usize>(port) == 0) status = Status.NoMemory;
    else publish(host, port, portSlot(host.ports));
    host.ports += 1;
  }
  if (status == Status.Ok) status = place(guest, PCI_WINDOW_BASE, PCI_WINDOW_SIZE, KIND_PCI_WINDOW);
  if (status == Status.Ok) status = place(guest, PCI_CONFIG_BASE, PCI_CONFIG_BUS * (1 + <u64>ports), KIND_PCI_CONFIG);
  if (status != Status.Ok) pciEnd(guest);
  return status;
}

/** The slot of root port `index`: 31, 27, 23 or 19. */
function portSlot(index: u32): u32 {
  return MAX_SLOTS - 1 - index * PCI_LINES;
}

function place(guest: Guest, base: u64, size: u64, kind: u32): i32 {
  const at = changetype<Region>(region);
  at.base = base;
  at.size = size;
  at.kind = kind;
  at.irq = 0;
  at.device = guest.pci;
  at.timer = 0;
  return busAdd(guest, at);
}

/** A function as after power-on that belongs to nobody yet; `vectors` messages. Null when memory is used up. */
function newFunction(device: VirtioDevice, slot: u32, vectors: u32): PciFunction {
  const pci = takeFunction();
  if (changetype<usize>(pci) == 0) return pci;
  pci.device = device;
  pci.slot = slot;
  pci.vectors = vectors;
  return pci;
}

/** From now on the guest's vCPUs find the function at `slot`, or behind its port. */
function publish(host: PciHost, pci: PciFunction, slot: u32): void {
  pci.bridge = host;
  buildSpace(pci);
  const at = changetype<usize>(pci);
  hw.atomicSwap(at + offsetof<PciFunction>("host"), <u32>changetype<usize>(host));
  if (!pci.port) setSlot(host, slot, at);
  else changetype<PciFunction>(pci.port).child = at;
}

/**
 * Makes a VirtIO device of the guest a PCI function: at slot `slot` of bus 0, at ANY_SLOT, or at PLUG_SLOT, where a guest
 * that watches its slots finds it by itself. Answers the slot, behind a root port that of the port. Busy: it, or all of
 * them, are taken; NoMemory.
 */
export function pciAttach(guest: Guest, device: VirtioDevice, slot: i32): i32 {
  const host = changetype<PciHost>(guest.pci);
  const number = slot >= 0 ? slot : slot == PLUG_SLOT ? emptyPort(host) : freeSlot(host);
  if (number < 0 || <u32>number >= MAX_SLOTS) return Status.Busy;
  const port = slot == PLUG_SLOT ? slotAt(host, number) : 0;
  if (!port && slotAt(host, number)) return Status.Busy;
  const vectors = host.messages ? min<u32>(device.queueCount + 1, MAX_VECTORS) : 0;
  const pci = newFunction(device, number, vectors);
  if (changetype<usize>(pci) == 0) return Status.NoMemory;
  pci.port = port;
  device.transport = TRANSPORT_PCI;
  device.function = changetype<usize>(pci);
  publish(host, pci, number);
  if (port) plugged(changetype<PciFunction>(port));
  return number;
}

/** The last line is left to root ports, if there are any: who shares it looks at all of theirs for each interrupt. */
function freeSlot(host: PciHost): i32 {
  for (let slot: u32 = 0; slot < MAX_SLOTS; slot++) {
    const isLast = slot % PCI_LINES == PCI_LINES - 1;
    if (!slotAt(host, slot) && !(isLast && host.ports != 0)) return slot;
  }
  return -1;
}

function emptyPort(host: PciHost): i32 {
  for (let i: u32 = 0; i < host.ports; i++) {
    if (!changetype<PciFunction>(slotAt(host, portSlot(i))).child) return portSlot(i);
  }
  return -1;
}

/** A card came or went: the guest is told. */
function plugged(port: PciFunction): void {
  plugEvent(port);
  followLine(port);
}

/**
 * Asks the guest to let a device go. Ok: it has; Busy: not yet, call again. A guest that watches the device's slot switches
 * that off; of one that does not, or has no slot there, somebody must unbind the driver.
 */
export function pciDetach(device: VirtioDevice): i32 {
  const pci = changetype<PciFunction>(device.function);
  const port = changetype<PciFunction>(pci.port);
  if (pci.port && isPoweredOff(port)) return Status.Ok;
  if (!pci.port || !isWatched(port)) return isUsed(pci) ? Status.Busy : Status.Ok;
  if (!pci.leaving) {
    pci.leaving = 1;
    pressButton(port);
    followLine(port);
  }
  return Status.Busy;
}

/** Whether a driver has the device: one that goes leaves it acknowledged at most, and last of all without bus mastering. */
function isUsed(pci: PciFunction): bool {
  return (
    (pci.device.status & ~VIRTIO_STATUS_ACKNOWLEDGE) != 0 || (configWord(pci, PCI_COMMAND) & PCI_COMMAND_MASTER) != 0
  );
}

/** Takes a device away that is quiet, whatever its guest thinks. Busy while a vCPU works on it: call again. */
export function pciRemove(device: VirtioDevice): i32 {
  const at = device.function;
  const pci = changetype<PciFunction>(at);
  const host = pci.host;
  if (changetype<usize>(host) != 0) {
    const port = changetype<PciFunction>(pci.port);
    if (!pci.port) setSlot(host, pci.slot, 0);
    else port.child = 0;
    hw.atomicSwap(at + offsetof<PciFunction>("host"), 0);
    dropLine(pci);
    clearHints(host);
    if (pci.port) plugged(port);
  }
  if (!isLeft(at)) return Status.Busy;
  give(pci);
  return Status.Ok;
}

/** The end of a pciRemove that stayed Busy: its guest goes, and no vCPU is in it, whatever it counts. */
export function pciAbandon(device: VirtioDevice): void {
  if (device.function) forget(changetype<PciFunction>(device.function));
}

function give(pci: PciFunction): void {
  const device = pci.device;
  if (changetype<usize>(device) != 0) {
    // Whatever it still has to say goes nowhere.
    device.transport = TRANSPORT_MMIO;
    device.irq = 0;
    device.function = 0;
  }
  giveFunction(pci);
}

/** The guest restarts, its vCPUs are off their harts and its lines low: every function is as after power-on. */
export function pciReset(guest: Guest): void {
  if (!guest.pci) return;
  const host = changetype<PciHost>(guest.pci);
  memory.fill(host.hints, 0, (HINTS + PCI_LINES) * 4);
  for (let slot: u32 = 0; slot < MAX_SLOTS; slot++) {
    const pci = changetype<PciFunction>(slotAt(host, slot));
    if (changetype<usize>(pci) == 0) continue;
    if (pci.child) powerOn(changetype<PciFunction>(pci.child));
    powerOn(pci);
  }
}

/** A vCPU that a fault ended within the function has left it, too. */
function powerOn(pci: PciFunction): void {
  pci.users = 0;
  pci.level = 0;
  pci.leaving = 0;
  buildSpace(pci);
}

/** The guest goes, its vCPUs are off their harts, its devices quiet: host bridge and functions are given back. */
export function pciEnd(guest: Guest): void {
  if (!guest.pci) return;
  const host = changetype<PciHost>(guest.pci);
  guest.pci = 0;
  for (let slot: u32 = 0; slot < MAX_SLOTS; slot++) {
    const at = slotAt(host, slot);
    if (!at) continue;
    const child = changetype<PciFunction>(at).child;
    if (child) forget(changetype<PciFunction>(child));
    forget(changetype<PciFunction>(at));
  }
  giveHost(host);
}

function forget(pci: PciFunction): void {
  pci.users = 0;
  pci.host = changetype<PciHost>(0);
  give(pci);
}
