// SPDX-License-Identifier: Apache-2.0
// The closed list of what a core function that can fail answers (an i32). Every file may import it.
// Results travel through a caller-owned struct, never through this number; 0 is the only success.

/** Answer of anything that can fail. Negative values are failures; the list is closed. */
export const enum Status {
  Ok = 0,
  /** An argument of the caller is wrong. */
  Invalid = -1,
  /** A pool or an arena is exhausted. */
  NoMemory = -2,
  /** What was asked for does not exist. */
  NotFound = -3,
  /** An address, a size or an index leaves its range, or wraps. */
  Range = -4,
  /** The object is in use, or in a state that forbids the operation. */
  Busy = -5,
  /** Legal, but not something that this build or this host does. */
  Unsupported = -6,
  /** Input data breaks its own format. */
  Malformed = -7,
  /** A fixed bound of ours would be exceeded. */
  Limit = -8,
  /** A device of the host's failed, or is gone. */
  Io = -9,
}
