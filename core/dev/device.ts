// SPDX-License-Identifier: Apache-2.0
// What every emulated device has in common: one interrupt output. A device sets `level`; after each access or
// backend event the bus compares it with `driven` and moves the guest's interrupt line. A device never knows where
// it is mapped, which line it drives, or who its guest is.

@unmanaged
export class Device {
  /** The level (0 or 1) that the device wants on its interrupt output. */
  level: u32 = 0;
  /** The level last passed on; owned by the bus. */
  driven: u32 = 0;
}
