// SPDX-License-Identifier: Apache-2.0
// Records of a guest's PCI: the host bridge, and functions (a VirtIO device, or a root port). They come from free lists
// and go back there, so that a record is never anything else. What a guest wrote into configuration space is kept as it
// wrote it, bounded by a mask; nothing here needs a lock: guests that race with themselves get one of the two values.
// Who works on a function has entered it (enter, leave), and it is not given back before all have left.
import { Guest } from "../../guest/guest";
import * as hw from "../../hw";
import { allocate, arenaNeeds } from "../../mem/arena";
import { Device } from "../device";
import { VirtioDevice } from "../virtio/device";
import { MSIX_ENTRY_BYTES, PCI_BYTES } from "./spec";

/** Devices that bus 0 can have. */
export const MAX_SLOTS: u32 = 32;
/** Message vectors of a function. */
export const MAX_VECTORS: u32 = 17;
/** Interrupt lines that functions share. */
export const PCI_LINES: u32 = 4;
/** Hints of where an access goes, a power of two. */
export const HINTS: u32 = 8;

/** The host bridge of one guest. */
@unmanaged
export class PciHost extends Device {
  guest: Guest = changetype<Guest>(0);
  /** 1: functions may send messages, as the guest's interrupt controller takes them. */
  messages: u32 = 0;
  /** Root ports. */
  ports: u32 = 0;
  /** Linear address of MAX_SLOTS pointers to functions of bus 0. */
  slots: usize = 0;
  /** Linear address of HINTS pointers to functions, by address: who answered there last. */
  hints: usize = 0;
  /** Linear address of PCI_LINES words: how many functions hold a line up. The guest's lock is held. */
  lines: usize = 0;
  next: usize = 0;
}

@unmanaged
export class PciFunction {
  /** Whose it is; null: it belongs to nobody, and who enters it finds out. */
  host: PciHost = changetype<PciHost>(0);
  /** vCPUs that work on it. */
  users: u32 = 0;
  /** A root port has none. */
  device: VirtioDevice = changetype<VirtioDevice>(0);
  /** A root port: what is plugged in, a PciFunction; of that: its port. Else 0. */
  child: usize = 0;
  port: usize = 0;
  /** Its number on bus 0; of what is plugged in, that of the port. */
  slot: u32 = 0;
  /** Linear addresses of configuration space and of the bits in it that a guest may write, PCI_BYTES each. */
  config: usize = 0;
  mask: usize = 0;
  /** Offsets of capabilities that others look up; 0 without. */
  express: u32 = 0;
  msix: u32 = 0;
  cfgAccess: u32 = 0;
  /** The host bridge that it was attached to last: who works on it has that to the end, also when `host` goes meanwhile. */
  bridge: PciHost = changetype<PciHost>(0);
  /** gpa of BAR 0 (VirtIO's structures) and BAR 2 (MSI-X), 0 while it does not answer. */
  registers: u64 = 0;
  table: u64 = 0;
  /** Message vectors; linear address of their table; bits of those that wait for their mask to go. */
  vectors: u32 = 0;
  entries: usize = 0;
  pending: u32 = 0;
  /** 1 while it holds its line up. The guest's lock is held. */
  level: u32 = 0;
  next: usize = 0;
  /** What is plugged in: 1 when the guest was asked to let it go. */
  leaving: u32 = 0;
}

const HOST_BYTES: u32 = <u32>offsetof<PciHost>() + (MAX_SLOTS + HINTS + PCI_LINES) * 4;
const TABLE_BYTES: u32 = MAX_VECTORS * MSIX_ENTRY_BYTES;
const FUNCTION_BYTES: u32 = <u32>offsetof<PciFunction>() + 2 * PCI_BYTES + TABLE_BYTES;

// @lock creation
let freeHosts: usize = 0;
let freeFunctions: usize = 0;

/** A host bridge without functions, null when memory is used up. The creation lock is held. */
export function takeHost(guest: Guest): PciHost {
  let at = freeHosts;
  if (at) freeHosts = changetype<PciHost>(at).next;
  else at = arenaNeeds(HOST_BYTES) ? allocate(HOST_BYTES) : 0;
  if (!at) return changetype<PciHost>(0);
  memory.fill(at, 0, HOST_BYTES);
  const host = changetype<PciHost>(at);
  host.guest = guest;
  host.slots = at + offsetof<PciHost>();
  host.hints = host.slots + MAX_SLOTS * 4;
  host.lines = host.hints + HINTS * 4;
  return host;
}

/** Gives back a host bridge that has no functions left. The creation lock is held. */
export function giveHost(host: PciHost): void {
  host.next = freeHosts;
  freeHosts = changetype<usize>(host);
}

/** A function that nobody has, null when memory is used up. The creation lock is held. */
export function takeFunction(): PciFunction {
  let at = freeFunctions;
  if (at) freeFunctions = changetype<PciFunction>(at).next;
  else at = arenaNeeds(FUNCTION_BYTES) ? allocate(FUNCTION_BYTES) : 0;
  if (!at) return changetype<PciFunction>(0);
  // Not `users`: who held a pointer to it for too long still counts up and down.
  const fresh = offsetof<PciFunction>("device");
  memory.fill(at + fresh, 0, offsetof<PciFunction>() - fresh);
  const pci = changetype<PciFunction>(at);
  pci.config = at + offsetof<PciFunction>();
  pci.mask = pci.config + PCI_BYTES;
  pci.entries = pci.mask + PCI_BYTES;
  return pci;
}

/** Gives back a function that is attached nowhere. The creation lock is held. */
export function giveFunction(pci: PciFunction): void {
  pci.registers = 0;
  pci.table = 0;
  pci.next = freeFunctions;
  freeFunctions = changetype<usize>(pci);
}

/** The function in a slot of bus 0, 0 if there is none. */
export function slotAt(host: PciHost, slot: u32): usize {
  return load<usize>(host.slots + slot * sizeof<usize>());
}

export function setSlot(host: PciHost, slot: u32, at: usize): void {
  store<usize>(host.slots + slot * sizeof<usize>(), at);
}

/** Begins work on the function at `at` (0: none). False: it is not (or no longer) one of this host bridge. */
export function enter(host: PciHost, at: usize): bool {
  if (!at) return false;
  hw.atomicAdd(at + offsetof<PciFunction>("users"), 1);
  if (hw.atomicLoad(at + offsetof<PciFunction>("host")) == <u32>changetype<usize>(host)) return true;
  leave(at);
  return false;
}

/** Ends work on a function. */
export function leave(at: usize): void {
  hw.atomicAdd(at + offsetof<PciFunction>("users"), <u32>-1);
}

/** Whether nobody works on the function: true is final once it has no host. */
export function isLeft(at: usize): bool {
  return hw.atomicLoad(at + offsetof<PciFunction>("users")) == 0;
}

/** Whoever is asked next is looked for anew. */
export function clearHints(host: PciHost): void {
  memory.fill(host.hints, 0, HINTS * 4);
}

/** A half word of configuration space. */
export function configWord(pci: PciFunction, offset: u32): u32 {
  return load<u16>(pci.config + offset);
}
