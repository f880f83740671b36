// SPDX-License-Identifier: Apache-2.0
// The host's VirtIO NICs, for uplinks of virtual switches: frames go out of the caller's segments of host memory without
// a copy, and what comes in lies in host memory of our own until its receiver has taken it (net-receive.ts). hostNicSend in
// any context; a frame's `done` is called from the interrupt, or from a timer when the device is given up (as block.ts
// does). Found and set up by net-start.ts. A NIC is the lock of its transmit queue. @spec virtio 1.2 §5.1
import { now } from "../../arch/seam";
import { Segment } from "../../dev/virtio/chain";
import { acquire, Lock, release } from "../../lib/lock";
import { print, printDec } from "../../lib/print";
import { Status } from "../../lib/status";
import { hpaOf } from "../../mem/arena";
import { Worker, workerWake } from "../../sched/worker";
import {
  HostQueue,
  QUEUE_BROKEN,
  queueBegin,
  queueEnd,
  queueListen,
  queuePut,
  queueReady,
  queueRecall,
  queueTake,
  queueTell,
  queueTokens,
} from "./queue";
import { VIRTIO_CAUSE_CONFIG, VIRTIO_NET_HEADER } from "./spec";
import { HostVirtio, virtioBroken, virtioCause, virtioGiveUp } from "./transport";
import { nicReceive } from "./net-receive";
import { watchBegin, watchDeadline, watchVerdict } from "./watch";

export const MAX_HOST_NICS: u32 = 4;

/** A frame to send; the record is free again when hostNicSend returns. */
@unmanaged
export class HostFrame {
  /** Linear address of its VirtIO header, 12 bytes. */
  header: usize = 0;
  /** Linear address of Segments, and how many. */
  segments: usize = 0;
  count: u32 = 0;
  /** Function table index of `(owner: usize) => void`: the device has let go of the segments. */
  done: u32 = 0;
  owner: usize = 0;
}

@unmanaged
export class HostNic extends Lock {
  /** Its address, the first byte lowest. */
  mac: u64 = 0;
  /** VirtIO features that were agreed on, by number: checksums and long segments may be left to it only if they are there. */
  features: u64 = 0;
  /** hpa of the buffers for what comes in, 0 while there are none. */
  buffers: u64 = 0;
  // ---- Counters; dropped: received frames that nobody wanted; errors: frames that were not sent.
  sentFrames: u64 = 0;
  sentBytes: u64 = 0;
  receivedFrames: u64 = 0;
  receivedBytes: u64 = 0;
  dropped: u64 = 0;
  errors: u64 = 0;
  interrupts: u64 = 0;
  /** Host time at which it was last done with a frame to send. */
  lastDone: u64 = 0;
  mtu: u32 = 0;
  /** 1 once it was given up. */
  failed: u32 = 0;
  /** Its number among the NICs. */
  index: u32 = 0;
  /** The most segments of a frame. */
  maxSegments: u32 = 0;
  /** 1: somebody was told Busy. */
  waiting: u32 = 0;
  device: HostVirtio = changetype<HostVirtio>(0);
  sending: HostQueue = changetype<HostQueue>(0);
  /** A FrameRecord a token of `sending`. */
  records: usize = 0;
  // ---- Receiving: whoever swapped `taking` from 0 to 1, or was `handed` the turn.
  taking: u32 = 0;
  handed: u32 = 0;
  receiving: HostQueue = changetype<HostQueue>(0);
  worker: Worker = changetype<Worker>(0);
  /** Table index of the function that gets frames, 0 if nobody wants them. */
  handler: u32 = 0;
  /** Bytes of each buffer. */
  bufferBytes: u32 = 0;
  /** Linear addresses: the frame's header; its Segments, and the numbers of the buffers that they are in. */
  header: usize = 0;
  segments: usize = 0;
  parts: usize = 0;
  /** Buffers of the frame that came so far, and that it has. */
  partCount: u32 = 0;
  partsWanted: u32 = 0;
  nicPad: u32 = 0;
}

@unmanaged
export class FrameRecord {
  /** What the device reads in front of the frame. */
  header: u64 = 0;
  headerEnd: u32 = 0;
  done: u32 = 0;
  deadline: u64 = 0;
  owner: usize = 0;
  pad: u32 = 0;
}

// @lock per boot
const nics: usize = memory.data(<i32>(MAX_HOST_NICS * sizeof<usize>()), 4);
let count: u32 = 0;
let roomTo: u32 = 0;

/** NICs that the host has. */
export function hostNicCount(): u32 {
  return count;
}

/** NIC `index`, in order of discovery; null if there is none. */
export function hostNic(index: u32): HostNic {
  return changetype<HostNic>(index < count ? load<usize>(nics + ((<usize>index) << 2)) : 0);
}

/** Boot: adds a NIC that works. */
export function hostNicAdd(nic: HostNic): void {
  nic.index = count;
  store<usize>(nics + ((<usize>count) << 2), changetype<usize>(nic));
  count += 1;
}

/** Boot: who is told that a NIC that was Busy takes frames again: index of a `(nic: usize) => void`; interrupt context. */
export function hostNicRoom(call: u32): void {
  roomTo = call;
}

