// SPDX-License-Identifier: Apache-2.0
// Frames into a guest: the receive queues of its network device. Called by the switch (backend/net/forward.ts) in trap
// context, on the sender's hart and in its time, with the sender's queue locked. What a guest has no room for is dropped
// and counted at its port; nobody waits for it. The receiver's lock is kept for some frames in a row to the same queue,
// and the driver is told once, when the lock is let go of (receiverDone).
//
// A sender found the receiver without a lock. Whether port, device and their settings are still what it saw is looked at
// here, under the receiver's lock: who takes a port away changes the switch's layout first and takes this lock afterwards.
// @spec virtio 1.2 §5.1.6.3, §5.1.6.4
import { FRAME_OK, transportOf } from "../../backend/net/check";
import {
  clearHeader,
  destinationOf,
  forwarding,
  Forwarding,
  Frame,
  frameCursor,
  headerOf,
  MAX_BUFFERS,
  sourceOf,
} from "../../backend/net/frame";
import { makePart, MAX_PARTS, partsOf } from "../../backend/net/offload";
import { countDrop, DROP_DOWN, DROP_NO_ROOM, pairAt, Port, PortPair } from "../../backend/net/port";
import { Switch } from "../../backend/net/switch";
import * as hw from "../../hw";
import { acquire, release } from "../../lib/lock";
import {
  Chain,
  copySegments,
  hartChain,
  hartCursor,
  cursorInit,
  Segment,
  writableSegments,
  writeSegments,
} from "./chain";
import { queueAt, Virtqueue } from "./device";
import { Net } from "./net-model";
import {
  VIRTIO_NET_F_CTRL_RX,
  VIRTIO_NET_F_MRG_RXBUF,
  VIRTIO_NET_HDR_BYTES,
  VIRTIO_NET_HDR_NUM_BUFFERS,
} from "./net-spec";
import { queueAnnounce, queuePop, queuePush, queueUnpop } from "./queue";

/** Frames in a row for which a receiver's lock is kept: others want to send to it too. */
const HOLD: u32 = 16;
const BROADCAST: u64 = 0xffff_ffff_ffff;

/** Delivers a frame to what is plugged into the port. */
export function netReceive(port: Port, frame: Frame): void {
  const net = changetype<Net>(hw.atomicLoad(changetype<usize>(port) + offsetof<Port>("plugged")));
  if (changetype<usize>(net) == 0) return;
  const device = net.device;
  const active = net.active;
  const index: u32 = active > 1 ? flowOf(frame) % active : 0;
  if (index << 1 >= device.queueCount) return;
  const queue = queueAt(device, index << 1);
  const mine = forwarding();
  if (mine.receiver != queue || mine.held == HOLD) {
    receiverDone(mine);
    acquire(queue.lock);
    mine.receiver = queue;
    mine.held = 0;
  }
  mine.held += 1;
  const layout = changetype<usize>(frame.from.on) + offsetof<Switch>("layout");
  if (net.port != port || net.device != device || hw.atomicLoad(layout) != frame.layout) return;
  const pair = pairAt(port, index);
  if (queue.live == 0) countDrop(pair, DROP_DOWN);
  else if (isWanted(net, frame)) deliver(net, queue, pair, frame);
}

/** The frames of this hart for the receiver that it holds are through: its driver is told, and its lock is free. */
export function receiverDone(mine: Forwarding): void {
  const queue = mine.receiver;
  if (changetype<usize>(queue) == 0) return;
  queueAnnounce(queue);
  mine.receiver = changetype<Virtqueue>(0);
  release(queue.lock);
}

/** What a flow has in common: addresses and ports, or Ethernet addresses. */
function flowOf(frame: Frame): u32 {
  const transport = frame.transport ? frame.transport : transportOf(frame);
  let bits = (<u32>sourceOf(frame)) ^ (<u32>destinationOf(frame));
  // The last words in front of the transport header are addresses, in IPv4 without options and in IPv6; ports follow.
  if (transport != 0 && frame.headLength >= transport + 4) {
    bits =
      load<u32>(frame.head + transport - 8) ^ load<u32>(frame.head + transport - 4) ^ load<u32>(frame.head + transport);
  }
  return (bits * 0x9e37_79b1) >> 16;
}

