// SPDX-License-Identifier: Apache-2.0
// What the host tree says about its interrupt controller, as discover.ts fills it and host.ts uses it. Written once by
// the boot hart, read-only afterwards. Holds no state of a controller.
import { MAX_HARTS } from "../../../limits";

// ---- kind
export const HOST_IRQ_NONE: u32 = 0;
export const HOST_IRQ_PLIC: u32 = 1;
/** APLIC that interrupts harts by wire. */
export const HOST_IRQ_APLIC: u32 = 2;
/** APLIC that sends messages to the harts' IMSICs. */
export const HOST_IRQ_IMSIC: u32 = 3;

/** How one hart is known to the controller. */
@unmanaged
export class HostIrqHart {
  /** Hart number in firmware's terms. */
  id: u64 = 0;
  /** Host-physical address of the hart's supervisor interrupt file; 0 without IMSIC. Guest files follow it. */
  file: u64 = 0;
  /** PLIC context, APLIC delivery control, or APLIC hart index of the IMSIC. */
  number: u32 = 0;
  pad: u32 = 0;
}

@unmanaged
export class HostIrqInfo {
  kind: u32 = 0;
  /** Highest source number, 1 to 1023. */
  sources: u32 = 0;
  /** Registers of the PLIC or of the supervisor's APLIC domain. */
  hpa: u64 = 0;
  size: u64 = 0;
  /** Highest identity that an interrupt file has, 0 without IMSIC. */
  identities: u32 = 0;
  /** Guest interrupt files that follow each supervisor file. */
  guestFiles: u32 = 0;
  /** Linear address of `hartCount` HostIrqHart records, room for MAX_HARTS. */
  harts: usize = 0;
  hartCount: u32 = 0;
}

export const HOST_IRQ_HARTS_SIZE: u32 = MAX_HARTS * offsetof<HostIrqHart>();

/** Record `index`, which is below hartCount. */
export function hostIrqHart(info: HostIrqInfo, index: u32): HostIrqHart {
  return changetype<HostIrqHart>(info.harts + <usize>index * offsetof<HostIrqHart>());
}

/** The record of the hart that firmware calls `id`; a null pointer if the controller does not know it. */
export function hostIrqHartById(info: HostIrqInfo, id: u64): HostIrqHart {
  for (let i: u32 = 0; i < info.hartCount; i++) {
    const entry = hostIrqHart(info, i);
    if (entry.id == id) return entry;
  }
  return changetype<HostIrqHart>(0);
}
