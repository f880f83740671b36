// SPDX-License-Identifier: Apache-2.0
// What the rows of disks and of networks have in common: the guest and its device of a step, and the state. Called by the
// terminal's worker. Changes nothing.
import { MAX_DEVICES } from "../../guest/devices/node";
import { deviceOf } from "../../guest/devices/table";
import { Guest, GUEST_EMPTY } from "../../guest/guest";
import { guestByIndex } from "../../guest/table";
import { WIRE_DEVICE_FLAG_FAILED, WIRE_DEVICE_FLAG_LEAVING } from "../wire";
import { showWord } from "./out";

/** Each guest has MAX_DEVICES steps: the guest of this one, null if it has no device of that kind and number. */
export function guestWith(step: u32, kind: u32): Guest {
  const guest = guestByIndex(step / MAX_DEVICES);
  if (guest.state == GUEST_EMPTY) return changetype<Guest>(0);
  return changetype<usize>(deviceOf(guest, kind, step % MAX_DEVICES)) == 0 ? changetype<Guest>(0) : guest;
}

/** The column of a device's state, from its WIRE_DEVICE_FLAG_* bits. */
export function showState(flags: u32): void {
  if (flags & WIRE_DEVICE_FLAG_FAILED) showWord("state", 7, "failed");
  else showWord("state", 7, flags & WIRE_DEVICE_FLAG_LEAVING ? "leaving" : "ok");
}