/** What the driver asked for, if it could. @spec virtio §5.1.6.5.1 */
function isWanted(net: Net, frame: Frame): bool {
  if (net.promiscuous != 0 || ((net.device.accepted >> VIRTIO_NET_F_CTRL_RX) & 1) == 0) return true;
  const address = destinationOf(frame);
  if (address == net.port.mac || address == BROADCAST) return true;
  const group = (address & 1) != 0;
  if (group && net.allMulticast != 0) return true;
  return (((group ? net.multicast : net.unicast) >> filterBit(address)) & 1) != 0;
}

/** Which bit of a filter stands for an address; others may share it, and come through too. */
export function filterBit(address: u64): u64 {
  return (address * 0x9e37_79b9_7f4a_7c15) >> 58;
}

/** As it is, if the driver can take it so; else as the frames that it becomes. */
function deliver(net: Net, queue: Virtqueue, pair: PortPair, frame: Frame): void {
  const accepted = <u32>net.device.accepted;
  if ((accepted & frame.needs) == frame.needs) return put(net, queue, pair, frame);
  const count = partsOf(frame);
  if (count > MAX_PARTS) return countDrop(pair, DROP_NO_ROOM);
  const flat = forwarding().flat;
  for (let i: u32 = 0; i < count; i++) {
    flat.length = flat.headLength = makePart(frame, i, flat.head);
    clearHeader(flat);
    put(net, queue, pair, flat);
  }
}

/** One frame into one or more of the queue's buffers, or none of it. */
function put(net: Net, queue: Virtqueue, pair: PortPair, frame: Frame): void {
  const chain = hartChain(1);
  const total = VIRTIO_NET_HDR_BYTES + frame.length;
  let answer = DROP_NO_ROOM;
  if (queuePop(queue, chain) > 0) {
    if (frame.length > frame.headLength) frameCursor(frame, frame.headLength);
    if (chain.writeBytes >= total) {
      store<u16>(headerOf(frame), 1, VIRTIO_NET_HDR_NUM_BUFFERS);
      fill(chain, frame, 0, total);
      queuePush(queue, chain.head, total);
      answer = FRAME_OK;
    } else if ((net.device.accepted >> VIRTIO_NET_F_MRG_RXBUF) & 1) answer = spread(queue, chain, frame);
    else queueUnpop(queue);
  }
  if (answer != FRAME_OK) return countDrop(pair, answer);
  pair.receivedFrames += 1;
  pair.receivedBytes += frame.length;
  forwarding().copied += total;
}

/** Bytes [offset, offset + length) of header and frame into a chain; those before went to other chains. */
function fill(chain: Chain, frame: Frame, offset: u32, length: u32): void {
  const to = hartCursor(1);
  cursorInit(to, writableSegments(chain), chain.writable, 0);
  const linear = VIRTIO_NET_HDR_BYTES + frame.headLength;
  if (offset < linear) {
    const part = min(length, linear - offset);
    writeSegments(to, headerOf(frame) + offset, part);
    length -= part;
  }
  if (length) copySegments(to, frame.cursor, length);
}

/** A frame into several chains, the first of which is taken. FRAME_OK, or DROP_NO_ROOM and none is taken. */
function spread(queue: Virtqueue, chain: Chain, frame: Frame): u32 {
  const total = VIRTIO_NET_HDR_BYTES + frame.length;
  const list = forwarding().buffers;
  const first = changetype<Segment>(writableSegments(chain));
  // The number of buffers is known last, and stands in the first.
  const countHpa = first.hpa + VIRTIO_NET_HDR_NUM_BUFFERS;
  let count: u32 = 0;
  let done: u32 = 0;
  let taken = chain.writable != 0 && first.length >= VIRTIO_NET_HDR_BYTES;
  if (!taken) queueUnpop(queue);
  while (taken) {
    const part = <u32>min<u64>(total - done, chain.writeBytes);
    fill(chain, frame, done, part);
    store<u32>(list + ((<usize>count) << 3), chain.head);
    store<u32>(list + ((<usize>count) << 3), part, 4);
    count += 1;
    done += part;
    taken = done < total && count < MAX_BUFFERS && queuePop(queue, chain) > 0;
  }
  if (done < total) {
    for (; count != 0; count--) queueUnpop(queue);
    return DROP_NO_ROOM;
  }
  const number = headerOf(frame) + VIRTIO_NET_HDR_NUM_BUFFERS;
  store<u16>(number, <u16>count);
  hw.copyOut(countHpa, number, 2);
  for (let i: u32 = 0; i < count; i++) {
    const at = list + ((<usize>i) << 3);
    queuePush(queue, load<u32>(at), load<u32>(at, 4));
  }
  return FRAME_OK;
}
