// SPDX-License-Identifier: Apache-2.0
// What comes in at the host's NICs: frames lie in buffers of a block of host memory outside of linear memory, from where
// the receiver copies them straight into guests. The interrupt takes a bounded number of frames; what is left is taken by
// the NIC's worker. One of them takes at a time (HostNic.taking), with no lock held. A device that says what cannot be is
// given up. @spec virtio 1.2 §5.1.6.4
import { Segment } from "../../dev/virtio/chain";
import * as hw from "../../hw";
import { print } from "../../lib/print";
import { Status } from "../../lib/status";
import { BLOCK, OWNER_RESERVED, ramTake } from "../../mem/ram";
import { workerWake } from "../../sched/worker";
import { HostNic, hostNic, hostNicCount, nicFail, nicSent } from "./net";
import {
  QUEUE_BROKEN,
  QUEUE_EMPTY,
  queueBegin,
  queueEnd,
  queueHush,
  queueListen,
  queuePut,
  queueReady,
  queueTake,
  queueTell,
  queueTokens,
} from "./queue";
import { VIRTIO_NET_HEADER, VIRTIO_NET_MERGE, VIRTQ_WRITE } from "./spec";

/** Frames that are taken in one go. */
const BUDGET: u32 = 64;
/** Most buffers of a frame. */
export const MAX_PARTS: u32 = 16;

// @lock per boot
/** 1 once the guests of the host's tree have their memory: buffers may be taken. */
let ready: u32 = 0;

/** Boot: the guests of the host's tree have their memory. */
export function nicsReady(): void {
  ready = 1;
  for (let i: u32 = 0; i < hostNicCount(); i++) if (hostNic(i).handler) fillBuffers(hostNic(i));
}

/**
 * Who gets the NIC's frames: index of a `(nic: usize, header: usize, segments: usize, count: u32) => void`, 0 for nobody.
 * It is called in interrupt or worker context, for a frame at a time: its VirtIO header, and Segments of host memory that
 * are the receiver's until it returns. Boot, or with the creation lock held. NoMemory: there is none for buffers.
 */
export function hostNicOnReceive(nic: HostNic, handler: u32): i32 {
  nic.handler = handler;
  return ready && handler ? fillBuffers(nic) : Status.Ok;
}

function fillBuffers(nic: HostNic): i32 {
  if (nic.buffers || nic.failed) return Status.Ok;
  nic.buffers = ramTake(1, BLOCK, OWNER_RESERVED);
  if (!nic.buffers) {
    print("there is no memory for what comes in at a NIC of the host's: 2 MiB are needed\n");
    return Status.NoMemory;
  }
  const buffers = queueTokens(nic.receiving);
  nic.bufferBytes = <u32>BLOCK / buffers;
  for (let i: u32 = 0; i < buffers; i++) give(nic, i);
  queueTell(nic.receiving);
  return Status.Ok;
}

function bufferOf(nic: HostNic, buffer: u32): u64 {
  return nic.buffers + <u64>buffer * nic.bufferBytes;
}

function give(nic: HostNic, buffer: u32): void {
  queueBegin(nic.receiving, buffer);
  queuePut(nic.receiving, bufferOf(nic, buffer), nic.bufferBytes, VIRTQ_WRITE);
  queueEnd(nic.receiving);
}

function takingOf(nic: HostNic): usize {
  return changetype<usize>(nic) + offsetof<HostNic>("taking");
}

/** Interrupt: takes frames, or leaves them to whoever does so now. False: there was none. */
export function nicReceive(nic: HostNic): bool {
  if (hw.atomicSwap(takingOf(nic), 1) != 0) return true;
  const some = queueReady(nic.receiving);
  if (takeAll(nic)) workerWake(nic.worker);
  return some;
}

/** Worker: goes on where the interrupt's budgets ended. */
export function nicWork(argument: usize): u32 {
  nicSent(changetype<HostNic>(argument));
  const handed = hw.atomicSwap(argument + offsetof<HostNic>("handed"), 0);
  return handed ? takeAll(changetype<HostNic>(argument)) : 0;
}

/** Takes up to BUDGET frames. 1: more are left, and it is the worker's turn. */
function takeAll(nic: HostNic): u32 {
  let frames: u32 = 0;
  do {
    while (frames < BUDGET && takePart(nic)) frames += u32(nic.partCount == 0);
    queueTell(nic.receiving);
    if (frames == BUDGET) {
      queueHush(nic.receiving);
      hw.atomicSwap(changetype<usize>(nic) + offsetof<HostNic>("handed"), 1);
      return 1;
    }
    queueListen(nic.receiving);
    hw.atomicSwap(takingOf(nic), 0);
    // What came before interrupts were asked for makes none.
  } while (!nic.failed && queueReady(nic.receiving) && hw.atomicSwap(takingOf(nic), 1) == 0);
  return 0;
}

/** Takes one buffer; the last one of a frame delivers it. False: there is none. */
function takePart(nic: HostNic): bool {
  const queue = nic.receiving;
  const token = nic.failed ? QUEUE_EMPTY : queueTake(queue);
  if (token == QUEUE_EMPTY) return false;
  const first = nic.partCount == 0;
  const begin: u32 = first ? VIRTIO_NET_HEADER : 0;
  if (token == QUEUE_BROKEN || queue.length < begin) return broken(nic);
  const at = bufferOf(nic, queue.owner);
  if (first) {
    hw.copyIn(nic.header, at, VIRTIO_NET_HEADER);
    nic.partsWanted = (nic.features >> VIRTIO_NET_MERGE) & 1 ? load<u16>(nic.header, 10) : 1;
    if (nic.partsWanted - 1 >= MAX_PARTS) return broken(nic);
  }
  const segment = changetype<Segment>(nic.segments + <usize>nic.partCount * offsetof<Segment>());
  segment.hpa = at + begin;
  segment.length = queue.length - begin;
  store<u32>(nic.parts + (nic.partCount << 2), queue.owner);
  nic.partCount += 1;
  if (nic.partCount == nic.partsWanted) deliver(nic);
  return true;
}

function broken(nic: HostNic): bool {
  nicFail(nic, "answers nonsense");
  return false;
}

function deliver(nic: HostNic): void {
  let bytes: u64 = 0;
  for (let i: u32 = 0; i < nic.partCount; i++) bytes += load<u64>(nic.segments + <usize>i * offsetof<Segment>(), 8);
  if (nic.handler && bytes) {
    nic.receivedFrames += 1;
    nic.receivedBytes += bytes;
    call_indirect<void>(nic.handler, changetype<usize>(nic), nic.header, nic.segments, nic.partCount);
  } else nic.dropped += 1;
  for (let i: u32 = 0; i < nic.partCount; i++) give(nic, load<u32>(nic.parts + (i << 2)));
  nic.partCount = 0;
}
