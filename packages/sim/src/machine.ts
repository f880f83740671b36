// SPDX-License-Identifier: Apache-2.0
// The simulated machine: harts, RAM, devices and firmware around one instance of the core. `create` builds it, `boot`
// enters the core as firmware would, `run` steps harts in a seeded random order until a test has what it wants.
import { type FdtTree, serialize } from "@typeone/fdt";
import { CallGate } from "./call-gate.ts";
import { checkMachine } from "./check.ts";
import { loadCore, type CoreModule } from "./core-module.ts";
import type { CsrOptions } from "./csr-file.ts";
import { CSR } from "./csr.ts";
import { placeDomains, type PlacedModule } from "./domains.ts";
import { Violation } from "./faults.ts";
import { type GuestState } from "./guest/cpu.ts";
import { GuestMemory } from "./guest/memory.ts";
import { type GuestWorld, raise, settle, stepGuest } from "./guest/step.ts";
import { Registers, SimVcpu } from "./guest/vcpu.ts";
import { FIRMWARE_SIZE, hostTree } from "./host-tree.ts";
import { fullOptions, type FullOptions, type MachineOptions } from "./options.ts";
import { Ram } from "./ram.ts";
import { seededRandom, type Random } from "./random.ts";
import { NEVER, SimHart } from "./sim-hart.ts";
import { Trace } from "./trace.ts";
import { enterHs, guestInterrupt, type GuestTrap, hostInterrupt, interruptTrap, isInterrupt } from "./trap.ts";
import type { HostVirtioConsole } from "./devices/virtio-console.ts";
import { type HostDevices, wireDevices } from "./wiring.ts";

export interface RunLimits {
  readonly maxSteps?: number;
  /** Ticks of virtual time. */
  readonly maxTime?: bigint;
}

/** until: the predicate held. quiet: nothing will ever happen again. ended: the hypervisor ended the machine. */
export type RunReason = "until" | "quiet" | "steps" | "time" | "ended";

export class Machine {
  readonly options: FullOptions;
  readonly ram: Ram;
  readonly harts: readonly SimHart[];
  readonly devices: HostDevices;
  readonly random: Random;
  readonly trace: Trace;
  readonly guests: readonly GuestState[];
  readonly modules: readonly PlacedModule[];
  readonly tree: FdtTree;
  readonly treeHpa: number;
  readonly treeSize: number;
  readonly gate: CallGate;
  readonly vcpus = new Map<number, SimVcpu>();
  /** Latest hgatp under which each guest ran. */
  readonly roots = new Map<GuestState, bigint>();
  /** Calls of SRST by the hypervisor itself. */
  readonly resets: { type: bigint; reason: bigint }[] = [];
  readonly #world: GuestWorld;
  time = 1000n;
  steps = 0;

  private constructor(options: FullOptions, core: CoreModule) {
    this.options = options;
    this.ram = new Ram(options.ramBase, options.ramMiB * 0x100000);
    this.random = seededRandom(options.seed);
    this.trace = new Trace(options.traceLength);
    const csrs: CsrOptions = options;
    this.harts = options.hartIds.map((id, index) => new SimHart(index, BigInt(id), csrs, () => this.time));
    this.devices = wireDevices(options, this.harts, this.ram);
    this.tree = hostTree(options);
    const placed = placeDomains(options, this.ram, this.tree);
    this.guests = placed.guests;
    this.modules = placed.modules;
    const blob = options.tree ?? serialize(this.tree);
    this.treeHpa = Math.min(this.ram.end, 0xc0000000) - 0x200000;
    this.treeSize = blob.length;
    this.ram.write(this.treeHpa, blob);
    const memory = new GuestMemory(this.ram, this.devices.bus);
    this.#world = {
      memory,
      random: this.random,
      routines: placed.routines,
      htinst: options.htinst,
      now: () => this.time,
      exit: (hart, vcpu, trap) => this.#exit(hart, vcpu, trap),
      note: (hart, what, detail) => this.#note(hart, what, detail),
    };
    this.gate = new CallGate(this, core, this.#world);
  }

  static async create(options: MachineOptions = {}): Promise<Machine> {
    return new Machine(fullOptions(options), await loadCore(options.core));
  }

  /** Host-physical range of firmware. */
  get firmware(): readonly [number, number] {
    return [this.options.ramBase, this.options.ramBase + FIRMWARE_SIZE];
  }

  get console(): string {
    return this.devices.uart.output;
  }

  /** The toolstack's end of the management channel's virtio console. */
  get channel(): HostVirtioConsole {
    if (!this.devices.channel) throw new Error('the machine has no channel; create it with channel: "modern"');
    return this.devices.channel;
  }

  guest(name: string): GuestState {
    const guest = this.guests.find((each) => each.name === name);
    if (!guest) throw new Error(`there is no guest ${name}`);
    return guest;
  }

  /** Firmware enters the hypervisor on the boot hart. */
  boot(): this {
    const hart = this.harts[this.options.bootHart] as SimHart;
    hart.mode = "starting";
    this.gate.enter(hart, "boot", [hart.id, BigInt(this.treeHpa)]);
    return this;
  }

  /** Calls a function that the test's core exports, on the first hart, between its traps. */
  ask(name: string, ...args: readonly (number | bigint)[]): number {
    return this.gate.ask(this.harts[0] as SimHart, name, args);
  }

  // ---- The scheduler of harts.

