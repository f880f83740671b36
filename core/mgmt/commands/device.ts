// SPDX-License-Identifier: Apache-2.0
// disk and net: devices of guests with their counters, the host's disks and NICs; attach and detach. What is listed is what
// the channel answers (channel/disks.ts, nets.ts). Called by the terminal's worker.
import { Switch, switchAt } from "../../backend/net/switch";
import { fdtCheck, fdtChild, fdtRoot } from "../../fdt/read";
import { fdtBegin, fdtBeginNode, fdtEndNode, fdtFinish, fdtPutBytes, fdtPutString, FdtWriter } from "../../fdt/write";
import { creationBegin, creationEnd } from "../../guest/create";
import { attachDevice } from "../../guest/devices/devices";
import { detachDevice, LEAVES } from "../../guest/devices/leave";
import { DEVICE_DISK, DEVICE_NET, MAX_DEVICES } from "../../guest/devices/node";
import { deviceOf } from "../../guest/devices/table";
import { GUEST_EMPTY } from "../../guest/guest";
import { refusalWords } from "../../guest/refusal";
import { guestByIndex, guestCount } from "../../guest/table";
import { hostDisk, hostDiskCount } from "../../host/virtio/block";
import { hostNic, hostNicCount } from "../../host/virtio/net";
import { print } from "../../lib/print";
import { Status } from "../../lib/status";
import { diskInfo, hostDiskInfo } from "../channel/disks";
import { netInfo, nicInfo } from "../channel/nets";
import { WIRE_DEVICE_FLAG_FAILED, WIRE_DEVICE_FLAG_LEAVING, WIRE_DEVICE_FLAG_READ_ONLY } from "../wire";
import {
  WIRE_DISK_INFO_SERIAL,
  WIRE_DISK_INFO_SIZE,
  WIRE_HOST_DISK_INFO_NAME,
  WIRE_NET_INFO_SWITCH_NAME,
  WireDiskInfo,
  WireHostDiskInfo,
  WireNetInfo,
  WireNicInfo,
} from "../wire-device-structs";
import { argGuest, argNumber, argText } from "./args";
import { closeRow, openRow, showHex, showNumber, showText, showWord } from "./out";
import { wordLength, wordStart } from "./words";

const TREE_BYTES: u32 = 512;
const MOST_NAME: u32 = 64;

// @lock none: the terminal's worker only.
const info: usize = memory.data(<i32>WIRE_DISK_INFO_SIZE + 8, 8);
const writer: usize = memory.data(<i32>offsetof<FdtWriter>(), 8);
const tree: usize = memory.data(<i32>TREE_BYTES, 8);
const text: usize = memory.data(<i32>MOST_NAME + 8, 8);

function clean(): void {
  memory.fill(info, 0, WIRE_DISK_INFO_SIZE);
}

/** One guest's device of a kind a step. */
function there(step: u32, kind: u32): bool {
  const guest = guestByIndex(step / MAX_DEVICES);
  if (guest.state == GUEST_EMPTY || changetype<usize>(deviceOf(guest, kind, step % MAX_DEVICES)) == 0) return false;
  clean();
  const unit = step % MAX_DEVICES;
  return kind == DEVICE_DISK ? diskInfo(guest, unit, info) : netInfo(guest, unit, info);
}

function state(flags: u32): string {
  if (flags & WIRE_DEVICE_FLAG_FAILED) return "failed";
  return flags & WIRE_DEVICE_FLAG_LEAVING ? "leaving" : "ok";
}

export function diskList(step: u32): u32 {
  if (step == guestCount() * MAX_DEVICES) return 0;
  if (!there(step, DEVICE_DISK)) return 1;
  const disk = changetype<WireDiskInfo>(info);
  openRow();
  do {
    showText("guest", 16, guestByIndex(step / MAX_DEVICES).name);
    showNumber("disk", 5, disk.index);
    showText("serial", 21, info + WIRE_DISK_INFO_SERIAL);
    showNumber("sizeKiB", 10, disk.sectors >> 1);
    showWord("mode", 5, disk.flags & WIRE_DEVICE_FLAG_READ_ONLY ? "ro" : "rw");
    showNumber("readKiB", 9, disk.readBytes >> 10);
    showNumber("writtenKiB", 11, disk.writeBytes >> 10);
    showNumber("errors", 7, disk.errors);
    showWord("state", 7, state(disk.flags));
  } while (closeRow());
  return 1;
}

export function hostDisks(step: u32): u32 {
  if (step >= hostDiskCount()) return 0;
  clean();
  hostDiskInfo(hostDisk(step), info);
  const disk = changetype<WireHostDiskInfo>(info);
  openRow();
  do {
    showNumber("disk", 5, disk.index);
    showText("serial", 21, info + WIRE_HOST_DISK_INFO_NAME);
    showNumber("sizeKiB", 10, disk.sectors >> 1);
    showWord("mode", 5, disk.flags & WIRE_DEVICE_FLAG_READ_ONLY ? "ro" : "rw");
    showNumber("readKiB", 9, disk.readBytes >> 10);
    showNumber("writtenKiB", 11, disk.writeBytes >> 10);
    showNumber("errors", 7, disk.errors);
    showWord("state", 7, state(disk.flags));
  } while (closeRow());
  return 1;
}

export function netList(step: u32): u32 {
  if (step == guestCount() * MAX_DEVICES) return 0;
  if (!there(step, DEVICE_NET)) return 1;
  const net = changetype<WireNetInfo>(info);
  openRow();
  do {
    showText("guest", 16, guestByIndex(step / MAX_DEVICES).name);
    showNumber("net", 4, net.index);
    showText("switch", 10, info + WIRE_NET_INFO_SWITCH_NAME);
    showHex("mac", 15, net.mac);
    showNumber("vlan", 5, net.vlan);
    showNumber("received", 10, net.rxPackets);
    showNumber("sent", 10, net.txPackets);
    showNumber("dropped", 10, net.rxDrops + net.txDrops);
  } while (closeRow());
  return 1;
}

export function hostNets(step: u32): u32 {
  if (step >= hostNicCount()) return 0;
  clean();
  nicInfo(hostNic(step), info);
  const nic = changetype<WireNicInfo>(info);
  const on = nic.switchIndex ? switchAt(nic.switchIndex - 1) : changetype<Switch>(0);
  openRow();
  do {
    showNumber("nic", 4, nic.index);
    if (changetype<usize>(on)) showText("switch", 10, on.name);
    else showWord("switch", 10, "-");
    showHex("mac", 15, nic.mac);
    showNumber("received", 10, nic.rxPackets);
    showNumber("sent", 10, nic.txPackets);
    showNumber("dropped", 10, nic.rxDrops + nic.txDrops);
    showWord("state", 7, state(nic.flags));
  } while (closeRow());
  return 1;
}

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
