// SPDX-License-Identifier: Apache-2.0
// Records of VirtIO devices with their queues and locks, made when there is none to be used again and never freed. A list
// of free ones for each number of queues, so that a record always fits. Boot, and worker context with the creation lock held.
import { Lock, lockInit, RANK_DEVICE, RANK_QUEUE_OUT } from "../../lib/lock";
import { allocate, arenaNeeds } from "../../mem/arena";
import { chainsInit } from "./chain";
import { NO_VECTOR, queueAt, VirtioDevice, Virtqueue } from "./device";

/** Queues that one device may have. */
export const MAX_QUEUES: u32 = 16;
/** Features that queue.ts has for every type: VIRTIO_F_VERSION_1, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC. */
export const RING_FEATURES: u64 = 0x1_3000_0000;
/** Entries of a queue unless its type says otherwise. */
export const QUEUE_ENTRIES: u32 = 256;

// @lock creation: a free record for each number of queues, linked by its model field.
const free: usize = memory.data(<i32>((MAX_QUEUES + 1) * sizeof<usize>()), 8);

/**
 * A device of a type (VIRTIO_ID_*) with so many queues, after power-on, quiet and without a guest, transport or features.
 * Null when the hypervisor's memory is used up, or it has none or more than MAX_QUEUES queues.
 */
export function takeVirtioDevice(type: u32, queueCount: u32): VirtioDevice {
  const none = changetype<VirtioDevice>(0);
  if (queueCount == 0 || queueCount > MAX_QUEUES || !chainsInit()) return none;
  const list = free + <usize>queueCount * sizeof<usize>();
  let device = changetype<VirtioDevice>(load<usize>(list));
  if (changetype<usize>(device) == 0) device = make(queueCount);
  else store<usize>(list, device.model);
  if (changetype<usize>(device) != 0) clean(device, type, queueCount);
  return device;
}

/** Gives a device back that is quiet, and that no bus knows any more. */
export function giveVirtioDevice(device: VirtioDevice): void {
  const list = free + <usize>device.queueCount * sizeof<usize>();
  device.model = load<usize>(list);
  store<usize>(list, changetype<usize>(device));
}

/** Device, queues, and a lock for each, in one piece. */
function make(queueCount: u32): VirtioDevice {
  const locks = (<usize>queueCount + 1) * offsetof<Lock>();
  const size = offsetof<VirtioDevice>() + <usize>queueCount * offsetof<Virtqueue>() + locks;
  const device = changetype<VirtioDevice>(arenaNeeds(<u32>size) ? allocate(size) : 0);
  if (changetype<usize>(device) == 0) return device;
  device.queues = changetype<usize>(device) + offsetof<VirtioDevice>();
  let lock = device.queues + <usize>queueCount * offsetof<Virtqueue>();
  device.lock = changetype<Lock>(lock);
  lockInit(device.lock, RANK_DEVICE);
  for (let i: u32 = 0; i < queueCount; i++) {
    const queue = queueAt(device, i);
    queue.lock = changetype<Lock>((lock += offsetof<Lock>()));
    lockInit(queue.lock, RANK_QUEUE_OUT);
  }
  return device;
}

/** All but what make() has set begins anew. */
function clean(device: VirtioDevice, type: u32, queueCount: u32): void {
  const queues = device.queues;
  const lock = device.lock;
  memory.fill(changetype<usize>(device), 0, offsetof<VirtioDevice>());
  device.queues = queues;
  device.lock = lock;
  device.queueCount = queueCount;
  device.type = type;
  device.vector = NO_VECTOR;
  device.quiet = 1;
  for (let i: u32 = 0; i < queueCount; i++) {
    const queue = queueAt(device, i);
    const queueLock = queue.lock;
    memory.fill(changetype<usize>(queue), 0, offsetof<Virtqueue>());
    queue.lock = queueLock;
    queueLock.rank = RANK_QUEUE_OUT;
    queue.owner = device;
    queue.index = i;
    queue.maximum = QUEUE_ENTRIES;
    queue.size = QUEUE_ENTRIES;
    queue.vector = NO_VECTOR;
    queue.listened = u32.MAX_VALUE;
  }
}
