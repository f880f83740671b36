// SPDX-License-Identifier: Apache-2.0
// Puts the host's VirtIO devices where their driver reaches them: slots of virtio-mmio, and functions of a PCI bus.
import type { DeviceBus } from "./bus.ts";
import type { WireSink } from "./devices/device.ts";
import { PciHost } from "./devices/pci-host.ts";
import { HostVirtioBlock } from "./devices/virtio-block.ts";
import { HostVirtioConsole } from "./devices/virtio-console.ts";
import type { DeviceMemory, VirtioDevice } from "./devices/virtio-device.ts";
import { emptyVirtioSlot, VirtioMmio } from "./devices/virtio-mmio.ts";
import { HostVirtioNet } from "./devices/virtio-net.ts";
import { VirtioPciFunction } from "./devices/virtio-pci.ts";
import { hasPci, mmioSlots, PCI_ECAM, PCI_LINE, PCI_WINDOW, VIRTIO_SIZE, virtioSlot } from "./host-tree.ts";
import type { FullOptions, Reached } from "./options.ts";

export interface HostVirtioDevices {
  /** The management channel's console, when the machine has one. */
  readonly channel: HostVirtioConsole | undefined;
  readonly disks: readonly HostVirtioBlock[];
  readonly nics: readonly HostVirtioNet[];
  /** The PCI functions of all of them, in the order of their numbers. */
  readonly functions: readonly VirtioPciFunction[];
}

export interface VirtioWiring {
  readonly bus: DeviceBus;
  readonly wires: WireSink;
  readonly memory: DeviceMemory;
  /** A device writes a message. */
  readonly message: (address: number, data: number) => void;
}

const WINDOW_BYTES = 0x100_0000;

export function addVirtio(options: FullOptions, wiring: VirtioWiring): HostVirtioDevices {
  const { memory } = wiring;
  const place = new Places(options, wiring);
  const channel = options.channel === "none" ? undefined : new HostVirtioConsole(memory);
  if (channel && options.channel === "pci") place.onPci(channel, { via: "pci" });
  else place.inSlot(channel, options.channel === "legacy" ? 1 : 2);
  const disks = options.disks.map((each) => place.put(new HostVirtioBlock(memory, each), each));
  const nics = options.nics.map((each) => place.put(new HostVirtioNet(memory, each), each));
  return { channel, disks, nics, functions: place.functions };
}

class Places {
  readonly #wiring: VirtioWiring;
  readonly #slots: number;
  readonly #host = new PciHost(PCI_WINDOW);
  /** Levels of the functions' pins, by device number. */
  readonly #pins = new Map<number, boolean>();
  readonly functions: VirtioPciFunction[] = [];
  #slot = 1;
  #device = 0;

  constructor(options: FullOptions, wiring: VirtioWiring) {
    this.#wiring = wiring;
    this.#slots = mmioSlots(options);
    const { bus } = wiring;
    const empty = { name: "virtio slot", size: VIRTIO_SIZE, widths: [4], device: emptyVirtioSlot };
    if (this.#slots > 0) bus.add({ ...empty, base: virtioSlot(0) });
    if (!hasPci(options)) return;
    bus.add({ name: "pci ecam", base: PCI_ECAM, size: 0x100000, widths: [1, 2, 4], device: this.#host.ecam });
    bus.add({ name: "pci window", base: PCI_WINDOW, size: WINDOW_BYTES, widths: [1, 2, 4], device: this.#host.window });
  }

  put<Device extends VirtioDevice>(device: Device, reached: Reached): Device {
    if (reached.via === "mmio") this.inSlot(device);
    else this.onPci(device, reached);
    return device;
  }

  inSlot(device: VirtioDevice | undefined, version = 2): void {
    const slot = this.#slot++;
    if (slot >= this.#slots) return;
    const drive = (level: boolean): void => this.#wiring.wires.setLevel(slot + 1, level);
    this.#wiring.bus.add({
      name: `virtio slot ${slot}`,
      base: virtioSlot(slot),
      size: VIRTIO_SIZE,
      widths: [1, 2, 4],
      device: device ? new VirtioMmio(device, drive, version) : emptyVirtioSlot,
    });
  }

  onPci(device: VirtioDevice, { via, msix }: Reached): void {
    const number = ++this.#device;
    const drive = (level: boolean): void => {
      this.#pins.set(number, level);
      const shared = [...this.#pins].some(([each, high]) => high && each % 4 === number % 4);
      this.#wiring.wires.setLevel(PCI_LINE + (number % 4), shared);
    };
    const wiring = { drive, message: this.#wiring.message, transitional: via === "transitional" };
    const each = new VirtioPciFunction(device, msix === undefined ? wiring : { ...wiring, msix });
    this.functions.push(each);
    this.#host.add(number << 3, each);
  }
}
