// SPDX-License-Identifier: Apache-2.0
// The life of a VirtIO device as both transports drive it: features, status, queues, reset. A transport calls in trap
// context with no lock held; the life cycle of guests calls in worker context. Takes the device's lock, and the queues'
// locks inside it. What is in flight at a host device holds a reset up: the driver's store is then answered Retry, and
// no memory of the guest is given away before virtioQuiet says that nothing is in flight.
// @spec virtio 1.2 §2.1, §2.2, §2.4, §3.1
import * as hw from "../../hw";
import { acquire, release } from "../../lib/lock";
import { Handled, Retry } from "../../mmio/access";
import { VIRTIO_F_VERSION_1, VIRTIO_STATUS_DRIVER_OK, VIRTIO_STATUS_FAILED, VIRTIO_STATUS_FEATURES_OK } from "../spec";
import { notifyQueue } from "./deferred";
import { NO_VECTOR, queueAt, VirtioDevice, Virtqueue } from "./device";
import { virtioAcknowledge, virtioBroken } from "./interrupt";
import { queueFind, queueRestart } from "./queue";
import { VIRTIO_STATUS_NEEDS_RESET, VIRTIO_STATUS_WRITABLE } from "./spec";
import { typeDriverOk, typeQueueStopped, typeReset } from "./types";

export { virtioConfigAccess } from "./config";
export { virtioBroken } from "./interrupt";

const ALL_BITS: u32 = u32.MAX_VALUE;

// ---- Features.

/** The word of the offered features that the driver selected. */
export function virtioFeatures(device: VirtioDevice): u32 {
  return word(device.offered, device.deviceFeaturesSelect);
}

/** The word of the accepted features that the driver selected. */
export function virtioAccepted(device: VirtioDevice): u32 {
  return word(device.accepted, device.driverFeaturesSelect);
}

function word(features: u64, select: u32): u32 {
  return select < 2 ? <u32>(features >> ((<u64>select) << 5)) : 0;
}

/** The driver takes these of the selected word; ignored once the features are agreed on. */
export function virtioAccept(device: VirtioDevice, value: u32): void {
  if (device.driverFeaturesSelect > 1) return;
  const shift = (<u64>device.driverFeaturesSelect) << 5;
  acquire(device.lock);
  if ((device.status & VIRTIO_STATUS_FEATURES_OK) == 0) {
    device.accepted = (device.accepted & ~((<u64>0xffff_ffff) << shift)) | ((<u64>value) << shift);
  }
  release(device.lock);
}

/** Every feature that was accepted was offered, and the driver is a modern one. */
function agreed(device: VirtioDevice): bool {
  return (device.accepted & ~device.offered) == 0 && ((device.accepted >> (<u64>VIRTIO_F_VERSION_1)) & 1) != 0;
}

// ---- Status.

export function virtioGetStatus(device: VirtioDevice): u32 {
  return device.status | (device.broken != 0 ? VIRTIO_STATUS_NEEDS_RESET : 0);
}

/**
 * The driver writes the status: 0 resets, other values only ever set bits. FEATURES_OK stays clear when the features are
 * not what was offered, DRIVER_OK when there was no FEATURES_OK. Handled, or Retry while a reset waits.
 */
export function virtioSetStatus(device: VirtioDevice, value: u32): i32 {
  if (value == 0) return virtioReset(device);
  acquire(device.lock);
  const waits = device.resetting;
  if (waits == 0) {
    let set = value & VIRTIO_STATUS_WRITABLE & ~device.status;
    if (set & VIRTIO_STATUS_FEATURES_OK && !agreed(device)) set &= ~VIRTIO_STATUS_FEATURES_OK;
    if (((device.status | set) & VIRTIO_STATUS_FEATURES_OK) == 0) set &= ~VIRTIO_STATUS_DRIVER_OK;
    device.status |= set;
    if (set & VIRTIO_STATUS_FAILED) stopQueues(device);
    else if (set & VIRTIO_STATUS_DRIVER_OK) go(device);
  }
  release(device.lock);
  return waits ? Retry : Handled;
}

/** DRIVER_OK: queues that are ready go into service. The device's lock is held. */
function go(device: VirtioDevice): void {
  for (let i: u32 = 0; i < device.queueCount; i++) {
    const queue = queueAt(device, i);
    acquire(queue.lock);
    queue.live = u32(queue.ready != 0 && works(device));
    release(queue.lock);
  }
  typeDriverOk(device);
}

function works(device: VirtioDevice): bool {
  const status = device.status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_FAILED);
  return status == VIRTIO_STATUS_DRIVER_OK && device.quiet == 0 && device.broken == 0;
}

// ---- Reset.

/** Back to the state after power-on. Retry while something is in flight: ask again. @spec virtio §2.4 */
export function virtioReset(device: VirtioDevice): i32 {
  acquire(device.lock);
  const done = stop(device);
  if (done) powerOn(device);
  release(device.lock);
  if (!done) return Retry;
  virtioAcknowledge(device, ALL_BITS);
  return Handled;
}

