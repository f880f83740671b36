// SPDX-License-Identifier: Apache-2.0
// VirtIO over PCI (virtio 1.2 §4.1), laid out as QEMU does it: MSI-X in window 1, registers in window 4, which is one of 64
// bits. Interrupts go by message when the driver has enabled MSI-X, else by pin A.
import { dev, hostVirtio } from "@typeone/spec";
import { Violation } from "../faults.ts";
import type { PciFunction } from "./pci-host.ts";
import { configRead, type VirtioDevice, type VirtQueue } from "./virtio-device.ts";
import { setHalf } from "./virtio-mmio.ts";

export interface PciWiring {
  /** Pin A. */
  readonly drive: (level: boolean) => void;
  /** Writes a message. */
  readonly message: (address: number, data: number) => void;
  /** Whether it has the number of a transitional device. */
  readonly transitional?: boolean;
  /** Whether it has MSI-X. */
  readonly msix?: boolean;
}

const NO_VECTOR = 0xffff;
const MSIX_BAR = 1;
const BAR = 4;
const SIZES: Readonly<Record<number, number>> = { [MSIX_BAR]: 0x1000, [BAR]: 0x4000 };
const [COMMON, ISR, CONFIG, NOTIFY] = [0, 0x1000, 0x2000, 0x3000] as const;
const STEP = 4;
const [MSIX_AT, FIRST_CAP] = [0x98, 0x40] as const;
const ones = (width: number): number => 2 ** (8 * width) - 1;

export class VirtioPciFunction implements PciFunction {
  readonly config = new DataView(new ArrayBuffer(0x1000));
  /** It takes accesses that make no sense: for tests whose capabilities lead the driver astray. */
  lenient = false;
  readonly #device: VirtioDevice;
  readonly #wiring: PciWiring;
  readonly #table = new Uint32Array(4).fill(1, 3);
  #featureSelect: [number, number] = [0, 0];
  #queueSelect = 0;
  #configVector = NO_VECTOR;
  readonly #vectors = new Map<number, number>();

  constructor(device: VirtioDevice, wiring: PciWiring) {
    this.#device = device;
    this.#wiring = wiring;
    this.#fillConfig();
    device.interrupt = () => this.#interrupt();
  }

