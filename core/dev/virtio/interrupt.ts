// SPDX-License-Identifier: Apache-2.0
// From a VirtIO device to its driver: used buffers, a changed configuration, a broken ring. A device on MMIO, or a PCI
// function without messages, sets a bit of its interrupt status and drives its line as long as one is set; a PCI function
// with MSI-X sends messages. Called in trap and worker context with at most queue locks held; takes the guest's lock.
// @spec virtio 1.2 §2.1.2, §4.1.4.5, §4.2.2
import { setLine } from "../../arch/seam";
import * as hw from "../../hw";
import { acquire, release } from "../../lib/lock";
import { VIRTIO_STATUS_DRIVER_OK } from "../spec";
import { TRANSPORT_MMIO, VirtioDevice, Virtqueue } from "./device";
import { VIRTIO_ISR_CONFIG, VIRTIO_ISR_QUEUE } from "./spec";

// @lock per boot: set once, before any guest has a PCI function.
let pciMessage: u32 = 0;
let pciLine: u32 = 0;

/**
 * How PCI functions interrupt, as indices in the function table. `message`: (function: usize, vector: u32) => u32 sends
 * a message and answers 1, or answers 0 if messages are off (then the line is used). `line`: (function: usize,
 * level: u32) => void moves the function's INTx line, with the guest's lock held.
 */
export function onPciInterrupt(message: u32, line: u32): void {
  pciMessage = message;
  pciLine = line;
}

/** There are used buffers in the queue. */
export function virtioInterrupt(device: VirtioDevice, queue: Virtqueue): void {
  device.interrupts += 1;
  interrupt(device, queue.vector, VIRTIO_ISR_QUEUE);
}

/** The configuration changed, or the device needs a reset. */
export function virtioConfigInterrupt(device: VirtioDevice): void {
  if ((device.status & VIRTIO_STATUS_DRIVER_OK) == 0) return;
  device.interrupts += 1;
  interrupt(device, device.vector, VIRTIO_ISR_CONFIG);
}

function interrupt(device: VirtioDevice, vector: u32, bit: u32): void {
  if (device.transport != TRANSPORT_MMIO && sendMessage(device, vector)) return;
  const before = hw.atomicOr(changetype<usize>(device) + offsetof<VirtioDevice>("isr"), bit);
  if (before == 0) followStatus(device);
}

function sendMessage(device: VirtioDevice, vector: u32): bool {
  return pciMessage != 0 && call_indirect<u32>(pciMessage, device.function, vector) != 0;
}

/** The line is high while a bit of the interrupt status is set. */
function followStatus(device: VirtioDevice): void {
  acquire(device.guest.lock);
  device.level = u32(hw.atomicLoad(changetype<usize>(device) + offsetof<VirtioDevice>("isr")) != 0);
  if (device.level != device.driven) {
    device.driven = device.level;
    if (device.transport != TRANSPORT_MMIO) {
      if (pciLine != 0) call_indirect<void>(pciLine, device.function, device.level);
    } else if (device.irq != 0) setLine(device.guest, device.irq, device.level);
  }
  release(device.guest.lock);
}

/** The driver has dealt with these bits of the interrupt status; answers what it was. */
export function virtioAcknowledge(device: VirtioDevice, bits: u32): u32 {
  const before = hw.atomicAnd(changetype<usize>(device) + offsetof<VirtioDevice>("isr"), ~bits);
  if (before != 0 && (before & ~bits) == 0) followStatus(device);
  return before;
}

/** The driver broke a rule: the device does nothing until it is reset, and says so. The queue's lock may be held. */
export function virtioBroken(device: VirtioDevice, queue: Virtqueue): void {
  queue.live = 0;
  device.faults += 1;
  if (hw.atomicSwap(changetype<usize>(device) + offsetof<VirtioDevice>("broken"), 1) == 0)
    virtioConfigInterrupt(device);
}
