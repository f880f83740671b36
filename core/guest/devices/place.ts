// SPDX-License-Identifier: Apache-2.0
// Gives a new device its place: a window of the guest's bus, or a slot of its PCI. Boot, and worker context with the
// creation lock held. What does not fit is refused with a reason.
import { ANY_SLOT, pciAttach, PLUG_SLOT } from "../../dev/pci/host";
import { Status } from "../../lib/status";
import { busAdd } from "../../mmio/bus";
import { KIND_VIRTIO, Region } from "../../mmio/region";
import { VIRTIO_MMIO_BASE, VIRTIO_MMIO_SIZE } from "../board";
import { Guest } from "../guest";
import { refuse } from "../refusal";
import { MAX_DEVICES } from "./node";
import { deviceAt, GuestDevice } from "./table";

// @lock creation
const region: usize = memory.data(64, 8);

/** At the first free place of the guest's bus for such devices. */
export function placeOnBus(guest: Guest, at: GuestDevice): i32 {
  let slot: u32 = 0;
  for (let i: u32 = 0; i < MAX_DEVICES; i++) slot += u32(deviceAt(guest, i).base != 0);
  const wish = changetype<Region>(region);
  memory.fill(region, 0, offsetof<Region>());
  wish.base = VIRTIO_MMIO_BASE + slot * VIRTIO_MMIO_SIZE;
  wish.size = VIRTIO_MMIO_SIZE;
  wish.kind = KIND_VIRTIO;
  wish.irq = slot + 1;
  wish.device = changetype<usize>(at.device);
  at.device.irq = slot + 1;
  at.base = wish.base;
  const status = busAdd(guest, wish);
  return status == Status.Ok ? status : refuse(status, "its VirtIO-MMIO devices do not fit beside its memory");
}

/** Where a guest that watches its slots finds it by itself, if there is such a slot; else on bus 0. */
export function placeOnPci(guest: Guest, at: GuestDevice): i32 {
  let slot = guest.startedAt ? pciAttach(guest, at.device, PLUG_SLOT) : <i32>Status.Busy;
  if (slot < 0) slot = pciAttach(guest, at.device, ANY_SLOT);
  at.slot = slot;
  if (slot >= 0) return Status.Ok;
  return refuse(slot, slot == Status.Busy ? "its PCI slots are all taken" : "the hypervisor's own memory is used up");
}
