// SPDX-License-Identifier: Apache-2.0
// What the simulation keeps for each context that the core asks a hart to run: the guest's coroutine frames, and a
// shadow of the registers that the guest left behind, so that a register lost or invented by the core is noticed.
import type { CsrFile } from "../csr-file.ts";
import { CSR, csrName, HENVCFG_STCE } from "../csr.ts";
import { Violation } from "../faults.ts";
import type { Cpu } from "./cpu.ts";
import type { GuestCode, Op } from "./ops.ts";

export interface Frame {
  readonly code: GuestCode;
  /** Where the routine begins. */
  readonly entry: bigint;
  /** A trap handler: ends with sret. */
  readonly handler: boolean;
  /** Address of the operation's instruction. */
  pc: bigint;
  length: bigint;
  op: Op;
  /** Register that receives a loaded value. */
  rd: number;
  /** Ticks of a compute that are left. */
  remaining: bigint;
}

export interface Shadow {
  readonly registers: readonly bigint[];
  readonly csrs: ReadonlyMap<number, bigint>;
}

/** CSRs that belong to the vCPU and that the core must bring back unchanged. */
const KEPT = [
  CSR.vsstatus,
  CSR.vsie,
  CSR.vstvec,
  CSR.vsscratch,
  CSR.vsepc,
  CSR.vscause,
  CSR.vstval,
  CSR.vsatp,
  CSR.scounteren,
  CSR.senvcfg,
];
/** Those that an exception injected by the core changes. */
const CHANGED_BY_TRAP: readonly number[] = [CSR.vsstatus, CSR.vsepc, CSR.vscause, CSR.vstval];

/** Guest registers in simulated linear memory, at the context. */
export class Registers {
  readonly #view: () => DataView;
  readonly context: number;

  constructor(view: () => DataView, context: number) {
    this.#view = view;
    this.context = context;
  }

  get(index: number): bigint {
    return index === 0 ? 0n : this.#view().getBigUint64(this.context + index * 8, true);
  }

  set(index: number, value: bigint): void {
    if (index !== 0) this.#view().setBigUint64(this.context + index * 8, BigInt.asUintN(64, value), true);
  }

  get pc(): bigint {
    return this.#view().getBigUint64(this.context + 256, true);
  }

  set pc(value: bigint) {
    this.#view().setBigUint64(this.context + 256, BigInt.asUintN(64, value), true);
  }

  all(): bigint[] {
    const view = this.#view();
    return Array.from({ length: 32 }, (_, index) =>
      index === 0 ? 0n : view.getBigUint64(this.context + index * 8, true),
    );
  }
}

export class SimVcpu {
  readonly registers: Registers;
  cpu: Cpu | null = null;
  frames: Frame[] = [];
  shadow: Shadow | null = null;
  /** The next fetch at a routine's entry starts this kind of frame; null while a frame runs. */
  entering: "reset" | "handler" | null = "reset";
  /** pc at the latest exit. */
  trapPc = 0n;
  /** Index of the hart on which it is entered now, -1 if on none. */
  hart = -1;
  exits = 0;

  constructor(registers: Registers) {
    this.registers = registers;
  }

  get top(): Frame | undefined {
    return this.frames.at(-1);
  }

  /** Remembers what the guest left in its registers, on an exit. */
  remember(csrs: CsrFile): void {
    const kept = new Map<number, bigint>();
    for (const csr of KEPT) kept.set(csr, csrs.read(csr));
    if (csrs.options.sstc && (csrs.read(CSR.henvcfg) & HENVCFG_STCE) !== 0n)
      kept.set(CSR.vstimecmp, csrs.read(CSR.vstimecmp));
    if (csrs.exists(CSR.vsiselect)) kept.set(CSR.vsiselect, csrs.read(CSR.vsiselect));
    this.shadow = { registers: this.registers.all(), csrs: kept };
  }

  /** Compares with what the core brought back; `changed` lists the registers that the exit may have changed. */
  compare(csrs: CsrFile, changed: readonly number[], cause: "trap" | "timer" | "nothing"): void {
    if (!this.shadow) return;
    for (let index = 1; index < 32; index++) {
      const now = this.registers.get(index);
      const before = this.shadow.registers[index];
      if (now === before || changed.includes(index)) continue;
      throw new Violation(
        `x${index} of ${this.name} changed from ${before?.toString(16)} to ${now.toString(16)} across an exit`,
      );
    }
    for (const [csr, before] of this.shadow.csrs) {
      if (cause === "trap" && CHANGED_BY_TRAP.includes(csr)) continue;
      if (cause === "timer" && csr === CSR.vstimecmp) continue;
      const now = csrs.read(csr);
      if (now !== before && !this.#onlyFpState(csr, now, before)) {
        throw new Violation(
          `${csrName(csr)} of ${this.name} changed from ${before.toString(16)} to ${now.toString(16)} across an exit`,
        );
      }
    }
  }

  /** vsstatus may lose "dirty" for "clean" when the core saves the floating-point registers. */
  #onlyFpState(csr: number, now: bigint, before: bigint): boolean {
    const fp = 0x6000n | (1n << 63n);
    return csr === CSR.vsstatus && (now & ~fp) === (before & ~fp) && (now & 0x6000n) !== 0n;
  }

  get name(): string {
    return this.cpu ? `${this.cpu.guest.name}/${this.cpu.hart}` : `context ${this.registers.context.toString(16)}`;
  }
}
