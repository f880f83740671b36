// SPDX-License-Identifier: Apache-2.0
// VirtIO over PCI: a guest's accesses to the structures in BAR 0, turned into calls of ../virtio/state.ts. Called in trap
// context without the guest's lock. The doorbell comes first, for it is what a driver does all the time. A field answers
// only at its own width; anything else reads as zero and writes nothing.
// @spec virtio 1.2 §4.1.3.1, §4.1.4
import { Access, Handled } from "../../mmio/access";
import { NO_VECTOR, VirtioDevice, Virtqueue } from "../virtio/device";
import { virtioAcknowledge } from "../virtio/interrupt";
import {
  selectedQueue,
  virtioAccept,
  virtioAccepted,
  virtioConfigAccess,
  virtioFeatures,
  virtioGetStatus,
  virtioNotify,
  virtioQueueAddress,
  virtioQueueEnable,
  virtioQueueSize,
  virtioSetStatus,
} from "../virtio/state";
import { configWord, PciFunction } from "./function";
import { DEVICE_OFFSET, ISR_OFFSET, NOTIFY_OFFSET, NOTIFY_STRIDE } from "./layout";
import {
  PCI_COMMAND,
  PCI_COMMAND_MASTER,
  VIRTIO_PCI_COMMON_BYTES,
  VIRTIO_PCI_CONFIG_VECTOR,
  VIRTIO_PCI_DEVICE_FEATURE,
  VIRTIO_PCI_DEVICE_FEATURE_SELECT,
  VIRTIO_PCI_DRIVER_FEATURE,
  VIRTIO_PCI_DRIVER_FEATURE_SELECT,
  VIRTIO_PCI_GENERATION,
  VIRTIO_PCI_QUEUE_DESC,
  VIRTIO_PCI_QUEUE_ENABLE,
  VIRTIO_PCI_QUEUE_NOTIFY_OFF,
  VIRTIO_PCI_QUEUE_SELECT,
  VIRTIO_PCI_QUEUE_SIZE,
  VIRTIO_PCI_QUEUE_VECTOR,
  VIRTIO_PCI_QUEUES,
  VIRTIO_PCI_STATUS,
} from "./spec";

/** A guest access `offset` bytes into BAR 0. Handled, or Retry while a reset waits for what is in flight. */
export function virtioPciAccess(pci: PciFunction, access: Access, offset: u32): i32 {
  if (offset < NOTIFY_OFFSET) return structureAccess(pci, access, offset);
  // Without bus mastering it may not reach memory, so that there is nothing to look for.
  if (!access.write) access.value = 0;
  else if (configWord(pci, PCI_COMMAND) & PCI_COMMAND_MASTER)
    virtioNotify(pci.device, (offset - NOTIFY_OFFSET) / NOTIFY_STRIDE);
  return Handled;
}

function structureAccess(pci: PciFunction, access: Access, offset: u32): i32 {
  const device = pci.device;
  const width = access.width;
  if (offset >= DEVICE_OFFSET) return virtioConfigAccess(device, access, offset - DEVICE_OFFSET);
  const isField = offset < VIRTIO_PCI_COMMON_BYTES && width == widthAt(offset) && (offset & (width - 1)) == 0;
  if (access.write) return isField ? writeField(pci, offset, <u32>access.value) : Handled;
  access.value = isField ? readField(device, offset) : offset == ISR_OFFSET ? virtioAcknowledge(device, ~0) : 0;
  return Handled;
}

/** Bytes of the common configuration's field that is at `offset`. */
function widthAt(offset: u32): u32 {
  if (offset < VIRTIO_PCI_CONFIG_VECTOR || offset >= VIRTIO_PCI_QUEUE_DESC) return 4;
  return (offset & ~1) == VIRTIO_PCI_STATUS ? 1 : 2;
}

function readField(device: VirtioDevice, offset: u32): u32 {
  switch (offset) {
    case VIRTIO_PCI_DEVICE_FEATURE_SELECT:
      return device.deviceFeaturesSelect;
    case VIRTIO_PCI_DEVICE_FEATURE:
      return virtioFeatures(device);
    case VIRTIO_PCI_DRIVER_FEATURE_SELECT:
      return device.driverFeaturesSelect;
    case VIRTIO_PCI_DRIVER_FEATURE:
      return virtioAccepted(device);
    case VIRTIO_PCI_CONFIG_VECTOR:
      return device.vector;
    case VIRTIO_PCI_QUEUES:
      return device.queueCount;
    case VIRTIO_PCI_STATUS:
      return virtioGetStatus(device);
    case VIRTIO_PCI_GENERATION:
      return device.generation & 0xff;
    case VIRTIO_PCI_QUEUE_SELECT:
      return device.queueSelect;
    default:
      return readQueue(selectedQueue(device), offset);
  }
}

function readQueue(queue: Virtqueue, offset: u32): u32 {
  if (changetype<usize>(queue) == 0) return 0;
  switch (offset) {
    case VIRTIO_PCI_QUEUE_SIZE:
      return queue.size;
    case VIRTIO_PCI_QUEUE_VECTOR:
      return queue.vector;
    case VIRTIO_PCI_QUEUE_ENABLE:
      return queue.ready;
    case VIRTIO_PCI_QUEUE_NOTIFY_OFF:
      return queue.index;
    default:
      return load<u32>(changetype<usize>(queue) + offsetof<Virtqueue>("descriptors") + offset - VIRTIO_PCI_QUEUE_DESC);
  }
}

function writeField(pci: PciFunction, offset: u32, value: u32): i32 {
  const device = pci.device;
  switch (offset) {
    case VIRTIO_PCI_DEVICE_FEATURE_SELECT:
      device.deviceFeaturesSelect = value;
      break;
    case VIRTIO_PCI_DRIVER_FEATURE_SELECT:
      device.driverFeaturesSelect = value;
      break;
    case VIRTIO_PCI_DRIVER_FEATURE:
      virtioAccept(device, value);
      break;
    case VIRTIO_PCI_CONFIG_VECTOR:
      device.vector = vector(pci, value);
      break;
    case VIRTIO_PCI_STATUS:
      return virtioSetStatus(device, value);
    case VIRTIO_PCI_QUEUE_SELECT:
      device.queueSelect = value;
      break;
    default:
      return writeQueue(pci, selectedQueue(device), offset, value);
  }
  return Handled;
}

function writeQueue(pci: PciFunction, queue: Virtqueue, offset: u32, value: u32): i32 {
  if (changetype<usize>(queue) == 0) return Handled;
  if (offset == VIRTIO_PCI_QUEUE_SIZE) virtioQueueSize(queue, value);
  else if (offset == VIRTIO_PCI_QUEUE_VECTOR) queue.vector = vector(pci, value);
  else if (offset == VIRTIO_PCI_QUEUE_ENABLE && value == 1) return virtioQueueEnable(queue);
  else if (offset >= VIRTIO_PCI_QUEUE_DESC) {
    const half = (offset - VIRTIO_PCI_QUEUE_DESC) >> 2;
    virtioQueueAddress(queue, half >> 1, half & 1 ? 32 : 0, value);
  }
  return Handled;
}

/** What a vector's register holds after that was written: a vector that there is, or none. */
function vector(pci: PciFunction, value: u32): u32 {
  return value < pci.vectors ? value : NO_VECTOR;
}
