// SPDX-License-Identifier: Apache-2.0
// Driver for a virtio console of the host's, port 0 of it: bytes for the management channel, both ways. Found and set up
// at boot. The interrupt only acknowledges; everything else is done by the one worker that owns the port (link.ts), and
// sending under that file's lock. A device that answers nonsense is given up and says so. Never waits. What comes in
// is never lost; QEMU drops what goes out while its socket is full, so whoever asks must ask again.
// @spec virtio 1.2 §5.3
import { VIRTIO_CONSOLE_RECEIVE, VIRTIO_CONSOLE_TRANSMIT, VIRTIO_ID_CONSOLE } from "../../dev/spec";
import { print } from "../../lib/print";
import { Status } from "../../lib/status";
import { allocate, hpaOf } from "../../mem/arena";
import { nameHostInterrupt } from "../interrupts";
import { virtioNext } from "./find";
import {
  HostQueue,
  QUEUE_BROKEN,
  queueBegin,
  queueBytes,
  queueEnd,
  queueHush,
  queueListen,
  queueMake,
  queuePut,
  queueTake,
  queueTell,
  queueTokens,
} from "./queue";
import { VIRTQ_WRITE } from "./spec";
import { HostVirtio, virtioBegin, virtioCause, virtioGiveUp, virtioGo, virtioInterrupts } from "./transport";

/** Buffers of each queue. */
const BUFFERS: u32 = 8;
const RECEIVE_BYTES: u32 = 4096;
/** No buffer. */
const NONE: u32 = u32.MAX_VALUE;

// @lock per boot
let device: HostVirtio = changetype<HostVirtio>(0);
let receiving: HostQueue = changetype<HostQueue>(0);
let receiveBuffers: usize = 0;
let transmitBuffers: usize = 0;
let transmitBytes: u32 = 0;
/** 1 while the device works. */
let works: u32 = 0;
// @lock none: the port's worker.
/** The buffer that is being read, where, and its end. */
let reading: u32 = NONE;
let readAt: usize = 0;
let readEnd: usize = 0;
/** Buffers were given back that the device was not told of. */
let untold: u32 = 0;
// @lock link
let transmitting: HostQueue = changetype<HostQueue>(0);
/** Buffers that may be filled, one bit each. */
let idle: u32 = 0;

/** Boot, after virtioFind: takes the host's first virtio console. False: there is none that can be driven. */
export function portFind(): bool {
  device = virtioNext(VIRTIO_ID_CONSOLE, changetype<HostVirtio>(0));
  return changetype<usize>(device) != 0;
}

/** Bytes of the arena that portStart takes for transmit buffers of `most` bytes. */
export function portBytes(most: u32): u32 {
  return BUFFERS * (RECEIVE_BYTES + most) + 2 * queueBytes(BUFFERS, 1) + 64;
}

/** Boot, after portFind: sets the device up, with transmit buffers of `most` bytes; `handler` serves its interrupt. */
export function portStart(most: u32, handler: u32): i32 {
  receiveBuffers = allocate(<usize>(BUFFERS * RECEIVE_BYTES));
  transmitBuffers = allocate(<usize>(BUFFERS * most));
  transmitBytes = most;
  if (!receiveBuffers || !transmitBuffers) return Status.NoMemory;
  let status = virtioBegin(device, 0);
  if (status == Status.Ok) status = virtioInterrupts(device, handler, 0);
  if (status == Status.Ok) {
    nameHostInterrupt("channel");
    receiving = queueMake(device, VIRTIO_CONSOLE_RECEIVE, BUFFERS, 1);
    transmitting = queueMake(device, VIRTIO_CONSOLE_TRANSMIT, BUFFERS, 1);
    if (!isWhole(receiving) || !isWhole(transmitting)) status = Status.Unsupported;
  }
  if (status != Status.Ok) {
    virtioGiveUp(device);
    return status;
  }
  queueHush(transmitting);
  idle = (1 << BUFFERS) - 1;
  works = 1;
  virtioGo(device);
  for (let i: u32 = 0; i < BUFFERS; i++) give(i);
  queueTell(receiving);
  return status;
}

function isWhole(queue: HostQueue): bool {
  return changetype<usize>(queue) != 0 && queueTokens(queue) == BUFFERS;
}

/** Buffer `index` goes to the device, to be filled. */
function give(index: u32): void {
  queueBegin(receiving, index);
  queuePut(receiving, hpaOf(receiveBuffers + <usize>(index * RECEIVE_BYTES)), RECEIVE_BYTES, VIRTQ_WRITE);
  queueEnd(receiving);
}

/** Trap: the device wants something; wake the worker. */
export function portAcknowledge(): void {
  if (works) virtioCause(device);
}

/** Does the port work? */
export function portWorks(): bool {
  return works != 0;
}

/** Address of received bytes, up to portEnd(); 0 if there are none now. Say with portTaken how many were used. */
export function portBytesAt(): usize {
  for (let i: u32 = 0; i < BUFFERS && reading == NONE && works != 0; i++) {
    const token = queueTake(receiving);
    if (token < 0) {
      if (token == QUEUE_BROKEN) giveUp();
      // Nothing more for now: the device learns of the buffers that came back meanwhile.
      else if (untold) tell();
      return 0;
    }
    reading = receiving.owner;
    readEnd = receiveBuffers + <usize>(reading * RECEIVE_BYTES) + receiving.length;
    portTaken(receiveBuffers + <usize>(reading * RECEIVE_BYTES));
  }
  return works != 0 && reading != NONE ? readAt : 0;
}

export function portEnd(): usize {
  return readEnd;
}

/** The bytes before `at` are used; behind the last one the buffer goes back to the device. */
export function portTaken(at: usize): void {
  readAt = at;
  if (at < readEnd) return;
  give(reading);
  reading = NONE;
  untold += 1;
  if (untold >= BUFFERS / 2) tell();
}

function tell(): void {
  untold = 0;
  queueTell(receiving);
}

/** Transmit buffers that are free now. */
export function portRoom(): u32 {
  for (let i: u32 = 0; i < BUFFERS && works != 0; i++) {
    const token = queueTake(transmitting);
    if (token == QUEUE_BROKEN) giveUp();
    if (token < 0) break;
    idle |= 1 << transmitting.owner;
  }
  return works ? popcnt<u32>(idle) : 0;
}

/** The free buffer that portSend sends next; only while portRoom() is not 0. */
export function portBuffer(): usize {
  return transmitBuffers + <usize>(ctz<u32>(idle) * transmitBytes);
}

/** Sends the first `length` bytes of portBuffer(). */
export function portSend(length: u32): void {
  const at = portBuffer();
  const buffer = ctz<u32>(idle);
  idle &= ~(1 << buffer);
  queueBegin(transmitting, buffer);
  queuePut(transmitting, hpaOf(at), length, 0);
  queueEnd(transmitting);
  queueTell(transmitting);
}

/** Interrupt when a transmit buffer comes free; look at portRoom once more afterwards. */
export function portWantRoom(): void {
  queueListen(transmitting);
}

/** There is room: no interrupt for it any more. */
export function portHasRoom(): void {
  queueHush(transmitting);
}

function giveUp(): void {
  if (!works) return;
  works = 0;
  virtioGiveUp(device);
  print("the management channel's virtio console answers nonsense and is not used any more\n");
}
