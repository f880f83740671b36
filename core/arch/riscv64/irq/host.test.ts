// SPDX-License-Identifier: Apache-2.0
// The host's interrupt controllers behind host.ts, each against a register file written from its specification:
// PLIC, APLIC by wire, APLIC by message with an IMSIC per hart.
import { loadUnit, type UnitModule } from "@typeone/sim";
import fc from "fast-check";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

const WINDOW = 0x1_0000_0000n;
const CSR_SIE = 0x104;
const CSR_SISELECT = 0x150;
const CSR_SIREG = 0x151;
const CSR_STOPEI = 0x15c;
const SEIE = 1n << 9n;
const KIND = { plic: 1, aplic: 2, imsic: 3 } as const;
const EDGE_RISING = 1;
const LEVEL_HIGH = 4;
const SOURCES = 95;
const HARTS = 3;

/** A controller as software sees it, with its input wires. */
interface Machine {
  read(offset: number): number;
  write(offset: number, value: number): void;
  /** A device drives its wire. */
  drive(irq: number, level: boolean): void;
  /** Is supervisor external interrupt pending on that hart? */
  pending(hart: number): boolean;
}

/** @spec plic: gateways (level only), one context per hart, the odd ones. */
class PlicModel implements Machine {
  priority = new Map<number, number>();
  enabled = new Map<number, Set<number>>();
  inService = new Set<number>();
  wires = new Set<number>();
  latched = new Set<number>();
  thresholds = new Map<number, number>();

  drive(irq: number, level: boolean) {
    if (level) this.wires.add(irq);
    else this.wires.delete(irq);
    this.latch();
  }
  private latch() {
    for (const irq of this.wires) if (!this.inService.has(irq)) this.latched.add(irq);
  }
  private best(context: number): number {
    const able = [...(this.enabled.get(context) ?? [])].filter(
      (irq) => this.latched.has(irq) && (this.priority.get(irq) ?? 0) > (this.thresholds.get(context) ?? 7),
    );
    return able.length ? Math.min(...able) : 0;
  }
  pending(hart: number) {
    return this.best(2 * hart + 1) !== 0;
  }
  read(offset: number): number {
    if (offset >= 0x200000 && (offset & 0xfff) === 4) {
      const irq = this.best((offset - 0x200000) >> 12);
      if (irq) {
        this.latched.delete(irq);
        this.inService.add(irq);
      }
      return irq;
    }
    if (offset >= 0x2000 && offset < 0x200000) {
      const set = this.enabled.get((offset - 0x2000) >> 7) ?? new Set();
      const first = ((offset & 0x7f) >> 2) * 32;
      return [...set].reduce((word, irq) => (irq >= first && irq < first + 32 ? word | (1 << (irq - first)) : word), 0);
    }
    throw new Error(`read of PLIC offset ${offset.toString(16)}`);
  }
  write(offset: number, value: number) {
    if (offset < 0x1000) this.priority.set(offset >> 2, value);
    else if (offset >= 0x200000) {
      const context = (offset - 0x200000) >> 12;
      if ((offset & 0xfff) === 0) this.thresholds.set(context, value);
      else if (this.enabled.get(context)?.has(value)) {
        this.inService.delete(value);
        this.latch();
      }
    } else {
      const context = (offset - 0x2000) >> 7;
      const set = this.enabled.get(context) ?? new Set();
      const first = ((offset & 0x7f) >> 2) * 32;
      for (let bit = 0; bit < 32; bit++) {
        if (value & (1 << bit)) set.add(first + bit);
        else set.delete(first + bit);
      }
      this.enabled.set(context, set);
    }
  }
}

/** @spec aia §4: one supervisor domain; by message when domaincfg.DM is set. */
class AplicModel implements Machine {
  domain = 0;
  mode = new Map<number, number>();
  target = new Map<number, number>();
  enabled = new Set<number>([3, 17]);
  latched = new Set<number>();
  wires = new Set<number>();
  delivery = new Map<number, number>();
  private readonly send: (hart: number, identity: number) => void;

  constructor(send: (hart: number, identity: number) => void = () => {}) {
    this.send = send;
  }

