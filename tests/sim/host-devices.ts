// SPDX-License-Identifier: Apache-2.0
// A simulated host with VirtIO devices whose core has test functions around the drivers (drivers.testing.ts): what the tests
// of disks and NICs share.
import { type Aia, Machine, type MachineOptions, TIMEBASE } from "@typeone/sim";
import { expect } from "vitest";

export const CORE = "core/host/virtio/drivers.testing.ts";
export const [READ, WRITE, FLUSH, DISCARD, ZEROES] = [0, 1, 2, 3, 4] as const;
export const [OK, INVALID, RANGE, BUSY, UNSUPPORTED, LIMIT, IO] = [0, -1, -4, -5, -6, -8, -9] as const;
export const [SECTORS, READ_ONLY, FEATURES, FAILED, SEGMENTS, SERIAL, ERRORS] = [0, 1, 2, 3, 4, 5, 6] as const;
export const [MAC, AGREED, MTU, NIC_FAILED, RECEIVED, DROPPED, NIC_ERRORS] = [0, 1, 2, 3, 4, 5, 6] as const;
/** Host memory that nobody has: no guests are there. */
export const MEMORY = 0x9000_0000;
export const SECTOR = 512;
export const PLACES = [
  { via: "mmio", aia: "none" },
  { via: "mmio", aia: "aplic-imsic" },
  { via: "pci", aia: "none" },
  { via: "pci", aia: "aplic" },
  { via: "pci", aia: "aplic-imsic" },
  { via: "transitional", aia: "aplic-imsic" },
] as const;
export const DISK = { sectors: 2048, serial: "root" } as const;
export const ADDRESS = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

export class Host {
  readonly machine: Machine;
  constructor(machine: Machine) {
    this.machine = machine;
  }

  static async boot(options: MachineOptions): Promise<Host> {
    const machine = (await Machine.create({ core: CORE, harts: 1, ...options })).boot();
    machine.run(() => false, { maxSteps: 400 });
    expect(machine.console).toContain("typeone> ");
    machine.ask("testDisks");
    machine.ask("testNics");
    return new Host(machine);
  }

  static disk(
    options: Partial<MachineOptions["disks"] & object>[number] | object = {},
    aia: Aia = "aplic-imsic",
  ): Promise<Host> {
    return Host.boot({ aia, disks: [{ ...DISK, via: "pci", ...options }] });
  }

  get disk() {
    return this.machine.devices.disks[0]!;
  }

  get nic() {
    return this.machine.devices.nics[0]!;
  }

  of(what: number, index = 0): number {
    return Number(this.machine.ask("testDisk", index, what));
  }

  ofNic(what: number, index = 0): number {
    return Number(this.machine.ask("testNic", index, what));
  }

  serial(index = 0): string {
    const at = this.of(SERIAL, index);
    const bytes = new Uint8Array(this.machine.gate.view().buffer).slice(at, at + 21);
    return Buffer.from(bytes.subarray(0, bytes.indexOf(0))).toString("latin1");
  }

  submit(kind: number, sector: number, sectors: number, pieces: readonly (readonly [number, number])[] = []): number {
    for (const [hpa, length] of pieces) this.machine.ask("testSegment", BigInt(hpa), BigInt(length));
    return this.machine.ask("testSubmit", kind, BigInt(sector), BigInt(sectors));
  }

  send(number: number, pieces: readonly (readonly [number, number])[]): number {
    for (const [hpa, length] of pieces) this.machine.ask("testSegment", BigInt(hpa), BigInt(length));
    return this.machine.ask("testSend", 0, number);
  }

  /** Lets interrupts happen; answers what was done: [request, status]. */
  done(steps = 50): [number, number][] {
    this.machine.run(() => false, { maxSteps: steps, maxTime: 10_000n });
    const done: [number, number][] = [];
    for (let next = this.machine.ask("testDone"); next >= 0; next = this.machine.ask("testDone"))
      done.push([next >> 8, (next << 24) >> 24]);
    return done;
  }

  frames(): { bytes: Uint8Array; buffers: number; pieces: number }[] {
    const view = this.machine.gate.view();
    let at = this.machine.ask("testFramesAt");
    return Array.from({ length: this.machine.ask("testFrames") }, () => {
      const length = view.getUint32(at, true);
      const frame = {
        bytes: new Uint8Array(view.buffer).slice(at + 8, at + 8 + length),
        buffers: view.getUint16(at + 4, true),
        pieces: view.getUint16(at + 6, true),
      };
      at += (8 + length + 7) & ~7;
      return frame;
    });
  }

  wait(seconds: number): void {
    this.machine.run(() => false, { maxSteps: 5000, maxTime: BigInt(seconds) * BigInt(TIMEBASE) });
  }
}

export const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 13 + (index >> 8)) & 0xff);
