// SPDX-License-Identifier: Apache-2.0
// Disks and networks over the channel: a guest's and the host's with their counters, and attaching, detaching and limiting
// a guest's. Not filled in yet: each answers Unsupported. Called in the channel's worker.
import { Status } from "../../lib/status";

/** Disks of a guest, WireDiskInfo each, whose index is at least `from` of the WireDeviceFrom at `body`. */
export function listDisks(body: usize): i32 {
  return body ? Status.Unsupported : Status.Invalid;
}

/** Network interfaces of a guest, WireNetInfo each, likewise. */
export function listNets(body: usize): i32 {
  return body ? Status.Unsupported : Status.Invalid;
}

/** Disks of the host, WireHostDiskInfo each, from an index on. */
export function listHostDisks(body: usize): i32 {
  return body ? Status.Unsupported : Status.Invalid;
}

/** Switches, WireSwitchInfo each, from an index on. */
export function listSwitches(body: usize): i32 {
  return body ? Status.Unsupported : Status.Invalid;
}

/** NICs of the host, WireNicInfo each, from an index on. */
export function listNics(body: usize): i32 {
  return body ? Status.Unsupported : Status.Invalid;
}

/** Gives a guest the device of the flattened tree behind the WireDeviceAttach at `body`; `bytes` of both. */
export function attachDevice(body: usize, bytes: u32): i32 {
  return body && bytes ? Status.Unsupported : Status.Invalid;
}

export function detachDevice(body: usize): i32 {
  return body ? Status.Unsupported : Status.Invalid;
}

export function limitDevice(body: usize): i32 {
  return body ? Status.Unsupported : Status.Invalid;
}
