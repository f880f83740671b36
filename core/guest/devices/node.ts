// SPDX-License-Identifier: Apache-2.0
// Reads a device of a guest from a child node of its description (`typeone,disk`, `typeone,net` …) and checks all that
// can be checked without taking anything. Boot, and worker context with the creation lock held.
import {
  fdtChild,
  fdtCompatible,
  fdtEquals,
  fdtHas,
  fdtLength,
  fdtProperty,
  fdtSibling,
  fdtStringLength,
  fdtU32,
  fdtU64,
} from "../../fdt/read";
import { Status } from "../../lib/status";
import { Description } from "../description";
import { refuse } from "../refusal";

// ---- kind
export const DEVICE_NONE: u32 = 0;
export const DEVICE_DISK: u32 = 1;
export const DEVICE_NET: u32 = 2;
export const DEVICE_CONSOLE: u32 = 3;
export const DEVICE_RNG: u32 = 4;
export const DEVICE_BALLOON: u32 = 5;

/** Devices of one guest. */
export const MAX_DEVICES: u32 = 16;
export const MAX_MMIO: u32 = 8;
export const MAX_HOTPLUG: u32 = 4;
export const MAX_DISK_QUEUES: u32 = 8;
export const MAX_NET_PAIRS: u32 = 4;
export const MAC_BYTES: u32 = 6;

/** DEVICE_* of a node, DEVICE_NONE if it is no device. */
export function deviceKind(fdt: usize, node: usize): u32 {
  if (fdtCompatible(fdt, node, "typeone,disk")) return DEVICE_DISK;
  if (fdtCompatible(fdt, node, "typeone,net")) return DEVICE_NET;
  if (fdtCompatible(fdt, node, "typeone,console")) return DEVICE_CONSOLE;
  if (fdtCompatible(fdt, node, "typeone,rng")) return DEVICE_RNG;
  return fdtCompatible(fdt, node, "typeone,balloon") ? DEVICE_BALLOON : DEVICE_NONE;
}

export function isOnMmio(fdt: usize, node: usize): bool {
  return fdtEquals(fdt, node, "typeone,bus", "mmio");
}

/** Checks every device of a guest's node and notes in the description what the guest's machine must have for them. */
export function describeDevices(fdt: usize, node: usize, into: Description): i32 {
  let mmio: u32 = 0;
  for (let child = fdtChild(node); child; child = fdtSibling(child)) {
    if (deviceKind(fdt, child) == DEVICE_NONE) continue;
    const status = into.sent ? checkSentDevice(fdt, child) : checkDevice(fdt, child);
    if (status != Status.Ok) return status;
    into.deviceCount += 1;
    mmio += u32(isOnMmio(fdt, child));
  }
  if (into.deviceCount > MAX_DEVICES) return refuse(Status.Limit, "it has more than 16 devices");
  if (mmio > MAX_MMIO) return refuse(Status.Limit, "it has more than 8 devices on VirtIO-MMIO");
  into.hotplug = fdtU32(fdt, node, "typeone,hotplug", 0);
  if (into.hotplug > MAX_HOTPLUG) return refuse(Status.Limit, "typeone,hotplug must be 0 to 4");
  into.pci = u32(into.deviceCount > mmio || into.hotplug != 0);
  into.mmio = mmio;
  into.fdt = fdt;
  into.node = node;
  return Status.Ok;
}

/** The same of a node that a toolstack sent: a host address in it is not for the sender to choose. */
export function checkSentDevice(fdt: usize, node: usize): i32 {
  if (fdtHas(fdt, node, "reg"))
    return refuse(Status.Invalid, "a disk that comes later is made of a blob, not of a reg");
  return checkDevice(fdt, node);
}

/** One device's node, of a kind that is not DEVICE_NONE. */
export function checkDevice(fdt: usize, node: usize): i32 {
  if (!isOnMmio(fdt, node) && fdtHas(fdt, node, "typeone,bus") && !fdtEquals(fdt, node, "typeone,bus", "pci"))
    return refuse(Status.Invalid, 'a device\'s typeone,bus must be "pci" or "mmio"');
  const kind = deviceKind(fdt, node);
  if (kind == DEVICE_DISK) return checkDisk(fdt, node);
  if (kind == DEVICE_NET) return checkNet(fdt, node);
  if (kind != DEVICE_CONSOLE) return Status.Ok;
  return inRange(fdtU32(fdt, node, "typeone,ports", 1), 1, 4)
    ? Status.Ok
    : refuse(Status.Range, "a console's typeone,ports must be 1 to 4");
}

function inRange(value: u64, least: u64, most: u64): bool {
  return value >= least && value <= most;
}

function checkDisk(fdt: usize, node: usize): i32 {
  const sources =
    u32(fdtHas(fdt, node, "typeone,source")) +
    u32(fdtHas(fdt, node, "reg")) +
    u32(fdtHas(fdt, node, "typeone,blob")) +
    u32(fdtHas(fdt, node, "typeone,size"));
  if (sources != 1)
    return refuse(Status.Invalid, "a disk has one of typeone,source, reg, typeone,blob and typeone,size");
  if (!inRange(fdtU32(fdt, node, "typeone,queues", 1), 1, MAX_DISK_QUEUES))
    return refuse(Status.Range, "a disk's typeone,queues must be 1 to 8");
  const serial = fdtProperty(fdt, node, "typeone,serial");
  if (serial && fdtStringLength(serial) > 20) return refuse(Status.Range, "a disk's serial has at most 20 characters");
  const sectors = fdtU64(fdt, node, "typeone,sectors", 1);
  const first = fdtU64(fdt, node, "typeone,first-sector", 0);
  if (sectors == 0 || first + sectors < first) return refuse(Status.Range, "a disk's slice is empty or wraps");
  return Status.Ok;
}

function checkNet(fdt: usize, node: usize): i32 {
  const mac = fdtProperty(fdt, node, "local-mac-address");
  if (mac && (fdtLength(mac) != MAC_BYTES || load<u8>(mac) & 1))
    return refuse(Status.Invalid, "a net's local-mac-address must be 6 bytes and no group address");
  const vlan = fdtU32(fdt, node, "typeone,vlan", 0);
  if (vlan > 4094) return refuse(Status.Range, "a net's typeone,vlan must be 1 to 4094");
  if (!inRange(fdtU32(fdt, node, "typeone,mtu", 1500), 68, 9000))
    return refuse(Status.Range, "a net's typeone,mtu must be 68 to 9000");
  if (!inRange(fdtU32(fdt, node, "typeone,queues", 1), 1, MAX_NET_PAIRS))
    return refuse(Status.Range, "a net's typeone,queues must be 1 to 4");
  return Status.Ok;
}
