// SPDX-License-Identifier: Apache-2.0
// The front ends of guests' devices by kind: what a node says of a device becomes a model in dev/virtio/. Boot, and worker
// context with the creation lock held. Knows neither backends nor places.
import { Disk } from "../../backend/block/disk";
import { Port } from "../../backend/net/port";
import { VIRTIO_ID_CONSOLE } from "../../dev/spec";
import { balloonCreate, balloonDestroy } from "../../dev/virtio/balloon";
import { blockCreate, blockDestroy, blockLimit } from "../../dev/virtio/block-create";
import { consoleCreate, consoleDestroy } from "../../dev/virtio/console-model";
import { VirtioDevice } from "../../dev/virtio/device";
import { netCreate, netDestroy } from "../../dev/virtio/net";
import { rngCreate, rngDestroy } from "../../dev/virtio/rng";
import { VIRTIO_ID_BALLOON, VIRTIO_ID_BLOCK, VIRTIO_ID_NET, VIRTIO_ID_RNG } from "../../dev/virtio/spec";
import { fdtU32, fdtU64 } from "../../fdt/read";
import { Status } from "../../lib/status";
import { Guest } from "../guest";
import { refuse } from "../refusal";
import { DEVICE_CONSOLE, DEVICE_DISK, DEVICE_NET, DEVICE_RNG } from "./node";
import { GuestDevice } from "./table";

/** Makes the front end of a device that was taken, before a backend that is there; NoMemory without a reason. */
export function createModel(guest: Guest, at: GuestDevice, fdt: usize, node: usize): i32 {
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

/** Ends a front end that createModel made; its device is quiet. */
export function destroyModel(device: VirtioDevice, kind: u32): void {
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

/** VirtIO's number of a kind of device. */
export function typeOf(kind: u32): u32 {
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
export function queuesOf(kind: u32, fdt: usize, node: usize): u32 {
  if (kind == DEVICE_DISK) return fdtU32(fdt, node, "typeone,queues", 1);
  if (kind == DEVICE_NET) return 2 * pairsOf(fdt, node) + 1;
  if (kind == DEVICE_CONSOLE) return 2 * (portsOf(fdt, node) + 1);
  return kind == DEVICE_RNG ? 1 : 3;
}
