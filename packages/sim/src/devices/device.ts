// SPDX-License-Identifier: Apache-2.0
// What every simulated host device offers to the machine's MMIO bus, and the wire between a device and a controller.

export interface HostDevice {
  /** Value of `width` bytes (1, 2 or 4) at `offset`. */
  read(offset: number, width: number): number;
  write(offset: number, width: number, value: number): void;
}

/** An interrupt controller as the wires of other devices see it. */
export interface WireSink {
  /** Drives the level of one interrupt source. */
  setLevel(source: number, level: boolean): void;
}

/** Sets the supervisor external interrupt line of hart `index`. */
export type LineSetter = (index: number, level: boolean) => void;
