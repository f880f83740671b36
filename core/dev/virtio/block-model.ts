// SPDX-License-Identifier: Apache-2.0
// What a guest's block device is made of: per device a Block with its configuration and limits, per queue the chain that
// is being worked on and a pool of requests. Records are made when none is free, and used again. Made and given back with
// the creation lock held, when nothing is in flight; what changes meanwhile is guarded as each field says.
import { Disk } from "../../backend/block/disk";
import { DiskRequest } from "../../backend/block/request";
import { Timer } from "../../host/timers";
import { Lock, LOCK_SIZE, lockInit, RANK_QUEUE_IN } from "../../lib/lock";
import { Pace } from "../../lib/pace";
import { allocate, arenaNeeds } from "../../mem/arena";
import { VIRTIO_BLK_CONFIG_BYTES } from "./block-spec";
import { Chain, MAX_SEGMENTS, Segment } from "./chain";
import { VirtioDevice, Virtqueue } from "./device";

/** Queues of one device, and entries of each: as many as can be on their way. */
export const MAX_BLOCK_QUEUES: u32 = 8;
export const BLOCK_ENTRIES: u32 = 64;

/** A chain on its way through a disk; `owner` is its BlockQueue. The queue's lock guards it. */
@unmanaged
export class BlockRequest extends DiskRequest {
  /** Host-physical address of the status byte. */
  statusHpa: u64 = 0;
  /** Sectors that were not submitted yet, and the first of them. */
  left: u64 = 0;
  at: u64 = 0;
  /** The chain, and what is written in it if all goes well, and if not. */
  head: u32 = 0;
  written: u32 = 0;
  writtenFailed: u32 = 0;
  /** 1 while a part of it, which is not the last, is at the disk. */
  away: u32 = 0;
  /** Bytes of data, for the counters. */
  bytes: u64 = 0;
  /** What of it the limits have let through: PAID_*. */
  paid: u32 = 0;
  /** The next free one. */
  next: usize = 0;
}

/** The request as such, and the data of the part that is to be submitted next. */
export const PAID_REQUEST: u32 = 1;
export const PAID_DATA: u32 = 2;

/** What people are shown of a block device; a sum over its queues. */
@unmanaged
export class BlockCounters {
  reads: u64 = 0;
  writes: u64 = 0;
  bytesRead: u64 = 0;
  bytesWritten: u64 = 0;
  flushes: u64 = 0;
  /** Discards, and writes of zeros. */
  discards: u64 = 0;
  errors: u64 = 0;
  /** Requests that had to wait for a limit, or for the disk to have room. */
  waits: u64 = 0;
  /** Filled in by blockCounters: chains that were taken and not given back. */
  inFlight: u64 = 0;
}

export const COUNTERS: u32 = 8;

/** One queue. Its lock guards it. */
@unmanaged
export class BlockQueue extends BlockCounters {
  queue: Virtqueue = changetype<Virtqueue>(0);
  block: Block = changetype<Block>(0);
  /** The chain taken last; its data is cut down in place to what was not submitted yet. */
  chain: Chain = changetype<Chain>(0);
  /** Segments of that data: linear address, and how many. */
  data: usize = 0;
  dataCount: u32 = 0;
  /** The request that has more to be submitted, 0 if none, and the free ones. */
  current: usize = 0;
  free: usize = 0;
  /** While a vCPU works on the queue: index of its hart + 1. Nobody else does then, and it announces what is done. */
  working: u32 = 0;
  /** 1: somebody else wanted to meanwhile. */
  again: u32 = 0;
  /** The request that is being submitted, 0 if none. */
  submitting: usize = 0;
  /** 1: there was no free request for the next chain. */
  starved: u32 = 0;
  /** Expires when a limit lets the queue go on. */
  timer: Timer = changetype<Timer>(0);
  /** The next free record. */
  next: usize = 0;
  queuePad: u32 = 0;
}

