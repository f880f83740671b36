// SPDX-License-Identifier: Apache-2.0
// The simulated host's PCI: a generic ECAM bridge with one bus, as QEMU's virt machine has it. Functions answer in the
// bridge's memory window where their base addresses say so; elsewhere reads are all ones. Nothing is assigned at reset.
import type { HostDevice } from "./device.ts";

/** A function on the bus. */
export interface PciFunction {
  readConfig(offset: number, width: number): number;
  writeConfig(offset: number, width: number, value: number): void;
  /** Which of its windows holds that bus address now, if memory is decoded. */
  find(address: number): { readonly bar: number; readonly offset: number } | undefined;
  readBar(bar: number, offset: number, width: number): number;
  writeBar(bar: number, offset: number, width: number, value: number): void;
}

const ones = (width: number): number => 2 ** (8 * width) - 1;

export class PciHost {
  readonly #functions = new Map<number, PciFunction>();
  readonly #base: number;

  /** `base`: bus address (and hpa) of the memory window. */
  constructor(base: number) {
    this.#base = base;
  }

  /** Adds a function under its number (device << 3 | function). */
  add(number: number, each: PciFunction): void {
    this.#functions.set(number, each);
  }

  /** Configuration space. */
  readonly ecam: HostDevice = {
    read: (offset, width) => this.#functions.get(offset >> 12)?.readConfig(offset & 0xfff, width) ?? ones(width),
    write: (offset, width, value) => this.#functions.get(offset >> 12)?.writeConfig(offset & 0xfff, width, value),
  };

  /** The memory window. */
  readonly window: HostDevice = {
    read: (offset, width) => {
      const hit = this.#find(offset);
      return hit ? hit.each.readBar(hit.bar, hit.offset, width) : ones(width);
    },
    write: (offset, width, value) => {
      const hit = this.#find(offset);
      hit?.each.writeBar(hit.bar, hit.offset, width, value);
    },
  };

  #find(offset: number): { each: PciFunction; bar: number; offset: number } | undefined {
    for (const each of this.#functions.values()) {
      const hit = each.find(this.#base + offset);
      if (hit) return { each, ...hit };
    }
    return undefined;
  }
}
