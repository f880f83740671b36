// SPDX-License-Identifier: Apache-2.0
// Where frames of the management channel come in and go out: a virtio console of the host's (LINK_VIRTIO) and the UART
// that people use too (LINK_UART). Interrupts only fill rings and wake this worker, which decodes, checks and hands each
// good frame to the session layer, a bounded number of bytes a step. Never waits: a link without room says so.
//
// What the session layer may rely on: its functions are called in this worker only, one at a time, no lock held. A frame
// is handed over only while its link has room for one frame more, so that onFrame can answer at once.

/** Link numbers. */
export const LINK_VIRTIO: u32 = 1;
export const LINK_UART: u32 = 2;

/**
 * Boot, before linkStart. `onFrame`: index of a `(frame: usize, length: u32, link: u32) => void` that gets header and
 * body of a good frame (8-byte aligned; its own until it returns). `onRoom`: index of a `(link: u32) => void`: a link
 * that refused a frame has room again, or linkWake was called (link 0). Either may call everything of this file.
 */
export function linkInit(onFrame: u32, onRoom: u32): void {}

/**
 * Sends a frame, `length` bytes of header and body; four more bytes behind it are overwritten by the checksum. False: no
 * room now, onRoom will be called. Any worker, without locks; at most one at a time (linkWake brings others' work here).
 */
export function linkSend(link: u32, frame: usize, length: u32): bool {
  return false;
}

/** Any context: makes the link's worker call onRoom(0) soon. */
export function linkWake(): void {}

/** Is there such a link? */
export function linkPresent(link: u32): bool {
  return false;
}

/** How many frames of any size linkSend takes now. */
export function linkRoom(link: u32): u32 {
  return 0;
}

/** Most bytes on the wire that a client may have under way to this link (HELLO's window). */
export function linkWindow(link: u32): u32 {
  return 0;
}

/** A session lives on this link from now on (call it before the answer to HELLO is sent), and ends. */
export function linkAttach(link: u32): void {}

export function linkDetach(link: u32): void {}