  private isLevel(irq: number) {
    return (this.mode.get(irq) ?? 0) >= 6;
  }
  drive(irq: number, level: boolean) {
    const rose = level && !this.wires.has(irq);
    if (level) this.wires.add(irq);
    else this.wires.delete(irq);
    const mode = this.mode.get(irq) ?? 0;
    if (mode === 4 && rose) this.latched.add(irq);
    if (mode === 6) {
      if (this.domain & 4) {
        if (rose) this.latched.add(irq);
        if (!level) this.latched.delete(irq);
      }
    }
    this.deliver();
  }
  private raised(irq: number) {
    return this.isLevel(irq) && !(this.domain & 4) ? this.wires.has(irq) : this.latched.has(irq);
  }
  private deliver() {
    if ((this.domain & 0x104) !== 0x104) return;
    for (const irq of [...this.latched].filter((irq) => this.enabled.has(irq))) {
      this.latched.delete(irq);
      const target = this.target.get(irq) ?? 0;
      this.send(target >>> 18, target & 0x7ff);
    }
  }
  private best(hart: number): number {
    if (!(this.domain & 0x100) || this.delivery.get(hart) !== 1) return 0;
    const able = [...this.enabled].filter((irq) => {
      const target = this.target.get(irq) ?? 0;
      return this.raised(irq) && target >>> 18 === hart && (target & 0xff) !== 0;
    });
    return able.length ? Math.min(...able) : 0;
  }
  pending(hart: number) {
    return this.best(hart) !== 0;
  }
  read(offset: number): number {
    if (offset >= 0x4000 && (offset & 0x1f) === 0x1c) {
      const irq = this.best((offset - 0x4000) >> 5);
      if (irq && !this.isLevel(irq)) this.latched.delete(irq);
      return irq ? (irq << 16) | 1 : 0;
    }
    throw new Error(`read of APLIC offset ${offset.toString(16)}`);
  }
  write(offset: number, value: number) {
    if (offset === 0) this.domain = value;
    else if (offset <= 0xffc) this.mode.set(offset >> 2, value);
    else if (offset === 0x1edc) this.enabled.add(value);
    else if (offset === 0x1fdc) this.enabled.delete(value);
    else if (offset === 0x1ddc) this.latched.delete(value);
    else if (offset >= 0x1f00 && offset < 0x1f80) {
      const first = (offset - 0x1f00) * 8;
      for (let bit = 0; bit < 32; bit++) if ((value >>> bit) & 1) this.enabled.delete(first + bit);
    } else if (offset === 0x2000) {
      if (!this.isLevel(value) || this.wires.has(value)) this.latched.add(value);
    } else if (offset > 0x3000 && offset < 0x4000) this.target.set((offset - 0x3000) >> 2, value >>> 0);
    else if (offset >= 0x4000 && (offset & 0x1f) === 0) this.delivery.set((offset - 0x4000) >> 5, value);
    else if (offset >= 0x4000 && [4, 8].includes(offset & 0x1f)) expect(value).toBe(0);
    else throw new Error(`write of APLIC offset ${offset.toString(16)}`);
    this.deliver();
  }
}

/** @spec aia §3.8: one supervisor file, behind siselect and sireg. Starts as firmware may leave it: dirty. */
class ImsicModel {
  registers = new Map<number, bigint>([
    [0xc0, 2n],
    [0x80, 2n],
    [0x72, 5n],
  ]);
  private get(register: number) {
    return this.registers.get(register) ?? 0n;
  }
  top(): number {
    if (this.get(0x70) !== 1n || this.get(0x72) !== 0n) return 0;
    for (let id = 1; id < 256; id++) {
      const word = (id >> 6) << 1;
      if (((this.get(0x80 + word) & this.get(0xc0 + word)) >> BigInt(id & 63)) & 1n) return id;
    }
    return 0;
  }
  post(id: number) {
    const word = 0x80 + ((id >> 6) << 1);
    this.registers.set(word, this.get(word) | (1n << BigInt(id & 63)));
  }
  claim(): bigint {
    const id = this.top();
    const word = 0x80 + ((id >> 6) << 1);
    if (id) this.registers.set(word, this.get(word) & ~(1n << BigInt(id & 63)));
    return id ? BigInt((id << 16) | id) : 0n;
  }
}

const fileOf = (hart: number): bigint => 0x28000000n + BigInt(hart) * 0x1000n;

let unit: UnitModule;
let machine: Machine;
let imsics: ImsicModel[];
let csrs: Map<number, bigint>[];
let current = 0;
let records: number;
let info: number;
let hartId: number;
let hartIndex: number;

function indirect(csr: number): number {
  return csr === CSR_SIREG ? Number(csrs[current]!.get(CSR_SISELECT)) : -1;
}

function readCsr(csr: number): bigint {
  const register = indirect(csr);
  if (register >= 0) {
    if (register & 1) throw new Error("odd indirect register on 64 bits");
    return imsics[current]!.registers.get(register) ?? 0n;
  }
  return csrs[current]!.get(csr) ?? 0n;
}

function writeCsr(csr: number, value: bigint) {
  const register = indirect(csr);
  const bits = BigInt.asUintN(64, value);
  if (register >= 0) imsics[current]!.registers.set(register, bits);
  else csrs[current]!.set(csr, bits);
}

beforeAll(async () => {
  const layout = (await loadUnit("core/host/hart.testing.ts")).exports as unknown as Record<string, WebAssembly.Global>;
  hartId = Number(layout["HART_ID"]!.value);
  hartIndex = Number(layout["HART_INDEX"]!.value);
});

