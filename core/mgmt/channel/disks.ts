// SPDX-License-Identifier: Apache-2.0
// Disks of guests, with their counters. Called in the channel's worker and by the terminal's, with no lock;
// counters may be a moment old. What a device is made of is looked at under the creation lock: it may go any time.
import { Disk, DISK_HOST, DISK_OVERLAY, diskSerial, SERIAL_LENGTH } from "../../backend/block/disk";
import { Overlay } from "../../backend/block/overlay-map";
import { blockCounters } from "../../dev/virtio/block-create";
import { Block, BlockCounters } from "../../dev/virtio/block-model";
import { VirtioDevice } from "../../dev/virtio/device";
import { creationBegin, creationEnd } from "../../guest/create";
import { DEVICE_DISK, MAX_DEVICES } from "../../guest/devices/node";
import { deviceOf, GuestDevice } from "../../guest/devices/table";
import { Guest } from "../../guest/guest";
import { guestByHandle } from "../../guest/table";
import { HostDisk } from "../../host/virtio/block";
import { Status } from "../../lib/status";
import { BLOCK_SHIFT } from "../../mem/ram";
import * as wire from "../wire";
import {
  WIRE_DISK_INFO_SERIAL,
  WIRE_DISK_INFO_SIZE,
  WIRE_DISK_INFO_SOURCE_NAME,
  WireDeviceFrom,
  WireDiskInfo,
} from "../wire-device-structs";
import { addRecord, answerRoom } from "./answer";
import { fillPlace } from "./device-place";

// @lock creation
const counters: usize = memory.data(<i32>offsetof<BlockCounters>(), 8);

/** Disks of a guest, WireDiskInfo each, whose index is at least `from` of the WireDeviceFrom at `body`. */
export function listDisks(body: usize): i32 {
  const ask = changetype<WireDeviceFrom>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  for (let unit = ask.from; unit < MAX_DEVICES && answerRoom() >= WIRE_DISK_INFO_SIZE; unit++) {
    if (changetype<usize>(deviceOf(guest, DEVICE_DISK, unit)) != 0)
      diskInfo(guest, unit, addRecord(WIRE_DISK_INFO_SIZE));
  }
  return Status.Ok;
}

/** Fills a zeroed WireDiskInfo with the guest's disk of that number; false if it has gone. */
export function diskInfo(guest: Guest, unit: u32, into: usize): bool {
  creationBegin();
  const at = deviceOf(guest, DEVICE_DISK, unit);
  const there = changetype<usize>(at) != 0 && at.hasModel != 0;
  if (there) fill(guest, at, into);
  creationEnd();
  return there;
}

function fill(guest: Guest, at: GuestDevice, into: usize): void {
  const info = changetype<WireDiskInfo>(into);
  const disk = changetype<Disk>(at.backend);
  fillPlace(guest, at, into);
  info.queues = at.device.queueCount;
  if (disk.readOnly) info.flags |= wire.WIRE_DEVICE_FLAG_READ_ONLY;
  info.sectors = disk.sectors;
  if (disk.kind == DISK_OVERLAY) {
    const overlay = changetype<Overlay>(disk.backing);
    info.flags |= wire.WIRE_DEVICE_FLAG_OVERLAY;
    info.overlayUsed = (<u64>overlay.taken) << BLOCK_SHIFT;
    info.overlayLimit = (<u64>overlay.most) << BLOCK_SHIFT;
  }
  memory.copy(into + WIRE_DISK_INFO_SERIAL, diskSerial(disk), SERIAL_LENGTH);
  fillSource(info, into, disk);
  fillCounters(info, at.device);
}

/** What lies under all layers. */
function fillSource(info: WireDiskInfo, into: usize, disk: Disk): void {
  let base = disk;
  while (base.kind == DISK_OVERLAY) base = changetype<Disk>(base.base);
  info.firstSector = base.first;
  if (base.kind == DISK_HOST) {
    const host = changetype<HostDisk>(base.backing);
    info.source = wire.WIRE_DISK_SOURCE_HOST;
    if (host.failed) info.flags |= wire.WIRE_DEVICE_FLAG_FAILED;
    memory.copy(into + WIRE_DISK_INFO_SOURCE_NAME, host.serial, SERIAL_LENGTH);
  } else if (base.blob) info.source = wire.WIRE_DISK_SOURCE_BLOB;
  else info.source = base.ownsRuns ? wire.WIRE_DISK_SOURCE_MEMORY : wire.WIRE_DISK_SOURCE_MODULE;
}

function fillCounters(info: WireDiskInfo, device: VirtioDevice): void {
  const block = changetype<Block>(device.model);
  const sums = changetype<BlockCounters>(counters);
  blockCounters(device, sums);
  info.inFlight = <u32>sums.inFlight;
  info.rate = block.bytes.rate;
  info.iops = block.requests.rate;
  info.throttled = sums.waits;
  info.reads = sums.reads;
  info.readBytes = sums.bytesRead;
  info.writes = sums.writes;
  info.writeBytes = sums.bytesWritten;
  info.flushes = sums.flushes;
  info.discards = sums.discards;
  info.errors = sums.errors;
}
