// SPDX-License-Identifier: Apache-2.0
// Makes one VirtIO device of a guest from its node, which was checked: backend, front end, and its place on the guest's
// bus or PCI. What cannot be made leaves nothing behind; refusal.ts has the reason in words. Boot, and worker context
// with the creation lock held.
import { Disk, diskRelease } from "../../backend/block/disk";
import { Port } from "../../backend/net/port";
import { portDestroy } from "../../backend/net/switch";
import { ANY_SLOT, pciAttach, PLUG_SLOT } from "../../dev/pci/host";
import { balloonCreate, balloonDestroy } from "../../dev/virtio/balloon";
import { blockCreate, blockDestroy, blockLimit } from "../../dev/virtio/block-create";
import { consoleCreate, consoleDestroy } from "../../dev/virtio/console-model";
import { VirtioDevice } from "../../dev/virtio/device";
import { netCreate, netDestroy } from "../../dev/virtio/net";
import { giveVirtioDevice, takeVirtioDevice } from "../../dev/virtio/pool";
import { rngCreate, rngDestroy } from "../../dev/virtio/rng";
import { virtioWake } from "../../dev/virtio/state";
import { VIRTIO_ID_CONSOLE } from "../../dev/spec";
import { VIRTIO_ID_BALLOON, VIRTIO_ID_BLOCK, VIRTIO_ID_NET, VIRTIO_ID_RNG } from "../../dev/virtio/spec";
import { fdtU32, fdtU64 } from "../../fdt/read";
import { Status } from "../../lib/status";
import { busAdd } from "../../mmio/bus";
import { KIND_VIRTIO, Region } from "../../mmio/region";
import { VIRTIO_MMIO_BASE, VIRTIO_MMIO_SIZE } from "../board";
import { Guest } from "../guest";
import { refusalStatus, refuse } from "../refusal";
import { makeDisk } from "./disk";
import { makePort } from "./net";
import { DEVICE_CONSOLE, DEVICE_DISK, DEVICE_NET, DEVICE_RNG, isOnMmio, MAX_DEVICES } from "./node";
import { deviceAt, GuestDevice } from "./table";

// @lock creation
const region: usize = memory.data(64, 8);

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

function createModel(guest: Guest, at: GuestDevice, fdt: usize, node: usize): i32 {
  const device = at.device;
  switch (at.kind) {
    case DEVICE_DISK:
      return createBlock(device, changetype<Disk>(at.backend), fdt, node);
    case DEVICE_NET:
      return netCreate(device, changetype<Port>(at.backend), pairsOf(fdt, node));
    case DEVICE_CONSOLE:
      if (guest.console.virtio != 0) return refuse(Status.Busy, "it has a VirtIO console already");
      return consoleCreate(device, portsOf(fdt, node));
    case DEVICE_RNG:
      return rngCreate(device);
    default:
      return balloonCreate(device);
  }
}

function destroyModel(device: VirtioDevice, kind: u32): void {
  switch (kind) {
    case DEVICE_DISK:
      return blockDestroy(device);
    case DEVICE_NET:
      return netDestroy(device);
    case DEVICE_CONSOLE:
      return consoleDestroy(device);
    case DEVICE_RNG:
      return rngDestroy(device);
    default:
      return balloonDestroy(device);
  }
}

function createBlock(device: VirtioDevice, disk: Disk, fdt: usize, node: usize): i32 {
  const status = blockCreate(device, disk, device.queueCount);
  if (status != Status.Ok) return status;
  blockLimit(device, fdtU64(fdt, node, "typeone,rate", 0), fdtU64(fdt, node, "typeone,iops", 0));
  return status;
}

function typeOf(kind: u32): u32 {
  if (kind == DEVICE_DISK) return VIRTIO_ID_BLOCK;
  if (kind == DEVICE_NET) return VIRTIO_ID_NET;
  if (kind == DEVICE_CONSOLE) return VIRTIO_ID_CONSOLE;
  return kind == DEVICE_RNG ? VIRTIO_ID_RNG : VIRTIO_ID_BALLOON;
}

function pairsOf(fdt: usize, node: usize): u32 {
  return fdtU32(fdt, node, "typeone,queues", 1);
}

function portsOf(fdt: usize, node: usize): u32 {
  return fdtU32(fdt, node, "typeone,ports", 1);
}

/** Queues of a device. @spec virtio §5.1.2, §5.2.2, §5.3.2, §5.4.2, §5.5.2 */
function queuesOf(kind: u32, fdt: usize, node: usize): u32 {
  if (kind == DEVICE_DISK) return fdtU32(fdt, node, "typeone,queues", 1);
  if (kind == DEVICE_NET) return 2 * pairsOf(fdt, node) + 1;
  if (kind == DEVICE_CONSOLE) return 2 * (portsOf(fdt, node) + 1);
  return kind == DEVICE_RNG ? 1 : 3;
}

/** At the first free place of the guest's bus for such devices. */
function placeOnBus(guest: Guest, at: GuestDevice): i32 {
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
function placeOnPci(guest: Guest, at: GuestDevice): i32 {
  let slot = guest.startedAt ? pciAttach(guest, at.device, PLUG_SLOT) : <i32>Status.Busy;
  if (slot < 0) slot = pciAttach(guest, at.device, ANY_SLOT);
  at.slot = slot;
  if (slot >= 0) return Status.Ok;
  return refuse(slot, slot == Status.Busy ? "its PCI slots are all taken" : "the hypervisor's own memory is used up");
}

function usedUp(): i32 {
  return refuse(Status.NoMemory, "the hypervisor's own memory for devices is used up");
}
