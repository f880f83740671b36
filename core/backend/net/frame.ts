// SPDX-License-Identifier: Apache-2.0
// A frame on its way through a switch: a checked copy of its first bytes, and where the rest of it lies. The sender can
// change its memory at any time, so a receiver gets these first bytes, never the sender's, and behind them only payload.
// Each hart has one Frame for what it forwards and one that holds a whole frame (flat) for the offloads. Trap context.
//
//   head - 12           head                      head + headLength
//   | VirtIO header     | Ethernet, IP, TCP …     |  then segments, from byte `skip + headLength` on
//
// `head` stands 2 bytes behind a multiple of 8, so that IP and TCP fields are aligned.
import { Cursor, cursorInit, readSegments, Segment } from "../../dev/virtio/chain";
import { Virtqueue } from "../../dev/virtio/device";
import {
  VIRTIO_NET_HDR_BYTES,
  VIRTIO_NET_HDR_CSUM_OFFSET,
  VIRTIO_NET_HDR_CSUM_START,
  VIRTIO_NET_HDR_FLAGS,
  VIRTIO_NET_HDR_GSO_SIZE,
  VIRTIO_NET_HDR_GSO_TYPE,
  VIRTIO_NET_HDR_HDR_LEN,
} from "../../dev/virtio/net-spec";
import { thisHart } from "../../host/hart";
import { hartCount } from "../../host/harts";
import { HostFrame } from "../../host/virtio/net";
import { allocate, arenaNeeds } from "../../mem/arena";
import { Port } from "./port";

/** Bytes of a frame that are copied and checked at most: TCP over IPv6 with all options fits. */
export const HEAD_BYTES: u32 = 116;
/** Longest frame that is put together in linear memory: MTU_MAX, Ethernet's header. */
export const FLAT_BYTES: u32 = 9014;
/** Where `head` stands in its buffer. */
const HEAD_AT: usize = 18;
const ADDRESS: u64 = 0xffff_ffff_ffff;

@unmanaged
export class Frame {
  /** Linear address of the copy, and its bytes. */
  head: usize = 0;
  headLength: u32 = 0;
  /** Bytes of the whole frame. */
  length: u32 = 0;
  /** Segments in which byte 0 of the frame is byte `skip`. */
  segments: usize = 0;
  segmentCount: u32 = 0;
  skip: u32 = 0;
  /** Features by bit (VIRTIO_NET_F_GUEST_*) without which a receiver cannot take it as it is. */
  needs: u32 = 0;
  /** Where TCP or UDP begins; known when `needs` is not 0, else 0. */
  transport: u32 = 0;
  /** The port it came from, the VLAN it is in, and the switch's layout when it came (switch.ts). */
  from: Port = changetype<Port>(0);
  vlan: u32 = 0;
  layout: u32 = 0;
  /** The sender's queue and chain, for an uplink that keeps them until the frame is sent; queue 0: nobody may keep them. */
  queue: Virtqueue = changetype<Virtqueue>(0);
  chain: u32 = 0;
  /** Where in the segments a copy stands. */
  cursor: Cursor = changetype<Cursor>(0);
  framePad: u32 = 0;
}

/** What a hart works with while it forwards. */
@unmanaged
export class Forwarding {
  frame: Frame = changetype<Frame>(0);
  flat: Frame = changetype<Frame>(0);
  /** The receive queue whose lock this hart holds now, 0 if none, and for how many frames. */
  receiver: Virtqueue = changetype<Virtqueue>(0);
  held: u32 = 0;
  /** MAX_BUFFERS chains of a frame that is being received: head, bytes. */
  buffers: usize = 0;
  /** LIST_SEGMENTS Segments for what goes out, and the record for the host's NIC. */
  list: usize = 0;
  out: HostFrame = changetype<HostFrame>(0);
  /** The transmit queue of which this hart has a chain in hand now, 0 if none. */
  sender: Virtqueue = changetype<Virtqueue>(0);
  /** Bytes that were received since the sender began. */
  copied: u64 = 0;
}

/** Buffers into which one frame may be received. */
export const MAX_BUFFERS: u32 = 64;
/** Segments of a frame that goes out by an uplink. */
export const LIST_SEGMENTS: u32 = 24;
const LIST_BYTES: usize = <usize>LIST_SEGMENTS * offsetof<Segment>();

