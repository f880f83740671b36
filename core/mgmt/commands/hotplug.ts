// SPDX-License-Identifier: Apache-2.0
// disk attach, disk detach, net attach, net detach: devices come to a guest that runs, and go. Called by the terminal's
// worker.
import { fdtCheck, fdtChild, fdtRoot } from "../../fdt/read";
import { fdtBegin, fdtBeginNode, fdtEndNode, fdtFinish, fdtPutBytes, fdtPutString, FdtWriter } from "../../fdt/write";
import { creationBegin, creationEnd } from "../../guest/create";
import { attachDevice } from "../../guest/devices/devices";
import { detachDevice, LEAVES } from "../../guest/devices/leave";
import { DEVICE_DISK, DEVICE_NET, MAX_DEVICES } from "../../guest/devices/node";
import { refusalWords } from "../../guest/refusal";
import { print } from "../../lib/print";
import { Status } from "../../lib/status";
import { argGuest, argNumber, argText } from "./args";
import { wordLength, wordStart } from "./words";

const TREE_BYTES: u32 = 512;
const MOST_NAME: u32 = 64;

// @lock none: the terminal's worker only.
const writer: usize = memory.data(<i32>offsetof<FdtWriter>(), 8);
const tree: usize = memory.data(<i32>TREE_BYTES, 8);
const text: usize = memory.data(<i32>MOST_NAME + 8, 8);

export function diskAttach(step: u32): u32 {
  return attach("typeone,disk", "typeone,source");
}

export function netAttach(step: u32): u32 {
  return attach("typeone,net", "typeone,switch");
}

/** A device as its node says it: a host disk by name, or a port of a switch. */
function attach(compatible: string, property: string): u32 {
  const length = min(wordLength(argText()), MOST_NAME);
  memory.fill(text, 0, MOST_NAME + 8);
  memory.copy(text, wordStart(argText()), length);
  const out = changetype<FdtWriter>(writer);
  fdtBegin(out, tree, TREE_BYTES);
  fdtBeginNode(out, "");
  fdtBeginNode(out, "device");
  fdtPutString(out, "compatible", compatible);
  fdtPutBytes(out, property, text, length + 1);
  fdtEndNode(out);
  fdtEndNode(out);
  const size = fdtFinish(out);
  creationBegin();
  let status: i32 = size < 0 || fdtCheck(tree, <u32>size) != Status.Ok ? Status.Malformed : Status.Ok;
  if (status == Status.Ok) status = attachDevice(argGuest(), tree, fdtChild(fdtRoot(tree)));
  creationEnd();
  if (status != Status.Ok) tellRefusal();
  else print("attached; a guest without PCI hot-plug finds it by: echo 1 > /sys/bus/pci/rescan\n");
  return 0;
}

function tellRefusal(): void {
  print(refusalWords());
  print("\n");
}

export function diskDetach(step: u32): u32 {
  return detach(DEVICE_DISK);
}

export function netDetach(step: u32): u32 {
  return detach(DEVICE_NET);
}

function detach(kind: u32): u32 {
  const unit = <u32>min<u64>(argNumber(), MAX_DEVICES);
  if (detachDevice(argGuest(), kind, unit, LEAVES) != Status.Ok) tellRefusal();
  else print("it goes as soon as the guest lets go of it\n");
  return 0;
}
