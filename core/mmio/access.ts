// SPDX-License-Identifier: Apache-2.0
// One guest access to a device register: what the bus hands to a device, and all that a device sees of the guest.

@unmanaged
export class Access {
  /** Bytes from the start of the device's region; offset + width never passes its end. */
  offset: u64 = 0;
  /** Store: what the guest wrote, zero-extended. Load: what the device answers; the bus extends it for the register. */
  value: u64 = 0;
  /** 1, 2, 4 or 8 bytes. */
  width: u32 = 0;
  /** 1 for a store. */
  write: u32 = 0;
  /** Index of the vCPU that did it. */
  vcpu: u32 = 0;
  pad: u32 = 0;
}

/** A handler's answer. The caller owns the policy for the last two (design 2.5). */
export const Handled: i32 = 0;
/** Nothing is there: the guest gets the access fault that bare hardware would give. */
export const Unhandled: i32 = 1;
/** The guest may not do that: it is stopped with a crash record. */
export const Forbidden: i32 = 2;
/** The device cannot do it yet: the vCPU executes the instruction again later. */
export const Retry: i32 = 3;
