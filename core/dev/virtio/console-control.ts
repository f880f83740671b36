// SPDX-License-Identifier: Apache-2.0
// Control messages of a VirtIO console with several ports, of which there is one: the driver learns of the port, that it is
// a console, and that somebody is at its other end. What is to be said waits for the driver's buffers as bits, so that no
// driver can make anything grow. Called by console.ts in trap context with no lock held.
// @spec virtio 1.2 §5.3.6.2
import * as hw from "../../hw";
import { acquire, release } from "../../lib/lock";
import { chainRead, chainWrite, hartChain, hartScratch } from "./chain";
import { VirtioConsole } from "./console-model";
import { BUDGET_CHAINS, deferQueue } from "./deferred";
import { queueAt, Virtqueue } from "./device";
import { queueAnnounce, queuePop, queuePush } from "./queue";
import {
  VIRTIO_CONSOLE_CONSOLE_PORT,
  VIRTIO_CONSOLE_CONTROL_BYTES,
  VIRTIO_CONSOLE_CONTROL_RECEIVE,
  VIRTIO_CONSOLE_DEVICE_ADD,
  VIRTIO_CONSOLE_DEVICE_READY,
  VIRTIO_CONSOLE_PORT_OPEN,
  VIRTIO_CONSOLE_PORT_READY,
} from "./spec";

function pendingAt(model: VirtioConsole): usize {
  return changetype<usize>(model) + offsetof<VirtioConsole>("pending");
}

/** Messages of the driver; what it says of ports that there are not is ignored. */
export function controlReceive(model: VirtioConsole, queue: Virtqueue): void {
  const chain = hartChain(0);
  let left = BUDGET_CHAINS;
  acquire(queue.lock);
  for (; left != 0 && queuePop(queue, chain) > 0; left--) {
    const message = hartScratch();
    if (chainRead(chain, 0, message, VIRTIO_CONSOLE_CONTROL_BYTES) == VIRTIO_CONSOLE_CONTROL_BYTES) {
      hear(model, load<u32>(message), load<u32>(message, 4));
    }
    queuePush(queue, chain.head, 0);
  }
  queueAnnounce(queue);
  release(queue.lock);
  if (left == 0) deferQueue(queue);
  controlSend(model);
}

/** One message: the port, and the event with its value above it. */
function hear(model: VirtioConsole, port: u32, what: u32): void {
  const event = what & 0xffff;
  if (what >> 16 == 0) return;
  let say: u32 = 0;
  if (event == VIRTIO_CONSOLE_DEVICE_READY) say = 1 << VIRTIO_CONSOLE_DEVICE_ADD;
  else if (event == VIRTIO_CONSOLE_PORT_READY && port < model.ports)
    say = (1 << VIRTIO_CONSOLE_CONSOLE_PORT) | (1 << VIRTIO_CONSOLE_PORT_OPEN);
  hw.atomicOr(pendingAt(model), say);
}

/** Says what is pending, as far as the driver has buffers for it. */
export function controlSend(model: VirtioConsole): void {
  const queue = queueAt(model.device, VIRTIO_CONSOLE_CONTROL_RECEIVE);
  const chain = hartChain(1);
  let left = BUDGET_CHAINS;
  acquire(queue.lock);
  for (; left != 0 && model.pending != 0 && queuePop(queue, chain) > 0; left--) {
    const event = ctz<u32>(model.pending);
    hw.atomicAnd(pendingAt(model), ~(1 << event));
    const message = hartScratch();
    store<u32>(message, 0);
    store<u32>(message, event | (1 << 16), 4);
    queuePush(queue, chain.head, chainWrite(chain, 0, message, VIRTIO_CONSOLE_CONTROL_BYTES));
  }
  queueAnnounce(queue);
  release(queue.lock);
  if (left == 0) deferQueue(queue);
}
