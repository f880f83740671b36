// SPDX-License-Identifier: Apache-2.0
// Kernel, ramdisk and device tree in a guest's RAM. The layout, from the top: tree at 64 KiB below the end, ramdisk
// below it on a page boundary, kernel where its header says; decided once, when the guest is made. What is copied is
// copied in steps. Boot and creation (layOut), the lifecycle worker (loadStep).
import { Status } from "../lib/status";
import { Description, Module } from "./description";
import { Guest } from "./guest";
import { KernelPlace, placeKernel } from "./image";
import { loadGuest } from "./memory";
import { refuse } from "./refusal";
import { guestTree, TREE_ROOM } from "./tree";

/** Bytes copied in one step. */
const LOAD_STEP: u64 = 0x20_0000;

// @lock creation
const place: usize = memory.data(16, 8);

/** Decides where everything goes in the guest's RAM. On a failure refusal.ts has the reason in words. */
export function layOut(guest: Guest, description: Description): i32 {
  const at = changetype<KernelPlace>(place);
  const status = placeKernel(description.kernel, guest.ramSize, at);
  if (status == Status.Unsupported) return refuse(status, "its kernel is big-endian");
  if (status == Status.Malformed) return refuse(status, "its kernel's Image header contradicts itself");
  if (status != Status.Ok) return refuse(status, "its kernel does not fit into its memory");
  if (description.tree.size > TREE_ROOM) return refuse(Status.Limit, "its device tree has more than 64 KiB");
  const top = guest.ramSize - TREE_ROOM;
  if (guest.ramSize < TREE_ROOM || description.ramdisk.size > top || top - description.ramdisk.size < at.offset)
    return refuse(Status.Range, "kernel, ramdisk and device tree do not fit into its memory");
  const ramdisk = (top - description.ramdisk.size) & ~(<u64>0xfff);
  if (ramdisk < at.offset || ramdisk - at.offset < at.extent)
    return refuse(Status.Range, "kernel, ramdisk and device tree do not fit into its memory");
  guest.kernelGpa = guest.ramBase + at.offset;
  guest.ramdiskGpa = guest.ramBase + ramdisk;
  guest.treeGpa = guest.ramBase + top;
  return Status.Ok;
}

/** Percent of kernel and ramdisk that are in place, while the guest is loading. */
export function loadedPercent(guest: Guest): u32 {
  const description = changetype<Description>(guest.description);
  const total = description.kernel.size + description.ramdisk.size;
  return <u32>(total ? (min(guest.progress, total) * 100) / total : 100);
}

/** One step of loading. 1: there are more; 0: all is in place; negative: the device tree does not fit. */
export function loadStep(guest: Guest): i32 {
  const description = changetype<Description>(guest.description);
  const kernel = description.kernel;
  const at = guest.progress;
  if (at < kernel.size) return copyPiece(guest, kernel, guest.kernelGpa, at);
  if (at - kernel.size < description.ramdisk.size)
    return copyPiece(guest, description.ramdisk, guest.ramdiskGpa, at - kernel.size);
  const tree = description.tree;
  return tree.size ? loadGuest(guest, guest.treeGpa, tree.hpa, tree.size) : guestTree(guest, description);
}

/** A module that already lies in place is passed over whole; so is one that cannot be copied, which layOut excludes. */
function copyPiece(guest: Guest, module: Module, gpa: u64, from: u64): i32 {
  const there = guest.first && module.preloaded;
  const piece = there ? module.size - from : min(module.size - from, LOAD_STEP);
  const status: i32 = there ? Status.Ok : loadGuest(guest, gpa + from, module.hpa + from, piece);
  guest.progress += piece;
  return status == Status.Ok ? 1 : status;
}
