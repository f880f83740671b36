// SPDX-License-Identifier: Apache-2.0
// The way into the core and out of it again: what assembly does around boot, secondary and trap. It instantiates the
// core, gives it its imports, records faults in the Hart record and calls `trap` again, and enters what comes back.
import type { CoreModule, Offsets } from "./core-module.ts";
import { CSR } from "./csr.ts";
import { CoreFault, FAULT_BREAKPOINT, MachinePanic, Violation } from "./faults.ts";
import { firmwareCall, type SbiAnswer } from "./firmware.ts";
import { type GuestWorld, resume, wordAtPc } from "./guest/step.ts";
import { hardwareImports, type HardwareView, Parked } from "./imports.ts";
import { LINEAR_START } from "./layout.ts";
import { LockWatch } from "./locks.ts";
import type { Machine } from "./machine.ts";
import type { Ram } from "./ram.ts";
import type { SimHart } from "./sim-hart.ts";
import { returnToGuest } from "./trap.ts";
import type { DeviceBus } from "./bus.ts";

export type CoreExport = "boot" | "secondary" | "trap";
type CoreExports = Readonly<Record<CoreExport, (...args: (number | bigint)[]) => number>>;

/** Where the image lies, relative to RAM, and how much of it is code. */
const IMAGE_OFFSET = 0x200000;
const CODE_SIZE = 0x40000;
const LINEAR_LIMIT = 512 * 0x100000;
const FAULT_ROUNDS = 4;
/** Import calls of one trap (a boot with large guests included) after which it counts as an endless loop. */
const IMPORT_LIMIT = 3_000_000;

export interface ContainedFault {
  readonly hart: number;
  readonly context: number;
  readonly message: string;
}

export class CallGate implements HardwareView {
  readonly ram: Ram;
  readonly bus: DeviceBus;
  readonly offsets: Offsets;
  readonly imageStart: number;
  readonly linearBase: number;
  readonly secondaryEntry: bigint;
  readonly locks: LockWatch;
  /** Faults of the core that it was asked to contain. */
  readonly faults: ContainedFault[] = [];
  /** Faults are expected: contain them. Otherwise the first one ends the run with its stack. */
  containFaults = false;
  /** Called before each import of a trap with its ordinal; may throw to inject a fault. */
  onImport: ((name: string, ordinal: number, hart: SimHart) => void) | null = null;
  /** Replaces what the guest's instruction memory answers. */
  parcelOverride: ((gva: bigint) => number | null) | null = null;
  importCount = 0;
  readonly #machine: Machine;
  readonly #world: GuestWorld;
  readonly #memory: WebAssembly.Memory;
  readonly #exports: CoreExports;
  #current: SimHart;
  #view: DataView;
  #linearEnd: number;
  #depth = 0;
  #ordinal = 0;
  /** Traps in flight that no other hart may run below: others would wait for them without end (timerCancel). */
  #whole = 0;

