// SPDX-License-Identifier: Apache-2.0
// Steps a guest by one instruction on a hart: fetch through stage 2, VS interrupts, the coroutine's next operation;
// and takes a vCPU up again after the core handled its exit, telling a completed operation from a retry, an injected
// exception and a reset by the pc that the core left.
import { CAUSE, CSR, EID, INTERRUPT } from "../csr.ts";
import { Violation } from "../faults.ts";
import type { Random } from "../random.ts";
import type { SimHart } from "../sim-hart.ts";
import { enterVs, guestInterrupt, type GuestTrap, isInterrupt, returnFromVs } from "../trap.ts";
import { Cpu, type GuestState } from "./cpu.ts";
import { routineOf } from "./encode.ts";
import { changedBy, currentWord, execute, extend, guestPageFault, NOTHING } from "./execute.ts";
import type { GuestMemory } from "./memory.ts";
import type { Op, OpResult, Routine } from "./ops.ts";
import type { Frame, SimVcpu } from "./vcpu.ts";

export interface RoutineEntry {
  readonly guest: GuestState;
  readonly slot: number;
  readonly routine: Routine;
}

export interface GuestWorld {
  readonly memory: GuestMemory;
  readonly random: Random;
  /** All entry points of all guests, by routine number. */
  readonly routines: readonly RoutineEntry[];
  /** How guest-page faults report their instruction. */
  readonly htinst: "transformed" | "zero" | "random";
  now(): bigint;
  /** Takes a trap to the hypervisor. */
  exit(hart: SimHart, vcpu: SimVcpu, trap: GuestTrap): void;
  note(hart: SimHart, what: string, detail: string): void;
}

const IDLE: Op = { op: "wfi" };
/** Operations of a routine take their addresses from its slot in turn. */
const WRAP = 32n;

/** Takes an exception: into VS-mode where hedeleg says so, else to the hypervisor. */
export function raise(world: GuestWorld, hart: SimHart, vcpu: SimVcpu, trap: GuestTrap): void {
  const delegated = !isInterrupt(trap.cause) && ((hart.csrs.read(CSR.hedeleg) >> trap.cause) & 1n) === 1n;
  if (!delegated) return world.exit(hart, vcpu, trap);
  deliver(vcpu, enterVs(hart, trap.cause, trap.stval, vcpu.registers.pc));
}

function deliver(vcpu: SimVcpu, vector: bigint): void {
  if (vcpu.cpu) vcpu.cpu.instructionLength = vcpu.top?.length ?? 4n;
  vcpu.registers.pc = vector;
  vcpu.entering = "handler";
}

/** One step of the guest on `hart`; the caller has already looked for host interrupts. */
export function stepGuest(world: GuestWorld, hart: SimHart, vcpu: SimVcpu): void {
  if (hart.stalled) {
    if ((hart.csrs.read(CSR.vsip) & hart.csrs.read(CSR.vsie)) === 0n) return;
    hart.stalled = false;
  }
  const code = guestInterrupt(hart);
  if (code >= 0) {
    settle(world, hart, vcpu);
    world.note(hart, "vs-interrupt", String(code));
    deliver(vcpu, enterVs(hart, INTERRUPT | BigInt(code), 0n, vcpu.registers.pc));
    return;
  }
  const pc = vcpu.registers.pc;
  const hpa = world.memory.translate(hart, pc, "fetch");
  if (hpa === null) return raise(world, hart, vcpu, guestPageFault("fetch", pc, 0n));
  if (vcpu.entering || !vcpu.top) return begin(world, hart, vcpu, Number(world.memory.ram.readValue(hpa, 4)));
  const frame = vcpu.top;
  const transformed = world.htinst === "transformed" || (world.htinst === "random" && world.random.chance(0.5));
  const outcome = execute({ hart, vcpu, frame, memory: world.memory, now: world.now(), transformed });
  if (outcome.kind === "trap") return raise(world, hart, vcpu, outcome.trap);
  if (outcome.kind === "wait") {
    frame.remaining = 0n;
    return;
  }
  complete(hart, vcpu, frame, outcome.result);
}

/** Before a compute is interrupted: what is left of it stays to be done. */
export function settle(world: GuestWorld, hart: SimHart, vcpu: SimVcpu): void {
  const frame = vcpu.top;
  if (frame?.op.op === "compute" && hart.busyUntil > world.now()) frame.remaining = hart.busyUntil - world.now();
  hart.busyUntil = 0n;
}

/** The instruction word at the guest's pc, for hw.fetchGuestParcel. */
export function wordAtPc(world: GuestWorld, hart: SimHart, vcpu: SimVcpu): number {
  const frame = vcpu.top;
  if (!frame) return 0;
  return currentWord({ hart, vcpu, frame, memory: world.memory, now: world.now(), transformed: false });
}

/** Starts the routine whose marked word the guest fetched. */
function begin(world: GuestWorld, hart: SimHart, vcpu: SimVcpu, word: number): void {
  const entry = world.routines[routineOf(word)];
  const pc = vcpu.registers.pc;
  if (!entry)
    return raise(world, hart, vcpu, { cause: CAUSE.illegal, stval: BigInt(word), htval: 0n, htinst: 0n, gva: false });
  const handler = vcpu.entering === "handler" && vcpu.cpu !== null;
  if (!handler) enterRoutine(hart, vcpu, entry);
  vcpu.entering = null;
  const cpu = vcpu.cpu as Cpu;
  if (cpu.guest !== entry.guest) throw new Violation(`${cpu.guest.name} runs code of ${entry.guest.name}`);
  world.note(hart, handler ? "handler" : "entry", `${vcpu.name} slot ${entry.slot}`);
  const frame: Frame = {
    code: entry.routine(cpu),
    entry: pc,
    handler,
    pc: pc + 4n,
    length: 4n,
    op: IDLE,
    rd: 0,
    remaining: 0n,
  };
  vcpu.frames.push(frame);
  vcpu.registers.pc = frame.pc;
  next(hart, vcpu, frame, NOTHING);
}