  #fillConfig(): void {
    const { config } = this;
    const { type } = this.#device;
    const id = this.#wiring.transitional ? 0x1000 + (type === 1 ? 0 : type - 1) : 0x1040 + type;
    config.setUint32(0, 0x1af4 | (id << 16), true);
    config.setUint32(4, 0x0010_0000, true);
    config.setUint32(0x2c, 0x1af4 | ((this.#wiring.transitional ? type : 0x1100) << 16), true);
    config.setUint32(0x10 + 4 * BAR, 0xc, true);
    config.setUint8(0x34, FIRST_CAP);
    config.setUint8(0x3d, 1);
    const windows = [
      [hostVirtio.VIRTIO_PCI_CAP_COMMON, COMMON, 0x1000],
      [hostVirtio.VIRTIO_PCI_CAP_ISR, ISR, 0x1000],
      [hostVirtio.VIRTIO_PCI_CAP_DEVICE, CONFIG, 0x1000],
      [hostVirtio.VIRTIO_PCI_CAP_NOTIFY, NOTIFY, 0x1000],
    ] as const;
    windows.forEach(([type, offset, length], index) => {
      const at = FIRST_CAP + 0x14 * index;
      const last = index === windows.length - 1;
      config.setUint32(at, 0x09 | ((last ? MSIX_AT : at + 0x14) << 8) | (0x14 << 16) | (type << 24), true);
      config.setUint8(at + 4, BAR);
      config.setUint32(at + 8, offset, true);
      config.setUint32(at + 12, length, true);
    });
    config.setUint32(FIRST_CAP + 0x14 * 3 + 16, STEP, true);
    if (this.#wiring.msix === false) config.setUint8(FIRST_CAP + 0x14 * 3 + 1, 0);
    config.setUint32(MSIX_AT, 0x11, true);
    config.setUint32(MSIX_AT + 4, MSIX_BAR, true);
  }

  // ---- Configuration space.

  readConfig(offset: number, width: number): number {
    if (this.#device.gone) return ones(width);
    return width === 1
      ? this.config.getUint8(offset)
      : width === 2
        ? this.config.getUint16(offset, true)
        : this.config.getUint32(offset, true);
  }

  writeConfig(offset: number, width: number, value: number): void {
    if (this.#device.gone) return;
    this.#tolerate(() => this.#setConfig(offset, width, value));
  }

  #setConfig(offset: number, width: number, value: number): void {
    const { config } = this;
    if (offset === 4 && width === 2) config.setUint16(4, value & 0x0406, true);
    else if (offset >= 0x10 && offset < 0x28 && width === 4) this.#setBar((offset - 0x10) >> 2, value);
    else if (offset === MSIX_AT + 2 && width === 2) config.setUint16(offset, value & 0xc000, true);
    else throw new Violation(`a write of ${width} bytes to configuration register ${offset.toString(16)}`);
    this.#interrupt();
  }

  #setBar(index: number, value: number): void {
    const at = 0x10 + 4 * index;
    const size = SIZES[index];
    if (size !== undefined) this.config.setUint32(at, ((value & ~(size - 1)) | (index === BAR ? 0xc : 0)) >>> 0, true);
    else if (index === BAR + 1) this.config.setUint32(at, value >>> 0, true);
  }

  #base(bar: number): number {
    const low = this.config.getUint32(0x10 + 4 * bar, true) & ~15;
    return (low >>> 0) + (bar === BAR ? this.config.getUint32(0x14 + 4 * bar, true) * 2 ** 32 : 0);
  }

  find(address: number): { bar: number; offset: number } | undefined {
    if ((this.config.getUint16(4, true) & 2) === 0) return undefined;
    for (const bar of [MSIX_BAR, BAR]) {
      const offset = address - this.#base(bar);
      if (this.#base(bar) !== 0 && offset >= 0 && offset < (SIZES[bar] ?? 0)) return { bar, offset };
    }
    return undefined;
  }

  // ---- Windows.

  readBar(bar: number, offset: number, width: number): number {
    const device = this.#device;
    if (device.gone) return ones(width);
    if (bar === MSIX_BAR) return offset < 16 ? (this.#table[offset >> 2] ?? 0) : 0;
    if (offset >= CONFIG && offset < NOTIFY) return configRead(device.config, offset - CONFIG, width);
    if (offset === ISR) {
      const { cause } = device;
      device.cause = 0;
      this.#interrupt();
      return cause;
    }
    return this.#tolerate(() => this.#readCommon(offset, width)) ?? 0;
  }

  #tolerate<Result>(access: () => Result): Result | undefined {
    try {
      return access();
    } catch (error) {
      if (this.lenient && error instanceof Violation) return undefined;
      throw error;
    }
  }

  get #queue(): VirtQueue | undefined {
    return this.#device.queues[this.#queueSelect];
  }

  #readCommon(offset: number, width: number): number {
    const device = this.#device;
    const queue = this.#queue;
    const registers: Readonly<Record<number, readonly [number, number]>> = {
      [hostVirtio.VIRTIO_PCI_DEVICE_FEATURE]: [4, device.offeredWord(this.#featureSelect[0])],
      [hostVirtio.VIRTIO_PCI_CONFIG_VECTOR]: [2, this.#configVector],
      [hostVirtio.VIRTIO_PCI_STATUS]: [1, device.status],
      [hostVirtio.VIRTIO_PCI_GENERATION]: [1, device.generation],
      [hostVirtio.VIRTIO_PCI_QUEUE_SIZE]: [2, queue?.size ?? 0],
      [hostVirtio.VIRTIO_PCI_QUEUE_VECTOR]: [2, this.#vectors.get(this.#queueSelect) ?? NO_VECTOR],
      [hostVirtio.VIRTIO_PCI_QUEUE_ENABLE]: [2, queue?.ready ? 1 : 0],
      [hostVirtio.VIRTIO_PCI_QUEUE_NOTIFY_OFF]: [2, this.#queueSelect],
    };
    const register = registers[offset];
    if (!register || register[0] !== width)
      throw new Violation(`the driver reads ${width} bytes of the common configuration at ${offset.toString(16)}`);
    return register[1];
  }

  writeBar(bar: number, offset: number, width: number, value: number): void {
    const device = this.#device;
    if (device.gone) return;
    if (bar === MSIX_BAR) {
      if (offset < 16) this.#table[offset >> 2] = value;
    } else if (offset >= NOTIFY) this.#tolerate(() => device.ring(width === 2 ? value : -1));
    else this.#tolerate(() => this.#writeCommon(offset, width, value));
  }

  #writeCommon(offset: number, width: number, value: number): void {
    const device = this.#device;
    const queue = this.#queue;
    const area = (offset - hostVirtio.VIRTIO_PCI_QUEUE_DESC) >> 3;
    if (area >= 0 && area < 3 && width === 4 && queue) {
      queue.rings[area] = setHalf(queue.rings[area] ?? 0, offset & 4, value);
      return;
    }
    const writers: Readonly<Record<number, readonly [number, () => void]>> = {
      [hostVirtio.VIRTIO_PCI_DEVICE_FEATURE_SELECT]: [4, () => (this.#featureSelect[0] = value)],
      [hostVirtio.VIRTIO_PCI_DRIVER_FEATURE_SELECT]: [4, () => (this.#featureSelect[1] = value)],
      [hostVirtio.VIRTIO_PCI_DRIVER_FEATURE]: [4, () => device.acceptFeatures(this.#featureSelect[1], value)],
      [hostVirtio.VIRTIO_PCI_CONFIG_VECTOR]: [2, () => (this.#configVector = value)],
      [hostVirtio.VIRTIO_PCI_STATUS]: [1, () => this.#setStatus(value)],
      [hostVirtio.VIRTIO_PCI_QUEUE_SELECT]: [2, () => (this.#queueSelect = value)],
      [hostVirtio.VIRTIO_PCI_QUEUE_SIZE]: [2, () => queue && (queue.size = value)],
      [hostVirtio.VIRTIO_PCI_QUEUE_VECTOR]: [2, () => this.#vectors.set(this.#queueSelect, value)],
      [hostVirtio.VIRTIO_PCI_QUEUE_ENABLE]: [2, () => device.enable(queue, value)],
    };
    const writer = writers[offset];
    if (!writer || writer[0] !== width)
      throw new Violation(`the driver writes ${width} bytes of the common configuration at ${offset.toString(16)}`);
    writer[1]();
  }

  #setStatus(value: number): void {
    if (value === 0) {
      this.#configVector = NO_VECTOR;
      this.#vectors.clear();
    } else if (value & dev.VIRTIO_STATUS_DRIVER_OK && (this.config.getUint16(4, true) & 4) === 0) {
      throw new Violation("the device works without being a bus master");
    }
    this.#device.setStatus(value);
  }

  // ---- Interrupts.

  #interrupt(): void {
    const device = this.#device;
    const [address = 0, high = 0, data = 0, masked = 1] = this.#table;
    const control = this.config.getUint16(MSIX_AT + 2, true);
    if ((control & 0x8000) === 0) {
      const off = (this.config.getUint16(4, true) & 0x400) !== 0;
      this.#wiring.drive(device.cause !== 0 && !off);
      return;
    }
    this.#wiring.drive(false);
    if (device.cause === 0 || (control & 0x4000) !== 0 || (masked & 1) !== 0 || this.#configVector !== 0) return;
    device.cause = 0;
    this.#wiring.message(address + high * 2 ** 32, data);
  }
}
