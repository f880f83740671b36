// SPDX-License-Identifier: Apache-2.0
// A byte ring between one producer and one consumer: a UART and the console, a guest and its scroll-back.
// The owner's lock guards it. When full, bytes are refused and counted; nothing is ever lost without a word.

@unmanaged
export class Ring {
  /** Linear address of `capacity` bytes; capacity is a power of two. */
  data: usize = 0;
  capacity: u32 = 0;
  /** Count of bytes ever written and ever read; the difference is what is held. Both wrap. */
  written: u32 = 0;
  read: u32 = 0;
  /** Bytes refused because the ring was full. */
  dropped: u32 = 0;
}

/** Makes an empty ring over `capacity` bytes (a power of two) at `data`. */
export function ringInit(ring: Ring, data: usize, capacity: u32): void {
  ring.data = data;
  ring.capacity = capacity;
  ring.written = 0;
  ring.read = 0;
  ring.dropped = 0;
}

export function ringCount(ring: Ring): u32 {
  return ring.written - ring.read;
}

export function ringFree(ring: Ring): u32 {
  return ring.capacity - (ring.written - ring.read);
}

/** Appends a byte; answers 0 and counts it as dropped when the ring is full. */
export function ringPut(ring: Ring, byte: u32): u32 {
  if (ringFree(ring) == 0) {
    ring.dropped += 1;
    return 0;
  }
  store<u8>(ring.data + (ring.written & (ring.capacity - 1)), <u8>byte);
  ring.written += 1;
  return 1;
}

/** Appends a byte, giving up the oldest when full (scroll-back). */
export function ringPutOver(ring: Ring, byte: u32): void {
  if (ringFree(ring) == 0) {
    ring.read += 1;
    ring.dropped += 1;
  }
  ringPut(ring, byte);
}

/** Takes the oldest byte, or answers -1 when empty. */
export function ringTake(ring: Ring): i32 {
  if (ring.written == ring.read) return -1;
  const byte = load<u8>(ring.data + (ring.read & (ring.capacity - 1)));
  ring.read += 1;
  return byte;
}
