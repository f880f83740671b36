// SPDX-License-Identifier: Apache-2.0
// Attaching, detaching and limiting devices of guests over the channel. Called in the channel's worker, once per request
// however often its frame comes.
import { Disk, DISK_OVERLAY } from "../../backend/block/disk";
import { Overlay } from "../../backend/block/overlay-map";
import { Port, portSetRate } from "../../backend/net/port";
import { blockLimit } from "../../dev/virtio/block-create";
import { fdtCheck, fdtChild, fdtRoot } from "../../fdt/read";
import { creationBegin, creationEnd } from "../../guest/create";
import { attachDevice } from "../../guest/devices/devices";
import { detachDevice, LEAVES, LEAVES_NOW } from "../../guest/devices/leave";
import { DEVICE_DISK, deviceKind, MAX_DEVICES } from "../../guest/devices/node";
import { deviceAt, deviceOf, GuestDevice } from "../../guest/devices/table";
import { Guest } from "../../guest/guest";
import { refusalWords } from "../../guest/refusal";
import { guestByHandle } from "../../guest/table";
import { Status } from "../../lib/status";
import { BLOCK_SHIFT } from "../../mem/ram";
import { WIRE_DEVICE_DISK, WIRE_DEVICE_NET } from "../wire";
import {
  WIRE_DEVICE_ATTACH_SIZE,
  WIRE_DEVICE_ATTACHED_SIZE,
  WireDeviceAttach,
  WireDeviceAttached,
  WireDeviceDetach,
  WireDeviceLimits,
} from "../wire-device-structs";
import { addRecord, refuse } from "./answer";
import { placeOf } from "./device-place";

/** Most bytes of the tree that describes a device. */
const MOST_TREE: u32 = 2048;

// @lock none: the channel's worker only. The tree, aligned; the names that it names are copied when the device is made.
const tree: usize = memory.data(2048, 8);

/** Gives a guest the device of the flattened tree behind the WireDeviceAttach at `body`; `bytes` of both. */
export function attachTo(body: usize, bytes: u32): i32 {
  const ask = changetype<WireDeviceAttach>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  const size = bytes - WIRE_DEVICE_ATTACH_SIZE;
  if (size > MOST_TREE) return refuse(Status.Limit, "the device's description has more than 2 KiB");
  memory.copy(tree, body + WIRE_DEVICE_ATTACH_SIZE, size);
  if (size < 40 || fdtCheck(tree, size) != Status.Ok)
    return refuse(Status.Malformed, "the description is no device tree");
  const node = fdtChild(fdtRoot(tree));
  if (!node || deviceKind(tree, node) != ask.kind)
    return refuse(Status.Invalid, "the description names another kind of device");
  creationBegin();
  const before = present(guest);
  const status = guestByHandle(ask.guest, ask.generation) == guest ? attachDevice(guest, tree, node) : Status.NotFound;
  if (status == Status.Ok) tell(changetype<WireDeviceAttached>(addRecord(WIRE_DEVICE_ATTACHED_SIZE)), guest, before);
  else refuse(status, refusalWords());
  creationEnd();
  return status;
}

/** A bit for each slot of the guest's table that has a device. */
function present(guest: Guest): u32 {
  let bits: u32 = 0;
  for (let i: u32 = 0; i < MAX_DEVICES; i++) bits |= u32(deviceAt(guest, i).kind != 0) << i;
  return bits;
}

function tell(answer: WireDeviceAttached, guest: Guest, before: u32): void {
  const at = deviceAt(guest, ctz<u32>(present(guest) & ~before));
  answer.index = at.unit;
  answer.slot = placeOf(at);
}

export function detachFrom(body: usize): i32 {
  const ask = changetype<WireDeviceDetach>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  if (ask.kind != WIRE_DEVICE_DISK && ask.kind != WIRE_DEVICE_NET) return Status.Invalid;
  const status = detachDevice(guest, ask.kind, ask.index, ask.force ? LEAVES_NOW : LEAVES);
  return status == Status.Ok ? status : refuse(status, refusalWords());
}

export function limitDevice(body: usize): i32 {
  const ask = changetype<WireDeviceLimits>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  if (ask.kind != WIRE_DEVICE_DISK && ask.kind != WIRE_DEVICE_NET) return Status.Invalid;
  creationBegin();
  const at = deviceOf(guest, ask.kind, ask.index);
  const status: i32 = changetype<usize>(at) == 0 ? Status.NotFound : limit(at, ask);
  creationEnd();
  return status;
}

function limit(at: GuestDevice, ask: WireDeviceLimits): i32 {
  if (at.kind != DEVICE_DISK) {
    portSetRate(changetype<Port>(at.backend), ask.rate);
    return Status.Ok;
  }
  const disk = changetype<Disk>(at.backend);
  if (ask.overlayLimit && disk.kind != DISK_OVERLAY)
    return refuse(Status.Invalid, "the disk has no copy-on-write layer");
  const blocks = <u32>min<u64>(ask.overlayLimit >> BLOCK_SHIFT, u32.MAX_VALUE);
  if (ask.overlayLimit) changetype<Overlay>(disk.backing).most = max<u32>(blocks, 2);
  blockLimit(at.device, ask.rate, ask.iops);
  return Status.Ok;
}