export function frameRecord(nic: HostNic, token: u32): FrameRecord {
  return changetype<FrameRecord>(nic.records + <usize>token * offsetof<FrameRecord>());
}

/**
 * Any context, no lock inside of the host memory's held. Ok: the frame is under way, and `done` will be called, not in
 * here. Busy: the queue is full, hostNicRoom's function will be called. Io: the NIC has failed. Limit: too many segments.
 */
export function hostNicSend(nic: HostNic, frame: HostFrame): i32 {
  acquire(nic);
  let status: i32 = Status.Ok;
  if (nic.failed) status = Status.Io;
  else {
    const token = queueBegin(nic.sending, 0);
    if (token < 0) {
      nic.waiting = 1;
      status = Status.Busy;
    } else if (!send(nic, frame, frameRecord(nic, token))) status = Status.Limit;
  }
  if (status == Status.Io) nic.errors += 1;
  release(nic);
  if (status == Status.Ok) watchBegin();
  return status;
}

function send(nic: HostNic, frame: HostFrame, record: FrameRecord): bool {
  const queue = nic.sending;
  let bytes: u64 = 0;
  memory.copy(changetype<usize>(record), frame.header, VIRTIO_NET_HEADER);
  queuePut(queue, hpaOf(changetype<usize>(record)), VIRTIO_NET_HEADER, 0);
  for (let i: u32 = 0; i < frame.count; i++) {
    const segment = changetype<Segment>(frame.segments + <usize>i * offsetof<Segment>());
    if (!queuePut(queue, segment.hpa, segment.length, 0)) return false;
    bytes += segment.length;
  }
  record.done = frame.done;
  record.owner = frame.owner;
  record.deadline = watchDeadline();
  nic.sentFrames += 1;
  nic.sentBytes += bytes;
  queueEnd(queue);
  queueTell(queue);
  return true;
}

/** Interrupt of a NIC. */
export function nicInterrupt(argument: usize): void {
  const nic = changetype<HostNic>(argument);
  if (nic.failed) return;
  const cause = virtioCause(nic.device);
  if (cause == 0) return;
  nic.interrupts += 1;
  const sent = nicSent(nic);
  const some = nicReceive(nic) || sent;
  if (some && !(cause & VIRTIO_CAUSE_CONFIG)) return;
  if (virtioBroken(nic.device)) nicFail(nic, "is gone or asks for a reset");
}

/** Ends what the device has sent until now, and leaves what others give it meanwhile to the worker; false if that was nothing. */
export function nicSent(nic: HostNic): bool {
  let some = false;
  for (let left = nic.sending.given + 1; left != 0; left--) {
    acquire(nic);
    const token = nic.failed ? -1 : queueTake(nic.sending);
    if (token < 0) {
      if (!nic.failed) queueListen(nic.sending);
      const more = !nic.failed && token != QUEUE_BROKEN && queueReady(nic.sending);
      release(nic);
      if (more) continue;
      if (token == QUEUE_BROKEN) nicFail(nic, "answers nonsense");
      return some;
    }
    some = true;
    const room = nic.waiting;
    nic.waiting = 0;
    finish(nic, frameRecord(nic, token));
    if (room && roomTo) call_indirect<void>(roomTo, changetype<usize>(nic));
  }
  workerWake(nic.worker);
  return some;
}

/** Takes what is to be told out of the record, lets go of the lock, and tells it. */
function finish(nic: HostNic, record: FrameRecord): void {
  const done = record.done;
  const owner = record.owner;
  record.deadline = u64.MAX_VALUE;
  nic.lastDone = now();
  release(nic);
  if (done) call_indirect<void>(done, owner);
}

/** The device is given up: what it has counts as not sent, and nothing more goes there. Trap, no lock held. */
export function nicFail(nic: HostNic, why: string): void {
  acquire(nic);
  const before = nic.failed;
  nic.failed = 1;
  if (!before) virtioGiveUp(nic.device);
  release(nic);
  if (before) return;
  print("the host's nic");
  printDec(nic.index);
  print(" ");
  print(why);
  print(" and is not used any more\n");
  while (true) {
    acquire(nic);
    const token = queueRecall(nic.sending);
    if (token < 0) break;
    nic.errors += 1;
    finish(nic, frameRecord(nic, token));
  }
  release(nic);
  if (roomTo) call_indirect<void>(roomTo, changetype<usize>(nic));
}

/** Timer: looks after NICs that are sending (watch.ts). */
export function nicsWatch(at: u64): u32 {
  let busy: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const nic = hostNic(i);
    if (nic.failed || nic.sending.given == 0) continue;
    busy = 1;
    if (oldest(nic) < at) nicSent(nic);
    const why = watchVerdict(nic.device, oldest(nic), nic.lastDone, at);
    if (why) nicFail(nic, changetype<string>(why));
  }
  return busy;
}

function oldest(nic: HostNic): u64 {
  let first = u64.MAX_VALUE;
  acquire(nic);
  for (let token: u32 = 0; token < queueTokens(nic.sending); token++)
    first = min(first, frameRecord(nic, token).deadline);
  release(nic);
  return first;
}
