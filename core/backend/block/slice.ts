// SPDX-License-Identifier: Apache-2.0
// A part of a disk as a disk: the same record, narrowed before anybody uses it. Whether two slices of one host disk meet
// is found when they are put to use (diskUse). Maker as in disk.ts.
import { refuse } from "../../guest/refusal";
import { Status } from "../../lib/status";
import { Disk, diskRelease } from "./disk";

/** `sectors` of the disk (0: all that follow) from sector `first` on. If they do not lie in it, it is released and a null pointer the answer. */
export function diskSlice(disk: Disk, first: u64, sectors: u64): Disk {
  if (changetype<usize>(disk) == 0) return disk;
  const most = first < disk.sectors ? disk.sectors - first : 0;
  if (most == 0 || sectors > most) {
    diskRelease(disk);
    refuse(Status.Range, "the disk's slice does not lie in the disk");
    return changetype<Disk>(0);
  }
  disk.first += first;
  disk.sectors = sectors ? sectors : most;
  return disk;
}
