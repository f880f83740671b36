// SPDX-License-Identifier: Apache-2.0
// Virtual switches: up to eight, made when somebody names one, never taken away. A switch is a list of ports and a table of
// addresses. Ports are added and removed under the creation lock; senders read the list without a lock, and find out under
// the receiver's lock whether what they read still holds: `layout` changes whenever a port comes or goes.
import * as hw from "../../hw";
import { now } from "../../arch/seam";
import { ticksPerSecond } from "../../host/clock";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_MEMORY, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { NAME_LENGTH } from "../../limits";
import { allocate, arenaNeeds } from "../../mem/arena";
import { framesInit } from "./frame";
import { givePort, MTU_MAX, MTU_MIN, Port, PORT_GUEST, portSetRate, PortSettings, PORT_UPLINK, takePort } from "./port";
import { findAddress, fixAddress, forgetPort, learnAddress, TABLE_BYTES } from "./table";

export const MAX_SWITCHES: u32 = 8;
/** Ports of a switch. */
export const MAX_PORTS: u32 = 128;
/** Addresses that are learned from an uplink. */
const UPLINK_ADDRESSES: u32 = 512;
const VLAN_MAX: u32 = 4094;
const MAC_BITS: u64 = 48;
const GROUP: u64 = 1;

@unmanaged
export class Switch {
  /** Guards the table, and changes of the list. A leaf: nothing else is taken under it. */
  lock: Lock = changetype<Lock>(0);
  /** NUL-terminated. */
  name: usize = 0;
  /** TABLE_BYTES of entries (table.ts). */
  table: usize = 0;
  /** MAX_PORTS pointers, 0 where there is none; how many of them are in use or were. */
  ports: usize = 0;
  slots: u32 = 0;
  count: u32 = 0;
  /** Its uplink's port, 0 without. */
  uplink: usize = 0;
  /** Changes when an address is at another port than before. */
  epoch: u32 = 0;
  /** Changes when a port comes or goes. */
  layout: u32 = 0;
  switchPad: u32 = 0;
  salt: u64 = 0;
}

// @lock creation
const switches: usize = memory.data(<i32>(MAX_SWITCHES * sizeof<usize>()), 8);
let count: u32 = 0;

export function switchCount(): u32 {
  return count;
}

export function switchAt(index: u32): Switch {
  return changetype<Switch>(load<usize>(switches + index * sizeof<usize>()));
}

/** The port in a place of the list, null if there is none. */
export function switchPort(sw: Switch, slot: u32): Port {
  return changetype<Port>(hw.atomicLoad(sw.ports + slot * sizeof<usize>()));
}

/** The switch of that name, made if there is none yet; null beyond MAX_SWITCHES, without memory, or if the name is empty or too long. */
export function switchByName(name: usize, length: u32): Switch {
  const none = changetype<Switch>(0);
  if (length == 0 || length >= NAME_LENGTH) return none;
  for (let i: u32 = 0; i < count; i++) {
    const sw = switchAt(i);
    if (memory.compare(sw.name, name, length) == 0 && load<u8>(sw.name + length) == 0) return sw;
  }
  if (count == MAX_SWITCHES) return none;
  const bytes =
    offsetof<Switch>() + TABLE_BYTES + <usize>MAX_PORTS * sizeof<usize>() + NAME_LENGTH + <usize>LOCK_SIZE + 64;
  if (!framesInit() || !arenaNeeds(<u32>bytes)) return none;
  const sw = changetype<Switch>(allocate(offsetof<Switch>()));
  sw.table = allocate(TABLE_BYTES);
  sw.ports = allocate(<usize>MAX_PORTS * sizeof<usize>());
  sw.name = allocate(NAME_LENGTH);
  memory.copy(sw.name, name, length);
  sw.lock = changetype<Lock>(allocate(<usize>LOCK_SIZE));
  lockInit(sw.lock, RANK_MEMORY);
  sw.epoch = 1;
  sw.salt = now() * 0x9e37_79b9_7f4a_7c15;
  store<usize>(switches + count * sizeof<usize>(), changetype<usize>(sw));
  count += 1;
  return sw;
}

/** An address with its VLAN, as the table has them. */
export function keyOf(mac: u64, vlan: u32): u64 {
  return mac | ((<u64>vlan) << MAC_BITS);
}

