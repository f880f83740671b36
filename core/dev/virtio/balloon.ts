// SPDX-License-Identifier: Apache-2.0
// A guest's balloon on VirtIO: how many pages the host would like back, which pages the guest says that it does not use,
// and what the guest knows of its own memory. The pages are counted, not taken: a guest's memory is mapped in blocks of
// 2 MiB and more, and devices may hold addresses in it, so nothing is given back to the host before the guest ends.
// Called by types.ts in trap context; balloonTarget and balloonAsk by workers.
// @spec virtio 1.2 §5.5
import { inGuestRam } from "../../guest/memory";
import { acquire, release } from "../../lib/lock";
import { Status } from "../../lib/status";
import { allocate, arenaNeeds } from "../../mem/arena";
import { Access, Handled } from "../../mmio/access";
import { Chain, chainRead, hartChain, hartScratch, SCRATCH_BYTES } from "./chain";
import { configRead } from "./config";
import { BUDGET_CHAINS, deferQueue } from "./deferred";
import { queueAt, VirtioDevice, Virtqueue } from "./device";
import { virtioConfigInterrupt } from "./interrupt";
import { RING_FEATURES } from "./pool";
import { queueAnnounce, queuePop, queuePush } from "./queue";
import {
  VIRTIO_BALLOON_ACTUAL,
  VIRTIO_BALLOON_CONFIG,
  VIRTIO_BALLOON_F_MUST_TELL_HOST,
  VIRTIO_BALLOON_F_STATS_VQ,
  VIRTIO_BALLOON_INFLATE,
  VIRTIO_BALLOON_PFN_SHIFT,
  VIRTIO_BALLOON_STAT_BYTES,
  VIRTIO_BALLOON_STAT_TAGS,
  VIRTIO_BALLOON_STATS,
} from "./spec";

const ENTRIES: u32 = 64;
const PAGE: u32 = 4096;
/** Page numbers of one chain that are looked at; drivers send a quarter of that. */
const MOST_BYTES: u32 = 4096;
const NONE: u32 = u32.MAX_VALUE;

@unmanaged
export class Balloon {
  /** Pages that the guest says are in the balloon, and pages that it named which it does not have. */
  inflated: u64 = 0;
  refused: u64 = 0;
  /** Linear address of VIRTIO_BALLOON_STAT_TAGS statistics by tag (u64, all ones: never said). */
  stats: usize = 0;
  /** The chain that the next statistics come back for, NONE if we have none; its queue's lock guards it. */
  held: u32 = NONE;
  // ---- The configuration, as the driver sees it.
  target: u32 = 0;
  actual: u32 = 0;
}

// @lock creation: linked by their stats field.
let free: usize = 0;

export function balloonOf(device: VirtioDevice): Balloon {
  return changetype<Balloon>(device.model);
}

/** Makes a pool's device with three queues a balloon, empty. NoMemory: the hypervisor's is used up. */
export function balloonCreate(device: VirtioDevice): i32 {
  const bytes = offsetof<Balloon>() + ((<usize>VIRTIO_BALLOON_STAT_TAGS) << 3);
  const at = free != 0 ? free : arenaNeeds(<u32>bytes) ? allocate(bytes) : 0;
  if (at == 0) return Status.NoMemory;
  const balloon = changetype<Balloon>(at);
  if (at == free) free = balloon.stats;
  memory.fill(at, 0, offsetof<Balloon>());
  balloon.stats = at + offsetof<Balloon>();
  device.model = at;
  empty(balloon);
  device.offered = RING_FEATURES | ((1 << VIRTIO_BALLOON_F_MUST_TELL_HOST) | (1 << VIRTIO_BALLOON_F_STATS_VQ));
  for (let i: u32 = 0; i < device.queueCount; i++) queueAt(device, i).maximum = ENTRIES;
  return Status.Ok;
}

/** The device goes; it is quiet. */
export function balloonDestroy(device: VirtioDevice): void {
  balloonOf(device).stats = free;
  free = device.model;
}

function empty(balloon: Balloon): void {
  balloon.inflated = 0;
  balloon.actual = 0;
  balloon.held = NONE;
  memory.fill(balloon.stats, 0xff, (<usize>VIRTIO_BALLOON_STAT_TAGS) << 3);
}

/** The host would like the guest to give up so many pages of 4 KiB. */
export function balloonTarget(device: VirtioDevice, pages: u32): void {
  balloonOf(device).target = pages;
  device.generation += 1;
  virtioConfigInterrupt(device);
}

