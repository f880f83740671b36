// SPDX-License-Identifier: Apache-2.0
// The guest's region table: which device answers at which guest-physical addresses. Written by busAdd when the guest is
// made, only read afterwards, so no lock guards it.
import { Guest } from "../guest/guest";

/** Devices that one guest can have. */
export const MAX_REGIONS: u32 = 16;

// ---- kind: which code answers
export const KIND_PLIC: u32 = 1;
export const KIND_UART: u32 = 2;
export const KIND_RTC: u32 = 3;
// From here on a region has a lock of its own and is not accessed under the guest's.
export const KIND_VIRTIO: u32 = 4;
export const KIND_PCI_CONFIG: u32 = 5;
export const KIND_PCI_WINDOW: u32 = 6;
export const KIND_APLIC: u32 = 7;
export const KIND_IMSIC: u32 = 8;

@unmanaged
export class Region {
  /** Guest-physical address of its first byte, and its length. */
  base: u64 = 0;
  size: u64 = 0;
  kind: u32 = 0;
  /** The interrupt line that it drives, 0 for none. */
  irq: u32 = 0;
  /** Linear address of the device, which begins as a Device unless it is the interrupt controller. */
  device: usize = 0;
  /** Linear address of a host Timer for a device with an alarm, else 0. */
  timer: usize = 0;
}

/** Bytes of a guest's table. */
export function busBytes(): usize {
  return MAX_REGIONS * offsetof<Region>();
}

export function regionAt(guest: Guest, index: u32): Region {
  return changetype<Region>(guest.regions + <usize>index * offsetof<Region>());
}

/** The region of a device, null if the guest has none such. */
export function regionOf(guest: Guest, device: usize): Region {
  for (let index: u32 = 0; index < guest.regionCount; index++) {
    const region = regionAt(guest, index);
    if (region.device == device) return region;
  }
  return changetype<Region>(0);
}
