// SPDX-License-Identifier: Apache-2.0
// VirtIO over MMIO (virtio 1.2 §4.2): the registers in front of a simulated device.
import { dev, hostVirtio } from "@typeone/spec";
import { Violation } from "../faults.ts";
import type { HostDevice } from "./device.ts";
import { configRead, type VirtioDevice, type VirtQueue } from "./virtio-device.ts";

export class VirtioMmio implements HostDevice {
  readonly #device: VirtioDevice;
  readonly #version: number;
  readonly #selected = new Map<number, number>();

  constructor(device: VirtioDevice, drive: (level: boolean) => void, version: number = dev.VIRTIO_VERSION_MODERN) {
    this.#device = device;
    this.#version = version;
    device.interrupt = () => drive(device.cause !== 0);
  }

  get #queue(): VirtQueue | undefined {
    return this.#device.queues[this.#selected.get(dev.VIRTIO_QUEUE_SEL) ?? 0];
  }

  read(offset: number, width: number): number {
    const device = this.#device;
    if (device.gone) return 2 ** (8 * width) - 1;
    if (offset >= hostVirtio.VIRTIO_CONFIG) return configRead(device.config, offset - hostVirtio.VIRTIO_CONFIG, width);
    if (width !== 4) throw new Violation(`a virtio register is read with ${width} bytes`);
    switch (offset) {
      case dev.VIRTIO_MAGIC:
        return dev.VIRTIO_MAGIC_VALUE;
      case dev.VIRTIO_VERSION:
        return this.#version;
      case dev.VIRTIO_DEVICE_ID:
        return device.type;
      case dev.VIRTIO_DEVICE_FEATURES:
        return device.offeredWord(this.#selected.get(dev.VIRTIO_DEVICE_FEATURES_SEL) ?? 0);
      case dev.VIRTIO_QUEUE_NUM_MAX:
        return this.#queue ? device.queueMost : 0;
      case dev.VIRTIO_QUEUE_READY:
        return this.#queue?.ready ? 1 : 0;
      case dev.VIRTIO_INTERRUPT_STATUS:
        return device.cause;
      case dev.VIRTIO_STATUS:
        return device.status;
      case hostVirtio.VIRTIO_CONFIG_GENERATION:
        return device.generation;
      default:
        throw new Violation(`the driver reads virtio register ${offset.toString(16)}`);
    }
  }

  write(offset: number, _width: number, value: number): void {
    const device = this.#device;
    if (device.gone) return;
    if (offset === dev.VIRTIO_STATUS) device.setStatus(value);
    else if (offset === dev.VIRTIO_INTERRUPT_ACK) {
      device.cause &= ~value;
      device.interrupt();
    } else if (offset === dev.VIRTIO_QUEUE_NOTIFY) device.ring(value);
    else if (offset === dev.VIRTIO_QUEUE_READY) device.enable(this.#queue, value);
    else if (offset === dev.VIRTIO_DRIVER_FEATURES)
      device.acceptFeatures(this.#selected.get(dev.VIRTIO_DRIVER_FEATURES_SEL) ?? 0, value);
    else if (!this.#setQueue(offset, value)) this.#selected.set(offset, value);
  }

  #setQueue(offset: number, value: number): boolean {
    const queue = this.#queue;
    const area = [dev.VIRTIO_QUEUE_DESC_LOW, dev.VIRTIO_QUEUE_DRIVER_LOW, dev.VIRTIO_QUEUE_DEVICE_LOW].findIndex(
      (low) => offset === low || offset === low + 4,
    );
    if (offset !== dev.VIRTIO_QUEUE_NUM && area < 0) return false;
    if (!queue) throw new Violation("the driver sets a queue up that is not there");
    if (area < 0) queue.size = value;
    else queue.rings[area] = setHalf(queue.rings[area] ?? 0, offset & 4, value);
    return true;
  }
}

/** An address with one of its halves (byte offset 0 or 4) replaced. */
export function setHalf(address: number, half: number, value: number): number {
  const low = address % 2 ** 32;
  return half === 0 ? address - low + value : low + value * 2 ** 32;
}

/** A transport with nothing behind it: DeviceID 0. */
export const emptyVirtioSlot: HostDevice = {
  read: (offset) => (offset === dev.VIRTIO_MAGIC ? dev.VIRTIO_MAGIC_VALUE : offset === dev.VIRTIO_VERSION ? 2 : 0),
  write: () => {
    throw new Violation("the driver writes to an empty virtio slot");
  },
};
