// SPDX-License-Identifier: Apache-2.0
// What backends do to lists of segments besides copying from one to another (dev/virtio/chain.ts): leaving out, clearing.
// Whatever context the request came in.
import { Cursor, cursorInit, Segment } from "../../dev/virtio/chain";
import * as hw from "../../hw";

/** Moves a cursor on. */
export function skipSegments(cursor: Cursor, length: u64): void {
  cursorInit(cursor, cursor.at, cursor.left, cursor.offset + length);
}

/** Clears `length` bytes from where the cursor stands; it moves on. */
export function clearSegments(cursor: Cursor, length: u64): void {
  while (length != 0 && cursor.left != 0) {
    const segment = changetype<Segment>(cursor.at);
    const part = min(length, segment.length - cursor.offset);
    hw.clear(segment.hpa + cursor.offset, part);
    skipSegments(cursor, part);
    length -= part;
  }
}
