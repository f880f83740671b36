// SPDX-License-Identifier: Apache-2.0
// Frames out of a switch by the host's NIC. The first bytes, which were checked, go from a slot of ours; behind them the
// NIC reads the sender's memory itself, and the sender gets its chain back when the NIC is done: no copy. Short frames are
// copied, so that their chain goes back at once, and so are those that the NIC cannot sum or cut itself (offload.ts). With
// no slot left a sender waits for its turn in its own queue. Trap context; uplinkSent: interrupt context, no lock held.
import { now } from "../../arch/seam";
import { Cursor, Segment } from "../../dev/virtio/chain";
import { Virtqueue } from "../../dev/virtio/device";
import {
  ETHER_HEADER,
  ETHER_TAG,
  ETHER_TYPE,
  ETHER_VLAN_LE,
  VIRTIO_NET_HDR_BYTES,
  VIRTIO_NET_HDR_CSUM_START,
  VIRTIO_NET_HDR_HDR_LEN,
  VIRTIO_NET_HDR_NUM_BUFFERS,
} from "../../dev/virtio/net-spec";
import { netRelease } from "../../dev/virtio/net-transmit";
import { queueAnnounce, queuePush } from "../../dev/virtio/queue";
import { hostNicSend } from "../../host/virtio/net";
import { acquire, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { hpaOf } from "../../mem/arena";
import { FRAME_OK, NEEDS_TSO4, NEEDS_TSO6 } from "./check";
import { FRAME_BUSY, FRAME_KEPT } from "./forward";
import {
  forwarding,
  Frame,
  frameCursor,
  LIST_SEGMENTS,
  frameRead,
  headerGsoSize,
  headerHeaders,
  headerOf,
} from "./frame";
import { makePart, partsOf } from "./offload";
import { countDrop, DROP_LONG, DROP_UPLINK, pairAt, Port, PORT_GUEST, portWait } from "./port";
import { Switch, switchPort } from "./switch";
import { Slot, SLOT_FRAME, Uplink } from "./uplink";

/** Bytes behind the head up to which they are copied. */
const COPY_MAX: u32 = 512;

/** Sends a frame by the uplink at `port`. FRAME_OK, FRAME_KEPT, FRAME_BUSY (nothing was sent: later), or DROP_*. */
export function uplinkSend(port: Port, frame: Frame): u32 {
  const uplink = changetype<Uplink>(port.plugged);
  let answer = DROP_LONG;
  const large = (frame.needs & (NEEDS_TSO4 | NEEDS_TSO6)) != 0;
  const longest = large ? headerHeaders(frame) + headerGsoSize(frame) : frame.length;
  if (longest <= port.mtu + ETHER_HEADER) {
    answer = (frame.needs & ~uplink.takes) == 0 ? sendWhole(uplink, frame) : sendParts(uplink, frame);
  }
  if (answer == FRAME_BUSY) return answer;
  const pair = pairAt(port, 0);
  acquire(uplink.lock);
  if (answer < FRAME_BUSY) countDrop(pair, answer);
  else {
    pair.receivedFrames += 1;
    pair.receivedBytes += frame.length;
  }
  release(uplink.lock);
  return answer;
}

/** Takes `count` free slots, linked; null if there are too few, and then whoever asked is told when there are more. */
function takeSlots(uplink: Uplink, count: u32): Slot {
  acquire(uplink.lock);
  let first = changetype<Slot>(0);
  if (uplink.freeCount >= count) {
    first = changetype<Slot>(uplink.free);
    let last = first;
    for (let i: u32 = 1; i < count; i++) last = changetype<Slot>(last.next);
    uplink.free = last.next;
    last.next = 0;
    uplink.freeCount -= count;
  } else uplink.starved = 1;
  release(uplink.lock);
  return first;
}

/** Gives a slot back; true if somebody waits for slots and there are enough again. */
function giveSlot(slot: Slot): bool {
  const uplink = slot.uplink;
  acquire(uplink.lock);
  slot.next = uplink.free;
  uplink.free = changetype<usize>(slot);
  uplink.freeCount += 1;
  const wake = uplink.starved != 0 && uplink.freeCount << 1 >= uplink.slots;
  if (wake) uplink.starved = 0;
  release(uplink.lock);
  return wake;
}

/** A frame that the NIC can take as it is. */
function sendWhole(uplink: Uplink, frame: Frame): u32 {
  const slot = takeSlots(uplink, 1);
  if (changetype<usize>(slot) == 0) return FRAME_BUSY;
  const tag: u32 = frame.vlan ? ETHER_TAG : 0;
  const begin = slot.buffer + SLOT_FRAME + tag;
  memory.copy(begin - VIRTIO_NET_HDR_BYTES, headerOf(frame), VIRTIO_NET_HDR_BYTES + frame.headLength);
  // Only receivers are told of several buffers.
  store<u16>(begin - VIRTIO_NET_HDR_BYTES, 0, VIRTIO_NET_HDR_NUM_BUFFERS);
  let linear = frame.headLength;
  let count: u32 = 0;
  const fits = frame.length + tag <= uplink.room;
  slot.queue = changetype<Virtqueue>(0);
  if (linear < frame.length) {
    const rest = frame.length - linear;
    if (!(fits && rest <= COPY_MAX)) count = listRest(frame, uplink.nic.maxSegments);
    if (count) {
      slot.queue = frame.queue;
      slot.chain = frame.chain;
    } else if (fits) {
      frameRead(frame, linear, begin + linear, rest);
      linear = frame.length;
    } else return refuse(slot);
  }
  return hand(slot, frame, linear, count);
}

function refuse(slot: Slot): u32 {
  // The sender's queue is locked here: who waits for slots goes on by a timer.
  if (giveSlot(slot)) portWait(slot.uplink.port, now());
  return DROP_UPLINK;
}

/** Lists what is behind the head, from the second place of this hart's list on. 0: too many pieces, or nobody's to keep. */
function listRest(frame: Frame, max: u32): u32 {
  if (changetype<usize>(frame.queue) == 0) return 0;
  let left = frame.length - frame.headLength;
  const cursor: Cursor = frameCursor(frame, frame.headLength);
  let count: u32 = 0;
  let at = cursor.at;
  let offset = cursor.offset;
  while (left != 0) {
    count += 1;
    if (count >= min(LIST_SEGMENTS, max)) return 0;
    const from = changetype<Segment>(at);
    const to = changetype<Segment>(forwarding().list + <usize>count * offsetof<Segment>());
    const part = <u32>min<u64>(left, from.length - offset);
    to.hpa = from.hpa + offset;
    to.length = part;
    left -= part;
    offset = 0;
    at += offsetof<Segment>();
  }
  return count;
}

/** The frame for a NIC that cannot do what it needs: put together here, one slot for each part. */
function sendParts(uplink: Uplink, frame: Frame): u32 {
  const count = partsOf(frame);
  if (count > uplink.slots) return DROP_UPLINK;
  let slot = takeSlots(uplink, count);
  if (changetype<usize>(slot) == 0) return FRAME_BUSY;
  const tag: u32 = frame.vlan ? ETHER_TAG : 0;
  let answer = FRAME_OK;
  for (let i: u32 = 0; i < count; i++) {
    const next = changetype<Slot>(slot.next);
    const begin = slot.buffer + SLOT_FRAME + tag;
    const length = makePart(frame, i, begin);
    memory.fill(begin - VIRTIO_NET_HDR_BYTES, 0, VIRTIO_NET_HDR_BYTES);
    slot.queue = changetype<Virtqueue>(0);
    const sent = hand(slot, frame, length, 0);
    if (sent != FRAME_OK) answer = sent;
    slot = next;
  }
  return answer;
}

/** Hands the slot's first `linear` bytes and `count` segments of this hart's list to the NIC. */
function hand(slot: Slot, frame: Frame, linear: u32, count: u32): u32 {
  const begin = slot.buffer + SLOT_FRAME;
  const kept = changetype<usize>(slot.queue) != 0;
  if (frame.vlan) linear += tagFrame(begin, frame);
  const mine = forwarding();
  const first = changetype<Segment>(mine.list);
  first.hpa = hpaOf(begin);
  first.length = linear;
  const out = mine.out;
  out.header = begin - VIRTIO_NET_HDR_BYTES;
  out.segments = mine.list;
  out.count = 1 + count;
  out.done = changetype<u32>(uplinkSent.index);
  out.owner = changetype<usize>(slot);
  if (hostNicSend(slot.uplink.nic, out) != Status.Ok) return refuse(slot);
  if (!kept) return FRAME_OK;
  mine.sender = changetype<Virtqueue>(0);
  return FRAME_KEPT;
}

/** Puts the tag of the frame's VLAN in: the addresses, and the header in front of them, move by its bytes. Answers those. */
function tagFrame(begin: usize, frame: Frame): u32 {
  const header = begin - VIRTIO_NET_HDR_BYTES;
  memory.copy(header, header + ETHER_TAG, VIRTIO_NET_HDR_BYTES + ETHER_TYPE);
  store<u16>(begin, <u16>ETHER_VLAN_LE, ETHER_TYPE);
  store<u16>(begin, bswap<u16>(<u16>frame.vlan), ETHER_TYPE + 2);
  // What a header says stands behind the tag.
  if (load<u8>(header))
    store<u16>(header, load<u16>(header, VIRTIO_NET_HDR_CSUM_START) + <u16>ETHER_TAG, VIRTIO_NET_HDR_CSUM_START);
  if (load<u8>(header, 1))
    store<u16>(header, load<u16>(header, VIRTIO_NET_HDR_HDR_LEN) + <u16>ETHER_TAG, VIRTIO_NET_HDR_HDR_LEN);
  return ETHER_TAG;
}

/** The NIC is done with a slot's frame: its chain goes back, and senders that wait for slots go on. */
export function uplinkSent(owner: usize): void {
  const slot = changetype<Slot>(owner);
  const queue = slot.queue;
  const chain = slot.chain;
  const port = slot.uplink.port;
  const wake = giveSlot(slot);
  if (changetype<usize>(queue) != 0) {
    acquire(queue.lock);
    queuePush(queue, chain, 0);
    queueAnnounce(queue);
    release(queue.lock);
  }
  if (wake) uplinkRoom(port.on);
}

/** There are slots again: senders that wait for them go on. Interrupt context, no lock held. */
export function uplinkRoom(sw: Switch): void {
  for (let i: u32 = 0; i < sw.slots; i++) {
    const port = switchPort(sw, i);
    if (changetype<usize>(port) != 0 && port.kind == PORT_GUEST) netRelease(port);
  }
}
