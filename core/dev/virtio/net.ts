// SPDX-License-Identifier: Apache-2.0
// Network device of a guest, on VirtIO: its features and configuration, its life, and which queue does what. The switch
// that it is plugged into is in backend/net/. Called by types.ts in trap context; created, plugged in, pulled out and
// destroyed in worker context or at boot, with the creation lock held. @spec virtio 1.2 §5.1
import { MAX_PAIRS, Port, pairAt } from "../../backend/net/port";
import { timerCancel } from "../../host/timers";
import * as hw from "../../hw";
import { acquire, RANK_QUEUE_IN, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { allocate, arenaNeeds } from "../../mem/arena";
import { Access, Handled } from "../../mmio/access";
import { VIRTIO_F_VERSION_1 } from "../spec";
import { queueAt, VirtioDevice, Virtqueue } from "./device";
import { virtioConfigInterrupt } from "./interrupt";
import { netControl } from "./net-control";
import { Net } from "./net-model";
import {
  VIRTIO_NET_CONFIG_BYTES,
  VIRTIO_NET_CONFIG_MTU,
  VIRTIO_NET_CONFIG_PAIRS,
  VIRTIO_NET_CONFIG_STATUS,
  VIRTIO_NET_F_CSUM,
  VIRTIO_NET_F_CTRL_RX,
  VIRTIO_NET_F_CTRL_VQ,
  VIRTIO_NET_F_GUEST_CSUM,
  VIRTIO_NET_F_GUEST_TSO4,
  VIRTIO_NET_F_GUEST_TSO6,
  VIRTIO_NET_F_HOST_TSO4,
  VIRTIO_NET_F_HOST_TSO6,
  VIRTIO_NET_F_MAC,
  VIRTIO_NET_F_MQ,
  VIRTIO_NET_F_MRG_RXBUF,
  VIRTIO_NET_F_MTU,
  VIRTIO_NET_F_STATUS,
  VIRTIO_NET_S_LINK_UP,
} from "./net-spec";
import { netTransmit } from "./net-transmit";
import { VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC } from "./spec";

const FEATURES: u64 =
  (1 << VIRTIO_NET_F_CSUM) |
  (1 << VIRTIO_NET_F_GUEST_CSUM) |
  (1 << VIRTIO_NET_F_MTU) |
  (1 << VIRTIO_NET_F_MAC) |
  (1 << VIRTIO_NET_F_GUEST_TSO4) |
  (1 << VIRTIO_NET_F_GUEST_TSO6) |
  (1 << VIRTIO_NET_F_HOST_TSO4) |
  (1 << VIRTIO_NET_F_HOST_TSO6) |
  (1 << VIRTIO_NET_F_MRG_RXBUF) |
  (1 << VIRTIO_NET_F_STATUS) |
  (1 << VIRTIO_NET_F_CTRL_VQ) |
  (1 << VIRTIO_NET_F_CTRL_RX) |
  (1 << VIRTIO_F_INDIRECT_DESC) |
  (1 << VIRTIO_F_EVENT_IDX) |
  ((<u64>1) << VIRTIO_F_VERSION_1);
const SEVERAL: u64 = 1 << VIRTIO_NET_F_MQ;
const BYTE: u64 = 8;

// @lock creation
let free: usize = 0;

/** Queues of a device with so many pairs: a receive and a transmit queue each, and the control queue. */
export function netQueues(pairs: u32): u32 {
  return (pairs << 1) + 1;
}

/**
 * Makes `device`, which is quiet and has netQueues(pairs) queues, a network device that is plugged into `port`.
 * Invalid: the number of pairs; NoMemory.
 */
export function netCreate(device: VirtioDevice, port: Port, pairs: u32): i32 {
  if (pairs == 0 || pairs > MAX_PAIRS || device.queueCount != netQueues(pairs)) return Status.Invalid;
  let net = changetype<Net>(free);
  if (free) free = net.next;
  else {
    if (!arenaNeeds(<u32>offsetof<Net>())) return Status.NoMemory;
    net = changetype<Net>(allocate(offsetof<Net>()));
  }
  net.pairs = pairs;
  begin(net);
  for (let i: u32 = 0; i < pairs; i++) queueAt(device, i << 1).lock.rank = RANK_QUEUE_IN;
  device.offered = pairs > 1 ? FEATURES | SEVERAL : FEATURES;
  device.model = changetype<usize>(net);
  net.device = device;
  net.mac = port.mac;
  net.mtu = port.mtu;
  net.port = port;
  hw.fence();
  port.plugged = changetype<usize>(net);
  return Status.Ok;
}

/** What the driver sets begins anew: until it says what it wants, it gets all. */
function begin(net: Net): void {
  net.active = 1;
  net.promiscuous = 1;
  net.allMulticast = 1;
  net.unicast = 0;
  net.multicast = 0;
}

/** Pulls the device out of its port: when this returns nobody sends from it or receives into it by that port. Its link is down. */
export function netUnplug(device: VirtioDevice): void {
  const net = changetype<Net>(device.model);
  const port = net.port;
  if (changetype<usize>(port) == 0) return;
  net.port = changetype<Port>(0);
  port.plugged = 0;
  // Whoever found the port plugged in held one of these locks, or sees under it that it is not any more.
  for (let i: u32 = 0; i < device.queueCount; i++) {
    const queue = queueAt(device, i);
    acquire(queue.lock);
    release(queue.lock);
  }
  timerCancel(port.timer);
  // A quiet one has no driver to tell, and perhaps no place on a bus any more.
  if (device.quiet != 0) return;
  device.generation += 1;
  virtioConfigInterrupt(device);
}

/** Gives the model back; the device is quiet, and was not found on a bus any more. Pulls it out of its port if it is plugged in. */
export function netDestroy(device: VirtioDevice): void {
  const net = changetype<Net>(device.model);
  netUnplug(device);
  net.next = free;
  free = changetype<usize>(net);
  device.model = 0;
}

function hasPairs(device: VirtioDevice): bool {
  return ((device.accepted >> VIRTIO_NET_F_MQ) & 1) != 0;
}

/** The driver put something into a queue. Receive queues need nothing: their buffers are taken when frames come. */
export function netNotify(device: VirtioDevice, queue: Virtqueue): void {
  const net = changetype<Net>(device.model);
  // The control queue follows the pairs that the driver knows of. @spec virtio §5.1.2
  const pairs = hasPairs(device) ? net.pairs : 1;
  if (queue.index == pairs << 1) netControl(net, queue);
  else if (queue.index & 1 && queue.index < pairs << 1) netTransmit(net, queue, queue.index >> 1);
}

export function netContinue(device: VirtioDevice, queue: Virtqueue): void {
  netNotify(device, queue);
}

/** An access to the configuration, which cannot be written. @spec virtio §5.1.4 */
export function netConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  const net = changetype<Net>(device.model);
  const up: u64 = changetype<usize>(net.port) ? (<u64>VIRTIO_NET_S_LINK_UP) << (VIRTIO_NET_CONFIG_STATUS * BYTE) : 0;
  const low = net.mac | up;
  const pairs = (<u64>net.pairs) << ((VIRTIO_NET_CONFIG_PAIRS - 8) * BYTE);
  const high = pairs | ((<u64>net.mtu) << ((VIRTIO_NET_CONFIG_MTU - 8) * BYTE));
  let value: u64 = 0;
  for (let at = min(offset + access.width, VIRTIO_NET_CONFIG_BYTES); at > offset; at--) {
    const word = at > 8 ? high >> ((at - 9) * BYTE) : low >> ((at - 1) * BYTE);
    value = (value << BYTE) | (word & 0xff);
  }
  if (access.write == 0) access.value = value;
  return Handled;
}

/** Back to power-on; the device's lock is held. What the uplink has of its chains comes back by itself. */
export function netReset(device: VirtioDevice): void {
  const net = changetype<Net>(device.model);
  begin(net);
  if (changetype<usize>(net.port) == 0) return;
  for (let i: u32 = 0; i < net.pairs; i++) {
    const queue = queueAt(device, (i << 1) + 1);
    acquire(queue.lock);
    if (changetype<usize>(net.port) != 0) pairAt(net.port, i).waiting = 0;
    release(queue.lock);
  }
}

export function netDriverOk(device: VirtioDevice): void {}