  /** Steps harts until `until` holds or a limit is reached. */
  run(until: () => boolean = () => false, limits: RunLimits = {}): RunReason {
    const lastStep = this.steps + (limits.maxSteps ?? 200_000);
    const lastTime = limits.maxTime === undefined ? NEVER : this.time + limits.maxTime;
    while (!until()) {
      if (this.resets.length > 0) return "ended";
      if (this.steps >= lastStep) return "steps";
      if (this.time >= lastTime) return "time";
      const ready = this.harts.filter((hart) => this.canAct(hart));
      if (ready.length > 0) this.stepHart(this.random.pick(ready));
      else if (!this.#skip(lastTime)) return "quiet";
    }
    return "until";
  }

  /** As run, but anything else than the predicate is an error with the state of the machine in it. */
  runUntil(until: () => boolean, limits: RunLimits = {}): void {
    const reason = this.run(until, limits);
    if (reason !== "until") throw new Error(`the run ended with "${reason}"\n${this.describe()}`);
  }

  /** Nothing can act: jumps to the next event. */
  #skip(lastTime: bigint): boolean {
    let next = NEVER;
    for (const hart of this.harts) {
      const event = hart.mode === "off" || hart.mode === "parked" ? NEVER : hart.nextEvent(this.time);
      if (event < next) next = event;
    }
    if (next === NEVER) return false;
    this.time = next < lastTime ? next : lastTime;
    return true;
  }

  canAct(hart: SimHart): boolean {
    if (hart.inFlight) return false;
    if (hart.mode === "starting") return true;
    if (hart.mode === "idle") return hart.wakePending() !== 0n || this.random.chance(this.options.spuriousWake);
    if (hart.mode !== "guest") return false;
    if (hart.hostPending() !== 0n || guestInterrupt(hart) >= 0) return true;
    if (hart.stalled) return (hart.csrs.read(CSR.vsip) & hart.csrs.read(CSR.vsie)) !== 0n;
    return hart.busyUntil <= this.time;
  }

  stepHart(hart: SimHart): void {
    this.steps++;
    this.time++;
    if (hart.mode === "starting") {
      this.gate.enter(hart, "secondary", [hart.opaque]);
    } else if (hart.mode === "idle") {
      hart.wakes++;
      this.gate.enter(hart, "trap", [0]);
    } else {
      this.#stepInGuest(hart, this.vcpuOf(hart.context));
    }
  }

  #stepInGuest(hart: SimHart, vcpu: SimVcpu): void {
    const code = hostInterrupt(hart);
    if (code >= 0) {
      settle(this.#world, hart, vcpu);
      hart.stalled = false;
      this.#exit(hart, vcpu, interruptTrap(code));
      return;
    }
    if (hart.busyUntil > this.time && guestInterrupt(hart) < 0) return;
    stepGuest(this.#world, hart, vcpu);
  }

  /** Raises a trap on the guest that runs on `hart`, for tests that write the trap CSRs themselves. */
  raise(hart: SimHart, trap: GuestTrap): void {
    raise(this.#world, hart, this.vcpuOf(hart.context), trap);
  }

  #exit(hart: SimHart, vcpu: SimVcpu, trap: GuestTrap): void {
    this.#note(
      hart,
      "exit",
      `${vcpu.name} cause ${trap.cause.toString(16)} stval ${trap.stval.toString(16)} pc ${vcpu.registers.pc.toString(16)}`,
    );
    if (vcpu.cpu) this.roots.set(vcpu.cpu.guest, hart.csrs.read(CSR.hgatp));
    vcpu.trapPc = vcpu.registers.pc;
    vcpu.remember(hart.csrs);
    vcpu.exits++;
    vcpu.hart = -1;
    enterHs(hart, trap, vcpu.registers.pc);
    this.gate.noteExit(hart);
    this.gate.enter(hart, "trap", [hart.context], exitKind(vcpu, trap));
  }

  #note(hart: SimHart, what: string, detail: string): void {
    if (what === "entry") {
      const { cpu } = this.vcpuOf(hart.context);
      if (cpu) this.roots.set(cpu.guest, hart.csrs.read(CSR.hgatp));
    }
    this.trace.note(this.time, hart.index, what, detail);
  }

  vcpuOf(context: number): SimVcpu {
    let vcpu = this.vcpus.get(context);
    if (!vcpu) {
      if (context % 8 !== 0) throw new Violation(`context ${context.toString(16)} is misaligned`);
      vcpu = new SimVcpu(new Registers(() => this.gate.view(), context));
      this.vcpus.set(context, vcpu);
    }
    return vcpu;
  }

  // ---- Looking at it.

  /** Checks every invariant; throws a Violation that names the first broken one. */
  check(dead: readonly string[] = []): void {
    checkMachine(this, dead);
  }

  /** Where every hart and guest stands, for messages. */
  describe(): string {
    const harts = this.harts.map((hart) => {
      const what =
        hart.mode === "guest"
          ? ` ${this.vcpuOf(hart.context).name} at ${this.vcpuOf(hart.context).registers.pc.toString(16)}`
          : "";
      return `hart ${hart.index}: ${hart.mode}${what}, pending ${hart.csrs.pending().toString(16)}, enabled ${hart.csrs.enables.toString(16)}`;
    });
    const guests = this.guests.map(
      (guest) => `${guest.name}: ${guest.boots} boots, said ${JSON.stringify(guest.log.slice(-5))}`,
    );
    return [
      `time ${this.time}, ${this.steps} steps`,
      ...harts,
      ...guests,
      "console:",
      this.console,
      this.trace.toString(),
    ].join("\n");
  }
}

function exitKind(vcpu: SimVcpu, trap: GuestTrap): string {
  if (isInterrupt(trap.cause)) return `interrupt ${trap.cause & 0xffn}`;
  return vcpu.top ? vcpu.top.op.op : `cause ${trap.cause}`;
}
