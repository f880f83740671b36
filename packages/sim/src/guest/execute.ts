// SPDX-License-Identifier: Apache-2.0
// Executes one operation of a guest on a hart: memory goes through the stage-2 tables that the core built, and what
// hardware would trap becomes an exit. Called by guest/step.ts only; it never touches the coroutine frames.
import { CAUSE, CSR, HSTATUS_VTW, SSTATUS_FS } from "../csr.ts";
import type { SimHart } from "../sim-hart.ts";
import type { AccessKind } from "../stage2.ts";
import type { GuestTrap } from "../trap.ts";
import {
  compressedWord,
  csrReadWord,
  csrSwapWord,
  csrWriteWord,
  fpReadWord,
  fpWriteWord,
  loadWord,
  storeWord,
  WFI_WORD,
} from "./encode.ts";
import { guestCsr, readGuestCsr } from "./guest-csr.ts";
import type { GuestMemory } from "./memory.ts";
import type { Op, OpResult } from "./ops.ts";
import type { Frame, SimVcpu } from "./vcpu.ts";

export const NOTHING: OpResult = { error: 0n, value: 0n, bytes: new Uint8Array(), fault: null };

/** done: the operation is complete. trap: an exception. wait: it goes on at a later step. */
export type Outcome =
  | { readonly kind: "done"; readonly result: OpResult }
  | { readonly kind: "trap"; readonly trap: GuestTrap }
  | { readonly kind: "wait" };

export interface Execution {
  readonly hart: SimHart;
  readonly vcpu: SimVcpu;
  readonly frame: Frame;
  readonly memory: GuestMemory;
  readonly now: bigint;
  /** Whether this guest-page fault reports its instruction in htinst. */
  readonly transformed: boolean;
}

const DONE: Outcome = { kind: "done", result: NOTHING };
const done = (value: bigint): Outcome => ({ kind: "done", result: { ...NOTHING, value } });
const trap = (cause: bigint, stval = 0n): Outcome => ({
  kind: "trap",
  trap: { cause, stval, htval: 0n, htinst: 0n, gva: false },
});

/** A guest-page fault at `gpa`. */
export function guestPageFault(kind: AccessKind, gpa: bigint, htinst: bigint): GuestTrap {
  const cause = kind === "load" ? CAUSE.loadGuestPage : kind === "store" ? CAUSE.storeGuestPage : CAUSE.fetchGuestPage;
  return { cause, stval: gpa, htval: gpa >> 2n, htinst, gva: true };
}

export function execute(at: Execution): Outcome {
  const { op } = at.frame;
  switch (op.op) {
    case "ecall":
      return ecall(at, op);
    case "load":
    case "store":
      return access(at, op);
    case "read":
    case "write":
      return bulk(at, op);
    case "illegal":
      return trap(CAUSE.illegal, BigInt(op.word));
    case "wfi":
      return waitForInterrupt(at);
    case "pause":
      return DONE;
    case "compute":
      return compute(at);
    case "csrRead":
    case "csrWrite":
    case "csrSwap":
      return csrAccess(at, op);
    case "fpRead":
    case "fpWrite":
      return floating(at, op);
    case "virtualLoad":
      return virtualLoad(at, op.gva);
    case "jump":
      return jump(at, op.gpa);
    case "exit": {
      const { cause, stval, htval, htinst } = op.exit;
      if (at.vcpu.cpu) at.vcpu.cpu.recover = at.frame.pc + 4n;
      return { kind: "trap", trap: { cause, stval: stval ?? 0n, htval: htval ?? 0n, htinst: htinst ?? 0n, gva: true } };
    }
  }
}

function ecall({ vcpu }: Execution, op: Op & { op: "ecall" }): Outcome {
  for (let index = 0; index < 6; index++)
    vcpu.registers.set(10 + index, op.args[index] ?? vcpu.registers.get(10 + index));
  vcpu.registers.set(16, op.fid);
  vcpu.registers.set(17, op.eid);
  return trap(CAUSE.ecallVs);
}

/** The instruction of a memory operation, and its form as htinst reports it. */
function instruction(
  at: Execution,
  op: Op & { op: "load" | "store" },
  offset: number,
): { word: number; htinst: bigint } {
  const { rd } = at.frame;
  const plain =
    op.op === "load" ? loadWord({ width: op.width, signed: op.signed, rd }, offset) : storeWord(op.width, rd, offset);
  if (!op.compressed) return { word: plain, htinst: BigInt(plain) };
  const signed = op.op === "load" ? loadWord({ width: op.width, signed: true, rd }, offset) : plain;
  return { word: compressedWord(op.op, op.width as 4 | 8, rd), htinst: BigInt(signed) & ~2n };
}