async function start(kind: number) {
  csrs = Array.from({ length: HARTS }, () => new Map());
  imsics = Array.from({ length: HARTS }, () => new ImsicModel());
  machine = kind === KIND.plic ? new PlicModel() : new AplicModel((hart, identity) => imsics[hart]!.post(identity));
  unit = await loadUnit("core/arch/riscv64/irq/host.ts", {
    hw: {
      hart: () => records + current * 2048,
      mapDevice: (hpa: bigint) => (expect(hpa).toBe(0xc000000n), WINDOW),
      mmioRead32: (hva: bigint) => machine.read(Number(hva - WINDOW)),
      mmioWrite32: (hva: bigint, value: number) => machine.write(Number(hva - WINDOW), value),
      csrRead: readCsr,
      csrWrite: writeCsr,
      csrSet: (csr: number, bits: bigint) => writeCsr(csr, readCsr(csr) | bits),
      csrClear: (csr: number, bits: bigint) => writeCsr(csr, readCsr(csr) & ~bits),
      csrSwap: (csr: number) => (expect(csr).toBe(CSR_STOPEI), imsics[current]!.claim()),
      atomicCompareSwap: (at: number, expected: number, value: number) => {
        const before = unit.view().getUint32(at, true);
        if (before === expected) unit.view().setUint32(at, value, true);
        return before;
      },
      atomicSwap: (at: number, value: number) => {
        const before = unit.view().getUint32(at, true);
        unit.view().setUint32(at, value, true);
        return before;
      },
      atomicLoad: (at: number) => unit.view().getUint32(at, true),
    },
  });
  records = unit.scratch(HARTS * 2048);
  info = unit.scratch(4096);
  const view = unit.view();
  view.setUint32(info, kind, true);
  view.setUint32(info + 4, SOURCES, true);
  view.setBigUint64(info + 8, 0xc000000n, true);
  view.setBigUint64(info + 16, 0x8000n, true);
  view.setUint32(info + 24, kind === KIND.imsic ? 255 : 0, true);
  view.setUint32(info + 32, info + 64, true);
  view.setUint32(info + 36, HARTS, true);
  for (let hart = 0; hart < HARTS; hart++) {
    view.setBigUint64(records + hart * 2048 + hartId, BigInt(10 + hart), true);
    view.setUint32(records + hart * 2048 + hartIndex, hart, true);
    const entry = info + 64 + hart * 24;
    view.setBigUint64(entry, BigInt(10 + hart), true);
    view.setBigUint64(entry + 8, fileOf(hart), true);
    view.setUint32(entry + 16, kind === KIND.plic ? 2 * hart + 1 : hart, true);
  }
  current = 0;
  expect(call("hostIrqInit", info)).toBe(0);
  for (current = 0; current < HARTS; current++) expect(call("hostIrqInitHart")).toBe(0);
  current = 0;
}

function call(name: string, ...args: number[]): number {
  return Number(unit.exports[name]!(...args));
}

function pending(hart: number): boolean {
  return call("hostIrqKind") === KIND.imsic ? imsics[hart]!.top() !== 0 : machine.pending(hart);
}

/** One trap on `hart`: claims, runs `serve`, completes; answers what was claimed. */
function serve(hart: number, action: (irq: number) => void): number {
  current = hart;
  const irq = call("claimHostInterrupt");
  if (irq !== 0) {
    action(irq);
    call("completeHostInterrupt", irq);
  }
  return irq;
}

