// SPDX-License-Identifier: Apache-2.0
// The switch port behind a guest's network device, from its node; and the switches that the host's tree names. Boot, and
// worker context with the creation lock held.
import { ADDRESSES_DEFAULT, MTU_DEFAULT, Port, PortSettings } from "../../backend/net/port";
import { portCreate, Switch, switchByName } from "../../backend/net/switch";
import { switchUplink } from "../../backend/net/uplink";
import {
  fdtChild,
  fdtCompatible,
  fdtFind,
  fdtHas,
  fdtProperty,
  fdtSibling,
  fdtStringLength,
  fdtU32,
  fdtU64,
} from "../../fdt/read";
import { print, printText } from "../../lib/print";
import { Status } from "../../lib/status";
import { Guest } from "../guest";
import { refuse } from "../refusal";
import { MAC_BYTES } from "./node";

/** Locally administered, as QEMU's: 52:54:00, the first byte lowest. */
const OWN_PREFIX: u64 = 0x00_5452;
const LAN: usize = memory.data<u8>([0x6c, 0x61, 0x6e]);

// @lock creation
const settings: usize = memory.data(<i32>offsetof<PortSettings>(), 8);

/** The port that a checked node describes; a null pointer with the reason in refusal.ts. */
export function makePort(guest: Guest, unit: u32, fdt: usize, node: usize): Port {
  const none = changetype<Port>(0);
  const name = fdtProperty(fdt, node, "typeone,switch");
  const on = name ? switchByName(name, fdtStringLength(name)) : switchByName(LAN, 3);
  if (changetype<usize>(on) == 0) {
    refuse(Status.Limit, "there are 8 switches already, or the switch has no name of at most 31 characters");
    return none;
  }
  const wish = changetype<PortSettings>(settings);
  wish.mac = macOf(guest, unit, fdt, node);
  wish.vlan = fdtU32(fdt, node, "typeone,vlan", 0);
  wish.rate = fdtU64(fdt, node, "typeone,rate", 0);
  wish.isolated = u32(fdtHas(fdt, node, "typeone,isolated"));
  wish.mtu = fdtU32(fdt, node, "typeone,mtu", MTU_DEFAULT);
  wish.addresses = ADDRESSES_DEFAULT;
  const port = portCreate(on, wish);
  if (changetype<usize>(port) == 0) {
    if (wish.status == Status.Busy) refuse(wish.status, "another port of the switch has the same local-mac-address");
    else if (wish.status == Status.Invalid)
      refuse(wish.status, "a net's local-mac-address is no address of one station");
    else refuse(wish.status, "the switch is full, or the hypervisor's own memory is used up");
  }
  return port;
}

/** Boot: makes the switches that the host's tree names under /chosen, with their uplinks; says what it cannot make. */
export function makeSwitches(tree: usize): void {
  const chosen = fdtFind(tree, "/chosen");
  for (let node = chosen ? fdtChild(chosen) : 0; node; node = fdtSibling(node)) {
    if (!fdtCompatible(tree, node, "typeone,switch")) continue;
    const name = fdtProperty(tree, node, "typeone,name");
    const made = name ? switchByName(name, fdtStringLength(name)) : changetype<Switch>(0);
    const uplink = fdtProperty(tree, node, "typeone,uplink");
    if (changetype<usize>(made) == 0) print("a switch cannot be made: it needs typeone,name, and there may be 8\n");
    else if (uplink && switchUplink(made, nicOf(uplink)) != Status.Ok) {
      print("switch ");
      printText(made.name);
      print(" has no uplink: its NIC is not there, or taken\n");
    }
  }
}

/** The number in "nic0"; a number that no NIC has for any other text. */
function nicOf(text: usize): u32 {
  const digit = <u32>load<u8>(text + 3) - 0x30;
  return fdtStringLength(text) == 4 && digit < 10 ? digit : u32.MAX_VALUE;
}

/** The node's address, or one that is made from the guest's name and the device's number (FNV-1a). */
function macOf(guest: Guest, unit: u32, fdt: usize, node: usize): u64 {
  const given = fdtProperty(fdt, node, "local-mac-address");
  let mac: u64 = 0;
  if (given) {
    for (let i: u32 = 0; i < MAC_BYTES; i++) mac |= (<u64>load<u8>(given + i)) << (i << 3);
    return mac;
  }
  let hash: u32 = 0x811c_9dc5 ^ unit;
  for (let at = guest.name; load<u8>(at); at++) hash = (hash ^ load<u8>(at)) * 0x0100_0193;
  return OWN_PREFIX | ((<u64>(hash & 0xff_ffff)) << 24);
}