/** Asks the guest for new statistics; they come when its driver gets to it. */
export function balloonAsk(device: VirtioDevice): void {
  const queue = queueAt(device, VIRTIO_BALLOON_STATS);
  acquire(queue.lock);
  giveHeld(balloonOf(device), queue);
  queueAnnounce(queue);
  release(queue.lock);
}

/** Statistic `tag` as the guest said it last, all ones if it never did. */
export function balloonStat(device: VirtioDevice, tag: u32): u64 {
  return tag < VIRTIO_BALLOON_STAT_TAGS ? load<u64>(balloonOf(device).stats + ((<usize>tag) << 3)) : u64.MAX_VALUE;
}

function giveHeld(balloon: Balloon, queue: Virtqueue): void {
  if (balloon.held == NONE) return;
  queuePush(queue, balloon.held, 0);
  balloon.held = NONE;
}

/** The driver put something into a queue. No lock is held. */
export function balloonNotify(device: VirtioDevice, queue: Virtqueue): void {
  const balloon = balloonOf(device);
  const chain = hartChain(0);
  let left = BUDGET_CHAINS;
  acquire(queue.lock);
  for (; left != 0 && queuePop(queue, chain) > 0; left--) {
    if (queue.index == VIRTIO_BALLOON_STATS) {
      // One is kept until statistics are asked for; a driver that has more than one out gets the older back.
      giveHeld(balloon, queue);
      readStats(balloon, chain);
      balloon.held = chain.head;
    } else {
      countPages(balloon, queue, chain);
      queuePush(queue, chain.head, 0);
    }
  }
  queueAnnounce(queue);
  release(queue.lock);
  if (left == 0) deferQueue(queue);
}

/** Page numbers of 32 bits, each checked. */
function countPages(balloon: Balloon, queue: Virtqueue, chain: Chain): void {
  const scratch = hartScratch();
  const bytes = <u32>min<u64>(chain.readBytes, MOST_BYTES);
  let good: u64 = 0;
  for (let offset: u32 = 0; offset < bytes; offset += SCRATCH_BYTES) {
    const count = chainRead(chain, offset, scratch, min(SCRATCH_BYTES, bytes - offset)) >> 2;
    for (let i: u32 = 0; i < count; i++) {
      const gpa = (<u64>load<u32>(scratch + ((<usize>i) << 2))) << VIRTIO_BALLOON_PFN_SHIFT;
      good += u64(inGuestRam(chain.guest, gpa, PAGE));
    }
  }
  balloon.refused += (chain.readBytes >> 2) - good;
  if (queue.index == VIRTIO_BALLOON_INFLATE)
    balloon.inflated = min(balloon.inflated + good, chain.guest.ramSize / PAGE);
  else balloon.inflated -= min(balloon.inflated, good);
}

function readStats(balloon: Balloon, chain: Chain): void {
  const scratch = hartScratch();
  const most = VIRTIO_BALLOON_STAT_TAGS * VIRTIO_BALLOON_STAT_BYTES;
  const count = chainRead(chain, 0, scratch, most) / VIRTIO_BALLOON_STAT_BYTES;
  for (let i: u32 = 0; i < count; i++) {
    const at = scratch + <usize>(i * VIRTIO_BALLOON_STAT_BYTES);
    const tag: u32 = load<u16>(at);
    // Statistics are packed: the value is not aligned.
    const value = (<u64>load<u16>(at, 2)) | ((<u64>load<u16>(at, 4)) << 16) | ((<u64>load<u16>(at, 6)) << 32);
    if (tag < VIRTIO_BALLOON_STAT_TAGS) {
      store<u64>(balloon.stats + ((<usize>tag) << 3), value | ((<u64>load<u16>(at, 8)) << 48));
    }
  }
}

/** The configuration; the driver writes how many pages it has given. */
export function balloonConfig(device: VirtioDevice, access: Access, offset: u32): i32 {
  const balloon = balloonOf(device);
  const config = changetype<usize>(balloon) + offsetof<Balloon>("target");
  if (access.write == 0) return configRead(access, offset, config, VIRTIO_BALLOON_CONFIG);
  if (offset == VIRTIO_BALLOON_ACTUAL && access.width == 4) balloon.actual = <u32>access.value;
  return Handled;
}

/** The device is reset: its balloon is empty. */
export function balloonReset(device: VirtioDevice): void {
  const balloon = balloonOf(device);
  const queue = queueAt(device, VIRTIO_BALLOON_STATS);
  acquire(queue.lock);
  giveHeld(balloon, queue);
  empty(balloon);
  release(queue.lock);
}
