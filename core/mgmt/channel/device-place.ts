// SPDX-License-Identifier: Apache-2.0
// Where a guest's device is and how it is, as all records of devices begin. Called in the channel's worker and by the
// terminal's, with the creation lock held. Changes nothing of the device.
import { VIRTIO_MMIO_BASE, VIRTIO_MMIO_SIZE } from "../../guest/board";
import { GuestDevice } from "../../guest/devices/table";
import { Guest } from "../../guest/guest";
import * as wire from "../wire";
import { WireDiskInfo } from "../wire-device-structs";

/** What all kinds of devices begin with: WireDiskInfo and WireNetInfo alike. */
export function fillPlace(guest: Guest, at: GuestDevice, into: usize): void {
  const info = changetype<WireDiskInfo>(into);
  info.guest = guest.id;
  info.generation = guest.generation;
  info.index = at.unit;
  info.flags = at.leaving ? wire.WIRE_DEVICE_FLAG_LEAVING : 0;
  if (at.device.broken) info.flags |= wire.WIRE_DEVICE_FLAG_BROKEN;
  info.bus = at.base ? wire.WIRE_BUS_MMIO : wire.WIRE_BUS_PCI;
  info.slot = placeOf(at);
  info.driver = at.device.status;
}

/** Where the guest finds a device: bus 0 and device on PCI, or the slot on MMIO. */
export function placeOf(at: GuestDevice): u32 {
  return at.base ? <u32>((at.base - VIRTIO_MMIO_BASE) / VIRTIO_MMIO_SIZE) : (<u32>at.slot) << 3;
}
