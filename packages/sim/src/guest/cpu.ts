// SPDX-License-Identifier: Apache-2.0
// A guest's CPU and a guest as the guest's own code sees them. Tests read them to learn how far a guest came; nothing
// here is known to the core.
import { CSR, INTERRUPT } from "../csr.ts";
import { csrRead, csrWrite, type GuestCode, type GuestFault, type Routine } from "./ops.ts";

/** Called for each interrupt that a guest CPU takes, with its code (1 software, 5 timer, 9 external). */
export type InterruptHandler = (cpu: Cpu, code: number) => GuestCode;

export interface ProgramParts {
  /** Entered at the kernel's first byte on the boot hart. */
  readonly boot: Routine;
  /** Further entry points, for HSM start and resume; see Cpu.addressOf. */
  readonly routines?: readonly Routine[];
  readonly onInterrupt?: InterruptHandler;
  /** Replaces the standard trap routine at stvec. */
  readonly trap?: Routine;
}

export interface Program {
  /** In slot order: boot, trap, then the further ones. */
  readonly routines: readonly Routine[];
}

/** Distance between entry points in the kernel image. */
export const SLOT = 64;

/** What a guest counts and remembers across reboots. */
export class GuestState {
  readonly name: string;
  readonly program: Program;
  /** Guest-physical address of the kernel's first byte; known once it has booted. */
  base = 0n;
  boots = 0;
  readonly cpus = new Map<number, Cpu>();
  /** Page tables of the guest by vsatp: page number → value; see virtualLoad. */
  readonly spaces = new Map<bigint, Map<bigint, bigint>>();
  /** Whatever the test's guest code wants to say. */
  readonly log: string[] = [];

  constructor(name: string, program: Program) {
    this.name = name;
    this.program = program;
  }

  space(vsatp: bigint): Map<bigint, bigint> {
    let table = this.spaces.get(vsatp);
    if (!table) {
      table = new Map();
      this.spaces.set(vsatp, table);
    }
    return table;
  }
}

export class Cpu {
  readonly guest: GuestState;
  /** The guest's hart number: a0 at entry. */
  readonly hart: number;
  /** a1 at the latest entry: the device tree, or HSM's opaque argument. */
  opaque = 0n;
  /** Times this CPU was entered at an entry point. */
  entries = 0;
  /** Registers as they were at the latest entry. */
  entryRegisters: readonly bigint[] = [];
  /** VS-level CSRs at the latest entry, by name. */
  entryCsrs: Readonly<Record<string, bigint>> = {};
  /** Interrupts taken, by code. */
  readonly interrupts = new Map<number, number>();
  /** The exception that the trap routine saw last. */
  fault: GuestFault | null = null;
  /** Length of the instruction that an exception skips. */
  instructionLength = 4n;
  /** Where the trap routine returns to after a fetch fault: behind the jump. */
  recover = 0n;

  constructor(guest: GuestState, hart: number) {
    this.guest = guest;
    this.hart = hart;
  }

  /** Guest-physical address of one of the program's routines. */
  addressOf(routine: Routine): bigint {
    const slot = this.guest.program.routines.indexOf(routine);
    if (slot < 0) throw new Error(`${this.guest.name} has no such routine`);
    return this.guest.base + BigInt(slot * SLOT);
  }

  countInterrupt(code: number): void {
    this.interrupts.set(code, (this.interrupts.get(code) ?? 0) + 1);
  }

  taken(code: number): number {
    return this.interrupts.get(code) ?? 0;
  }
}

/** @spec priv: a fetch fault has no instruction to skip; the routine returns behind the jump instead. */
const FETCH_FAULTS: readonly bigint[] = [1n, 12n, 20n];

/** The standard trap routine: counts interrupts and hands them on, skips the instruction of an exception. */
function trapRoutine(onInterrupt: InterruptHandler | undefined): Routine {
  return function* trap(cpu) {
    const cause = yield* csrRead(CSR.scause);
    let pc = yield* csrRead(CSR.sepc);
    if ((cause & INTERRUPT) !== 0n) {
      const code = Number(cause & 0xffn);
      cpu.countInterrupt(code);
      yield* (onInterrupt ?? quietInterrupt)(cpu, code);
    } else {
      cpu.fault = { cause, stval: yield* csrRead(CSR.stval) };
      pc = FETCH_FAULTS.includes(cause) ? cpu.recover : pc + cpu.instructionLength;
    }
    yield* csrWrite(CSR.sepc, pc);
  };
}

/** Makes a source quiet: clears software interrupts, disables the others in sie. */
export function* quietInterrupt(_cpu: Cpu, code: number): GuestCode {
  if (code === 1) yield* csrWrite(CSR.sip, (yield* csrRead(CSR.sip)) & ~2n);
  else yield* csrWrite(CSR.sie, (yield* csrRead(CSR.sie)) & ~(1n << BigInt(code)));
}

/** A guest program from its parts. */
export function program(parts: ProgramParts): Program {
  const trap = parts.trap ?? trapRoutine(parts.onInterrupt);
  return { routines: [parts.boot, trap, ...(parts.routines ?? [])] };
}

/** Points stvec at the program's trap routine; the first thing that most routines do. */
export function* useTraps(cpu: Cpu): GuestCode {
  const trap = cpu.guest.program.routines[1];
  if (trap) yield* csrWrite(CSR.stvec, cpu.addressOf(trap));
}

/** Points stvec at the trap routine and enables the interrupts of `mask` (bits of sie) globally. */
export function* enableInterrupts(cpu: Cpu, mask: bigint): GuestCode {
  yield* useTraps(cpu);
  yield* csrWrite(CSR.sie, mask);
  yield* csrWrite(CSR.sstatus, (yield* csrRead(CSR.sstatus)) | 2n);
}