/** Takes the queues out of service and lets the type give up what it can; true when nothing is in flight. */
function stop(device: VirtioDevice): bool {
  if (device.resetting == 0) {
    device.resetting = 1;
    stopQueues(device);
    typeReset(device);
  }
  for (let i: u32 = 0; i < device.queueCount; i++) {
    const queue = queueAt(device, i);
    acquire(queue.lock);
    const left = queue.inFlight;
    release(queue.lock);
    if (left != 0) return false;
  }
  return true;
}

function stopQueues(device: VirtioDevice): void {
  for (let i: u32 = 0; i < device.queueCount; i++) {
    const queue = queueAt(device, i);
    acquire(queue.lock);
    queue.live = 0;
    release(queue.lock);
  }
}

function powerOn(device: VirtioDevice): void {
  device.status = 0;
  device.accepted = 0;
  device.vector = NO_VECTOR;
  device.deviceFeaturesSelect = 0;
  device.driverFeaturesSelect = 0;
  device.queueSelect = 0;
  for (let i: u32 = 0; i < device.queueCount; i++) {
    const queue = queueAt(device, i);
    acquire(queue.lock);
    queue.ready = 0;
    queue.size = queue.maximum;
    queue.descriptors = queue.driver = queue.device = 0;
    queue.vector = NO_VECTOR;
    // Whoever worked on it went wrong in the middle, or finds nothing to do any more.
    queue.kicks = 0;
    queueRestart(queue);
    release(queue.lock);
  }
  hw.atomicSwap(changetype<usize>(device) + offsetof<VirtioDevice>("broken"), 0);
  device.resetting = 0;
}

/**
 * Life cycle: from now on the device leaves the guest's memory alone, whatever its driver does, until virtioWake. True
 * when nothing is in flight; ask again until then.
 */
export function virtioQuiet(device: VirtioDevice): bool {
  acquire(device.lock);
  device.quiet = 1;
  const done = stop(device);
  release(device.lock);
  return done;
}

/** Life cycle, after virtioQuiet never said true: a fault of ours has left chains behind that nobody has any more. */
export function virtioForget(device: VirtioDevice): void {
  for (let i: u32 = 0; i < device.queueCount; i++) queueAt(device, i).inFlight = 0;
}

/** Life cycle, after virtioQuiet said true: the device is as after power-on and may be used again. */
export function virtioWake(device: VirtioDevice): void {
  virtioReset(device);
  device.quiet = 0;
}

// ---- Queues.

/** The queue that the driver selected, null if there is none. Another vCPU may select another one at any time: ask once. */
export function selectedQueue(device: VirtioDevice): Virtqueue {
  const index = hw.atomicLoad(changetype<usize>(device) + offsetof<VirtioDevice>("queueSelect"));
  return index < device.queueCount ? queueAt(device, index) : changetype<Virtqueue>(0);
}

/** The driver chooses the number of entries; ignored while the queue is enabled. */
export function virtioQueueSize(queue: Virtqueue, size: u32): void {
  acquire(queue.lock);
  if (queue.ready == 0) queue.size = size;
  release(queue.lock);
}

// ---- which: the areas of a queue
export const AREA_DESCRIPTORS: u32 = 0;
export const AREA_DRIVER: u32 = 1;
export const AREA_DEVICE: u32 = 2;

/** The driver writes 32 bits of an area's gpa, those from bit `shift` (0 or 32) on; ignored while the queue is enabled. */
export function virtioQueueAddress(queue: Virtqueue, which: u32, shift: u64, value: u32): void {
  const at = changetype<usize>(queue) + offsetof<Virtqueue>("descriptors") + ((<usize>which) << 3);
  acquire(queue.lock);
  if (queue.ready == 0) store<u64>(at, (load<u64>(at) & ~((<u64>0xffff_ffff) << shift)) | ((<u64>value) << shift));
  release(queue.lock);
}

/** The driver enables a queue. One that is not as it must be breaks the device. Handled. */
export function virtioQueueEnable(queue: Virtqueue): i32 {
  const device = queue.owner;
  acquire(device.lock);
  acquire(queue.lock);
  const may = queue.ready == 0 && device.resetting == 0 && device.status & VIRTIO_STATUS_FEATURES_OK;
  const found = may && queueFind(queue);
  if (found) {
    queueRestart(queue);
    queue.ready = 1;
    queue.live = u32(works(device));
  }
  release(queue.lock);
  release(device.lock);
  if (may && !found) virtioBroken(device, queue);
  return Handled;
}

/** The driver takes a queue out of service. Handled, or Retry while something of it is in flight. */
export function virtioQueueDisable(queue: Virtqueue): i32 {
  acquire(queue.lock);
  queue.live = 0;
  const holds = queue.inFlight != 0;
  release(queue.lock);
  if (holds) typeQueueStopped(queue.owner);
  acquire(queue.lock);
  const busy = queue.inFlight != 0;
  if (!busy) queue.ready = 0;
  release(queue.lock);
  return busy ? Retry : Handled;
}

/** The driver has put something into a queue. What it names may not exist. */
export function virtioNotify(device: VirtioDevice, queueIndex: u32): void {
  device.notifications += 1;
  if (queueIndex >= device.queueCount) return;
  const queue = queueAt(device, queueIndex);
  if (queue.live != 0 && device.broken == 0) notifyQueue(device, queue);
}
