// SPDX-License-Identifier: Apache-2.0
// net list and host nets: guests' network interfaces with their counters, and the host's NICs. What is listed is what the
// channel answers (channel/nets.ts, nics.ts). Called by the terminal's worker.
import { Switch, switchAt } from "../../backend/net/switch";
import { DEVICE_NET, MAX_DEVICES } from "../../guest/devices/node";
import { guestCount } from "../../guest/table";
import { hostNic, hostNicCount } from "../../host/virtio/net";
import { netInfo } from "../channel/nets";
import { nicInfo } from "../channel/nics";
import { WIRE_NET_INFO_SIZE, WIRE_NET_INFO_SWITCH_NAME, WireNetInfo, WireNicInfo } from "../wire-device-structs";
import { guestWith, showState } from "./device-row";
import { closeRow, openRow, showHex, showNumber, showText, showWord } from "./out";

// @lock none: the terminal's worker only.
const info: usize = memory.data(<i32>WIRE_NET_INFO_SIZE + 8, 8);

function cleared(): usize {
  memory.fill(info, 0, WIRE_NET_INFO_SIZE);
  return info;
}

export function netList(step: u32): u32 {
  if (step == guestCount() * MAX_DEVICES) return 0;
  const guest = guestWith(step, DEVICE_NET);
  if (changetype<usize>(guest) == 0 || !netInfo(guest, step % MAX_DEVICES, cleared())) return 1;
  const net = changetype<WireNetInfo>(info);
  openRow();
  do {
    showText("guest", 16, guest.name);
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
  nicInfo(hostNic(step), cleared());
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
    showState(nic.flags);
  } while (closeRow());
  return 1;
}
