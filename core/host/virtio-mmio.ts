// SPDX-License-Identifier: Apache-2.0
// VirtIO as a driver: the MMIO transport of modern devices and split queues whose buffers are fixed at boot, buffer n in
// descriptor n. Rings and buffers lie in linear memory, which is contiguous in host-physical memory. The device is the
// host's own, but a used entry that names a buffer which the device does not have is refused all the same. Set up at
// boot; the queue functions belong to whoever owns the queue. Never waits, except for a reset, and that with a limit.
// @spec virtio 1.2 §2.7, §3.1.1, §4.2
import {
  VIRTIO_DEVICE_FEATURES,
  VIRTIO_DEVICE_FEATURES_SEL,
  VIRTIO_DRIVER_FEATURES,
  VIRTIO_DRIVER_FEATURES_SEL,
  VIRTIO_F_VERSION_1,
  VIRTIO_INTERRUPT_ACK,
  VIRTIO_INTERRUPT_STATUS,
  VIRTIO_QUEUE_DESC_LOW,
  VIRTIO_QUEUE_DEVICE_LOW,
  VIRTIO_QUEUE_DRIVER_LOW,
  VIRTIO_QUEUE_NOTIFY,
  VIRTIO_QUEUE_NUM,
  VIRTIO_QUEUE_NUM_MAX,
  VIRTIO_QUEUE_READY,
  VIRTIO_QUEUE_SEL,
  VIRTIO_STATUS,
  VIRTIO_STATUS_ACKNOWLEDGE,
  VIRTIO_STATUS_DRIVER,
  VIRTIO_STATUS_DRIVER_OK,
  VIRTIO_STATUS_FAILED,
  VIRTIO_STATUS_FEATURES_OK,
  VIRTQ_AVAIL_F_NO_INTERRUPT,
  VIRTQ_DESC_F_WRITE,
  VIRTQ_DESC_SIZE,
  VIRTQ_USED_F_NO_NOTIFY,
} from "../dev/spec";
import * as hw from "../hw";
import { Status } from "../lib/status";
import { hpaOf } from "../mem/arena";

/** Buffers of a queue. */
export const QUEUE_SIZE: u32 = 8;
/** Bytes of its rings: descriptors, available ring, used ring; 16-byte aligned. */
export const QUEUE_BYTES: usize = 256;
const AVAIL: usize = 128;
const USED: usize = 160;
/** Answers of queueTake that are no buffer. */
export const QUEUE_EMPTY: i32 = -1;
export const QUEUE_BROKEN: i32 = -2;
/** Looks at a device that resets. */
const PATIENCE: u32 = 100_000;

@unmanaged
export class Queue {
  /** hva of the device's registers. */
  device: u64 = 0;
  /** QUEUE_BYTES of rings. */
  rings: usize = 0;
  number: u32 = 0;
  /** Buffers that the device has now, one bit each. */
  given: u32 = 0;
  /** Length that the device said of the buffer taken last. */
  length: u32 = 0;
  /** Ring positions, counting up and wrapping at 16 bits. */
  available: u16 = 0;
  used: u16 = 0;
  /** Bytes of each buffer. */
  capacity: u32 = 0;
}

function read(device: u64, register: u32): u32 {
  return hw.mmioRead32(device + register);
}

function write(device: u64, register: u32, value: u32): void {
  hw.mmioWrite32(device + register, value);
}

/** Boot: resets the device and agrees on no feature but being modern. @spec virtio §3.1.1 steps 1 to 6 */
export function deviceBegin(device: u64): i32 {
  write(device, VIRTIO_STATUS, 0);
  let looks: u32 = 0;
  while (read(device, VIRTIO_STATUS) != 0) if (++looks == PATIENCE) return Status.Unsupported;
  let status = VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER;
  write(device, VIRTIO_STATUS, status);
  const word = VIRTIO_F_VERSION_1 >> 5;
  const bit: u32 = 1 << (VIRTIO_F_VERSION_1 & 31);
  write(device, VIRTIO_DEVICE_FEATURES_SEL, word);
  if ((read(device, VIRTIO_DEVICE_FEATURES) & bit) == 0) return Status.Unsupported;
  write(device, VIRTIO_DRIVER_FEATURES_SEL, 0);
  write(device, VIRTIO_DRIVER_FEATURES, 0);
  write(device, VIRTIO_DRIVER_FEATURES_SEL, word);
  write(device, VIRTIO_DRIVER_FEATURES, bit);
  status |= VIRTIO_STATUS_FEATURES_OK;
  write(device, VIRTIO_STATUS, status);
  return read(device, VIRTIO_STATUS) & VIRTIO_STATUS_FEATURES_OK ? Status.Ok : Status.Unsupported;
}

/** Boot: the device may work from now on. @spec virtio §3.1.1 step 8 */
export function deviceGo(device: u64): void {
  write(device, VIRTIO_STATUS, read(device, VIRTIO_STATUS) | VIRTIO_STATUS_DRIVER_OK);
}