// @lock creation: made with the first switch; each hart uses its own.
let records: usize = 0;

/** Makes every hart's records, once. False: the hypervisor's memory is used up. */
export function framesInit(): bool {
  if (records != 0) return true;
  const small = (HEAD_AT + HEAD_BYTES + 7) & ~7;
  const large = (HEAD_AT + FLAT_BYTES + 7) & ~7;
  const one =
    2 * (offsetof<Frame>() + offsetof<Cursor>()) +
    ((<usize>MAX_BUFFERS) << 3) +
    LIST_BYTES +
    offsetof<HostFrame>() +
    small +
    large;
  const all = <usize>hartCount() * (one + offsetof<Forwarding>());
  if (!arenaNeeds(<u32>all + 64)) return false;
  const at = allocate(<usize>hartCount() * offsetof<Forwarding>());
  for (let i: u32 = 0; i < hartCount(); i++) {
    const mine = changetype<Forwarding>(at + <usize>i * offsetof<Forwarding>());
    mine.frame = newFrame(small);
    mine.flat = newFrame(large);
    mine.buffers = allocate((<usize>MAX_BUFFERS) << 3);
    mine.list = allocate(LIST_BYTES);
    mine.out = changetype<HostFrame>(allocate(offsetof<HostFrame>()));
  }
  records = at;
  return true;
}

function newFrame(bytes: usize): Frame {
  const frame = changetype<Frame>(allocate(offsetof<Frame>()));
  frame.cursor = changetype<Cursor>(allocate(offsetof<Cursor>()));
  frame.head = allocate(bytes) + HEAD_AT;
  return frame;
}

/** Whether there are switches, and so records. */
export function framesMade(): bool {
  return records != 0;
}

/** This hart's. */
export function forwarding(): Forwarding {
  return changetype<Forwarding>(records + <usize>thisHart().index * offsetof<Forwarding>());
}

/** Destination and source address, the first byte lowest. */
export function destinationOf(frame: Frame): u64 {
  return (<u64>load<u16>(frame.head)) | ((<u64>load<u32>(frame.head + 2)) << 16);
}

export function sourceOf(frame: Frame): u64 {
  return load<u64>(frame.head + 6) & ADDRESS;
}

/** The cursor to byte `offset` of the frame, which is not in front of the segments. */
export function frameCursor(frame: Frame, offset: u32): Cursor {
  const cursor = frame.cursor;
  cursorInit(cursor, frame.segments, frame.segmentCount, <u64>frame.skip + offset);
  return cursor;
}

/** Copies [offset, offset + length) of the frame to `ptr`: what was checked from the copy, the rest from where it lies. */
export function frameRead(frame: Frame, offset: u32, ptr: usize, length: u32): void {
  if (offset < frame.headLength) {
    const part = min(length, frame.headLength - offset);
    memory.copy(ptr, frame.head + offset, part);
    ptr += part;
    offset += part;
    length -= part;
  }
  if (length) readSegments(ptr, frameCursor(frame, offset), length);
}

// ---- The VirtIO header in front of the head.
/** Where the header is. */
export function headerOf(frame: Frame): usize {
  return frame.head - VIRTIO_NET_HDR_BYTES;
}

/** A header that says nothing; the number of buffers is the receiver's. */
export function clearHeader(frame: Frame): void {
  const at = headerOf(frame);
  store<u16>(at, 0);
  store<u64>(at + 2, 0);
  store<u16>(at + 10, 0);
}

export function headerFlags(frame: Frame): u32 {
  return load<u8>(headerOf(frame) + VIRTIO_NET_HDR_FLAGS);
}

export function headerGso(frame: Frame): u32 {
  return load<u8>(headerOf(frame) + VIRTIO_NET_HDR_GSO_TYPE);
}

export function headerHeaders(frame: Frame): u32 {
  return load<u16>(headerOf(frame) + VIRTIO_NET_HDR_HDR_LEN);
}

export function headerGsoSize(frame: Frame): u32 {
  return load<u16>(headerOf(frame) + VIRTIO_NET_HDR_GSO_SIZE);
}

export function headerStart(frame: Frame): u32 {
  return load<u16>(headerOf(frame) + VIRTIO_NET_HDR_CSUM_START);
}

export function headerOffset(frame: Frame): u32 {
  return load<u16>(headerOf(frame) + VIRTIO_NET_HDR_CSUM_OFFSET);
}
