// SPDX-License-Identifier: Apache-2.0
// NICs of the host, with their counters. Called in the channel's worker and by the terminal's, with no lock; counters may
// be a moment old.
import { Port } from "../../backend/net/port";
import { switchAt, switchCount } from "../../backend/net/switch";
import { Uplink } from "../../backend/net/uplink";
import { HostNic, hostNic, hostNicCount } from "../../host/virtio/net";
import { Status } from "../../lib/status";
import * as wire from "../wire";
import { WIRE_NIC_INFO_SIZE, WireNicInfo } from "../wire-device-structs";
import { WireFrom } from "../wire-structs";
import { addRecord } from "./answer";
import { wireAddress } from "./nets";

/** NICs of the host, WireNicInfo each, from an index on. */
export function listNics(body: usize): i32 {
  for (let i = changetype<WireFrom>(body).from; i < hostNicCount(); i++) {
    const at = addRecord(WIRE_NIC_INFO_SIZE);
    if (!at) break;
    nicInfo(hostNic(i), at);
  }
  return Status.Ok;
}

/** Fills a zeroed WireNicInfo. */
export function nicInfo(nic: HostNic, into: usize): void {
  const info = changetype<WireNicInfo>(into);
  info.index = nic.index;
  info.flags = nic.failed ? wire.WIRE_DEVICE_FLAG_FAILED : wire.WIRE_DEVICE_FLAG_LINK_UP;
  info.queues = 1;
  for (let i: u32 = 0; i < switchCount(); i++) {
    const uplink = switchAt(i).uplink;
    if (uplink && nicOf(uplink) == nic) info.switchIndex = i + 1;
  }
  info.mac = wireAddress(nic.mac);
  info.rxPackets = nic.receivedFrames;
  info.rxBytes = nic.receivedBytes;
  info.rxDrops = nic.dropped;
  info.txPackets = nic.sentFrames;
  info.txBytes = nic.sentBytes;
  info.txDrops = nic.errors;
}

/** The NIC of an uplink's port. */
export function nicOf(port: usize): HostNic {
  return changetype<Uplink>(changetype<Port>(port).plugged).nic;
}