/** The instruction word that lies at the guest's pc, for hw.fetchGuestParcel. */
export function currentWord(at: Execution): number {
  const { op } = at.frame;
  if (op.op === "load" || op.op === "store") return instruction(at, op, op.compressed ? 0 : 6).word;
  if (op.op === "wfi") return WFI_WORD;
  if (op.op === "csrRead" || op.op === "csrWrite" || op.op === "csrSwap") return csrWord(op, at.frame.rd);
  if (op.op === "illegal") return op.word;
  if (op.op === "read") return loadWord({ width: 1, signed: false, rd: at.frame.rd }, 6);
  if (op.op === "write") return storeWord(1, at.frame.rd, 6);
  if (op.op === "exit") return op.exit.word ?? 0;
  return 0x73;
}

function access(at: Execution, op: Op & { op: "load" | "store" }): Outcome {
  const { memory, hart, vcpu, frame } = at;
  const parts: { hpa: number; count: number }[] = [];
  if (op.op === "store") vcpu.registers.set(frame.rd, op.value);
  for (let done = 0; done < op.width;) {
    const gpa = BigInt.asUintN(64, op.gpa + BigInt(done));
    const hpa = memory.translate(hart, gpa, op.op);
    if (hpa === null) {
      const htinst = at.transformed ? instruction(at, op, done).htinst : 0n;
      return { kind: "trap", trap: guestPageFault(op.op, gpa, htinst) };
    }
    const count = Math.min(op.width - done, 4096 - Number(gpa & 0xfffn));
    parts.push({ hpa, count });
    done += count;
  }
  if (op.op === "load") {
    const value = memory.isMessagePage(parts[0]?.hpa ?? 0) ? 0n : extend(joined(at, parts), op);
    vcpu.registers.set(frame.rd, value);
    return done(value);
  }
  if (parts.length === 1 && memory.message(parts[0]?.hpa ?? 0, op.width, op.value)) return DONE;
  let rest = BigInt.asUintN(op.width * 8, op.value);
  for (const { hpa, count } of parts) {
    memory.ram.writeValue(hpa, count, BigInt.asUintN(count * 8, rest));
    rest >>= BigInt(count * 8);
  }
  return DONE;
}

function joined({ memory }: Execution, parts: readonly { hpa: number; count: number }[]): bigint {
  let value = 0n;
  let shift = 0n;
  for (const { hpa, count } of parts) {
    value |= memory.ram.readValue(hpa, count) << shift;
    shift += BigInt(count * 8);
  }
  return value;
}

/** What a load of that width leaves in a 64-bit register. */
export function extend(value: bigint, op: Op & { op: "load" }): bigint {
  const signed = op.signed || op.compressed;
  return signed ? BigInt.asUintN(64, BigInt.asIntN(op.width * 8, value)) : BigInt.asUintN(op.width * 8, value);
}

function bulk(at: Execution, op: Op & { op: "read" | "write" }): Outcome {
  const { memory, hart, frame } = at;
  const kind = op.op === "read" ? "load" : "store";
  const length = op.op === "read" ? op.length : op.bytes.length;
  const bytes = op.op === "read" ? new Uint8Array(length) : op.bytes;
  for (let offset = 0; offset < length;) {
    const gpa = op.gpa + BigInt(offset);
    const hpa = memory.translate(hart, gpa, kind);
    if (hpa === null) {
      const word = kind === "load" ? loadWord({ width: 1, signed: false, rd: frame.rd }, 0) : storeWord(1, frame.rd, 0);
      return { kind: "trap", trap: guestPageFault(kind, gpa, at.transformed ? BigInt(word) : 0n) };
    }
    const count = Math.min(length - offset, 4096 - Number(gpa & 0xfffn));
    if (op.op === "read") bytes.set(memory.ram.read(hpa, count), offset);
    else memory.ram.write(hpa, bytes.subarray(offset, offset + count));
    offset += count;
  }
  return { kind: "done", result: { ...NOTHING, bytes } };
}