@unmanaged
export class Block {
  device: VirtioDevice = changetype<VirtioDevice>(0);
  disk: Disk = changetype<Disk>(0);
  queueCount: u32 = 0;
  /** Guards the paces; 1 if there is a limit at all. */
  lock: Lock = changetype<Lock>(0);
  limited: u32 = 0;
  bytes: Pace = changetype<Pace>(0);
  requests: Pace = changetype<Pace>(0);
  /** Linear address of VIRTIO_BLK_CONFIG_BYTES of configuration. */
  config: usize = 0;
  /** Linear address of MAX_BLOCK_QUEUES pointers to BlockQueue. */
  queues: usize = 0;
  /** The next free record. */
  next: usize = 0;
}

// @lock creation
let freeBlocks: usize = 0;
let freeQueues: usize = 0;

const CONFIG_BYTES: usize = 64;
const QUEUES_AT: usize = offsetof<Block>() + <usize>LOCK_SIZE + 2 * offsetof<Pace>() + CONFIG_BYTES;
const BLOCK_BYTES: usize = QUEUES_AT + <usize>MAX_BLOCK_QUEUES * sizeof<usize>();
const TIMER_AT: usize = offsetof<BlockQueue>();
const CHAIN_AT: usize = TIMER_AT + offsetof<Timer>();
const SEGMENTS_AT: usize = CHAIN_AT + offsetof<Chain>();

/** Where a queue's requests begin, behind its record, and how long all is: no constants, because files import each other. */
function requestsAt(): usize {
  return SEGMENTS_AT + <usize>MAX_SEGMENTS * offsetof<Segment>();
}

function queueBytes(): usize {
  return requestsAt() + <usize>BLOCK_ENTRIES * offsetof<BlockRequest>();
}

export function blockQueueAt(block: Block, index: u32): BlockQueue {
  return changetype<BlockQueue>(load<usize>(block.queues + <usize>index * sizeof<usize>()));
}

/** A Block with so many queues, everything zero; null when the hypervisor's memory is used up. */
export function takeBlock(queues: u32): Block {
  let at = freeBlocks;
  if (at) freeBlocks = changetype<Block>(at).next;
  else at = newBlock();
  const block = changetype<Block>(at);
  for (let i: u32 = 0; at && i < queues; i++) {
    const queue = takeQueue();
    if (!queue) {
      giveBlock(block);
      return changetype<Block>(0);
    }
    store<usize>(block.queues + <usize>i * sizeof<usize>(), queue);
    block.queueCount = i + 1;
  }
  return block;
}

function newBlock(): usize {
  const at = arenaNeeds(<u32>BLOCK_BYTES) ? allocate(BLOCK_BYTES) : 0;
  if (!at) return 0;
  const block = changetype<Block>(at);
  const lock = at + offsetof<Block>();
  block.lock = changetype<Lock>(lock);
  lockInit(block.lock, RANK_QUEUE_IN);
  block.bytes = changetype<Pace>(lock + <usize>LOCK_SIZE);
  block.requests = changetype<Pace>(lock + <usize>LOCK_SIZE + offsetof<Pace>());
  block.config = lock + <usize>LOCK_SIZE + 2 * offsetof<Pace>();
  block.queues = at + QUEUES_AT;
  assert(VIRTIO_BLK_CONFIG_BYTES <= <u32>CONFIG_BYTES);
  return at;
}

function takeQueue(): usize {
  let at = freeQueues;
  if (at) freeQueues = changetype<BlockQueue>(at).next;
  else at = arenaNeeds(<u32>queueBytes()) ? allocate(queueBytes()) : 0;
  if (!at) return 0;
  memory.fill(at, 0, queueBytes());
  const queue = changetype<BlockQueue>(at);
  queue.timer = changetype<Timer>(at + TIMER_AT);
  queue.chain = changetype<Chain>(at + CHAIN_AT);
  queue.chain.segments = at + SEGMENTS_AT;
  for (let i: u32 = 0; i < BLOCK_ENTRIES; i++) {
    const request = changetype<BlockRequest>(at + requestsAt() + <usize>i * offsetof<BlockRequest>());
    request.owner = at;
    request.next = queue.free;
    queue.free = changetype<usize>(request);
  }
  return at;
}

export function giveBlock(block: Block): void {
  for (let i: u32 = 0; i < block.queueCount; i++) {
    const queue = blockQueueAt(block, i);
    queue.next = freeQueues;
    freeQueues = changetype<usize>(queue);
  }
  block.queueCount = 0;
  block.next = freeBlocks;
  freeBlocks = changetype<usize>(block);
}
