// SPDX-License-Identifier: Apache-2.0
// The guests of this machine, by slot. A slot once made is kept and used again by the next guest.
// @lock creation: slots are added at boot or under the creation lock; readers see a slot only when it is complete.
import { MAX_GUESTS } from "../limits";
import { Guest, GUEST_EMPTY } from "./guest";

const AT_SIGN: u8 = 0x40;
const DASH: u8 = 0x2d;

const slots: usize = memory.data(256, 8);
let count: u32 = 0;

/** Slots in use or used before; each may be GUEST_EMPTY. */
export function guestCount(): u32 {
  return count;
}

export function guestByIndex(index: u32): Guest {
  return changetype<Guest>(load<usize>(slots + index * sizeof<usize>()));
}

/** Adds a guest and gives it its id. False when all MAX_GUESTS slots are taken. */
export function addGuest(guest: Guest): bool {
  if (count == MAX_GUESTS) return false;
  guest.id = count;
  store<usize>(slots + count * sizeof<usize>(), changetype<usize>(guest));
  count += 1;
  return true;
}

/** The guest that a handle names, null if there is none such any more; generation 0 means whichever has the slot now. */
export function guestByHandle(id: u32, generation: u32): Guest {
  const none = changetype<Guest>(0);
  if (id >= count) return none;
  const guest = guestByIndex(id);
  if (guest.state == GUEST_EMPTY || (generation != 0 && guest.generation != generation)) return none;
  return guest;
}

/** A node's unit address tells it from its neighbours; file names and command lines have other ideas of `@`. */
export function nameByte(byte: u8): u8 {
  return byte == AT_SIGN ? DASH : byte;
}

/** The guest of that NUL-terminated or `length`-byte name, a null pointer if there is none. */
export function guestByName(name: usize, length: u32): Guest {
  for (let i: u32 = 0; i < count; i++) {
    const guest = guestByIndex(i);
    if (guest.state != GUEST_EMPTY && sameName(guest.name, name, length)) return guest;
  }
  return changetype<Guest>(0);
}

function sameName(own: usize, name: usize, length: u32): bool {
  for (let i: u32 = 0; i < length; i++)
    if (load<u8>(own + i) == 0 || load<u8>(own + i) != nameByte(load<u8>(name + i))) return false;
  return load<u8>(own + length) == 0;
}
