// SPDX-License-Identifier: Apache-2.0
// What a simulated guest can do: a guest routine is a generator that yields operations and gets their results. The
// helpers are generators themselves, used as `const result = yield* ecall(…)`. guest/execute.ts gives them meaning.
import type { Cpu } from "./cpu.ts";

export type Width = 1 | 2 | 4 | 8;

export interface RawExit {
  readonly cause: bigint;
  readonly stval?: bigint;
  readonly htval?: bigint;
  readonly htinst?: bigint;
  /** The instruction that lies at the guest's pc, for a core that fetches it. */
  readonly word?: number;
}

export type Op =
  | { readonly op: "ecall"; readonly eid: bigint; readonly fid: bigint; readonly args: readonly bigint[] }
  | {
      readonly op: "load";
      readonly gpa: bigint;
      readonly width: Width;
      readonly signed: boolean;
      readonly compressed: boolean;
    }
  | {
      readonly op: "store";
      readonly gpa: bigint;
      readonly width: Width;
      readonly value: bigint;
      readonly compressed: boolean;
    }
  | { readonly op: "read"; readonly gpa: bigint; readonly length: number }
  | { readonly op: "write"; readonly gpa: bigint; readonly bytes: Uint8Array }
  | { readonly op: "illegal"; readonly word: number }
  | { readonly op: "wfi" }
  | { readonly op: "pause" }
  | { readonly op: "compute"; readonly ticks: bigint }
  | { readonly op: "csrRead"; readonly csr: number }
  | { readonly op: "csrWrite"; readonly csr: number; readonly value: bigint }
  | { readonly op: "csrSwap"; readonly csr: number; readonly value: bigint }
  | { readonly op: "fpRead"; readonly register: number }
  | { readonly op: "fpWrite"; readonly register: number; readonly value: bigint }
  | { readonly op: "virtualLoad"; readonly gva: bigint }
  | { readonly op: "jump"; readonly gpa: bigint }
  | { readonly op: "exit"; readonly exit: RawExit };

/** An exception that the guest took instead of completing the operation. */
export interface GuestFault {
  readonly cause: bigint;
  readonly stval: bigint;
}

export interface OpResult {
  /** a0 of an ecall, as a signed number. */
  readonly error: bigint;
  /** Loaded value, CSR value, or a1 of an ecall. */
  readonly value: bigint;
  readonly bytes: Uint8Array;
  readonly fault: GuestFault | null;
}

export type GuestCode<T = void> = Generator<Op, T, OpResult>;
export type Routine = (cpu: Cpu) => GuestCode;

export interface SbiResult {
  readonly error: bigint;
  readonly value: bigint;
}

export function* ecall(eid: bigint, fid: bigint, ...args: (bigint | number)[]): GuestCode<SbiResult> {
  const { error, value } = yield { op: "ecall", eid, fid, args: args.map((arg) => BigInt.asUintN(64, BigInt(arg))) };
  return { error, value };
}

export function* load(
  gpa: bigint | number,
  width: Width,
  form: { signed?: boolean; compressed?: boolean } = {},
): GuestCode<OpResult> {
  return yield {
    op: "load",
    gpa: BigInt(gpa),
    width,
    signed: form.signed ?? false,
    compressed: form.compressed ?? false,
  };
}

export function* store(
  gpa: bigint | number,
  width: Width,
  value: bigint | number,
  form: { compressed?: boolean } = {},
): GuestCode<OpResult> {
  return yield {
    op: "store",
    gpa: BigInt(gpa),
    width,
    value: BigInt.asUintN(64, BigInt(value)),
    compressed: form.compressed ?? false,
  };
}

/** Reads guest memory page by page with plain loads. */
export function* readBytes(gpa: bigint | number, length: number): GuestCode<Uint8Array> {
  return (yield { op: "read", gpa: BigInt(gpa), length }).bytes;
}

/** Writes guest memory page by page with plain stores. */
export function* writeBytes(gpa: bigint | number, bytes: Uint8Array): GuestCode<OpResult> {
  return yield { op: "write", gpa: BigInt(gpa), bytes };
}

export function* illegal(word: number): GuestCode<OpResult> {
  return yield { op: "illegal", word };
}

export function* wfi(): GuestCode {
  yield { op: "wfi" };
}

/** One instruction that does nothing. */
export function* pause(): GuestCode {
  yield { op: "pause" };
}

/** Computes for so many timer ticks. */
export function* compute(ticks: bigint | number): GuestCode {
  yield { op: "compute", ticks: BigInt(ticks) };
}

export function* csrRead(csr: number): GuestCode<bigint> {
  return (yield { op: "csrRead", csr }).value;
}

export function* csrTry(csr: number): GuestCode<OpResult> {
  return yield { op: "csrRead", csr };
}

export function* csrWrite(csr: number, value: bigint): GuestCode<OpResult> {
  return yield { op: "csrWrite", csr, value: BigInt.asUintN(64, value) };
}

/** Writes a CSR and answers what it was, in one instruction. */
export function* csrSwap(csr: number, value: bigint): GuestCode<bigint> {
  return (yield { op: "csrSwap", csr, value: BigInt.asUintN(64, value) }).value;
}

export function* fpRead(register: number): GuestCode<bigint> {
  return (yield { op: "fpRead", register }).value;
}

export function* fpWrite(register: number, value: bigint): GuestCode<OpResult> {
  return yield { op: "fpWrite", register, value };
}

/** Reads through the guest's own page table as the hart's translation caches know it (see Cpu.space). */
export function* virtualLoad(gva: bigint): GuestCode<bigint> {
  return (yield { op: "virtualLoad", gva }).value;
}

/** Jumps to an address where no routine is, to see the fetch fault. */
export function* jump(gpa: bigint): GuestCode<OpResult> {
  return yield { op: "jump", gpa };
}

/** An exit with every trap CSR chosen by the caller. */
export function* rawExit(exit: RawExit): GuestCode<OpResult> {
  return yield { op: "exit", exit };
}
