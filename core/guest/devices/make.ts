// SPDX-License-Identifier: Apache-2.0
// Makes one VirtIO device of a guest from its node, which was checked: backend, front end, and its place on the guest's
// bus or PCI. What cannot be made leaves nothing behind; refusal.ts has the reason in words. Boot, and worker context
// with the creation lock held.
import { Disk, diskRelease } from "../../backend/block/disk";
import { Port } from "../../backend/net/port";
import { portDestroy } from "../../backend/net/switch";
import { giveVirtioDevice, takeVirtioDevice } from "../../dev/virtio/pool";
import { virtioWake } from "../../dev/virtio/state";
import { Status } from "../../lib/status";
import { Guest } from "../guest";
import { refusalStatus, refuse } from "../refusal";
import { makeDisk } from "./disk";
import { makePort } from "./net";
import { createModel, destroyModel, queuesOf, typeOf } from "./model";
import { DEVICE_DISK, DEVICE_NET, isOnMmio } from "./node";
import { placeOnBus, placeOnPci } from "./place";
import { GuestDevice } from "./table";

/** Fills a slot of the guest's table, whose kind and unit are set, with the device of a checked node. */
export function makeDevice(guest: Guest, at: GuestDevice, fdt: usize, node: usize): i32 {
  let status = makeModel(guest, at, fdt, node);
  if (status == Status.Ok) status = isOnMmio(fdt, node) ? placeOnBus(guest, at) : placeOnPci(guest, at);
  if (status != Status.Ok) unmakeDevice(at);
  return status;
}

/** Gives back whatever there is of a device that is quiet and in no place any more. The slot is empty afterwards. */
export function unmakeDevice(at: GuestDevice): void {
  if (changetype<usize>(at.device) != 0) {
    if (at.hasModel) destroyModel(at.device, at.kind);
    giveVirtioDevice(at.device);
  }
  if (at.backend != 0 && at.kind == DEVICE_DISK) diskRelease(changetype<Disk>(at.backend));
  if (at.backend != 0 && at.kind == DEVICE_NET) portDestroy(changetype<Port>(at.backend));
  memory.fill(changetype<usize>(at), 0, offsetof<GuestDevice>());
}

function makeModel(guest: Guest, at: GuestDevice, fdt: usize, node: usize): i32 {
  if (at.kind == DEVICE_DISK) at.backend = changetype<usize>(makeDisk(fdt, node));
  else if (at.kind == DEVICE_NET) at.backend = changetype<usize>(makePort(guest, at.unit, fdt, node));
  if (at.backend == 0 && (at.kind == DEVICE_DISK || at.kind == DEVICE_NET)) return refusalStatus();
  const device = takeVirtioDevice(typeOf(at.kind), queuesOf(at.kind, fdt, node));
  at.device = device;
  if (changetype<usize>(device) == 0) return usedUp();
  device.guest = guest;
  const status = createModel(guest, at, fdt, node);
  if (status != Status.Ok) return status == Status.NoMemory ? usedUp() : status;
  at.hasModel = 1;
  virtioWake(device);
  return status;
}

function usedUp(): i32 {
  return refuse(Status.NoMemory, "the hypervisor's own memory for devices is used up");
}
