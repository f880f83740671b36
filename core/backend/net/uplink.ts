// SPDX-License-Identifier: Apache-2.0
// The host's NIC as a port of a switch: in all VLANs, whose frames are tagged outside and untagged inside. What comes in is
// copied once, from the NIC's buffers into guests; what goes out is in uplink-send.ts. Made under the creation lock, and
// never taken away. uplinkReceive: one call at a time for a NIC, interrupt or worker context, no lock held.
import { cursorInit, readSegments, Segment } from "../../dev/virtio/chain";
import { Virtqueue } from "../../dev/virtio/device";
import {
  ETHER_HEADER,
  ETHER_TAG,
  ETHER_TYPE,
  ETHER_VLAN_LE,
  VIRTIO_NET_F_CSUM,
  VIRTIO_NET_F_GUEST_CSUM,
  VIRTIO_NET_F_HOST_TSO4,
  VIRTIO_NET_F_HOST_TSO6,
  VIRTIO_NET_HDR_BYTES,
  VIRTIO_NET_HDR_CSUM_START,
} from "../../dev/virtio/net-spec";
import { receiverDone } from "../../dev/virtio/net-receive";
import { HostNic, hostNic, MAX_HOST_NICS } from "../../host/virtio/net";
import { hostNicOnReceive } from "../../host/virtio/net-receive";
import { queueTokens } from "../../host/virtio/queue";
import * as hw from "../../hw";
import { Lock, LOCK_SIZE, lockInit, RANK_MEMORY } from "../../lib/lock";
import { Status } from "../../lib/status";
import { allocate, arenaNeeds } from "../../mem/arena";
import { checkFrame, FRAME_OK, NEEDS_CHECKSUM, NEEDS_TSO4, NEEDS_TSO6 } from "./check";
import { forward, FRAME_KEPT, learn } from "./forward";
import { forwarding, Frame, HEAD_BYTES, headerFlags, headerOf, sourceOf } from "./frame";
import { countDrop, DROP_HEADER, DROP_SHORT, MTU_MAX, pairAt, Port, PortPair } from "./port";
import { portOfUplink, Switch } from "./switch";

/** Where a frame stands in a slot's buffer: behind its header, aligned as in frame.ts. */
export const SLOT_FRAME: usize = 18;
const VLAN_MASK: u32 = 0xfff;

/** A frame on its way out: its checked first bytes, or all of it, and whose chain it is. */
@unmanaged
export class Slot {
  uplink: Uplink = changetype<Uplink>(0);
  /** The sender's queue and chain, which goes back when the frame is sent; queue 0: it is back already. */
  queue: Virtqueue = changetype<Virtqueue>(0);
  chain: u32 = 0;
  next: usize = 0;
  /** Linear address of its buffer. */
  buffer: usize = 0;
  slotPad: u32 = 0;
}

@unmanaged
export class Uplink {
  /** Guards the slots, and what the port counts as received. A leaf. */
  lock: Lock = changetype<Lock>(0);
  nic: HostNic = changetype<HostNic>(0);
  port: Port = changetype<Port>(0);
  /** What the NIC does itself, as NEEDS_*. */
  takes: u32 = 0;
  /** Free slots, how many, and how many there are: as many as the NIC takes frames, so that it is never Busy. */
  free: usize = 0;
  freeCount: u32 = 0;
  slots: u32 = 0;
  /** Bytes of a frame that fit a slot's buffer. */
  room: u32 = 0;
  /** 1: some sender waits for slots. */
  starved: u32 = 0;
  uplinkPad: u32 = 0;
}

// @lock creation: by number of the NIC.
const uplinks: usize = memory.data(<i32>(MAX_HOST_NICS * sizeof<usize>()), 8);

/**
 * Makes NIC `index` the switch's uplink. NotFound: there is no such NIC; Busy: the switch has an uplink, or the NIC is
 * one; NoMemory. The creation lock is held, or it is boot.
 */
export function switchUplink(sw: Switch, index: u32): i32 {
  const nic = hostNic(index);
  if (changetype<usize>(nic) == 0) return Status.NotFound;
  const at = uplinks + <usize>index * sizeof<usize>();
  if (sw.uplink != 0 || load<usize>(at) != 0) return Status.Busy;
  const uplink = makeUplink(nic);
  if (changetype<usize>(uplink) == 0) return Status.NoMemory;
  uplink.port = portOfUplink(sw, changetype<usize>(uplink), mtuOf(nic));
  if (changetype<usize>(uplink.port) == 0) return Status.NoMemory;
  store<usize>(at, changetype<usize>(uplink));
  return hostNicOnReceive(nic, changetype<u32>(uplinkReceive.index));
}

