// SPDX-License-Identifier: Apache-2.0
// The VirtIO devices of a guest: which there are, what stands behind each, and where. A slot of the table is empty or has
// a device; one that comes or goes at run time takes an empty slot or leaves one.
// @lock creation: changed under the creation lock; read anywhere.
import { VirtioDevice } from "../../dev/virtio/device";
import { Guest } from "../guest";
import { DEVICE_NONE, MAX_DEVICES } from "./node";

@unmanaged
export class GuestDevice {
  /** DEVICE_* of node.ts. */
  kind: u32 = 0;
  /** Counts the devices of its kind: disk 0, disk 1. */
  unit: u32 = 0;
  device: VirtioDevice = changetype<VirtioDevice>(0);
  /** The Disk or Port behind it, 0 if its kind has none. */
  backend: usize = 0;
  /** MMIO: gpa of its registers, else 0. */
  base: u64 = 0;
  /** PCI: its slot, or that of the root port before it. */
  slot: i32 = 0;
  /** 1: its front end is made. */
  hasModel: u32 = 0;
  /** 1: it is to go, as soon as the guest lets it (leave.ts); 2: whatever the guest thinks. */
  leaving: u32 = 0;
  pad: u32 = 0;
}

/** Bytes of a guest's table. */
export function devicesBytes(): usize {
  return MAX_DEVICES * offsetof<GuestDevice>();
}

export function deviceAt(guest: Guest, index: u32): GuestDevice {
  return changetype<GuestDevice>(guest.devices + <usize>index * offsetof<GuestDevice>());
}

/** The device `unit` of a kind, a null pointer if there is none. */
export function deviceOf(guest: Guest, kind: u32, unit: u32): GuestDevice {
  for (let i: u32 = 0; i < MAX_DEVICES; i++) {
    const at = deviceAt(guest, i);
    if (at.kind == kind && at.unit == unit) return at;
  }
  return changetype<GuestDevice>(0);
}

/** An empty slot, a null pointer if there is none. */
export function emptyDevice(guest: Guest): GuestDevice {
  return deviceOf(guest, DEVICE_NONE, 0);
}

/** The lowest number that no device of the kind has. */
export function freeUnit(guest: Guest, kind: u32): u32 {
  let unit: u32 = 0;
  while (changetype<usize>(deviceOf(guest, kind, unit)) != 0) unit += 1;
  return unit;
}
