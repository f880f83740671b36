// SPDX-License-Identifier: Apache-2.0
// Frames out of a guest: the transmit queues of its network device, worked off in the guest's own time, at most so much
// at a time. Each chain is one frame; its header and first bytes are copied once and checked, and only then does it go to
// the switch. What a guest sends beyond its port's rate waits in its own queue until a host timer lets it go on.
// Trap context, no lock held. @spec virtio 1.2 §5.1.6.2
import { admit, forward, FRAME_BUSY, FRAME_KEPT } from "../../backend/net/forward";
import { checkFrame, FRAME_OK } from "../../backend/net/check";
import { forwarding, Frame, framesMade, HEAD_BYTES, headerOf } from "../../backend/net/frame";
import { countDrop, DROP_LONG, DROP_SHORT, pairAt, Port, PortPair, portSpend, portWait } from "../../backend/net/port";
import { Switch } from "../../backend/net/switch";
import * as hw from "../../hw";
import { acquire, release } from "../../lib/lock";
import { Chain, chainRead, hartChain } from "./chain";
import { BUDGET_BYTES, BUDGET_CHAINS, deferQueue } from "./deferred";
import { queueAt, VirtioDevice, Virtqueue } from "./device";
import { Net } from "./net-model";
import {
  ETHER_HEADER,
  VIRTIO_NET_F_CSUM,
  VIRTIO_NET_F_GUEST_CSUM,
  VIRTIO_NET_F_GUEST_TSO4,
  VIRTIO_NET_F_GUEST_TSO6,
  VIRTIO_NET_F_HOST_TSO4,
  VIRTIO_NET_HDR_BYTES,
} from "./net-spec";
import { receiverDone } from "./net-receive";
import { queueAnnounce, queuePop, queuePush, queueUnpop } from "./queue";
import { VIRTIO_ID_NET } from "./spec";

/** Longest frame that anybody may send. */
const FRAME_MAX: u64 = 65535 + ETHER_HEADER;

/** Works the transmit queue of pair `index` off. */
export function netTransmit(net: Net, queue: Virtqueue, index: u32): void {
  let more: bool = false;
  acquire(queue.lock);
  const port = net.port;
  if (changetype<usize>(port) != 0) {
    const pair = pairAt(port, index);
    if (pair.waiting == 0) more = sendSome(port, pair, queue);
    receiverDone(forwarding());
    queueAnnounce(queue);
  }
  release(queue.lock);
  if (more) deferQueue(queue);
}

/** As many frames as an exit may cost. True: there may be more. */
function sendSome(port: Port, pair: PortPair, queue: Virtqueue): bool {
  const chain = hartChain(0);
  const mine = forwarding();
  const may = mayNeed(queue.owner);
  // A reset, or an uplink that has room, ends a wait, but not a debt.
  if (port.rate != 0 && spend(port, pair, 0)) return false;
  mine.frame.queue = queue;
  mine.copied = 0;
  let bytes: u64 = 0;
  for (let left = BUDGET_CHAINS; left != 0 && bytes + mine.copied < BUDGET_BYTES; left--) {
    if (queuePop(queue, chain) <= 0) return false;
    bytes += chain.readBytes;
    mine.sender = queue;
    const answer = send(port, pair, may);
    mine.sender = changetype<Virtqueue>(0);
    if (answer == FRAME_BUSY) {
      queueUnpop(queue);
      pair.waiting = 1;
      return false;
    }
    if (answer != FRAME_KEPT) queuePush(queue, chain.head, 0);
    if (port.rate != 0 && spend(port, pair, <u32>min<u64>(chain.readBytes, FRAME_MAX))) return false;
  }
  return true;
}

/** Charges the port for `bytes`. True: it has sent more than its rate, and the queue waits. */
function spend(port: Port, pair: PortPair, bytes: u32): bool {
  const until = portSpend(port, bytes);
  if (until == 0) return false;
  pair.waiting = 1;
  pair.throttled += 1;
  portWait(port, until);
  return true;
}

