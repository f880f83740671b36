// SPDX-License-Identifier: Apache-2.0
// The switch at work: may this port send that frame, and which ports get it. One look into the table of addresses a frame
// at most; what the last frame of a queue found is remembered. Trap context; the sender's queue is locked (or it is the
// uplink's interrupt), and receivers are locked one at a time.
import * as hw from "../../hw";
import { ETHER_QINQ_LE, ETHER_TYPE, ETHER_VLAN_LE } from "../../dev/virtio/net-spec";
import { netReceive } from "../../dev/virtio/net-receive";
import { FRAME_OK } from "./check";
import { destinationOf, Frame, sourceOf } from "./frame";
import { DROP_FLOOD, DROP_NOWHERE, DROP_SPOOFED, DROP_VLAN, Port, PORT_GUEST, PORT_UPLINK, PortPair } from "./port";
import { keyOf, second, Switch, switchFind, switchLearn, switchPort } from "./switch";
import { LEARNED } from "./table";
import { uplinkSend } from "./uplink-send";

/** Bytes that one frame may become when every port gets it. */
const FLOOD_BYTES: u64 = 0x10_0000;
const GROUP: u64 = 1;

/** Of forward: the uplink has the frame, and gives its chain back later. */
export const FRAME_KEPT: u32 = FRAME_OK - 1;
/** Of forward: nobody has the frame; the uplink has no room now. */
export const FRAME_BUSY: u32 = FRAME_OK - 2;

/** Whether a guest's port may send this: untagged (the switch knows its VLAN), with a source that is its own. FRAME_OK or DROP_*. */
export function admit(frame: Frame, pair: PortPair): u32 {
  const port = frame.from;
  const type: u32 = load<u16>(frame.head, ETHER_TYPE);
  if (type == ETHER_VLAN_LE || type == ETHER_QINQ_LE) return DROP_VLAN;
  const source = sourceOf(frame);
  return source == port.mac ? FRAME_OK : learn(frame, pair, source);
}

/** Not the port's own address, or the uplink's: one that it has learned, or learns now. */
export function learn(frame: Frame, pair: PortPair, source: u64): u32 {
  if (source == 0 || source & GROUP) return DROP_SPOOFED;
  const key = keyOf(source, frame.vlan);
  const at = second();
  const epoch = epochOf(frame.from.on);
  if (pair.sourceKey == key && pair.sourceSecond == at && pair.sourceEpoch == epoch) return FRAME_OK;
  const answer = switchLearn(frame.from, key, at);
  if (answer != LEARNED) return answer;
  pair.sourceKey = key;
  pair.sourceSecond = at;
  pair.sourceEpoch = epoch;
  return FRAME_OK;
}

/**
 * Gives the frame to whom it is for. FRAME_OK, FRAME_KEPT, FRAME_BUSY, or DROP_*. What a receiver could not take is counted
 * there, and is no concern of the sender.
 */
export function forward(frame: Frame, pair: PortPair): u32 {
  const sw = frame.from.on;
  const destination = destinationOf(frame);
  if (destination & GROUP) return flood(sw, frame, pair);
  const key = keyOf(destination, frame.vlan);
  const epoch = epochOf(sw);
  const at = second();
  // What was true in another second may be too old by now.
  if (pair.lastKey != key || pair.lastEpoch != epoch || pair.lastSecond != at) {
    const found = switchFind(sw, key);
    if (changetype<usize>(found) == 0) return flood(sw, frame, pair);
    pair.lastKey = key;
    pair.lastEpoch = epoch;
    pair.lastSecond = at;
    pair.lastPort = changetype<usize>(found);
  }
  const to = changetype<Port>(pair.lastPort);
  if (!mayReach(frame.from, to)) return DROP_NOWHERE;
  if (to.kind == PORT_UPLINK) return uplinkSend(to, frame);
  netReceive(to, frame);
  return FRAME_OK;
}

function epochOf(sw: Switch): u32 {
  return hw.atomicLoad(changetype<usize>(sw) + offsetof<Switch>("epoch"));
}

/** Nobody gets its own frames; an isolated port exchanges frames with the uplink only. */
function mayReach(from: Port, to: Port): bool {
  if (from == to) return false;
  return from.kind != PORT_GUEST || to.kind != PORT_GUEST || (from.isolated | to.isolated) == 0;
}

/** To everybody in its VLAN that it may reach; the uplink comes last, for it may keep the frame. */
function flood(sw: Switch, frame: Frame, pair: PortPair): u32 {
  if (<u64>sw.count * frame.length > FLOOD_BYTES) return DROP_FLOOD;
  let answer = DROP_NOWHERE;
  for (let slot: u32 = 0; slot < sw.slots; slot++) {
    const to = switchPort(sw, slot);
    if (changetype<usize>(to) == 0 || to.kind != PORT_GUEST) continue;
    if (to.vlan != frame.vlan || !mayReach(frame.from, to)) continue;
    netReceive(to, frame);
    answer = FRAME_OK;
  }
  const uplink = changetype<Port>(sw.uplink);
  if (changetype<usize>(uplink) != 0 && uplink != frame.from) {
    const sent = uplinkSend(uplink, frame);
    // Others have it already: it is not sent again.
    if (answer != FRAME_OK || sent >= FRAME_KEPT) answer = sent;
  }
  if (answer >= FRAME_KEPT) pair.flooded += 1;
  return answer;
}
