// SPDX-License-Identifier: Apache-2.0
// Disks of guests and of the host, with their counters. Called in the channel's worker and by the terminal's, with no lock;
// counters may be a moment old. What a device is made of is looked at under the creation lock: it may go any time.
import { Disk, DISK_FREE, DISK_HOST, DISK_OVERLAY, diskSerial, disksFirst } from "../../backend/block/disk";
import { Overlay } from "../../backend/block/overlay-map";
import { blockCounters } from "../../dev/virtio/block-create";
import { Block, BlockCounters } from "../../dev/virtio/block-model";
import { VirtioDevice } from "../../dev/virtio/device";
import { creationBegin, creationEnd } from "../../guest/create";
import { DEVICE_DISK, MAX_DEVICES } from "../../guest/devices/node";
import { deviceOf, GuestDevice } from "../../guest/devices/table";
import { VIRTIO_MMIO_BASE, VIRTIO_MMIO_SIZE } from "../../guest/board";
import { Guest } from "../../guest/guest";
import { guestByHandle } from "../../guest/table";
import { HostDisk, hostDisk, hostDiskCount } from "../../host/virtio/block";
import { Status } from "../../lib/status";
import { BLOCK_SHIFT } from "../../mem/ram";
import * as wire from "../wire";
import {
  WIRE_DISK_INFO_SERIAL,
  WIRE_DISK_INFO_SIZE,
  WIRE_DISK_INFO_SOURCE_NAME,
  WIRE_HOST_DISK_INFO_NAME,
  WIRE_HOST_DISK_INFO_SIZE,
  WireDeviceFrom,
  WireDiskInfo,
  WireHostDiskInfo,
} from "../wire-device-structs";
import { WireFrom } from "../wire-structs";
import { addRecord, answerRoom } from "./answer";

const SERIAL: u32 = 20;
const SECTOR: u32 = 512;
const SECTOR_SHIFT: u64 = 9;

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
  memory.copy(into + WIRE_DISK_INFO_SERIAL, diskSerial(disk), SERIAL);
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
    memory.copy(into + WIRE_DISK_INFO_SOURCE_NAME, host.serial, SERIAL);
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

/** Disks of the host, WireHostDiskInfo each, from an index on. */
export function listHostDisks(body: usize): i32 {
  for (let i = changetype<WireFrom>(body).from; i < hostDiskCount(); i++) {
    const at = addRecord(WIRE_HOST_DISK_INFO_SIZE);
    if (!at) break;
    hostDiskInfo(hostDisk(i), at);
  }
  return Status.Ok;
}

/** Fills a zeroed WireHostDiskInfo. */
export function hostDiskInfo(disk: HostDisk, into: usize): void {
  const info = changetype<WireHostDiskInfo>(into);
  info.index = disk.index;
  info.flags = disk.failed ? wire.WIRE_DEVICE_FLAG_FAILED : 0;
  if (disk.readOnly) info.flags |= wire.WIRE_DEVICE_FLAG_READ_ONLY;
  info.queues = 1;
  info.blockSize = SECTOR;
  for (let at = disksFirst(); at; at = changetype<Disk>(at).next) {
    const user = changetype<Disk>(at);
    if (user.state != DISK_FREE && user.kind == DISK_HOST && user.backing == changetype<usize>(disk)) info.users += 1;
  }
  info.sectors = disk.sectors;
  info.reads = disk.reads;
  info.readBytes = disk.sectorsRead << SECTOR_SHIFT;
  info.writes = disk.writes;
  info.writeBytes = disk.sectorsWritten << SECTOR_SHIFT;
  info.flushes = disk.others;
  info.errors = disk.errors;
  memory.copy(into + WIRE_HOST_DISK_INFO_NAME, disk.serial, SERIAL);
}
