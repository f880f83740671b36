// SPDX-License-Identifier: Apache-2.0
// A VirtIO device as both transports and every device type see it: the record, and what hangs on it. A transport
// (mmio.ts, ../pci/) turns register accesses into calls of state.ts; state.ts calls the device type through types.ts;
// device types reach the guest's rings through queue.ts and interrupt through interrupt.ts. A record is taken from a pool
// when a guest is furnished or a device is attached, and goes back there; it never knows where it is mapped.
// @spec virtio 1.2 §2
import { Guest } from "../../guest/guest";
import { Lock } from "../../lib/lock";
import { Device } from "../device";

export const TRANSPORT_MMIO: u32 = 0;
export const TRANSPORT_PCI: u32 = 1;
/** No message vector. */
export const NO_VECTOR: u32 = 0xffff;

/** One virtqueue of a device, as the device sees it. @spec virtio §2.7 */
@unmanaged
export class Virtqueue {
  /** gpa of descriptor table, driver's (available) and device's (used) area. */
  descriptors: u64 = 0;
  driver: u64 = 0;
  device: u64 = 0;
  /** Guards what follows, and the rings; its rank says whether data goes out of the guest or in (lib/lock.ts). */
  lock: Lock = changetype<Lock>(0);
  owner: VirtioDevice = changetype<VirtioDevice>(0);
  index: u32 = 0;
  /** Entries, as the driver chose, and at most. */
  size: u32 = 0;
  maximum: u32 = 0;
  /** 1 while it is enabled, and its areas are found to lie in the guest's RAM. */
  ready: u32 = 0;
  /** PCI: its message vector, NO_VECTOR for none. */
  vector: u32 = NO_VECTOR;
  /** Ring positions, counting up and wrapping at 16 bits: next available entry to take, next used entry to write. */
  taken: u32 = 0;
  used: u32 = 0;
  /** used as it was when the driver was last interrupted, for the event index. */
  announced: u32 = 0;
  /** Chains taken and not yet given back. */
  inFlight: u32 = 0;
  /** Not 0: something is left to do that did not fit the budget of an exit; since when (deferred.ts). Atomics. */
  deferred: u32 = 0;
  /** 1 while the device may use it: enabled, DRIVER_OK, not broken, not quiet. */
  live: u32 = 0;
  /** The driver's index as last read: chains up to there are known. */
  seen: u32 = 0;
  /** The index at which the driver was last asked to notify, for the event index; beyond 16 bits: not asked yet. */
  listened: u32 = 0;
  /** Atomics: bit 0 while somebody works it off after a notification, bit 1 when another came meanwhile (deferred.ts). */
  kicks: u32 = 0;
  /** hpa of the three areas while each lies in one piece of host memory, else 0 (queue.ts). */
  descriptorsHpa: u64 = 0;
  driverHpa: u64 = 0;
  deviceHpa: u64 = 0;
}

@unmanaged
export class VirtioDevice extends Device {
  /** Whose it is. Fixed while the device is attached. */
  guest: Guest = changetype<Guest>(0);
  /** VIRTIO_ID_*. */
  type: u32 = 0;
  transport: u32 = 0;
  /** The transport's own record: a PCI function, or 0. */
  function: usize = 0;
  /** The device type's own record (Block, Net …). */
  model: usize = 0;
  /** Guards the state below, but for the queues' own. */
  lock: Lock = changetype<Lock>(0);
  /** Virtqueue records, one behind the other. */
  queues: usize = 0;
  queueCount: u32 = 0;
  /** Features by number (VIRTIO_F_*): what the device has, and what the driver chose of it. */
  offered: u64 = 0;
  accepted: u64 = 0;
  /** Device status. @spec virtio §2.1 */
  status: u32 = 0;
  /** Counts changes of the configuration. */
  generation: u32 = 0;
  /** Interrupt status (bit 0: queue, bit 1: configuration), with its own atomics: set from anywhere. */
  isr: u32 = 0;
  /** PCI: the configuration's message vector. */
  vector: u32 = NO_VECTOR;
  /** Selectors that the transports share: which word of the features, which queue. */
  deviceFeaturesSelect: u32 = 0;
  driverFeaturesSelect: u32 = 0;
  queueSelect: u32 = 0;
  /** Interrupt line for MMIO, 0 if none. */
  irq: u32 = 0;
  /** 1: a reset was asked for and waits for what is in flight. */
  resetting: u32 = 0;
  /** 1 while it may not touch the guest's memory: the guest is being cleared, or the device detached. */
  quiet: u32 = 0;
  /** Atomics: 1 once the driver broke a ring; the status says so until the device is reset. */
  broken: u32 = 0;
  devicePad: u32 = 0;
  /** Counters, for people: notifications taken, chains done, interrupts sent, faults of the driver. */
  notifications: u64 = 0;
  chains: u64 = 0;
  interrupts: u64 = 0;
  faults: u64 = 0;
}

export function queueAt(device: VirtioDevice, index: u32): Virtqueue {
  return changetype<Virtqueue>(device.queues + <usize>index * offsetof<Virtqueue>());
}