function waitForInterrupt({ hart }: Execution): Outcome {
  if ((hart.csrs.read(CSR.hstatus) & HSTATUS_VTW) !== 0n) return trap(CAUSE.virtualInstruction, BigInt(WFI_WORD));
  hart.stalled = (hart.csrs.read(CSR.vsip) & hart.csrs.read(CSR.vsie)) === 0n;
  return DONE;
}

function compute({ hart, frame, now }: Execution): Outcome {
  if (frame.remaining === 0n) return DONE;
  hart.busyUntil = now + frame.remaining;
  return { kind: "wait" };
}

function csrWord(op: Op & { op: "csrRead" | "csrWrite" | "csrSwap" }, register: number): number {
  if (op.op === "csrRead") return csrReadWord(op.csr, register);
  return op.op === "csrWrite" ? csrWriteWord(op.csr, register) : csrSwapWord(op.csr, register);
}

function csrAccess(at: Execution, op: Op & { op: "csrRead" | "csrWrite" | "csrSwap" }): Outcome {
  const { hart, vcpu, frame } = at;
  const word = csrWord(op, frame.rd);
  if (op.op !== "csrRead") vcpu.registers.set(frame.rd, op.value);
  const reached = guestCsr(hart.csrs, op.csr);
  if ("cause" in reached) return trap(reached.cause, BigInt(word));
  if (reached.csr <= 3) return floatingAllowed(at) ? done(hart.fp[32] as bigint) : trap(CAUSE.illegal, BigInt(word));
  if (op.op === "csrWrite") {
    if (op.csr >> 10 === 3) return trap(CAUSE.illegal, BigInt(word));
    hart.csrs.write(reached.csr, op.value);
    return DONE;
  }
  const value = readGuestCsr(hart.csrs, reached.csr);
  if (op.op === "csrSwap") hart.csrs.write(reached.csr, op.value);
  vcpu.registers.set(frame.rd, value);
  return done(value);
}

function floatingAllowed({ hart }: Execution): boolean {
  return (hart.csrs.read(CSR.sstatus) & SSTATUS_FS) !== 0n && (hart.csrs.read(CSR.vsstatus) & SSTATUS_FS) !== 0n;
}

function floating(at: Execution, op: Op & { op: "fpRead" | "fpWrite" }): Outcome {
  const { hart, vcpu, frame } = at;
  const word = op.op === "fpRead" ? fpReadWord(op.register, frame.rd) : fpWriteWord(op.register, frame.rd);
  if (op.op === "fpWrite") vcpu.registers.set(frame.rd, op.value);
  if (!floatingAllowed(at)) return trap(CAUSE.illegal, BigInt(word));
  if (op.op === "fpRead") {
    vcpu.registers.set(frame.rd, hart.fp[op.register] as bigint);
    return done(hart.fp[op.register] as bigint);
  }
  hart.fp[op.register] = BigInt.asUintN(64, op.value);
  for (const csr of [CSR.sstatus, CSR.vsstatus]) hart.csrs.write(csr, hart.csrs.read(csr) | SSTATUS_FS);
  return DONE;
}

function virtualLoad({ hart, vcpu }: Execution, gva: bigint): Outcome {
  const vsatp = hart.csrs.read(CSR.vsatp);
  const asid = (vsatp >> 44n) & 0xffffn;
  const vmid = Number((hart.csrs.read(CSR.hgatp) >> 44n) & 0x3fffn);
  const page = gva >> 12n;
  const cached = hart.tlb.lookupGuest(vmid, asid, page);
  if (cached !== undefined) return done(cached);
  const value = vcpu.cpu?.guest.space(vsatp).get(page);
  if (value !== undefined) hart.tlb.fillGuest({ vmid, asid, page, value });
  return done(value ?? 0n);
}

function jump({ memory, hart, vcpu, frame }: Execution, gpa: bigint): Outcome {
  if (vcpu.cpu) vcpu.cpu.recover = frame.pc + 4n;
  const hpa = memory.translate(hart, gpa, "fetch");
  vcpu.registers.pc = gpa;
  return hpa === null ? { kind: "trap", trap: guestPageFault("fetch", gpa, 0n) } : trap(CAUSE.illegal, 0n);
}

/** Registers that the core may change while it handles this operation. */
export function changedBy(frame: Frame): readonly number[] {
  if (frame.op.op === "ecall") return [10, 11];
  if (frame.op.op === "load" || frame.op.op === "csrRead" || frame.op.op === "csrSwap") return [frame.rd];
  if (frame.op.op === "exit") return Array.from({ length: 32 }, (_, index) => index);
  return [];
}
