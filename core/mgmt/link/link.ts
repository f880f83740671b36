// SPDX-License-Identifier: Apache-2.0
// Where frames of the management channel come in and go out: a virtio console of the host's (LINK_VIRTIO) and the UART
// that people use too (LINK_UART). Interrupts only fill rings and wake this worker, which decodes, checks and hands each
// good frame to the session layer, a bounded number of bytes a step. Never waits: a link without room says so.
//
// What the session layer may rely on: its functions are called in this worker only, one at a time, no lock held. A frame
// is handed over only while its link has room for one frame more, so that onFrame can answer at once.
import {
  portAcknowledge,
  portBuffer,
  portBytes,
  portBytesAt,
  portEnd,
  portFind,
  portHasRoom,
  portRoom,
  portSend,
  portStart,
  portTaken,
  portWantRoom,
  portWorks,
} from "../../host/virtio/console";
import * as hw from "../../hw";
import { crc32Init } from "../../lib/crc32";
import { acquire, Lock, LOCK_SIZE, lockInit, RANK_CONSOLE, release } from "../../lib/lock";
import { print } from "../../lib/print";
import { Status } from "../../lib/status";
import { allocate } from "../../mem/arena";
import { Worker, workerInit, workerWake } from "../../sched/worker";
import { Decoder, decoderInit, FRAME_MOST, FRAME_WIRE_MOST, frameDecode, frameEncode } from "./frame";
import {
  UART_RING,
  uartAttach,
  uartBytes,
  uartBytesAt,
  uartDetach,
  uartEnd,
  uartRoom,
  uartSend,
  uartStart,
  uartTaken,
} from "./uart";

/** Link numbers. */
export const LINK_VIRTIO: u32 = 1;
export const LINK_UART: u32 = 2;

/** Bytes that a step decodes at most, about, and good frames. */
const STEP_BYTES: u32 = 16384;
const STEP_FRAMES: u32 = 4;
const PRIORITY: u32 = 6;
/** Most bytes under way to the virtio console: nothing is lost there, what does not fit waits at the sender's. */
const VIRTIO_WINDOW: u32 = 262_144;

// @lock none: the scheduler guards a worker; decoders are its own.
const workerPtr: usize = memory.data(<i32>offsetof<Worker>(), 16);
const decoders: usize = memory.data(<i32>(2 * offsetof<Decoder>()), 8);
/** @lock link: sending. May be held while the console lock is taken, never the other way round. */
const lockPtr: usize = memory.data(LOCK_SIZE, 8);
// @lock per boot
let frameTo: u32 = 0;
let roomTo: u32 = 0;
/** Bit n: link n is there. */
let links: u32 = 0;
let found: u32 = 0;
// Atomic, any hart: bit n: somebody waits for room on link n; bit 0: linkWake.
const wantedPtr: usize = memory.data(4, 4);

function worker(): Worker {
  return changetype<Worker>(workerPtr);
}

function decoderOf(link: u32): Decoder {
  return changetype<Decoder>(decoders + <usize>(link - 1) * offsetof<Decoder>());
}

/** Boot, after virtioFind and before the arena is closed: takes a virtio console; bytes of the arena that linkStart takes. */
export function linkFind(): u32 {
  found = u32(portFind());
  return uartBytes() + 2 * (FRAME_MOST + 8) + (found ? portBytes(FRAME_WIRE_MOST) : 0);
}

/**
 * Boot, before linkStart. `onFrame`: index of a `(frame: usize, length: u32, link: u32) => void` that gets header and
 * body of a good frame (8-byte aligned; its own until it returns). `onRoom`: index of a `(link: u32) => void`: a link
 * that had no room has some again, or linkWake was called (link 0). Either may call everything of this file.
 */
export function linkInit(onFrame: u32, onRoom: u32): void {
  frameTo = onFrame;
  roomTo = onRoom;
}

/** Boot, after startMux: brings the links up; `uart` is 1 if the host has a UART with an interrupt. */
export function linkStart(uart: u32): i32 {
  crc32Init();
  lockInit(changetype<Lock>(lockPtr), RANK_CONSOLE);
  const status = workerInit(worker(), changetype<u32>(run.index), 0, PRIORITY);
  if (status != Status.Ok) return status;
  if (found && makeDecoder(LINK_VIRTIO)) {
    if (portStart(FRAME_WIRE_MOST, changetype<u32>(linkInterrupt.index)) == Status.Ok) links |= 1 << LINK_VIRTIO;
    else print("the management channel's virtio console does not start and is not used\n");
  }
  if (uart && makeDecoder(LINK_UART) && uartStart(changetype<u32>(wake.index))) links |= 1 << LINK_UART;
  return status;
}

function makeDecoder(link: u32): bool {
  const buffer = allocate(FRAME_MOST);
  if (buffer) decoderInit(decoderOf(link), buffer);
  return buffer != 0;
}

