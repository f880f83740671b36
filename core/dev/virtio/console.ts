// SPDX-License-Identifier: Apache-2.0
// A guest's console on VirtIO, as its driver uses it: what it sends goes into the guest's Console as far as there is room,
// the rest stays in the queue until there is more, so that nothing is lost and a flood holds itself back; what is typed
// fills the driver's buffers. Called by types.ts in trap context. Control messages are in console-control.ts.
// @spec virtio 1.2 §5.3
import { consoleGuestOutput } from "../../host/console";
import { acquire, release } from "../../lib/lock";
import { Ring, ringCount, ringFree, ringPut } from "../../lib/ring";
import { Access, Handled } from "../../mmio/access";
import { VIRTIO_CONSOLE_RECEIVE, VIRTIO_CONSOLE_TRANSMIT } from "../spec";
import {
  Chain,
  Cursor,
  cursorInit,
  hartChain,
  hartCursor,
  readSegments,
  writableSegments,
  writeSegments,
} from "./chain";
import { configRead } from "./config";
import { controlReceive, controlSend } from "./console-control";
import { modelOf, VirtioConsole } from "./console-model";
import { BUDGET_CHAINS, deferQueue } from "./deferred";
import { VirtioDevice, Virtqueue } from "./device";
import { queueAnnounce, queuePop, queuePush, queueUnpop } from "./queue";
import {
  VIRTIO_CONSOLE_CONFIG,
  VIRTIO_CONSOLE_CONTROL_RECEIVE,
  VIRTIO_CONSOLE_CONTROL_TRANSMIT,
  VIRTIO_CONSOLE_EMERG,
} from "./spec";

/** Bytes of output that are moved in one go: each is looked at on its way to the screen. */
const OUTPUT_BUDGET: u32 = 4096;

export { consoleCreate, consoleDestroy } from "./console-model";

/** The driver put something into a queue, or something that waited may go on. No lock is held. */
export function consoleNotify(device: VirtioDevice, queue: Virtqueue): void {
  switch (queue.index) {
    case VIRTIO_CONSOLE_TRANSMIT:
      return transmit(modelOf(device), queue);
    case VIRTIO_CONSOLE_RECEIVE:
      return receive(modelOf(device), queue);
    case VIRTIO_CONSOLE_CONTROL_TRANSMIT:
      return controlReceive(modelOf(device), queue);
    case VIRTIO_CONSOLE_CONTROL_RECEIVE:
      return controlSend(modelOf(device));
    default: // Queues of ports that are not offered.
      return;
  }
}

/** Output, bounded; a chain for which there is no room stays, with a note of how much of it is gone. */
function transmit(model: VirtioConsole, queue: Virtqueue): void {
  const chain = hartChain(0);
  let chains: u32 = 0;
  let left = OUTPUT_BUDGET;
  acquire(queue.lock);
  while (chains < BUDGET_CHAINS && left != 0 && queuePop(queue, chain) > 0) {
    const moved = put(model, chain, left);
    model.sent += moved;
    left -= moved;
    if (model.sent < chain.readBytes) {
      queueUnpop(queue);
      break;
    }
    model.sent = 0;
    queuePush(queue, chain.head, 0);
    chains += 1;
  }
  queueAnnounce(queue);
  release(queue.lock);
  if (left == 0 || chains == BUDGET_CHAINS) deferQueue(queue);
}

/**
 * Up to `most` bytes of what is left of a chain into the Console; answers how many. Fewer than there are: there is no
 * room, and CONSOLE_DRAINED will come.
 */
function put(model: VirtioConsole, chain: Chain, most: u32): u32 {
  const tx = model.console.tx;
  const cursor = hartCursor(0);
  cursorInit(cursor, chain.segments, chain.readable, model.sent);
  acquire(model.device.guest.lock);
  model.console.input = model.rx;
  let left = most;
  while (left != 0 && cursor.left != 0 && ringFree(tx) != 0) {
    left -= fill(tx, cursor, left);
    if (left == 0 || cursor.left == 0 || ringFree(tx) == 0) consoleGuestOutput(model.console);
  }
  if (left != 0 && cursor.left != 0) model.waiting = 1;
  release(model.device.guest.lock);
  return most - left;
}

/** Up to `most` bytes from the cursor to the ring's free room, up to where its bytes begin anew. */
function fill(ring: Ring, from: Cursor, most: u32): u32 {
  const at = ring.written & (ring.capacity - 1);
  const got = readSegments(ring.data + at, from, min(most, min(ringFree(ring), ring.capacity - at)));
  ring.written += got;
  return got;
}

/** Input, as long as there are bytes and buffers; buffers without room for a byte are counted, too. */
function receive(model: VirtioConsole, queue: Virtqueue): void {
  const chain = hartChain(1);
  let left = BUDGET_CHAINS;
  acquire(queue.lock);
  for (; left != 0 && ringCount(model.rx) != 0 && queuePop(queue, chain) > 0; left--) {
    const written = take(model, chain);
    // Somebody emptied the ring meanwhile.
    if (written == 0 && chain.writeBytes != 0) queueUnpop(queue);
    else queuePush(queue, chain.head, written);
  }
  queueAnnounce(queue);
  release(queue.lock);
  if (left == 0) deferQueue(queue);
}

/** Moves input into a chain; answers how many bytes. */
function take(model: VirtioConsole, chain: Chain): u32 {
  const cursor = hartCursor(1);
  const ring = model.rx;
  let written: u32 = 0;
  cursorInit(cursor, writableSegments(chain), chain.writable, 0);
  acquire(model.device.guest.lock);
  while (ringCount(ring) != 0 && cursor.left != 0) {
    const at = ring.read & (ring.capacity - 1);
    const part = writeSegments(cursor, ring.data + at, min(ringCount(ring), ring.capacity - at));
    ring.read += part;
    written += part;
  }
  release(model.device.guest.lock);
  return written;
}

/** The configuration; a store to its last word is an emergency character, which needs no queue. */
export function consoleConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  const model = modelOf(device);
  const config = changetype<usize>(model) + offsetof<VirtioConsole>("size");
  if (access.write == 0) return configRead(access, offset, config, VIRTIO_CONSOLE_CONFIG);
  if (offset != VIRTIO_CONSOLE_EMERG) return Handled;
  acquire(device.guest.lock);
  ringPut(model.console.tx, (<u32>access.value) & 0xff);
  consoleGuestOutput(model.console);
  release(device.guest.lock);
  return Handled;
}

/** The device is reset: what was typed for it is forgotten, and input goes to the UART again. */
export function consoleReset(device: VirtioDevice): void {
  const model = modelOf(device);
  acquire(device.guest.lock);
  model.console.input = model.console.rx;
  model.rx.read = model.rx.written;
  model.waiting = 0;
  release(device.guest.lock);
  model.sent = 0;
  model.pending = 0;
}
