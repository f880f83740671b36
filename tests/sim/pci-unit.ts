// SPDX-License-Identifier: Apache-2.0
// A guest's PCI alone in Node, for the unit tests of core/dev/pci: config space, window and interrupts as its vCPU and its
// interrupt controller see them.
import { atomics, loadUnit, type UnitModule } from "@typeone/sim";

export const [PLIC, AIA] = [1, 2] as const;
export const [NET, BLOCK, CONSOLE, RNG, BALLOON] = [1, 2, 3, 4, 5] as const;
export const [HANDLED, UNHANDLED, RETRY] = [0, 1, 3] as const;
export const BUSY = -5;
export const [ANY, PLUG] = [-1, -2] as const;
export const CONFIG = 0x3000_0000;
export const WINDOW = 0x4000_0000;
export const IMSIC = 0x2800_0000n;
export const NO_VECTOR = 0xffff;
const ONES = (1n << 64n) - 1n;
const ARENA = 64 << 20;

export interface Answer {
  readonly status: number;
  readonly value: bigint;
}
export interface Capability {
  readonly at: number;
  readonly id: number;
}

export class PciUnit {
  readonly unit: UnitModule;
  guest = 0;
  /** Called before each atomic operation of the core: another hart may do something now. */
  onAtomic: (at: number) => void = () => {};
  private access = 0;

  private constructor(unit: UnitModule) {
    this.unit = unit;
  }

  static async load(): Promise<PciUnit> {
    let hart = 0;
    let rig: PciUnit | undefined = undefined;
    const unit = await loadUnit("core/dev/pci/pci.testing.ts", {
      hw: {
        hart: () => hart,
        csrRead: () => 0n,
        csrWrite: () => {},
        csrSet: () => {},
        csrClear: () => {},
        sbi: () => 0n,
        ...atomics(
          () => unit,
          (at) => rig?.onAtomic(at),
        ),
      },
    });
    rig = new PciUnit(unit);
    const arena = unit.scratch(ARENA + 4096);
    rig.access = arena + ARENA;
    hart = rig.call("testSetup", arena, arena + ARENA);
    return rig;
  }

  call(name: string, ...args: (number | bigint)[]): number {
    return Number(this.unit.exports[name]!(...args));
  }
  named(name: string): number {
    return Number((this.unit.exports[name] as unknown as WebAssembly.Global).value);
  }
  word(at: number): number {
    return this.unit.view().getUint32(at, true);
  }
  setWord(at: number, value: number): void {
    this.unit.view().setUint32(at, value, true);
  }
  field(record: number, name: string): number {
    return this.word(record + this.named(name));
  }

  /** A new guest, which the methods below are about from now on. */
  makeGuest(interrupts: number, ports = 0): number {
    this.guest = this.call("testGuest", interrupts, ports);
    if (!this.guest) throw new Error("no guest");
    return this.guest;
  }
  /** A host bridge again, for the guest that has none any more. */
  makeGuestAgain(ports: number): void {
    if (this.call("testAgain", this.guest, ports)) throw new Error("no host bridge");
  }
  device(type: number, queues: number, offered = 1n << 32n): number {
    return this.call("testDevice", this.guest, type, queues, offered);
  }
  attach(device: number, slot: number = ANY): number {
    return this.call("pciAttach", this.guest, device, slot);
  }
  functionOf(device: number): number {
    return this.field(device, "FUNCTION");
  }

  perform(write: number, gpa: number | bigint, width: number, value = 0n): Answer {
    const view = this.unit.view();
    view.setBigUint64(this.access, 0n, true);
    view.setBigUint64(this.access + 8, write ? BigInt.asUintN(width * 8, value) : 0x5151_5151_5151_5151n, true);
    view.setUint32(this.access + 16, width, true);
    view.setUint32(this.access + 20, write, true);
    const status = this.call("busAccess", this.guest, BigInt(gpa), this.access);
    if (this.word(this.field(this.guest, "LOCK")) !== 0) throw new Error("the guest's lock is held");
    return { status, value: this.unit.view().getBigUint64(this.access + 8, true) };
  }
  read(gpa: number, width = 4): number {
    const answer = this.perform(0, gpa, width);
    if (answer.status !== HANDLED) throw new Error(`read of ${gpa.toString(16)}: ${answer.status}`);
    if (answer.value >> BigInt(width * 8)) throw new Error("more than the width");
    return Number(answer.value);
  }
  write(gpa: number, value: number, width = 4): void {
    const { status } = this.perform(1, gpa, width, BigInt.asUintN(64, BigInt(value)));
    if (status !== HANDLED) throw new Error(`write of ${gpa.toString(16)}: ${status}`);
  }

  /** gpa of a register in configuration space. */
  config(slot: number, register = 0, bus = 0): number {
    return CONFIG + bus * 0x10_0000 + slot * 0x8000 + register;
  }
  /** The list of capabilities, walked as Linux does it. */
  capabilities(space: number): Capability[] {
    if (!(this.read(space + 6, 2) & 0x10)) return [];
    const found: Capability[] = [];
    for (let at = this.read(space + 0x34, 1); at >= 0x40 && found.length < 48;) {
      const entry = this.read(space + (at & ~3), 2);
      found.push({ at: at & ~3, id: entry & 0xff });
      at = entry >> 8;
    }
    return found;
  }
  find(space: number, id: number): number {
    return this.capabilities(space).find((capability) => capability.id === id)?.at ?? 0;
  }

  /** What Linux does first: sizes BAR 0 and 2, places them, enables memory and bus mastering. */
  place(space: number, registers: number, table: number): void {
    this.write(space + 0x10, registers);
    this.write(space + 0x14, 0);
    this.write(space + 0x18, table);
    this.write(space + 0x1c, 0);
    this.write(space + 4, 6, 2);
  }

  /** Messages that reached the guest since this was called last: identities 1 to 63 of its first vCPU. */
  messages(): number[] {
    const file = this.field(this.guest, "MESSAGES") + 16;
    const view = this.unit.view();
    const pending = view.getBigUint64(file, true);
    view.setBigUint64(file, 0n, true);
    return [...Array(64).keys()].filter((identity) => (pending >> BigInt(identity)) & 1n);
  }
  /** Levels of the lines INTA to INTD of slot 0, with a PLIC. */
  lines(): number[] {
    const level = this.unit.view().getBigUint64(this.field(this.guest, "IRQCHIP") + 32, true);
    return [32n, 33n, 34n, 35n].map((line) => Number((level >> line) & 1n));
  }
  queue(device: number, index: number): number {
    return this.call("queueAt", device, index);
  }
  static ones(width: number): bigint {
    return ONES >> BigInt(64 - width * 8);
  }
}
