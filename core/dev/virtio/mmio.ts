// SPDX-License-Identifier: Apache-2.0
// VirtIO over MMIO: a guest's accesses to the registers of a device, turned into calls of state.ts. Called by the bus in
// trap context without the guest's lock. Registers are words: other widths read zero and write nothing. The notification
// comes first, for it is what a driver does all the time. Shared memory regions read as absent.
// @spec virtio 1.2 §4.2.2
import { Access, Handled } from "../../mmio/access";
import {
  VIRTIO_DEVICE_FEATURES,
  VIRTIO_DEVICE_FEATURES_SEL,
  VIRTIO_DEVICE_ID,
  VIRTIO_DRIVER_FEATURES,
  VIRTIO_DRIVER_FEATURES_SEL,
  VIRTIO_INTERRUPT_ACK,
  VIRTIO_INTERRUPT_STATUS,
  VIRTIO_MAGIC,
  VIRTIO_MAGIC_VALUE,
  VIRTIO_QUEUE_DESC_LOW,
  VIRTIO_QUEUE_DEVICE_LOW,
  VIRTIO_QUEUE_NOTIFY,
  VIRTIO_QUEUE_NUM,
  VIRTIO_QUEUE_NUM_MAX,
  VIRTIO_QUEUE_READY,
  VIRTIO_QUEUE_SEL,
  VIRTIO_STATUS,
  VIRTIO_VERSION,
  VIRTIO_VERSION_MODERN,
} from "../spec";
import { VirtioDevice, Virtqueue } from "./device";
import { virtioAcknowledge } from "./interrupt";
import { VIRTIO_CONFIG, VIRTIO_CONFIG_GENERATION, VIRTIO_SHM_END, VIRTIO_SHM_LEN_LOW, VIRTIO_VENDOR_ID } from "./spec";
import {
  selectedQueue,
  virtioAccept,
  virtioConfigAccess,
  virtioFeatures,
  virtioGetStatus,
  virtioNotify,
  virtioQueueAddress,
  virtioQueueDisable,
  virtioQueueEnable,
  virtioQueueSize,
  virtioSetStatus,
} from "./state";

/** VendorID: "T1HV". */
const VENDOR: u32 = 0x5648_3154;
/** The registers of a queue's areas: three pairs of words, 16 bytes apart. */
const AREAS_END: u32 = VIRTIO_QUEUE_DEVICE_LOW + 8;

/** A guest access at access.offset. Handled, or Retry while a reset waits for what is in flight. */
export function mmioAccess(device: VirtioDevice, access: Access): i32 {
  const offset = <u32>access.offset;
  if (offset >= VIRTIO_CONFIG) return virtioConfigAccess(device, access, offset - VIRTIO_CONFIG);
  if (access.width != 4) {
    access.value = 0;
    return Handled;
  }
  if (access.write == 0) {
    access.value = readRegister(device, offset);
    return Handled;
  }
  if (offset != VIRTIO_QUEUE_NOTIFY) return writeRegister(device, offset, <u32>access.value);
  virtioNotify(device, <u32>access.value);
  return Handled;
}

function readRegister(device: VirtioDevice, offset: u32): u32 {
  switch (offset) {
    case VIRTIO_INTERRUPT_STATUS:
      return device.isr;
    case VIRTIO_MAGIC:
      return VIRTIO_MAGIC_VALUE;
    case VIRTIO_VERSION:
      return VIRTIO_VERSION_MODERN;
    case VIRTIO_DEVICE_ID:
      return device.type;
    case VIRTIO_VENDOR_ID:
      return VENDOR;
    case VIRTIO_DEVICE_FEATURES:
      return virtioFeatures(device);
    case VIRTIO_STATUS:
      return virtioGetStatus(device);
    case VIRTIO_CONFIG_GENERATION:
      return device.generation;
    case VIRTIO_QUEUE_NUM_MAX:
    case VIRTIO_QUEUE_READY:
      return readQueue(selectedQueue(device), offset);
    default:
      return offset >= VIRTIO_SHM_LEN_LOW && offset < VIRTIO_SHM_END ? u32.MAX_VALUE : 0;
  }
}

function readQueue(queue: Virtqueue, offset: u32): u32 {
  if (changetype<usize>(queue) == 0) return 0;
  return offset == VIRTIO_QUEUE_READY ? queue.ready : queue.maximum;
}

function writeRegister(device: VirtioDevice, offset: u32, value: u32): i32 {
  switch (offset) {
    case VIRTIO_INTERRUPT_ACK:
      virtioAcknowledge(device, value);
      break;
    case VIRTIO_STATUS:
      return virtioSetStatus(device, value);
    case VIRTIO_DEVICE_FEATURES_SEL:
      device.deviceFeaturesSelect = value;
      break;
    case VIRTIO_DRIVER_FEATURES_SEL:
      device.driverFeaturesSelect = value;
      break;
    case VIRTIO_DRIVER_FEATURES:
      virtioAccept(device, value);
      break;
    case VIRTIO_QUEUE_SEL:
      device.queueSelect = value;
      break;
    default:
      return writeQueue(selectedQueue(device), offset, value);
  }
  return Handled;
}

function writeQueue(queue: Virtqueue, offset: u32, value: u32): i32 {
  if (changetype<usize>(queue) == 0) return Handled;
  if (offset == VIRTIO_QUEUE_READY) return value & 1 ? virtioQueueEnable(queue) : virtioQueueDisable(queue);
  if (offset == VIRTIO_QUEUE_NUM) virtioQueueSize(queue, value);
  if (offset < VIRTIO_QUEUE_DESC_LOW || offset >= AREAS_END || (offset & 0x8) != 0) return Handled;
  virtioQueueAddress(queue, (offset - VIRTIO_QUEUE_DESC_LOW) >> 4, offset & 4 ? 32 : 0, value);
  return Handled;
}
