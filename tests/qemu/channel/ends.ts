// SPDX-License-Identifier: Apache-2.0
// What becomes of guests that end: each policy, the limit on restarts, the crash record; and that whatever a guest had is
// there again when it is gone.
import { OPERATIONS, type Register, type TrailExit, WireEvent, WirePolicy, WireState } from "@typeone/protocol";
import { HELD, type Holdings, holdingsOf } from "../../soak/counters.ts";
import { type ChannelHost, expect, type Handle, refusedWith } from "./host.ts";
import type { ChannelScenario } from "./scenario.ts";

const SELF_TEST = 0x0a54_3100n;
const HYPERVISOR_FAULT = 2;
const CHECK_FAILED = 3;
const TRAIL = 64;

async function holdings({ client }: ChannelHost): Promise<Holdings> {
  return holdingsOf((await client.call(OPERATIONS.HostInfo, {})).answer);
}

/** Clearing memory takes a moment. */
async function backTo(host: ChannelHost, before: Holdings): Promise<void> {
  await host.until(
    `counters are again ${JSON.stringify(before)}`,
    () => holdings(host),
    (now) => HELD.every((name) => now[name] === before[name]),
  );
}

function faulty(host: ChannelHost, name: string, ends: Readonly<Record<string, string | number>>): Promise<Handle> {
  const properties = { "typeone,self-test": new Uint8Array(), ...ends };
  return host.create({ name, payload: "faults", args: "fault=0 lines=2", properties });
}

async function reached(host: ChannelHost, handle: Handle, state: keyof typeof WireState) {
  const look = () => host.guest(handle);
  const guest = await host.until(`guest ${handle.guest} is ${state}`, look, (seen) => seen?.state === WireState[state]);
  if (!guest) throw new Error("it is gone");
  return guest;
}

async function countEvents(host: ChannelHost, handle: Handle, kind: keyof typeof WireEvent): Promise<number[]> {
  return (await host.events(handle)).filter((event) => event.kind === WireEvent[kind]).map(({ value }) => value);
}

function checkRegisters(registers: readonly Register[]): void {
  const named = new Map(registers.map(({ name, value }) => [name, value]));
  expect(registers.length === 32 && named.size === 32, "pc and 31 registers have names", [...named.keys()]);
  expect(named.get("a7") === SELF_TEST, "a7 is the extension that was called", named.get("a7"));
  expect(named.get("a6") === 0n, "a6 is its function", named.get("a6"));
  const pc = Number(named.get("pc"));
  expect(pc > 0x8020_0000 && pc < 0x8040_0000, "pc is in the payload", pc);
}

/** It printed 2 lines of 20 bytes: a load and a store each, before the call. */
function checkTrail(exits: readonly TrailExit[]): void {
  expect(exits.length === TRAIL, `${TRAIL} exits are remembered`, exits.length);
  const [call, ...rest] = exits;
  const called = call?.name === "sbi-other" && call.detail === SELF_TEST && call.func === 0n;
  expect(called, "the newest is the call", call);
  const own = rest.filter(({ name }) => !/^(timer|ipi|interrupt|yield)$/.test(name));
  const printing = own.every(({ name, detail }) => /^mmio-(load|store)$/.test(name) && detail >> 3n === 0x0200_0000n);
  const names = [...new Set(rest.map(({ name }) => name))];
  expect(printing && own.length > TRAIL / 2, "the others are those of the UART, and the host's interrupts", names);
}

