// SPDX-License-Identifier: Apache-2.0
// Which code stands behind a VirtIO device: one switch for each thing that can happen to it. Called by state.ts and
// deferred.ts in trap and worker context; locks as each says. A type that does not care has no line in a switch.
import { Access, Handled } from "../../mmio/access";
import { VIRTIO_ID_CONSOLE } from "../spec";
import { balloonConfig, balloonNotify, balloonReset } from "./balloon";
import { blockConfig, blockContinue, blockDriverOk, blockNotify, blockReset } from "./block";
import { consoleConfig, consoleNotify, consoleReset } from "./console";
import { VirtioDevice, Virtqueue } from "./device";
import { netConfig, netContinue, netDriverOk, netNotify, netReset } from "./net";
import { rngNotify } from "./rng";
import { VIRTIO_ID_BALLOON, VIRTIO_ID_BLOCK, VIRTIO_ID_NET, VIRTIO_ID_RNG } from "./spec";

/** The driver put something into a queue. No lock is held. */
export function typeNotify(device: VirtioDevice, queue: Virtqueue): void {
  switch (device.type) {
    case VIRTIO_ID_BLOCK:
      return blockNotify(device, queue);
    case VIRTIO_ID_NET:
      return netNotify(device, queue);
    case VIRTIO_ID_CONSOLE:
      return consoleNotify(device, queue);
    case VIRTIO_ID_RNG:
      return rngNotify(device, queue);
    default:
      return balloonNotify(device, queue);
  }
}

/** Something that was deferred (deferQueue) goes on. No lock is held. */
export function typeContinue(device: VirtioDevice, queue: Virtqueue): void {
  switch (device.type) {
    case VIRTIO_ID_BLOCK:
      return blockContinue(device, queue);
    case VIRTIO_ID_NET:
      return netContinue(device, queue);
    default:
      return typeNotify(device, queue);
  }
}

/** An access to the configuration. No lock is held. Answers as the bus does. */
export function typeConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  switch (device.type) {
    case VIRTIO_ID_BLOCK:
      return blockConfig(device, access, offset);
    case VIRTIO_ID_NET:
      return netConfig(device, access, offset);
    case VIRTIO_ID_CONSOLE:
      return consoleConfig(device, access, offset);
    case VIRTIO_ID_BALLOON:
      return balloonConfig(device, access, offset);
    default:
      access.value = 0;
      return Handled;
  }
}

/** The driver is ready (DRIVER_OK). The device's lock is held. */
export function typeDriverOk(device: VirtioDevice): void {
  switch (device.type) {
    case VIRTIO_ID_BLOCK:
      return blockDriverOk(device);
    case VIRTIO_ID_NET:
      return netDriverOk(device);
    default:
      return;
  }
}

/** A queue was taken out of service alone: what is merely held of its chains, for a limit or a busy disk, is given up. */
export function typeQueueStopped(device: VirtioDevice): void {
  if (device.type == VIRTIO_ID_BLOCK) blockReset(device);
}

/**
 * The device is reset, or the guest is about to lose its memory: what the type merely holds of taken chains it gives up
 * (queuePush brings inFlight down, and writes nothing), what is in flight elsewhere comes back by itself. The device's
 * lock is held; the queues are out of service.
 */
export function typeReset(device: VirtioDevice): void {
  switch (device.type) {
    case VIRTIO_ID_BLOCK:
      return blockReset(device);
    case VIRTIO_ID_NET:
      return netReset(device);
    case VIRTIO_ID_CONSOLE:
      return consoleReset(device);
    case VIRTIO_ID_BALLOON:
      return balloonReset(device);
    default:
      return;
  }
}