  constructor(machine: Machine, core: CoreModule, world: GuestWorld) {
    this.#machine = machine;
    this.#world = world;
    this.ram = machine.ram;
    this.bus = machine.devices.bus;
    this.offsets = core.offsets;
    this.#current = machine.harts[0] as SimHart;
    this.imageStart = machine.ram.base + IMAGE_OFFSET;
    this.linearBase = this.imageStart + CODE_SIZE - LINEAR_START;
    this.secondaryEntry = BigInt(this.imageStart + 0x100);
    this.#view = new DataView(new ArrayBuffer(0));
    this.locks = new LockWatch();
    const instance = new WebAssembly.Instance(core.module, { hw: hardwareImports(this), env: { abort: this.#abort } });
    this.#memory = instance.exports["memory"] as WebAssembly.Memory;
    this.#exports = instance.exports as unknown as CoreExports;
    const heapBase = Number((instance.exports["heapBase"] as WebAssembly.Global).value);
    this.#linearEnd = LINEAR_START + Math.ceil((heapBase - LINEAR_START) / 4096) * 4096;
    this.ram.attachLinear(this.#memory, this.linearBase, LINEAR_START, this.#linearEnd);
  }

  get current(): SimHart {
    return this.#current;
  }

  view(): DataView {
    if (this.#view.buffer !== this.#memory.buffer) this.#view = new DataView(this.#memory.buffer);
    return this.#view;
  }

  now(): bigint {
    return this.#machine.time;
  }

  /** Behind the image and the linear memory as far as it was extended. */
  get imageEnd(): number {
    return this.linearBase + this.#linearEnd;
  }

  /** Bytes of linear memory in use. */
  get linearSize(): number {
    return this.#linearEnd;
  }

  // ---- Entering and leaving.

  /** Calls an export on a hart, contains what it throws, and enters the context that it answers. */
  enter(hart: SimHart, name: CoreExport, args: readonly (number | bigint)[], kind: string = name): void {
    const before = { current: this.#current, imports: this.importCount, ordinal: this.#ordinal };
    this.#current = hart;
    this.#depth++;
    this.#ordinal = 0;
    hart.inFlight = true;
    hart.traps++;
    const whole = timerDue(hart);
    if (whole) this.#whole++;
    let context: number | null;
    try {
      context = this.#call(hart, () => this.#exports[name](...args));
    } finally {
      hart.inFlight = false;
      if (whole) this.#whole--;
      this.#depth--;
      this.#current = before.current;
      this.#ordinal = before.ordinal;
    }
    this.locks.left(hart.index);
    this.#machine.trace.countExit(kind === "trap" ? "idle" : kind, this.importCount - before.imports);
    // Bit 0 only tells assembly to load every register, which here are in memory anyway.
    if (context !== null) this.#leave(hart, context & ~1);
  }

  /** Calls a function that a test brought into the core, on a hart as in a trap; answers what it answers. */
  ask(hart: SimHart, name: string, args: readonly (number | bigint)[]): number {
    const exported = (this.#exports as Readonly<Record<string, (...args: (number | bigint)[]) => number>>)[name];
    if (!exported) throw new Error(`the core exports no ${name}`);
    const before = this.#current;
    this.#current = hart;
    try {
      return exported(...args);
    } finally {
      this.#current = before;
      this.locks.left(hart.index);
    }
  }

  /** As traced_entry in entry.S. */
  noteExit(hart: SimHart): void {
    if (!hart.notesExits) return;
    const at = (name: string): number => hart.record + (this.offsets[name] ?? 0);
    this.view().setBigUint64(at("HART_EXIT_TIME"), this.now(), true);
    this.view().setBigUint64(at("HART_EXIT_LINES"), hart.csrs.read(CSR.hvip), true);
  }

  #call(hart: SimHart, run: () => number): number | null {
    let next = run;
    for (let round = 0; round < FAULT_ROUNDS; round++) {
      try {
        return next() >>> 0;
      } catch (error) {
        if (error instanceof Parked) return null;
        const fault = asFault(error);
        if (!fault) throw error;
        if (!this.containFaults || hart.record === 0) {
          throw new MachinePanic(
            `the core faulted on hart ${hart.index}: ${(error as Error).stack ?? ""}\n${this.#machine.describe()}`,
          );
        }
        next = this.#record(hart, fault);
      }
    }
    throw new MachinePanic(
      `hart ${hart.index} faults again and again: ${this.faults.map((fault) => fault.message).join("; ")}`,
    );
  }

  /** As record_fault in entry.S: the fault goes into the Hart record, and `trap` is called for the loaded vCPU. */
  #record(hart: SimHart, fault: CoreFault): () => number {
    const at = (name: string): number => hart.record + (this.offsets[name] ?? 0);
    const view = this.view();
    view.setBigUint64(at("FAULT_CAUSE"), fault.cause, true);
    view.setBigUint64(at("FAULT_PC"), 0x1_0000_0000n + BigInt(this.faults.length * 4 + 0x1000), true);
    view.setBigUint64(at("FAULT_VALUE"), BigInt.asUintN(64, fault.value), true);
    const loaded = 0;
    this.faults.push({ hart: hart.index, context: loaded, message: fault.message });
    this.#machine.trace.note(this.now(), hart.index, "fault", fault.message);
    return () => this.#exports.trap(1);
  }

  #leave(hart: SimHart, context: number): void {
    hart.busyUntil = 0n;
    hart.stalled = false;
    hart.context = context;
    if (context === 0) {
      hart.mode = "idle";
      return;
    }
    const vcpu = this.#machine.vcpuOf(context);
    if (vcpu.hart >= 0 && vcpu.hart !== hart.index) {
      throw new Violation(`${vcpu.name} is entered on hart ${hart.index} while it runs on hart ${vcpu.hart}`);
    }
    this.view().setBigUint64(context + (this.offsets["CONTEXT_HART"] ?? 0), BigInt(hart.record), true);
    vcpu.hart = hart.index;
    hart.mode = "guest";
    returnToGuest(hart);
    resume(this.#world, hart, vcpu);
  }

  // ---- What the imports need.

  beforeImport(name: string): void {
    this.importCount++;
    const ordinal = this.#ordinal++;
    if (ordinal > IMPORT_LIMIT) throw new Violation(`hart ${this.#current.index} does not come back from a trap`);
    this.onImport?.(name, ordinal, this.#current);
    const { interleave } = this.#machine.options;
    if (interleave === 0 || this.locks.count > 0 || this.#depth > 3 || this.#whole > 0) return;
    // A timer that came due on the way: its expiry may run in this trap too.
    if (timerDue(this.#current)) return;
    if (!this.#machine.random.chance(interleave)) return;
    this.#stepOther();
  }

  extendLinear(bytes: number): boolean {
    if (bytes % 4096 !== 0 || this.#linearEnd + bytes > LINEAR_LIMIT) return false;
    this.#linearEnd += bytes;
    const missing = this.#linearEnd - this.#memory.buffer.byteLength;
    if (missing > 0) this.#memory.grow(Math.ceil(missing / 65536));
    this.ram.attachLinear(this.#memory, this.linearBase, LINEAR_START, this.#linearEnd);
    return true;
  }

  fetchParcel(gva: bigint): number {
    const override = this.parcelOverride?.(gva) ?? null;
    if (override !== null) return override;
    const hart = this.#current;
    if (hart.context === 0) return 0x10000;
    const vcpu = this.#machine.vcpuOf(hart.context);
    const word = wordAtPc(this.#world, hart, vcpu);
    if (gva === vcpu.trapPc) return word & 0xffff;
    if (gva === vcpu.trapPc + 2n) return word >>> 16;
    return 0x10000;
  }

  sbi(eid: bigint, fid: bigint, args: readonly bigint[]): SbiAnswer {
    const machine = this.#machine;
    const world = {
      harts: machine.harts,
      ram: machine.ram,
      secondaryEntry: this.secondaryEntry,
      deadHarts: machine.options.deadHarts,
      now: () => machine.time,
      print: (byte: number) => machine.devices.uart.emit(byte),
      takeInput: () => -1,
      reset: (type: bigint, reason: bigint) => {
        machine.resets.push({ type, reason });
        this.#current.mode = "parked";
        throw new Parked();
      },
    };
    return firmwareCall(world, this.#current, { eid, fid, args });
  }

  lockTried(ptr: number, before: number): void {
    this.locks.tried(ptr, before, this.#current.index);
  }

  lockReleased(ptr: number): void {
    this.locks.released(ptr);
  }

  /** A hart that waits for a word lets the others run meanwhile, and time go by. */
  polled(ptr: number): void {
    if (!this.locks.polled(ptr, this.#current.index) || this.locks.count > 0) return;
    if (!this.#stepOther()) this.#machine.time += 1000n;
  }

  #stepOther(): boolean {
    const others = this.#machine.harts.filter((hart) => this.#machine.canAct(hart));
    if (others.length > 0) this.#machine.stepHart(this.#machine.random.pick(others));
    return others.length > 0;
  }

  readonly #abort = (message: number, file: number, line: number, column: number): never => {
    throw new CoreFault(`abort at ${this.#string(file)}:${line}:${column} ${this.#string(message)}`, FAULT_BREAKPOINT);
  };

  /** An AssemblyScript string literal. */
  #string(ptr: number): string {
    if (ptr === 0) return "";
    const view = this.view();
    const length = view.getUint32(ptr - 4, true);
    let out = "";
    for (let index = 0; index < Math.min(length, 400); index += 2)
      out += String.fromCharCode(view.getUint16(ptr + index, true));
    return out;
  }
}

/** This trap will run the expiries of timers, which other harts wait for without a lock. */
function timerDue(hart: SimHart): boolean {
  return (hart.hostPending() & (1n << 5n)) !== 0n;
}

/** What the metal would see as a fault of the hypervisor; null for anything that is no fault of the core. */
function asFault(error: unknown): CoreFault | null {
  if (error instanceof CoreFault) return error;
  if (error instanceof WebAssembly.RuntimeError) {
    const cause = /out of bounds/.test(error.message) && /memory/.test(error.message) ? 13n : FAULT_BREAKPOINT;
    return new CoreFault(error.message, cause);
  }
  if (error instanceof RangeError && /stack/.test(error.message)) return new CoreFault("stack overflow", 15n);
  return null;
}