/** What frames may need of a receiver, by what the sender agreed on (frame.needs). */
function mayNeed(device: VirtioDevice): u32 {
  const accepted = <u32>device.accepted;
  const checksum = ((accepted >> VIRTIO_NET_F_CSUM) & 1) << VIRTIO_NET_F_GUEST_CSUM;
  const large = (1 << VIRTIO_NET_F_GUEST_TSO4) | (1 << VIRTIO_NET_F_GUEST_TSO6);
  return checksum | ((accepted >> (VIRTIO_NET_F_HOST_TSO4 - VIRTIO_NET_F_GUEST_TSO4)) & large);
}

/** Sends what is in this hart's chain 0. Answers as forward. */
function send(port: Port, pair: PortPair, may: u32): u32 {
  const chain = hartChain(0);
  const bytes = chain.readBytes;
  let answer = DROP_SHORT;
  if (bytes > VIRTIO_NET_HDR_BYTES + FRAME_MAX) answer = DROP_LONG;
  else if (bytes >= VIRTIO_NET_HDR_BYTES + ETHER_HEADER) {
    const frame = forwarding().frame;
    take(frame, chain, port);
    answer = admit(frame, pair);
    if (answer == FRAME_OK) answer = checkFrame(frame, may, port.mtu);
    if (answer == FRAME_OK) answer = forward(frame, pair);
  }
  if (answer < FRAME_BUSY) countDrop(pair, answer);
  else if (answer != FRAME_BUSY) {
    pair.sentFrames += 1;
    pair.sentBytes += bytes - VIRTIO_NET_HDR_BYTES;
  }
  return answer;
}

/** Copies the frame's first bytes, once; whoever looks at them from here on looks at the copy. */
function take(frame: Frame, chain: Chain, port: Port): void {
  const head = min(<u32>chain.readBytes, VIRTIO_NET_HDR_BYTES + HEAD_BYTES);
  chainRead(chain, 0, headerOf(frame), head);
  frame.headLength = head - VIRTIO_NET_HDR_BYTES;
  frame.length = <u32>chain.readBytes - VIRTIO_NET_HDR_BYTES;
  frame.segments = chain.segments;
  frame.segmentCount = chain.readable;
  frame.skip = VIRTIO_NET_HDR_BYTES;
  frame.from = port;
  frame.vlan = port.vlan;
  frame.chain = chain.head;
  frame.layout = hw.atomicLoad(changetype<usize>(port.on) + offsetof<Switch>("layout"));
}

/**
 * The hypervisor went wrong on this hart, whose locks are free again: the chains that it had in hand, of its guest's and of
 * a receiver's, are lost to their drivers until they reset, and nobody waits for them.
 */
export function netFaulted(): void {
  if (!framesMade()) return;
  const mine = forwarding();
  const sender = mine.sender;
  const receiver = mine.receiver;
  mine.sender = mine.receiver = changetype<Virtqueue>(0);
  if (changetype<usize>(sender) != 0) {
    acquire(sender.lock);
    sender.live = 0;
    sender.inFlight -= 1;
    release(sender.lock);
  }
  // Of a receiver nothing is in flight but while its lock is held.
  if (changetype<usize>(receiver) == 0 || receiver.owner.type != VIRTIO_ID_NET) return;
  acquire(receiver.lock);
  receiver.inFlight = 0;
  release(receiver.lock);
}

/** What the port's queues waited for is there: they go on. Interrupt context, no lock held. */
export function netRelease(port: Port): void {
  const net = changetype<Net>(hw.atomicLoad(changetype<usize>(port) + offsetof<Port>("plugged")));
  if (changetype<usize>(net) == 0) return;
  const device = net.device;
  // Its last queue is the control queue.
  for (let i: u32 = 1; i < device.queueCount; i += 2) {
    const queue = queueAt(device, i);
    acquire(queue.lock);
    const pair = pairAt(port, i >> 1);
    // Under the lock: who pulls the device out takes it afterwards.
    if (net.port == port && net.device == device && pair.waiting != 0) {
      pair.waiting = 0;
      deferQueue(queue);
    }
    release(queue.lock);
  }
}
