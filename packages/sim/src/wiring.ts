// SPDX-License-Identifier: Apache-2.0
// Puts the host's devices on the bus and wires their interrupts to the harts, for each kind of interrupt controller.
import { DeviceBus } from "./bus.ts";
import { HostAplic } from "./devices/aplic.ts";
import type { LineSetter, WireSink } from "./devices/device.ts";
import { HostImsic } from "./devices/imsic.ts";
import { HostPlic } from "./devices/plic.ts";
import { HostUart } from "./devices/uart.ts";
import type { DeviceMemory } from "./devices/virtio-device.ts";
import { APLIC_S, APLIC_SIZE, IMSIC_S, PLIC, PLIC_SIZE, SOURCES, UART, UART_IRQ } from "./host-tree.ts";
import { addVirtio, type HostVirtioDevices } from "./host-virtio.ts";
import type { FullOptions } from "./options.ts";
import type { SimHart } from "./sim-hart.ts";

export interface HostDevices extends HostVirtioDevices {
  readonly bus: DeviceBus;
  readonly uart: HostUart;
  readonly controller: WireSink;
}

export function wireDevices(options: FullOptions, harts: readonly SimHart[], memory: DeviceMemory): HostDevices {
  const bus = new DeviceBus();
  const drive: LineSetter = (index, level) => {
    const hart = harts[index];
    if (hart) hart.csrs.externalLine = level;
  };
  const { wires: controller, message } = addController(options, harts, bus, drive);
  const uart = new HostUart((level) => controller.setLevel(UART_IRQ, level));
  bus.add({ name: "uart", base: UART, size: 0x100, widths: [1], device: uart });
  const virtio = addVirtio(options, { bus, wires: controller, memory, message });
  return { bus, uart, controller, ...virtio };
}

interface Controller {
  readonly wires: WireSink;
  /** A device writes a message. */
  readonly message: (address: number, data: number) => void;
}

const noMessage = (): void => {};

function addController(options: FullOptions, harts: readonly SimHart[], bus: DeviceBus, drive: LineSetter): Controller {
  if (options.aia === "none") {
    const plic = new HostPlic(SOURCES - 1, options.harts, drive);
    bus.add({ name: "plic", base: PLIC, size: PLIC_SIZE, widths: [4], device: plic });
    return { wires: plic, message: noMessage };
  }
  const wired = { sources: SOURCES, harts: options.harts, drive };
  if (options.aia === "aplic") {
    const aplic = new HostAplic(wired);
    bus.add({ name: "aplic", base: APLIC_S, size: APLIC_SIZE, widths: [4], device: aplic });
    return { wires: aplic, message: noMessage };
  }
  const imsic = new HostImsic(options.harts, options.guestFiles, drive, (index, file, level) => {
    const csrs = harts[index]?.csrs;
    const bit = 1n << BigInt(file);
    if (csrs) csrs.guestPending = level ? csrs.guestPending | bit : csrs.guestPending & ~bit;
  });
  bus.imsic = imsic;
  harts.forEach((hart, index) => {
    hart.csrs.file = imsic.files[index] ?? null;
    hart.csrs.guestFiles = imsic.guestFiles[index] ?? [];
  });
  const message = (hart: number, file: number, identity: number): void => imsic.message(hart, file, identity);
  const aplic = new HostAplic({ ...wired, message });
  bus.add({ name: "aplic", base: APLIC_S, size: APLIC_SIZE, widths: [4], device: aplic });
  bus.add({ name: "imsic", base: IMSIC_S, size: imsic.stride * options.harts, widths: [4], device: imsic });
  return { wires: aplic, message: (address, data) => imsic.write(address - IMSIC_S, 4, data) };
}