/** This second, by the host's clock. */
export function second(): u32 {
  return <u32>(now() / ticksPerSecond());
}

/** A new port for a guest's device, with nothing plugged in; null unless settings.status says Ok. The creation lock is held. */
export function portCreate(sw: Switch, settings: PortSettings): Port {
  const none = changetype<Port>(0);
  settings.status = checkSettings(settings);
  if (settings.status != Status.Ok) return none;
  settings.status = Status.Limit;
  const slot = freeSlot(sw);
  if (slot == MAX_PORTS) return none;
  settings.status = Status.NoMemory;
  const port = takePort();
  if (changetype<usize>(port) == 0) return none;
  port.kind = PORT_GUEST;
  port.mac = settings.mac;
  port.vlan = settings.vlan;
  port.isolated = settings.isolated;
  port.mtu = settings.mtu;
  port.addresses = settings.addresses;
  portSetRate(port, settings.rate);
  acquire(sw.lock);
  const fixed = fixAddress(sw, port, keyOf(port.mac, port.vlan));
  if (fixed) linkPort(sw, port, slot);
  release(sw.lock);
  settings.status = fixed ? Status.Ok : Status.Busy;
  if (fixed) return port;
  givePort(port);
  return none;
}

function checkSettings(settings: PortSettings): i32 {
  const mac = settings.mac;
  if (mac == 0 || mac >> MAC_BITS != 0 || (mac & GROUP) != 0) return Status.Invalid;
  if (settings.vlan > VLAN_MAX || settings.mtu < MTU_MIN || settings.mtu > MTU_MAX) return Status.Invalid;
  return settings.isolated > 1 ? Status.Invalid : Status.Ok;
}

/** A place in the list, MAX_PORTS if there is none. */
function freeSlot(sw: Switch): u32 {
  let slot: u32 = 0;
  while (slot < sw.slots && changetype<usize>(switchPort(sw, slot)) != 0) slot += 1;
  return slot;
}

function linkPort(sw: Switch, port: Port, slot: u32): void {
  port.on = sw;
  port.slot = slot;
  store<usize>(sw.ports + slot * sizeof<usize>(), changetype<usize>(port));
  if (slot == sw.slots) sw.slots += 1;
  sw.count += 1;
  hw.atomicAdd(changetype<usize>(sw) + offsetof<Switch>("layout"), 1);
}

/** The uplink's port, in all VLANs; `uplink` is its record (uplink.ts). Null: the switch has one, is full, or no memory. */
export function portOfUplink(sw: Switch, uplink: usize, mtu: u32): Port {
  const slot = freeSlot(sw);
  if (sw.uplink != 0 || slot == MAX_PORTS) return changetype<Port>(0);
  const port = takePort();
  if (changetype<usize>(port) == 0) return port;
  port.kind = PORT_UPLINK;
  port.mac = 0;
  port.vlan = 0;
  port.isolated = 0;
  port.mtu = mtu;
  port.addresses = UPLINK_ADDRESSES;
  port.rate = 0;
  port.plugged = uplink;
  acquire(sw.lock);
  linkPort(sw, port, slot);
  sw.uplink = changetype<usize>(port);
  release(sw.lock);
  return port;
}

/**
 * Takes a port away. What was plugged in was pulled before (netUnplug): nobody sends from it or writes to its guest any
 * more. Others may still have its address; they find out that it has gone. The creation lock is held.
 */
export function portDestroy(port: Port): void {
  const sw = port.on;
  acquire(sw.lock);
  store<usize>(sw.ports + port.slot * sizeof<usize>(), 0);
  sw.count -= 1;
  forgetPort(sw, port);
  hw.atomicAdd(changetype<usize>(sw) + offsetof<Switch>("layout"), 1);
  release(sw.lock);
  givePort(port);
}

/** The port where an address is, null if that is not known. */
export function switchFind(sw: Switch, key: u64): Port {
  const at = second();
  acquire(sw.lock);
  const port = findAddress(sw, key, at);
  release(sw.lock);
  return port;
}

/** `port` used the source `key` in second `at`: LEARNED, or why not (table.ts). */
export function switchLearn(port: Port, key: u64, at: u32): u32 {
  const sw = port.on;
  acquire(sw.lock);
  const answer = learnAddress(sw, port, key, at);
  release(sw.lock);
  return answer;
}
