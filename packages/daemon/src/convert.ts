// SPDX-License-Identifier: Apache-2.0
// From the channel's records to the API's: numbers become names, ticks nanoseconds, masks lists. Pure.
import * as wire from "@typeone/protocol";
import type { EndPolicy, GuestInfo, GuestState, HartInfo, HostEvent, IrqInfo, MemoryRun, VcpuInfo } from "./api.ts";
import { EVENT_KINDS } from "./api.ts";

export interface Clock {
  readonly ticksPerSecond: bigint;
  /** Host time in ticks. */
  readonly now: bigint;
}

export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

export function nanoseconds(ticks: bigint, clock: Pick<Clock, "ticksPerSecond">): number {
  return clock.ticksPerSecond === 0n ? 0 : Number((ticks * 1_000_000_000n) / clock.ticksPerSecond);
}

const STATES: Readonly<Record<number, GuestState>> = {
  [wire.WireState.Created]: "created",
  [wire.WireState.Running]: "running",
  [wire.WireState.Paused]: "paused",
  [wire.WireState.Restarting]: "restarting",
  [wire.WireState.Shutdown]: "shutdown",
  [wire.WireState.Crashed]: "crashed",
  [wire.WireState.Loading]: "loading",
};
const GONE = 255;
const POLICIES: readonly EndPolicy[] = ["preserve", "restart", "destroy"];
const HSM = ["started", "stopped", "starting", "stopping", "suspended", "suspending", "resuming"];
const VCPU_STATES = ["stopped", "waiting", "ready", "running"] as const;
const VCPU_POLICIES = ["priority", "rate-monotonic", "pinned"] as const;
const OWNERS = ["free", "guest", "blob", "reserved", "disk"] as const;

export const stateName = (state: number): GuestState | undefined => STATES[state];
const policy = (policies: number, shift: number): EndPolicy => POLICIES[(policies >> shift) & 0xff] ?? "preserve";

export function toGuest(guest: wire.GuestInfo, clock: Clock): GuestInfo {
  const wanted = guest.wanted === GONE ? "gone" : stateName(guest.wanted);
  const ns = (ticks: bigint) => nanoseconds(ticks, clock);
  return {
    name: guest.name,
    id: guest.id + 1,
    state: stateName(guest.state) ?? "created",
    ...(wanted === undefined ? {} : { wanted }),
    vcpus: guest.vcpus,
    maxVcpus: guest.maxVcpus,
    onlineVcpus: guest.onlineVcpus,
    memoryBytes: Number(guest.memory),
    ramBase: hex(guest.ramBase),
    ageNs: Math.max(0, ns(clock.now - guest.createdAt)),
    ...(guest.startedAt === 0n ? {} : { uptimeNs: Math.max(0, ns(clock.now - guest.startedAt)) }),
    runTimeNs: ns(guest.runTime),
    waitTimeNs: ns(guest.waitTime),
    exits: Number(guest.exits),
    interrupts: Number(guest.interrupts),
    consoleOut: Number(guest.consoleOut),
    consoleIn: Number(guest.consoleIn),
    consoleLost: Number(guest.consoleLost),
    restarts: guest.restarts,
    restartsLeft: guest.restartsLeft,
    ...(guest.state === wire.WireState.Loading ? { loadedPercent: guest.loaded } : {}),
    onCrash: policy(guest.policies, 0),
    onReboot: policy(guest.policies, 8),
    onPoweroff: policy(guest.policies, 16),
    crashed: guest.crashReason !== 0,
  };
}

export function hartsOf(mask: bigint): number[] {
  return Array.from({ length: 64 }, (_, hart) => hart).filter((hart) => (mask >> BigInt(hart)) & 1n);
}

export function maskOf(harts: readonly number[]): bigint {
  return harts.reduce((mask, hart) => mask | (1n << BigInt(hart)), 0n);
}

export function toVcpu(vcpu: wire.VcpuInfo, exits: readonly wire.ExitCount[], clock: Clock): VcpuInfo {
  const counted = exits.filter(({ count }) => count > 0n).map(({ name, count }) => [name, Number(count)] as const);
  return {
    index: vcpu.index,
    hart: vcpu.hart,
    state: VCPU_STATES[vcpu.state] ?? "stopped",
    hsm: HSM[vcpu.hsm] ?? `state ${vcpu.hsm}`,
    policy: VCPU_POLICIES[vcpu.policy] ?? "priority",
    priority: vcpu.priority,
    weight: vcpu.weight,
    paused: vcpu.paused !== 0,
    affinity: hartsOf(vcpu.affinity),
    runTimeNs: nanoseconds(vcpu.runTime, clock),
    waitTimeNs: nanoseconds(vcpu.waitTime, clock),
    switches: Number(vcpu.switches),
    exits: Number(vcpu.exits),
    interrupts: Number(vcpu.interrupts),
    exitsByKind: Object.fromEntries(counted),
  };
}

export function toHart(hart: wire.HartInfo, nameOf: (id: number) => string, clock: Clock): HartInfo {
  const { currentGuest, currentVcpu } = hart;
  return {
    index: hart.index,
    online: hart.online !== 0,
    id: hex(hart.id),
    idleNs: nanoseconds(hart.idleTime, clock),
    timerInterrupts: Number(hart.timerInterrupts),
    ipis: Number(hart.ipis),
    externalInterrupts: Number(hart.externalInterrupts),
    ...(currentGuest === 0 ? {} : { current: { guest: nameOf(currentGuest - 1), vcpu: currentVcpu } }),
  };
}

export function toMemoryRun(run: wire.MemoryRun, nameOf: (id: number) => string): MemoryRun {
  return {
    hpa: hex(run.hpa),
    bytes: Number(run.size),
    owner: OWNERS[run.owner] ?? "reserved",
    ...(run.owner === wire.WireOwner.Guest ? { guest: nameOf(run.guest) } : {}),
  };
}

export function toIrq(irq: wire.IrqInfo): IrqInfo {
  return { number: irq.number, hart: irq.hart, count: Number(irq.count), owner: irq.owner };
}

const NO_GUEST = 0xffff;

export function toEvent(event: wire.Event, nameOf: (id: number) => string, clock: Clock): HostEvent {
  const kind = EVENT_KINDS[event.kind - 1] ?? "unknown";
  const [state, former] = [stateName(event.value), stateName(event.former)];
  return {
    timeNs: nanoseconds(event.when, clock),
    kind,
    ...(event.guest === NO_GUEST ? {} : { guest: nameOf(event.guest), id: event.guest + 1 }),
    ...(kind === "state" && state !== undefined ? { state } : {}),
    ...(kind === "state" && former !== undefined ? { former } : {}),
    value: event.value,
  };
}