for (const [name, kind] of Object.entries(KIND)) {
  describe(`host interrupts by ${name}`, () => {
    beforeEach(() => start(kind));

    it("lets every hart take external interrupts and starts silent", () => {
      for (let hart = 0; hart < HARTS; hart++) {
        expect(csrs[hart]!.get(CSR_SIE)! & SEIE).toBe(SEIE);
        for (let irq = 1; irq <= SOURCES; irq++) machine.drive(irq, true);
        expect(pending(hart)).toBe(false);
      }
    });

    it("claims a level, and again while the level stays", () => {
      expect(call("enableHostInterrupt", 10, LEVEL_HIGH)).toBe(0);
      expect(pending(0)).toBe(false);
      machine.drive(10, true);
      expect(pending(0)).toBe(true);
      expect(serve(0, () => {})).toBe(10);
      expect(serve(0, () => machine.drive(10, false))).toBe(10);
      expect(pending(0)).toBe(false);
      expect(serve(0, () => {})).toBe(0);
    });

    it("sees a level that was there before it was enabled", () => {
      machine.drive(10, true);
      expect(call("enableHostInterrupt", 10, 0)).toBe(0);
      expect(serve(0, () => machine.drive(10, false))).toBe(10);
    });

    it("refuses sources that do not exist", () => {
      for (const irq of [0, SOURCES + 1, 1024, 0xffffffff]) expect(call("enableHostInterrupt", irq, 0)).toBe(-4);
      expect(call("routeHostInterrupt", 10, HARTS)).toBe(-3);
      expect(call("routeHostInterrupt", 10, 0xffffffff)).toBe(-3);
    });

    it("moves a source to another hart, even between claim and completion", () => {
      call("enableHostInterrupt", 33, LEVEL_HIGH);
      machine.drive(33, true);
      expect(serve(0, () => expect(call("routeHostInterrupt", 33, 2)).toBe(0))).toBe(33);
      expect(pending(0)).toBe(false);
      expect(serve(1, () => {})).toBe(0);
      expect(serve(2, () => machine.drive(33, false))).toBe(33);
      expect(pending(2)).toBe(false);
    });

    it("gives out messages, each once, only where messages are taken", () => {
      const message = info + 2048;
      if (kind !== KIND.imsic) {
        expect(call("allocateHostMessage", message)).toBe(-6);
        return;
      }
      const seen = new Set<number>();
      for (let id = SOURCES + 1; id <= 255; id++) {
        expect(call("allocateHostMessage", message)).toBe(0);
        const view = unit.view();
        expect(view.getBigUint64(message, true)).toBe(fileOf(0));
        expect(view.getUint32(message + 8, true)).toBe(view.getUint32(message + 12, true));
        seen.add(view.getUint32(message + 8, true));
      }
      expect(seen.size).toBe(255 - SOURCES);
      expect(Math.min(...seen)).toBe(SOURCES + 1);
      expect(call("allocateHostMessage", message)).toBe(-8);
      imsics[0]!.post(200);
      expect(serve(0, () => {})).toBe(200);
      expect(pending(0)).toBe(false);
      call("disableHostInterrupt", 200);
      imsics[0]!.post(200);
      expect(pending(0)).toBe(false);
    });

    it("silences a source, and brings it back", () => {
      call("enableHostInterrupt", 64, LEVEL_HIGH);
      call("disableHostInterrupt", 64);
      machine.drive(64, true);
      expect(pending(0)).toBe(false);
      expect(call("enableHostInterrupt", 64, LEVEL_HIGH)).toBe(0);
      expect(serve(0, () => machine.drive(64, false))).toBe(64);
    });

    it("loses no level and invents none, whatever the order of events", () => {
      const irqs = [1, 31, 32, 95];
      for (const irq of irqs) call("enableHostInterrupt", irq, LEVEL_HIGH);
      const event = fc.oneof(
        fc.record({ do: fc.constant("drive" as const), irq: fc.constantFrom(...irqs), level: fc.boolean() }),
        fc.record({ do: fc.constant("route" as const), irq: fc.constantFrom(...irqs), hart: fc.nat(HARTS - 1) }),
        fc.record({ do: fc.constant("serve" as const), hart: fc.nat(HARTS - 1), quiet: fc.boolean() }),
      );
      fc.assert(
        fc.property(fc.array(event, { maxLength: 40 }), (events) => {
          for (const step of events) {
            if (step.do === "drive") machine.drive(step.irq, step.level);
            else if (step.do === "route") expect(call("routeHostInterrupt", step.irq, step.hart)).toBe(0);
            else {
              const irq = serve(step.hart, (claimed) => step.quiet && machine.drive(claimed, false));
              expect(irq === 0 || irqs.includes(irq)).toBe(true);
            }
          }
          const high = new Set<number>();
          for (const irq of irqs) {
            machine.drive(irq, false);
            machine.drive(irq, true);
          }
          for (let round = 0; round < 20; round++) {
            for (let hart = 0; hart < HARTS; hart++) {
              serve(hart, (irq) => {
                machine.drive(irq, false);
                high.add(irq);
              });
            }
          }
          expect([...high].sort((a, b) => a - b)).toEqual(irqs);
          for (let hart = 0; hart < HARTS; hart++) expect(pending(hart)).toBe(false);
        }),
        { numRuns: 60 },
      );
    });

    it("answers NotFound for a hart that the controller does not know", () => {
      unit.view().setBigUint64(records + hartId, 99n, true);
      expect(call("hostIrqInitHart")).toBe(-3);
    });
  });
}

describe("edges", () => {
  for (const kind of [KIND.aplic, KIND.imsic]) {
    it(`are claimed once each (kind ${kind})`, async () => {
      await start(kind);
      call("enableHostInterrupt", 36, EDGE_RISING);
      machine.drive(36, true);
      expect(serve(0, () => {})).toBe(36);
      expect(serve(0, () => {})).toBe(0);
      machine.drive(36, false);
      machine.drive(36, true);
      expect(serve(0, () => {})).toBe(36);
    });
  }
});