function makeUplink(nic: HostNic): Uplink {
  const none = changetype<Uplink>(0);
  const takes = offloadsOf(nic);
  const all = takes == (NEEDS_CHECKSUM | NEEDS_TSO4 | NEEDS_TSO6);
  const slots = queueTokens(nic.sending);
  // A NIC that cuts and sums itself never needs more than the first bytes of a frame, and they always have to fit.
  const room = (all ? HEAD_BYTES : max(HEAD_BYTES, mtuOf(nic) + ETHER_HEADER)) + ETHER_TAG;
  const each = offsetof<Slot>() + ((SLOT_FRAME + room + 7) & ~7);
  if (!arenaNeeds(<u32>(each * slots + offsetof<Uplink>() + <usize>LOCK_SIZE + 64))) return none;
  const uplink = changetype<Uplink>(allocate(offsetof<Uplink>()));
  uplink.lock = changetype<Lock>(allocate(<usize>LOCK_SIZE));
  lockInit(uplink.lock, RANK_MEMORY);
  uplink.nic = nic;
  uplink.takes = takes;
  uplink.room = room;
  uplink.slots = slots;
  for (let i: u32 = 0; i < slots; i++) {
    const slot = changetype<Slot>(allocate(each));
    slot.uplink = uplink;
    slot.buffer = changetype<usize>(slot) + offsetof<Slot>();
    slot.next = uplink.free;
    uplink.free = changetype<usize>(slot);
  }
  uplink.freeCount = slots;
  return uplink;
}

/** Frames beyond this fit no buffer of ours, whatever the NIC says of itself. */
function mtuOf(nic: HostNic): u32 {
  return min(nic.mtu, MTU_MAX);
}

function offloadsOf(nic: HostNic): u32 {
  const features = <u32>nic.features;
  if (((features >> VIRTIO_NET_F_CSUM) & 1) == 0) return 0;
  const four: u32 = (features >> VIRTIO_NET_F_HOST_TSO4) & 1 ? NEEDS_TSO4 : 0;
  const six: u32 = (features >> VIRTIO_NET_F_HOST_TSO6) & 1 ? NEEDS_TSO6 : 0;
  return NEEDS_CHECKSUM | four | six;
}

/** A frame came in: its VirtIO header, and `count` Segments. */
export function uplinkReceive(nic: usize, header: usize, segments: usize, count: u32): void {
  const uplink = changetype<Uplink>(load<usize>(uplinks + <usize>changetype<HostNic>(nic).index * sizeof<usize>()));
  const port = uplink.port;
  const pair = pairAt(port, 0);
  const mine = forwarding();
  const frame = mine.frame;
  let length: u64 = 0;
  for (let i: u32 = 0; i < count; i++) length += load<u64>(segments + <usize>i * offsetof<Segment>(), 8);
  let answer = DROP_SHORT;
  if (length >= ETHER_HEADER + ETHER_TAG && length <= <u64>u16.MAX_VALUE) {
    frame.segments = segments;
    frame.segmentCount = count;
    frame.length = <u32>length;
    frame.from = port;
    frame.queue = changetype<Virtqueue>(0);
    frame.layout = hw.atomicLoad(changetype<usize>(port.on) + offsetof<Switch>("layout"));
    copyHeader(frame, header);
    answer = accept(uplink, frame, pair);
    receiverDone(mine);
  }
  if (answer < FRAME_KEPT) return countDrop(pair, answer);
  pair.sentFrames += 1;
  pair.sentBytes += length;
}

/** Header and first bytes into the frame's copy. */
function copyHeader(frame: Frame, header: usize): void {
  memory.copy(headerOf(frame), header, VIRTIO_NET_HDR_BYTES);
  frame.headLength = min(frame.length, HEAD_BYTES);
  frame.skip = 0;
  cursorInit(frame.cursor, frame.segments, frame.segmentCount, 0);
  readSegments(frame.head, frame.cursor, frame.headLength);
}

function accept(uplink: Uplink, frame: Frame, pair: PortPair): u32 {
  if (!untag(frame)) return DROP_HEADER;
  let answer = learn(frame, pair, sourceOf(frame));
  const features = <u32>uplink.nic.features;
  const may: u32 = (features >> VIRTIO_NET_F_GUEST_CSUM) & 1 ? NEEDS_CHECKSUM : 0;
  if (answer == FRAME_OK) answer = checkFrame(frame, may, uplink.port.mtu);
  return answer == FRAME_OK ? forward(frame, pair) : answer;
}

/** Takes an 802.1Q tag off; the frame is then in its VLAN. False: the header wants a checksum in front of where it was. */
function untag(frame: Frame): bool {
  frame.vlan = 0;
  if (load<u16>(frame.head, ETHER_TYPE) != ETHER_VLAN_LE) return true;
  frame.vlan = bswap<u16>(load<u16>(frame.head, ETHER_TYPE + 2)) & VLAN_MASK;
  memory.copy(frame.head + ETHER_TYPE, frame.head + ETHER_TYPE + ETHER_TAG, frame.headLength - ETHER_TYPE - ETHER_TAG);
  frame.headLength -= ETHER_TAG;
  frame.length -= ETHER_TAG;
  frame.skip = ETHER_TAG;
  if (headerFlags(frame) == 0) return true;
  const at = headerOf(frame) + VIRTIO_NET_HDR_CSUM_START;
  const start: u32 = load<u16>(at);
  store<u16>(at, <u16>(start - ETHER_TAG));
  return start >= ETHER_HEADER + ETHER_TAG;
}
