// SPDX-License-Identifier: Apache-2.0
// What a typeone.config.ts imports: functions that do nothing but tell the editor what it is looking at.
import type { GuestInput, SystemInput } from "./schema.ts";

/** A system, completed and checked by the editor: `export default defineSystem({ host: …, guests: […] })`. */
export function defineSystem(system: SystemInput): SystemInput {
  return system;
}

/** One guest, for a file of its own or for use in several systems. */
export function defineGuest(guest: GuestInput): GuestInput {
  return guest;
}
