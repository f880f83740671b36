// SPDX-License-Identifier: Apache-2.0
// What a guest's VirtIO console knows: which Console it is (host/console.ts, the one that the guest's UART has too), its
// own ring of input, and what is yet to be said. Output of UART and VirtIO console goes to the same Console in the order in
// which it comes; input goes to the one of the two that the guest sent on last, so that whoever shows a prompt gets the
// answer. More ports than that one have nobody to carry their bytes yet, and are not offered.
import { CONSOLE_RECEIVED, Console } from "../../host/console";
import { acquire, release } from "../../lib/lock";
import { Ring, ringCount, ringFree, ringInit } from "../../lib/ring";
import { Status } from "../../lib/status";
import { allocate, arenaNeeds } from "../../mem/arena";
import { VIRTIO_CONSOLE_RECEIVE, VIRTIO_CONSOLE_TRANSMIT } from "../spec";
import { deferQueue } from "./deferred";
import { queueAt, VirtioDevice } from "./device";
import { RING_FEATURES } from "./pool";
import { VIRTIO_CONSOLE_F_EMERG_WRITE, VIRTIO_CONSOLE_F_MULTIPORT, VIRTIO_CONSOLE_F_SIZE } from "./spec";

/** Ports that are carried somewhere. */
const PORTS: u32 = 1;
const INPUT_BYTES: u32 = 1024;
const ENTRIES: u32 = 64;
/** What a terminal has of which nobody knows more: 80 columns, 24 rows. */
const SCREEN: u32 = 80 | (24 << 16);

@unmanaged
export class VirtioConsole {
  device: VirtioDevice = changetype<VirtioDevice>(0);
  console: Console = changetype<Console>(0);
  /** Input that waits for the driver's buffers; the guest's lock guards it, as all of the Console's rings. */
  rx: Ring = changetype<Ring>(0);
  /** 1: output waits for room in the Console's tx ring; the guest's lock guards it. */
  waiting: u32 = 0;
  /** Bytes of the first chain of output that are gone already; its queue's lock guards it. */
  sent: u64 = 0;
  /** Control messages to be sent, a bit each by its event; atomics. */
  pending: u32 = 0;
  // ---- The configuration, as the driver sees it (virtio 1.2 §5.3.4).
  size: u32 = SCREEN;
  ports: u32 = PORTS;
  emergency: u32 = 0;
}

// @lock creation: linked by their device field.
let free: usize = 0;

export function modelOf(device: VirtioDevice): VirtioConsole {
  return changetype<VirtioConsole>(device.model);
}

/**
 * Makes a pool's device, whose guest is set, a VirtIO console with up to `ports` ports. Busy: the guest has one already.
 * NoMemory: the hypervisor's is used up.
 */
export function consoleCreate(device: VirtioDevice, ports: u32): i32 {
  const console = device.guest.console;
  if (console.virtio != 0) return Status.Busy;
  const bytes = offsetof<VirtioConsole>() + offsetof<Ring>() + INPUT_BYTES;
  const at = free != 0 ? free : arenaNeeds(<u32>bytes) ? allocate(bytes) : 0;
  if (at == 0) return Status.NoMemory;
  const model = changetype<VirtioConsole>(at);
  if (at == free) free = changetype<usize>(model.device);
  memory.fill(at, 0, offsetof<VirtioConsole>());
  model.device = device;
  model.console = console;
  model.rx = changetype<Ring>(at + offsetof<VirtioConsole>());
  ringInit(model.rx, at + offsetof<VirtioConsole>() + offsetof<Ring>(), INPUT_BYTES);
  model.size = SCREEN;
  model.ports = min(ports, PORTS);
  device.model = at;
  device.offered = RING_FEATURES | ((1 << VIRTIO_CONSOLE_F_SIZE) | (1 << VIRTIO_CONSOLE_F_EMERG_WRITE));
  // Without control queues a driver knows one port and no messages.
  if (device.queueCount >= 4) device.offered |= 1 << VIRTIO_CONSOLE_F_MULTIPORT;
  for (let i: u32 = 0; i < device.queueCount; i++) queueAt(device, i).maximum = ENTRIES;
  console.virtio = at;
  return Status.Ok;
}

/** The device goes; it is quiet. */
export function consoleDestroy(device: VirtioDevice): void {
  const model = modelOf(device);
  acquire(device.guest.lock);
  model.console.virtio = 0;
  model.console.input = model.console.rx;
  release(device.guest.lock);
  model.device = changetype<VirtioDevice>(free);
  free = changetype<usize>(model);
}

/** The Console's rings moved (CONSOLE_*): a vCPU goes on with the queue that waits for it. The guest's lock is held. */
export function consoleMoved(at: usize, what: u32): void {
  const model = changetype<VirtioConsole>(at);
  if (what == CONSOLE_RECEIVED) {
    if (ringCount(model.rx) != 0) deferQueue(queueAt(model.device, VIRTIO_CONSOLE_RECEIVE));
  } else if (model.waiting != 0 && ringFree(model.console.tx) != 0) {
    model.waiting = 0;
    deferQueue(queueAt(model.device, VIRTIO_CONSOLE_TRANSMIT));
  }
}