/** The vCPU starts at an entry point: a boot, an HSM start or a resume. */
function enterRoutine(hart: SimHart, vcpu: SimVcpu, entry: RoutineEntry): void {
  const registers = vcpu.registers.all();
  const number = Number(registers[10]);
  let cpu = entry.guest.cpus.get(number);
  if (!cpu) {
    cpu = new Cpu(entry.guest, number);
    entry.guest.cpus.set(number, cpu);
  }
  cpu.opaque = registers[11] as bigint;
  cpu.entries++;
  cpu.entryRegisters = registers;
  const { csrs } = hart;
  cpu.entryCsrs = {
    vsstatus: csrs.read(CSR.vsstatus),
    vsatp: csrs.read(CSR.vsatp),
    vsie: csrs.read(CSR.vsie),
    vstvec: csrs.read(CSR.vstvec),
    vsip: csrs.read(CSR.vsip),
    vsscratch: csrs.read(CSR.vsscratch),
    scounteren: csrs.read(CSR.scounteren),
    senvcfg: csrs.read(CSR.senvcfg),
    hcounteren: csrs.read(CSR.hcounteren),
    henvcfg: csrs.read(CSR.henvcfg),
  };
  if (entry.slot === 0) {
    entry.guest.base = vcpu.registers.pc;
    entry.guest.boots++;
  }
  vcpu.frames = [];
  vcpu.cpu = cpu;
}

/** Ends an operation and asks the coroutine for the next one. */
function complete(hart: SimHart, vcpu: SimVcpu, frame: Frame, result: OpResult): void {
  const after = frame.pc + frame.length;
  frame.pc = after - frame.entry >= WRAP ? frame.entry + 4n : after;
  vcpu.registers.pc = frame.pc;
  next(hart, vcpu, frame, result);
}

function next(hart: SimHart, vcpu: SimVcpu, frame: Frame, result: OpResult): void {
  const step = frame.code.next(result);
  if (step.done) {
    if (frame.handler) return leaveHandler(hart, vcpu);
    frame.op = IDLE;
  } else {
    frame.op = step.value;
  }
  const compressed = (frame.op.op === "load" || frame.op.op === "store") && frame.op.compressed;
  frame.length = compressed ? 2n : 4n;
  // Away from a0 to a7, and among x8 to x15 where the instruction is compressed.
  frame.rd = compressed ? 9 : 18 + (Number(frame.pc >> 2n) % 10);
  if (frame.op.op === "compute") frame.remaining = frame.op.ticks;
}

function leaveHandler(hart: SimHart, vcpu: SimVcpu): void {
  const pc = returnFromVs(hart);
  vcpu.frames.pop();
  vcpu.registers.pc = pc;
  const frame = vcpu.top;
  if (!frame || pc === frame.pc) {
    if (!frame) vcpu.entering = "reset";
    return;
  }
  if (pc === frame.pc + frame.length) {
    const fault = vcpu.cpu?.fault ?? null;
    return complete(hart, vcpu, frame, { ...NOTHING, fault });
  }
  vcpu.entering = "reset";
}

/** The core enters `vcpu` on `hart`: finds out what became of the operation that exited. */
export function resume(world: GuestWorld, hart: SimHart, vcpu: SimVcpu): void {
  const frame = vcpu.top;
  const pc = vcpu.registers.pc;
  if (!frame || vcpu.entering) {
    if (vcpu.entering === "handler" && pc !== (hart.csrs.read(CSR.vstvec) & ~3n)) vcpu.entering = "reset";
    return;
  }
  const again = pc === frame.pc || (frame.op.op === "jump" && pc === frame.op.gpa);
  // An exit that a test made up is over once the core returns to the guest, one way or the other.
  if ((again || pc === frame.pc + 2n) && frame.op.op === "exit") return complete(hart, vcpu, frame, NOTHING);
  if (again) return vcpu.compare(hart.csrs, [], "nothing");
  if (pc === frame.pc + frame.length) {
    vcpu.compare(hart.csrs, changedBy(frame), setsTimer(frame.op) ? "timer" : "nothing");
    return complete(hart, vcpu, frame, resultOf(vcpu, frame));
  }
  if (pc === (hart.csrs.read(CSR.vstvec) & ~3n) && hart.csrs.read(CSR.vsepc) === vcpu.trapPc) {
    vcpu.compare(hart.csrs, [], "trap");
    world.note(hart, "injected", `${vcpu.name} cause ${hart.csrs.read(CSR.vscause)}`);
    return deliver(vcpu, pc);
  }
  vcpu.entering = "reset";
  vcpu.frames = [];
}

function setsTimer(op: Op): boolean {
  return op.op === "ecall" && op.eid === EID.time;
}

/** What the core left for the guest as the result of the operation. */
function resultOf(vcpu: SimVcpu, frame: Frame): OpResult {
  const { op } = frame;
  if (op.op === "ecall") {
    return { ...NOTHING, error: BigInt.asIntN(64, vcpu.registers.get(10)), value: vcpu.registers.get(11) };
  }
  if (op.op === "load") {
    const value = vcpu.registers.get(frame.rd);
    if (value !== extend(value, op)) {
      throw new Violation(`${vcpu.name}: a load of ${op.width} bytes left ${value.toString(16)} in its register`);
    }
    return { ...NOTHING, value };
  }
  return { ...NOTHING, value: vcpu.registers.get(frame.rd) };
}
