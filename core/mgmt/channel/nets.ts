// SPDX-License-Identifier: Apache-2.0
// Network interfaces of guests, with their counters. Called in the channel's worker and by the terminal's, with no lock;
// counters may be a moment old.
import { DROP_NO_ROOM, DROPS, Port, portCounters, PortPair } from "../../backend/net/port";
import { Switch, switchAt, switchCount } from "../../backend/net/switch";
import { Net } from "../../dev/virtio/net-model";
import { creationBegin, creationEnd } from "../../guest/create";
import { DEVICE_NET, MAX_DEVICES } from "../../guest/devices/node";
import { deviceOf, GuestDevice } from "../../guest/devices/table";
import { Guest } from "../../guest/guest";
import { guestByHandle } from "../../guest/table";
import { Status } from "../../lib/status";
import * as wire from "../wire";
import {
  WIRE_NET_INFO_SIZE,
  WIRE_NET_INFO_SWITCH_NAME,
  WIRE_NET_INFO_SWITCH_NAME_SIZE,
  WireDeviceFrom,
  WireNetInfo,
} from "../wire-device-structs";
import { addRecord, answerRoom, putBytes } from "./answer";
import { fillPlace } from "./device-place";

// @lock creation
const counters: usize = memory.data(<i32>offsetof<PortPair>(), 8);

/** Network interfaces of a guest, WireNetInfo each, whose index is at least `from` of the WireDeviceFrom at `body`. */
export function listNets(body: usize): i32 {
  const ask = changetype<WireDeviceFrom>(body);
  const guest = guestByHandle(ask.guest, ask.generation);
  if (changetype<usize>(guest) == 0) return Status.NotFound;
  for (let unit = ask.from; unit < MAX_DEVICES && answerRoom() >= WIRE_NET_INFO_SIZE; unit++) {
    if (changetype<usize>(deviceOf(guest, DEVICE_NET, unit)) != 0) netInfo(guest, unit, addRecord(WIRE_NET_INFO_SIZE));
  }
  return Status.Ok;
}

/** Fills a zeroed WireNetInfo with the guest's interface of that number; false if it has gone. */
export function netInfo(guest: Guest, unit: u32, into: usize): bool {
  creationBegin();
  const at = deviceOf(guest, DEVICE_NET, unit);
  const there = changetype<usize>(at) != 0 && at.hasModel != 0;
  if (there) fill(guest, at, into);
  creationEnd();
  return there;
}

function fill(guest: Guest, at: GuestDevice, into: usize): void {
  const info = changetype<WireNetInfo>(into);
  const port = changetype<Port>(at.backend);
  fillPlace(guest, at, into);
  info.queues = changetype<Net>(at.device.model).pairs;
  if (port.plugged) info.flags |= wire.WIRE_DEVICE_FLAG_LINK_UP;
  if (port.isolated) info.flags |= wire.WIRE_DEVICE_FLAG_ISOLATED;
  info.switchIndex = indexOf(port.on);
  info.port = port.slot;
  info.vlan = port.vlan;
  info.mtu = port.mtu;
  info.mac = wireAddress(port.mac);
  info.rate = port.rate;
  fillCounters(info, port);
  putBytes(into + WIRE_NET_INFO_SWITCH_NAME, WIRE_NET_INFO_SWITCH_NAME_SIZE, port.on.name);
}

/** What a guest could not be given because it had no room counts as its received drops, all else as sent ones. */
function fillCounters(info: WireNetInfo, port: Port): void {
  const sums = changetype<PortPair>(counters);
  portCounters(port, sums);
  info.throttled = sums.throttled;
  info.rxPackets = sums.receivedFrames;
  info.rxBytes = sums.receivedBytes;
  info.txPackets = sums.sentFrames;
  info.txBytes = sums.sentBytes;
  for (let reason: u32 = 0; reason < DROPS; reason++) {
    const dropped = load<u64>(counters + offsetof<PortPair>("drop0") + ((<usize>reason) << 3));
    if (reason < DROP_NO_ROOM) info.txDrops += dropped;
    else info.rxDrops += dropped;
  }
}

/** An address as the wire has it: its first byte highest. */
export function wireAddress(mac: u64): u64 {
  return bswap<u64>(mac) >> 16;
}

function indexOf(on: Switch): u32 {
  for (let i: u32 = 0; i < switchCount(); i++) if (switchAt(i) == on) return i;
  return 0;
}