/** Trap: the virtio console has bytes, or room. */
export function linkInterrupt(argument: usize): void {
  portAcknowledge();
  wake();
}

export function wake(): void {
  workerWake(worker());
}

/**
 * Sends a frame, `length` bytes of header and body; four more bytes behind it are overwritten by the checksum. False: no
 * room now, onRoom will be called. Any worker, no lock but the guest's held.
 */
export function linkSend(link: u32, frame: usize, length: u32): bool {
  if (!linkPresent(link)) return false;
  acquire(changetype<Lock>(lockPtr));
  const room = roomOf(link) != 0;
  if (room && link == LINK_UART) uartSend(frame, length);
  else if (room) portSend(frameEncode(frame, length, portBuffer()));
  release(changetype<Lock>(lockPtr));
  return room;
}

/** How many frames of any size linkSend takes now; if none, onRoom will be called. */
export function linkRoom(link: u32): u32 {
  if (!linkPresent(link)) return 0;
  acquire(changetype<Lock>(lockPtr));
  const room = roomOf(link);
  release(changetype<Lock>(lockPtr));
  return room;
}

/** The lock is held. */
function roomOf(link: u32): u32 {
  const room = link == LINK_UART ? uartRoom() : portRoom();
  const waiting = hw.atomicLoad(wantedPtr) & (1 << link);
  if (room == 0) {
    hw.atomicOr(wantedPtr, 1 << link);
    if (link == LINK_UART) return 0;
    // A buffer that came back before interrupts were asked for makes none.
    portWantRoom();
    return portRoom();
  }
  if (link == LINK_VIRTIO) portHasRoom();
  // Whoever waits for an interrupt that may not come now is told by the worker.
  if (waiting) wake();
  return room;
}

/** Any context: makes the link's worker call onRoom(0) soon. */
export function linkWake(): void {
  hw.atomicOr(wantedPtr, 1);
  wake();
}

/** Is there such a link? */
export function linkPresent(link: u32): bool {
  return link <= LINK_UART && (links & (1 << link)) != 0 && (link == LINK_UART || portWorks());
}

/** Most bytes on the wire that a client may have under way to this link (HELLO's window). */
export function linkWindow(link: u32): u32 {
  return link == LINK_UART ? UART_RING : VIRTIO_WINDOW;
}

/** A session lives on this link from now on; call it before the answer to HELLO is sent. */
export function linkAttach(link: u32): void {
  if (link == LINK_UART && linkPresent(link)) uartAttach();
}

/** No session lives on this link any more. */
export function linkDetach(link: u32): void {
  if (link == LINK_UART && linkPresent(link)) uartDetach();
}

/** Good frames that came in, on all links. */
export function linkFrames(): u32 {
  return decoderOf(LINK_VIRTIO).frames + decoderOf(LINK_UART).frames;
}

/** Pieces between delimiters that were no good frame. */
export function linkBad(): u32 {
  return decoderOf(LINK_VIRTIO).bad + decoderOf(LINK_UART).bad;
}

/** Bytes that came in as frames, or as what might have been some. */
export function linkBytes(): u64 {
  return decoderOf(LINK_VIRTIO).bytes + decoderOf(LINK_UART).bytes;
}

/** Worker: one step. Answers 1 if there is more to do at once. */
export function run(argument: usize): u32 {
  let more: u32 = 0;
  if (linkPresent(LINK_UART)) more |= receive(LINK_UART);
  if (linkPresent(LINK_VIRTIO)) more |= receive(LINK_VIRTIO);
  tellRoom();
  return more;
}

function receive(link: u32): u32 {
  const decoder = decoderOf(link);
  let frames: u32 = 0;
  let bytes: u32 = 0;
  while (frames < STEP_FRAMES && bytes < STEP_BYTES) {
    const at = link == LINK_UART ? uartBytesAt() : portBytesAt();
    // Whoever asks gets an answer: without room for one, bytes wait where they are.
    if (at == 0 || linkRoom(link) == 0) return 0;
    const next = frameDecode(decoder, at, link == LINK_UART ? uartEnd() : portEnd());
    if (link == LINK_UART) uartTaken(next);
    else portTaken(next);
    bytes += <u32>(next - at);
    if (decoder.ready == 0) continue;
    frames += 1;
    if (frameTo != 0) call_indirect<void>(frameTo, decoder.buffer, decoder.ready, link);
  }
  return 1;
}

function tellRoom(): void {
  const wanted = hw.atomicSwap(wantedPtr, 0);
  for (let link: u32 = 0; link <= LINK_UART; link++) {
    if (!(wanted & (1 << link))) continue;
    if (link != 0 && linkRoom(link) == 0) continue;
    if (roomTo != 0) call_indirect<void>(roomTo, link);
  }
}
