// SPDX-License-Identifier: Apache-2.0
// The host's physical address space of devices, and the windows through which the hypervisor reaches them
// (hw.mapDevice). An access outside a mapped window, or of a width that the device does not take, is a core fault.
import type { HostDevice } from "./devices/device.ts";
import type { HostImsic } from "./devices/imsic.ts";
import { CoreFault, FAULT_LOAD_ACCESS, FAULT_STORE_ACCESS } from "./faults.ts";

/** First window; any address above the linear memory's 4 GiB would do. */
const WINDOWS = 0x40_0000_0000n;

interface Region {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  /** Widths in bytes that the device answers. */
  readonly widths: readonly number[];
  readonly device: HostDevice;
}

interface Window {
  readonly hva: bigint;
  readonly hpa: number;
  readonly size: number;
}

export class DeviceBus {
  readonly #regions: Region[] = [];
  readonly #windows: Window[] = [];
  #next = WINDOWS;
  /** The interrupt files, where messages are what interrupts: guests reach pages of theirs. */
  imsic: HostImsic | undefined;

  add(region: Region): void {
    this.#regions.push(region);
  }

  /** Whether [hpa, hpa + size) touches a device's registers. */
  touches(hpa: number, size: number): boolean {
    return this.#regions.some((region) => hpa < region.base + region.size && region.base < hpa + size);
  }

  map(hpa: number, size: number): bigint {
    const start = hpa - (hpa % 4096);
    const bytes = Math.ceil((hpa + size - start) / 4096) * 4096;
    const hva = this.#next;
    this.#windows.push({ hva, hpa: start, size: bytes });
    this.#next += BigInt(bytes) + 4096n;
    return hva + BigInt(hpa - start);
  }

  #find(hva: bigint, width: number, cause: bigint): { region: Region; offset: number } {
    const window = this.#windows.find((each) => hva >= each.hva && hva < each.hva + BigInt(each.size));
    if (!window) throw new CoreFault(`device access at unmapped hva ${hva.toString(16)}`, cause, hva);
    const hpa = window.hpa + Number(hva - window.hva);
    const region = this.#regions.find((each) => hpa >= each.base && hpa + width <= each.base + each.size);
    if (!region) throw new CoreFault(`no device at ${hpa.toString(16)}`, cause, BigInt(hpa));
    if (!region.widths.includes(width) || hpa % width !== 0) {
      throw new CoreFault(`${region.name}: access of ${width} bytes at ${hpa.toString(16)}`, cause, BigInt(hpa));
    }
    return { region, offset: hpa - region.base };
  }

  read(hva: bigint, width: number): number {
    const { region, offset } = this.#find(hva, width, FAULT_LOAD_ACCESS);
    return region.device.read(offset, width) >>> 0;
  }

  write(hva: bigint, width: number, value: number): void {
    const { region, offset } = this.#find(hva, width, FAULT_STORE_ACCESS);
    region.device.write(offset, width, value >>> 0);
  }
}
