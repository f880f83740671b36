// SPDX-License-Identifier: Apache-2.0
// Reading a ring by absolute positions without taking anything out: scroll-backs and the log, for the toolstack. A
// position is the count of bytes written before it and wraps. The owner's lock is held.
import { Ring } from "./ring";

/** Where a reader that wants `position` begins: there, or at the oldest byte if the ring does not have that. */
export function ringFrom(ring: Ring, position: u32): u32 {
  return position - ring.read <= ring.written - ring.read ? position : ring.read;
}

/** Copies up to `most` bytes from `position` on, which the ring has; answers how many. */
export function ringCopy(ring: Ring, position: u32, into: usize, most: u32): u32 {
  const count = min(ring.written - position, most);
  const at = position & (ring.capacity - 1);
  const straight = min(count, ring.capacity - at);
  memory.copy(into, ring.data + at, straight);
  memory.copy(into + straight, ring.data, count - straight);
  return count;
}
