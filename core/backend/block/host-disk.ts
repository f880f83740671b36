// SPDX-License-Identifier: Apache-2.0
// The host's disks as disks of guests: the guest's own memory is what the host's device reads and writes, nothing is
// copied. A full queue of the host's is Busy for everybody who asks, and all who asked are told when it has room; a disk
// that failed gives Io. Makers as in disk.ts, and one disk may be made many times: diskUse finds what must not meet.
import { refuse } from "../../guest/refusal";
import { HostDisk, hostDisk, hostDiskCount, hostDiskRoom, hostDiskSubmit } from "../../host/virtio/block";
import { Status } from "../../lib/status";
import { Disk, DISK_FREE, DISK_HOST, diskName, diskNew, diskRoom, disksFirst, SERIAL_LENGTH } from "./disk";
import { DiskRequest, requestDone } from "./request";

/** The host's disk that calls itself so or, by order of discovery, "disk0", "disk1", …; a null pointer if there is none. */
export function diskFromHost(name: usize, length: u32): Disk {
  for (let i: u32 = 0; i < hostDiskCount(); i++) {
    if (isSerial(hostDisk(i), name, length)) return diskFromHostIndex(i);
  }
  const digit: u32 = length == 5 ? <u32>load<u8>(name + 4) - 0x30 : 10;
  if (digit < 10 && load<u32>(name) == 0x6b73_6964) return diskFromHostIndex(digit);
  return noDisk();
}

/** The host's disk of that number. */
export function diskFromHostIndex(index: u32): Disk {
  const host = hostDisk(index);
  if (changetype<usize>(host) == 0) return noDisk();
  const disk = diskNew(DISK_HOST, changetype<u32>(submit.index));
  if (changetype<usize>(disk) == 0) return disk;
  hostDiskRoom(changetype<u32>(room.index));
  disk.backing = changetype<usize>(host);
  disk.sectors = host.sectors;
  disk.readOnly = host.readOnly;
  // The driver's HOST_DISK_* are DISK_CAN_*.
  disk.features = host.features;
  disk.maxSegments = host.maxSegments;
  disk.maxDiscard = host.maxDiscard;
  disk.maxZeroes = host.maxZeroes;
  diskName(disk, host.serial, SERIAL_LENGTH);
  return disk;
}

function noDisk(): Disk {
  refuse(Status.NotFound, "the host has no disk of that name");
  return changetype<Disk>(0);
}

function isSerial(host: HostDisk, name: usize, length: u32): bool {
  if (length == 0 || length > SERIAL_LENGTH || memory.compare(host.serial, name, length) != 0) return false;
  return length == SERIAL_LENGTH || load<u8>(host.serial + length) == 0;
}

/** Of Disk.submit. */
function submit(at: usize, requestAt: usize): i32 {
  const request = changetype<DiskRequest>(requestAt);
  const status = hostDiskSubmit(changetype<HostDisk>(changetype<Disk>(at).backing), request);
  if (status == Status.Ok || status == Status.Busy) return status;
  requestDone(request, status == Status.Unsupported ? status : Status.Io);
  return Status.Ok;
}

/** The host's disk has room, or has failed: whoever waits for it may try again. */
function room(host: usize): void {
  for (let at = disksFirst(); at; at = changetype<Disk>(at).next) {
    const disk = changetype<Disk>(at);
    if (disk.kind == DISK_HOST && disk.state != DISK_FREE && disk.backing == host) diskRoom(disk);
  }
}
