// SPDX-License-Identifier: Apache-2.0
// disk list and host disks: guests' disks with their counters, and the host's. What is listed is what the channel answers
// (channel/disks.ts, host-disks.ts). Called by the terminal's worker.
import { DEVICE_DISK, MAX_DEVICES } from "../../guest/devices/node";
import { guestCount } from "../../guest/table";
import { hostDisk, hostDiskCount } from "../../host/virtio/block";
import { diskInfo } from "../channel/disks";
import { hostDiskInfo } from "../channel/host-disks";
import { WIRE_DEVICE_FLAG_READ_ONLY } from "../wire";
import {
  WIRE_DISK_INFO_SERIAL,
  WIRE_DISK_INFO_SIZE,
  WIRE_HOST_DISK_INFO_NAME,
  WireDiskInfo,
  WireHostDiskInfo,
} from "../wire-device-structs";
import { guestWith, showState } from "./device-row";
import { closeRow, openRow, showNumber, showText, showWord } from "./out";

// @lock none: the terminal's worker only.
const info: usize = memory.data(<i32>WIRE_DISK_INFO_SIZE + 8, 8);

function cleared(): usize {
  memory.fill(info, 0, WIRE_DISK_INFO_SIZE);
  return info;
}

export function diskList(step: u32): u32 {
  if (step == guestCount() * MAX_DEVICES) return 0;
  const guest = guestWith(step, DEVICE_DISK);
  if (changetype<usize>(guest) == 0 || !diskInfo(guest, step % MAX_DEVICES, cleared())) return 1;
  const disk = changetype<WireDiskInfo>(info);
  openRow();
  do {
    showText("guest", 16, guest.name);
    showNumber("disk", 5, disk.index);
    showText("serial", 21, info + WIRE_DISK_INFO_SERIAL);
    showSize(disk.sectors, disk.flags);
    showTraffic(disk.readBytes, disk.writeBytes, disk.errors);
    showState(disk.flags);
  } while (closeRow());
  return 1;
}

export function hostDisks(step: u32): u32 {
  if (step >= hostDiskCount()) return 0;
  hostDiskInfo(hostDisk(step), cleared());
  const disk = changetype<WireHostDiskInfo>(info);
  openRow();
  do {
    showNumber("disk", 5, disk.index);
    showText("serial", 21, info + WIRE_HOST_DISK_INFO_NAME);
    showSize(disk.sectors, disk.flags);
    showTraffic(disk.readBytes, disk.writeBytes, disk.errors);
    showState(disk.flags);
  } while (closeRow());
  return 1;
}

function showSize(sectors: u64, flags: u32): void {
  showNumber("sizeKiB", 10, sectors >> 1);
  showWord("mode", 5, flags & WIRE_DEVICE_FLAG_READ_ONLY ? "ro" : "rw");
}

function showTraffic(read: u64, written: u64, errors: u64): void {
  showNumber("readKiB", 9, read >> 10);
  showNumber("writtenKiB", 11, written >> 10);
  showNumber("errors", 7, errors);
}
