// SPDX-License-Identifier: Apache-2.0
// Disks of the host, with their counters. Called in the channel's worker and by the terminal's, with no lock; counters may
// be a moment old.
import { Disk, DISK_FREE, DISK_HOST, disksFirst, SERIAL_LENGTH } from "../../backend/block/disk";
import { HostDisk, hostDisk, hostDiskCount } from "../../host/virtio/block";
import { Status } from "../../lib/status";
import * as wire from "../wire";
import { WIRE_HOST_DISK_INFO_NAME, WIRE_HOST_DISK_INFO_SIZE, WireHostDiskInfo } from "../wire-device-structs";
import { WireFrom } from "../wire-structs";
import { addRecord } from "./answer";

const SECTOR: u32 = 512;
const SECTOR_SHIFT: u64 = 9;

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
  memory.copy(into + WIRE_HOST_DISK_INFO_NAME, disk.serial, SERIAL_LENGTH);
}