/** The device is not used any more: resets it, so that it leaves memory alone, and marks it. */
export function deviceGiveUp(device: u64): void {
  write(device, VIRTIO_STATUS, 0);
  write(device, VIRTIO_STATUS, VIRTIO_STATUS_FAILED);
}

/** Trap: the device interrupted. @spec virtio §4.2.3.4 */
export function deviceAcknowledge(device: u64): void {
  write(device, VIRTIO_INTERRUPT_ACK, read(device, VIRTIO_INTERRUPT_STATUS));
}

/**
 * Boot: sets queue.number of queue.device up over queue.rings, with QUEUE_SIZE buffers of queue.capacity bytes from
 * `buffers` on, which the device writes if `flags` is VIRTQ_DESC_F_WRITE. @spec virtio §4.2.3.2
 */
export function queueInit(queue: Queue, buffers: usize, flags: u32): i32 {
  const device = queue.device;
  for (let i: u32 = 0; i < QUEUE_SIZE; i++) {
    const descriptor = queue.rings + <usize>(i * VIRTQ_DESC_SIZE);
    store<u64>(descriptor, hpaOf(buffers + <usize>(i * queue.capacity)));
    store<u32>(descriptor, queue.capacity, 8);
    store<u32>(descriptor, flags & VIRTQ_DESC_F_WRITE, 12);
  }
  write(device, VIRTIO_QUEUE_SEL, queue.number);
  if (read(device, VIRTIO_QUEUE_READY) != 0 || read(device, VIRTIO_QUEUE_NUM_MAX) < QUEUE_SIZE) {
    return Status.Unsupported;
  }
  write(device, VIRTIO_QUEUE_NUM, QUEUE_SIZE);
  writeAddress(device, VIRTIO_QUEUE_DESC_LOW, queue.rings);
  writeAddress(device, VIRTIO_QUEUE_DRIVER_LOW, queue.rings + AVAIL);
  writeAddress(device, VIRTIO_QUEUE_DEVICE_LOW, queue.rings + USED);
  hw.fence();
  write(device, VIRTIO_QUEUE_READY, 1);
  return Status.Ok;
}

function writeAddress(device: u64, register: u32, at: usize): void {
  const hpa = hpaOf(at);
  write(device, register, <u32>hpa);
  write(device, register + 4, <u32>(hpa >> 32));
}

/** Hands a buffer with `length` bytes to the device; queueNotify tells it. @spec virtio §2.7.13 */
export function queueGive(queue: Queue, buffer: u32, length: u32): void {
  store<u32>(queue.rings + <usize>(buffer * VIRTQ_DESC_SIZE), length, 8);
  queue.given |= 1 << buffer;
  const slot = queue.rings + AVAIL + 4 + ((<usize>((<u32>queue.available) & (QUEUE_SIZE - 1))) << 1);
  store<u16>(slot, <u16>buffer);
  queue.available += 1;
  hw.fence();
  store<u16>(queue.rings + AVAIL, queue.available, 2);
}

/** Tells the device about new buffers unless it looks by itself. @spec virtio §2.7.13.3 */
export function queueNotify(queue: Queue): void {
  hw.fence();
  if (hw.atomicLoad(queue.rings + USED) & VIRTQ_USED_F_NO_NOTIFY) return;
  write(queue.device, VIRTIO_QUEUE_NOTIFY, queue.number);
}

/** The next buffer that the device is done with, its length in queue.length; or QUEUE_EMPTY, or QUEUE_BROKEN. */
export function queueTake(queue: Queue): i32 {
  // Flags and index of the used ring are one aligned word. @spec virtio §2.7.8
  const ahead = ((hw.atomicLoad(queue.rings + USED) >> 16) - queue.used) & 0xffff;
  if (ahead == 0) return QUEUE_EMPTY;
  if (ahead > <u32>popcnt<u32>(queue.given)) return QUEUE_BROKEN;
  hw.fence();
  const entry = queue.rings + USED + 4 + ((<usize>((<u32>queue.used) & (QUEUE_SIZE - 1))) << 3);
  const buffer = hw.atomicLoad(entry);
  queue.length = hw.atomicLoad(entry + 4);
  if (buffer >= QUEUE_SIZE || !(queue.given & (1 << buffer)) || queue.length > queue.capacity) return QUEUE_BROKEN;
  queue.given &= ~(1 << buffer);
  queue.used += 1;
  return <i32>buffer;
}

/** Asks for interrupts when buffers come back; look once more (queueTake) afterwards. @spec virtio §2.7.7 */
export function queueListen(queue: Queue): void {
  store<u16>(queue.rings + AVAIL, 0);
  hw.fence();
}

/** Asks for none. */
export function queueHush(queue: Queue): void {
  store<u16>(queue.rings + AVAIL, <u16>VIRTQ_AVAIL_F_NO_INTERRUPT);
}