async function preserved(host: ChannelHost): Promise<void> {
  const before = await holdings(host);
  const handle = await faulty(host, "kept", { "typeone,on-crash": "preserve", "typeone,on-reboot": "destroy" });
  const info = await reached(host, handle, "Crashed");
  expect(info.crashReason === HYPERVISOR_FAULT, "the reason is in the list of guests", info);
  const policies = WirePolicy.Preserve | (WirePolicy.Destroy << 8) | (WirePolicy.Preserve << 16);
  expect(info.policies === policies, "so are its policies", info.policies);
  const { answer: crash } = await host.client.call(OPERATIONS.Crash, handle);
  const { reason, cause, hypervisorPc, hypervisorValue, trail, registers } = crash;
  expect(reason === HYPERVISOR_FAULT && /faulted while it worked/.test(cause), "the record says why", crash);
  expect(hypervisorPc > 0x8020_0000n && hypervisorValue === 0n, "and where the hypervisor was", crash);
  expect(trail === TRAIL && registers === 32, "and how much is kept", crash);
  checkRegisters((await host.client.call(OPERATIONS.CrashRegisters, handle)).records);
  checkTrail((await host.client.call(OPERATIONS.CrashTrail, { ...handle, from: 0 })).records);
  const older = await host.client.call(OPERATIONS.CrashTrail, { ...handle, from: TRAIL - 4 });
  expect(older.records.length === 4, "its oldest four can be had alone", older.records.length);
  const crashes = await countEvents(host, handle, "Crash");
  expect(crashes.join() === `${HYPERVISOR_FAULT}`, "one event tells of it", crashes);
  await host.destroy(handle);
  await refusedWith("NotFound", host.client.call(OPERATIONS.Crash, handle));
  await backTo(host, before);
}

async function destroyed(host: ChannelHost): Promise<void> {
  const before = await holdings(host);
  const handle = await faulty(host, "brief", { "typeone,on-crash": "destroy" });
  await host.gone(handle);
  await backTo(host, before);
  const told = [await countEvents(host, handle, "Crash"), await countEvents(host, handle, "Destroyed")];
  expect(
    told.every(({ length }) => length === 1),
    "events tell of the crash and of the end",
    told,
  );
}

async function restarted(host: ChannelHost): Promise<void> {
  const before = await holdings(host);
  const ends = { "typeone,on-crash": "restart", "typeone,restart-limit": 3 };
  const handle = await faulty(host, "again", ends);
  const info = await reached(host, handle, "Crashed");
  expect(info.restarts === 3 && info.restartsLeft === 0, "it restarted as often as it may", info);
  const [crashes, limits] = [await countEvents(host, handle, "Crash"), await countEvents(host, handle, "RestartLimit")];
  expect(crashes.length === 4 && limits.join() === "3", "events tell each crash, and that it stays down", [
    crashes,
    limits,
  ]);
  await host.says(handle, /(asking for a fault[\s\S]*){8}/);
  await host.destroy(handle);
  await backTo(host, before);
}

async function checksFail(host: ChannelHost): Promise<void> {
  const properties = { "typeone,self-test": new Uint8Array() };
  const handle = await host.create({ name: "check", payload: "faults", args: "fault=3", properties });
  const info = await reached(host, handle, "Crashed");
  expect(info.crashReason === CHECK_FAILED, "a failed check has a reason of its own", info);
  await host.destroy(handle);
}

/** hello powers itself off, reboot restarts itself. */
async function otherEnds(host: ChannelHost): Promise<void> {
  const create = (name: string, payload: string, properties: Record<string, string | number>) =>
    host.create({ name, payload, properties });
  await host.gone(await create("off1", "hello", { "typeone,on-poweroff": "destroy" }));
  const off = await create("off2", "hello", { "typeone,on-poweroff": "restart", "typeone,restart-limit": 2 });
  const down = await reached(host, off, "Shutdown");
  expect(down.restarts === 2 && down.crashReason === 0, "it came up twice again", down);
  await host.destroy(off);
  const once = await create("once", "reboot", { "typeone,on-reboot": "preserve" });
  expect((await reached(host, once, "Shutdown")).restarts === 0, "a reboot was its end");
  await host.destroy(once);
  await host.gone(await create("gone", "reboot", { "typeone,on-reboot": "destroy" }));
}

async function ends(host: ChannelHost): Promise<void> {
  await host.hello();
  // The neighbour has what it will ever have.
  await host.transcript.until(() => host.transcript.of("heartbeat").length > 0, host.signal);
  const before = await holdings(host);
  for (const part of [preserved, destroyed, restarted, checksFail, otherEnds]) await part(host);
  await backTo(host, before);
}

export const endScenarios: readonly ChannelScenario[] = [
  {
    name: "ends of guests over the channel",
    link: "virtio",
    guests: [{ payload: "heartbeat", args: "beats=0", ends: "never" }],
    payloads: ["faults", "hello", "reboot"],
    act: ends,
  },
];
