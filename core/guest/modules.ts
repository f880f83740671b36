// SPDX-License-Identifier: Apache-2.0
// The files of a guest (kernel, ramdisk, device tree) when they are blobs that a toolstack sent: the guest holds them
// for its whole life, because every restart copies them again. Worker context.
import { blobById, blobHold, blobRelease } from "../mem/blob";
import { Status } from "../lib/status";
import { Description, Module } from "./description";

/** Makes a module of a blob that is complete and holds it; 0 is no module. NotFound: there is no such complete blob. */
export function holdModule(module: Module, blob: u32): i32 {
  if (blob == 0) return Status.Ok;
  const status = blobHold(blob);
  if (status != Status.Ok) return status;
  module.blob = blob;
  module.hpa = blobById(blob).hpa;
  module.size = blobById(blob).size;
  return Status.Ok;
}

/** Lets go of all of a guest's blobs. */
export function giveModules(description: Description): void {
  giveModule(description.kernel);
  giveModule(description.ramdisk);
  giveModule(description.tree);
}

function giveModule(module: Module): void {
  if (module.blob) blobRelease(module.blob);
  module.blob = 0;
  module.size = 0;
}
