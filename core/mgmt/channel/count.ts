// SPDX-License-Identifier: Apache-2.0
// What guests have of the machine, counted over all slots, also those without a guest, so that what a guest that is gone
// left behind shows. Called in the channel's worker; reads only.
import { vmidGeneration } from "../../arch/seam";
import { Device } from "../../dev/device";
import { GUEST_EMPTY } from "../../guest/guest";
import { guestByIndex, guestCount } from "../../guest/table";
import { regionAt } from "../../mmio/region";

export function guestsExisting(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < guestCount(); i++) count += u32(guestByIndex(i).state != GUEST_EMPTY);
  return count;
}

/** Ids of the current generation that slots hold. */
export function guestsWithVmid(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < guestCount(); i++) count += u32(guestByIndex(i).vmidGeneration == vmidGeneration());
  return count;
}

/** Interrupt lines of guests' devices that are up. */
export function linesRaised(): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < guestCount(); i++) {
    const guest = guestByIndex(i);
    for (let j: u32 = 0; j < guest.regionCount; j++) {
      const region = regionAt(guest, j);
      // A guest may be in the making there at this moment.
      const device = region.device;
      if (device && region.irq != 0) count += changetype<Device>(device).driven;
    }
  }
  return count;
}
