// SPDX-License-Identifier: Apache-2.0
// The VirtIO devices of a guest as a whole: made with it, added and taken away while it exists, quiet before its memory is
// touched by anybody else, as after power-on when it restarts, and gone with it. Boot, and worker context with the
// creation lock held.
import { pciAbandon, pciEnd, pciInit, pciReset } from "../../dev/pci/host";
import { virtioForget, virtioQuiet, virtioWake } from "../../dev/virtio/state";
import { fdtChild, fdtSibling } from "../../fdt/read";
import { Status } from "../../lib/status";
import { Description } from "../description";
import { Guest } from "../guest";
import { refuse } from "../refusal";
import { makeDevice, unmakeDevice } from "./make";
import { checkSentDevice, DEVICE_NONE, deviceKind, isOnMmio, MAX_DEVICES } from "./node";
import { deviceAt, emptyDevice, freeUnit } from "./table";

/** Makes all devices that the description's node names. On a failure nothing of them is left. */
export function furnishDevices(guest: Guest, description: Description): i32 {
  let status: i32 = description.pci ? pciInit(guest, description.hotplug) : Status.Ok;
  if (status != Status.Ok)
    return refuse(status, "its PCI does not fit beside its memory, or the hypervisor's own is used up");
  const fdt = description.fdt;
  let node = description.deviceCount ? fdtChild(description.node) : 0;
  for (; node && status == Status.Ok; node = fdtSibling(node)) {
    if (deviceKind(fdt, node) != DEVICE_NONE) status = addDevice(guest, fdt, node);
  }
  if (status != Status.Ok) releaseDevices(guest);
  return status;
}

/** A device for a guest that exists, on PCI. Invalid, Unsupported, Limit, or what making it brings. */
export function attachDevice(guest: Guest, fdt: usize, node: usize): i32 {
  if (deviceKind(fdt, node) == DEVICE_NONE) return refuse(Status.Invalid, "the node is no device");
  if (isOnMmio(fdt, node)) return refuse(Status.Unsupported, "VirtIO-MMIO devices come with the guest, not later");
  if (!guest.pci) return refuse(Status.Unsupported, "the guest has no PCI: give it a device, or typeone,hotplug");
  const status = checkSentDevice(fdt, node);
  return status == Status.Ok ? addDevice(guest, fdt, node) : status;
}

function addDevice(guest: Guest, fdt: usize, node: usize): i32 {
  const at = emptyDevice(guest);
  if (changetype<usize>(at) == 0) return refuse(Status.Limit, "it has 16 devices already");
  const kind = deviceKind(fdt, node);
  at.unit = freeUnit(guest, kind);
  at.kind = kind;
  return makeDevice(guest, at, fdt, node);
}

/** The guest goes: everything back. Nothing of it runs, and every device is quiet. */
export function releaseDevices(guest: Guest): void {
  pciEnd(guest);
  for (let i: u32 = 0; i < MAX_DEVICES; i++) {
    const at = deviceAt(guest, i);
    if (changetype<usize>(at.device) != 0) pciAbandon(at.device);
    if (at.kind != DEVICE_NONE) unmakeDevice(at);
  }
}

/** From now on no device touches the guest's memory. False: some still does; ask again. */
export function devicesQuiet(guest: Guest): bool {
  let quiet = true;
  for (let i: u32 = 0; i < MAX_DEVICES; i++) {
    const at = deviceAt(guest, i);
    if (at.hasModel && !virtioQuiet(at.device)) quiet = false;
  }
  return quiet;
}

/** Nothing is in flight, whatever the queues say. */
export function devicesForget(guest: Guest): void {
  for (let i: u32 = 0; i < MAX_DEVICES; i++) {
    const at = deviceAt(guest, i);
    if (at.hasModel) virtioForget(at.device);
  }
}

/** Every device as after power-on. All were quiet; the guest's lock is not held. */
export function resetDevices(guest: Guest): void {
  for (let i: u32 = 0; i < MAX_DEVICES; i++) {
    const at = deviceAt(guest, i);
    if (at.hasModel) virtioWake(at.device);
  }
  pciReset(guest);
}
