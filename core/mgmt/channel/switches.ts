// SPDX-License-Identifier: Apache-2.0
// Virtual switches, with what went through them. Called in the channel's worker, with no lock; counters may be a moment old.
import { DROP_NOWHERE, portCounters, PortPair } from "../../backend/net/port";
import { second, Switch, switchAt, switchCount, switchPort } from "../../backend/net/switch";
import { countAddresses } from "../../backend/net/table";
import { Status } from "../../lib/status";
import {
  WIRE_SWITCH_INFO_NAME,
  WIRE_SWITCH_INFO_NAME_SIZE,
  WIRE_SWITCH_INFO_SIZE,
  WireSwitchInfo,
} from "../wire-device-structs";
import { WireFrom } from "../wire-structs";
import { addRecord, putBytes } from "./answer";
import { nicOf } from "./nics";

// @lock none: the channel's worker only.
const counters: usize = memory.data(<i32>offsetof<PortPair>(), 8);

/** Switches, WireSwitchInfo each, from an index on. */
export function listSwitches(body: usize): i32 {
  for (let i = changetype<WireFrom>(body).from; i < switchCount(); i++) {
    const at = addRecord(WIRE_SWITCH_INFO_SIZE);
    if (!at) break;
    const info = changetype<WireSwitchInfo>(at);
    const sw = switchAt(i);
    info.index = i;
    info.ports = sw.count - u32(sw.uplink != 0);
    info.uplink = sw.uplink ? nicOf(sw.uplink).index + 1 : 0;
    info.stations = countAddresses(sw, second());
    fillForwarded(info, sw);
    putBytes(at + WIRE_SWITCH_INFO_NAME, WIRE_SWITCH_INFO_NAME_SIZE, sw.name);
  }
  return Status.Ok;
}

/** What went to one port, to all and to none, by the ports that there are now. */
function fillForwarded(info: WireSwitchInfo, sw: Switch): void {
  const sums = changetype<PortPair>(counters);
  for (let slot: u32 = 0; slot < sw.slots; slot++) {
    const port = switchPort(sw, slot);
    if (changetype<usize>(port) == 0) continue;
    portCounters(port, sums);
    info.forwarded += sums.sentFrames - sums.flooded;
    info.flooded += sums.flooded;
    info.dropped += load<u64>(counters + offsetof<PortPair>("drop0") + ((<usize>DROP_NOWHERE) << 3));
  }
}
