// SPDX-License-Identifier: Apache-2.0
// The disk behind a guest's block device, from its node: where its content is, which part of it, and what lies over it.
// Boot, and worker context with the creation lock held.
import { Disk, diskName } from "../../backend/block/disk";
import { diskFromHost } from "../../backend/block/host-disk";
import { diskOverlay } from "../../backend/block/overlay";
import { diskEmpty, diskFromBlob, diskFromModule } from "../../backend/block/ram-disk";
import { diskSlice } from "../../backend/block/slice";
import { fdtHas, fdtProperty, FdtRange, fdtReg, fdtStringLength, fdtU32, fdtU64 } from "../../fdt/read";
import { Status } from "../../lib/status";
import { refuse } from "../refusal";

// @lock creation
const range: usize = memory.data(16, 8);

/** The disk that a checked node describes, which its front end takes into use; a null pointer with the reason in refusal.ts. */
export function makeDisk(fdt: usize, node: usize): Disk {
  let disk = source(fdt, node);
  if (fdtHas(fdt, node, "typeone,first-sector") || fdtHas(fdt, node, "typeone,sectors")) {
    disk = diskSlice(disk, fdtU64(fdt, node, "typeone,first-sector", 0), fdtU64(fdt, node, "typeone,sectors", 0));
  }
  if (changetype<usize>(disk) == 0) return disk;
  if (fdtHas(fdt, node, "typeone,overlay")) disk = diskOverlay(disk, fdtU64(fdt, node, "typeone,overlay", 0) << 10);
  if (changetype<usize>(disk) == 0) return disk;
  if (fdtHas(fdt, node, "read-only")) disk.readOnly = 1;
  const serial = fdtProperty(fdt, node, "typeone,serial");
  const name = serial ? serial : fdtProperty(fdt, node, "typeone,source");
  if (name) diskName(disk, name, fdtStringLength(name));
  return disk;
}

function source(fdt: usize, node: usize): Disk {
  const name = fdtProperty(fdt, node, "typeone,source");
  if (name) return diskFromHost(name, fdtStringLength(name));
  if (fdtHas(fdt, node, "typeone,blob")) return diskFromBlob(fdtU32(fdt, node, "typeone,blob", 0));
  if (fdtHas(fdt, node, "typeone,size")) return diskEmpty(fdtU64(fdt, node, "typeone,size", 0) << 10);
  const module = changetype<FdtRange>(range);
  if (fdtReg(fdt, node, 0, module) == Status.Ok) return diskFromModule(module.base, module.size);
  refuse(Status.Malformed, "a disk's reg must be one address and one size");
  return changetype<Disk>(0);
}
