// SPDX-License-Identifier: Apache-2.0
// vCPUs at run time, over the channel: paused, moved, given another share, given to the guest; and the trace of them.
import { setTimeout as sleep } from "node:timers/promises";
import { OPERATIONS, type Register, WireStream } from "@typeone/protocol";
import { trace } from "@typeone/spec";
import { EXIT_NAMES, RECORD_BYTES, RingReader, TraceModel, type TraceRecord } from "@typeone/trace";
import { type ChannelHost, expect, type Handle, refusedWith } from "./host.ts";
import type { ChannelScenario } from "./scenario.ts";

const HARTS = 2;
const SBI_ERR_FAILED = -1;

function counts(text: string): { readonly own: number; readonly other: number } {
  const [, own, other] = [...text.matchAll(/COUNT (\d+) other (\d+)\r/g)].at(-1) ?? [];
  return { own: Number(own ?? 0), other: Number(other ?? 0) };
}

const countsOf = async (host: ChannelHost, handle: Handle) => counts(await host.console(handle));

/** The second vCPU may start once the toolstack says so. */
async function hotplug(host: ChannelHost, handle: Handle): Promise<void> {
  const allow = (count: number) => host.client.call(OPERATIONS.VcpuCount, { ...handle, count });
  await host.says(handle, new RegExp(`START ${SBI_ERR_FAILED}\\r`));
  await host.says(handle, /COUNT 20 other 0/);
  await refusedWith("Range", allow(3));
  await allow(2);
  await host.says(handle, /START 0\r/);
  await host.until(
    "the second vCPU counts",
    () => countsOf(host, handle),
    ({ other }) => other > 0,
  );
  const guest = await host.guest(handle);
  expect(guest?.vcpus === 2 && guest.onlineVcpus === 2, "both are online", guest);
  await refusedWith("Busy", allow(1));
}

const listed = (registers: readonly Register[]): string =>
  registers.map(({ name, value }) => `${name}=${value}`).join();

async function pausing(host: ChannelHost, handle: Handle): Promise<void> {
  const registers = () => host.client.call(OPERATIONS.Registers, { ...handle, vcpu: 0 });
  await host.changeVcpu(handle, 0, "Pause");
  const { records } = await host.until(
    "registers of a paused vCPU",
    () => registers().catch(() => ({ records: [] })),
    (answer) => answer.records.length > 0,
  );
  const pc = Number(records.find(({ name }) => name === "pc")?.value);
  expect(pc > 0x8020_0000 && pc < 0x8040_0000, "its pc is in the payload", pc);
  const names = records.map(({ name }) => name);
  expect(
    ["ra", "a0", "t6", "vsstatus", "vsatp"].every((name) => names.includes(name)),
    "registers by name",
    names,
  );
  const [before, beside] = [await countsOf(host, handle), await host.vcpu(handle, 1)];
  await sleep(150);
  expect((await countsOf(host, handle)).own === before.own, "a paused vCPU makes no step");
  expect((await host.vcpu(handle, 1)).runTime > beside.runTime, "the other one goes on");
  expect(listed((await registers()).records) === listed(records), "a paused vCPU's registers stay");
  expect((await host.vcpu(handle, 0)).paused === 1, "the list of vCPUs says so");
  await host.changeVcpu(handle, 0, "Resume");
  await host.until(
    "it goes on",
    () => countsOf(host, handle),
    ({ own }) => own > before.own + 5,
  );
  await refusedWith("Invalid", host.changeVcpu(handle, 0, "Resume"));
}

async function moving(host: ChannelHost, handle: Handle): Promise<void> {
  for (const hart of [0, 1, 0, 1]) {
    await host.changeVcpu(handle, 0, "Affinity", 1n << BigInt(hart));
    const look = () => host.vcpu(handle, 0);
    await host.until(`it runs on hart ${hart}`, look, (vcpu) => vcpu.hart === hart && vcpu.state >= 2);
    const { own } = await countsOf(host, handle);
    await host.until(
      "it counts there",
      () => countsOf(host, handle),
      (now) => now.own > own + 3,
    );
    expect((await look()).hart === hart, `it stays on hart ${hart}`);
  }
  await refusedWith("NotFound", host.changeVcpu(handle, 0, "Affinity", 1n << 40n));
  await refusedWith("Range", host.changeVcpu(handle, 0, "Weight", 10_001n));
  await refusedWith("Range", host.changeVcpu(handle, 0, "Priority", 8n));
  await refusedWith("NotFound", host.changeVcpu(handle, 2, "Pause"));
}

/** Ticks on a hart that two vCPUs had in the same stretch. */
async function shares(host: ChannelHost, one: Handle, two: Handle): Promise<readonly [number, number]> {
  const times = async () => [(await host.vcpu(one, 0)).runTime, (await host.vcpu(two, 0)).runTime] as const;
  const before = await times();
  await sleep(1500);
  const after = await times();
  return [Number(after[0] - before[0]), Number(after[1] - before[1])];
}

async function sharing(host: ChannelHost, handle: Handle): Promise<void> {
  const rival = await host.create({ name: "rival", payload: "counter" });
  await host.says(rival, /COUNT 3/);
  await host.changeVcpu(handle, 1, "Affinity", 1n);
  for (const each of [handle, rival]) await host.changeVcpu(each, 0, "Affinity", 2n);
  await host.changeVcpu(handle, 0, "Weight", 1200n);
  await host.changeVcpu(rival, 0, "Weight", 300n);
  const byWeight = await shares(host, handle, rival);
  const ratio = byWeight[0] / byWeight[1];
  expect(ratio > 2.5 && ratio < 6, "four times the weight is four times the share", byWeight);
  await host.changeVcpu(rival, 0, "Priority", 5n);
  const { priority, weight, affinity } = await host.vcpu(rival, 0);
  expect(priority === 5 && weight === 300 && affinity === 2n, "the list of vCPUs says so", [priority, weight]);
  const byPriority = await shares(host, handle, rival);
  expect(byPriority[1] > 4 * byPriority[0], "the higher priority comes first", byPriority);
  await host.destroy(rival);
}

async function vcpus(host: ChannelHost): Promise<void> {
  await host.hello();
  const properties = { "typeone,max-cpus": 2 };
  const handle = await host.create({ name: "counter", payload: "counter", args: "start=1", properties });
  for (const part of [hotplug, pausing, moving, sharing]) await part(host, handle);
  await host.destroy(handle);
}

// ---- Trace

/** Records of both harts that are there now. */
async function traced(host: ChannelHost): Promise<readonly (readonly TraceRecord[])[]> {
  const harts: (readonly TraceRecord[])[] = [];
  for (let hart = 0; hart < HARTS; hart++) {
    const bytes = await host.read(WireStream.Trace, hart, RECORD_BYTES);
    harts.push(new RingReader().push(0, bytes).records);
  }
  return harts;
}

const anywhere = { stream: WireStream.Trace, generation: 0, position: 0, most: RECORD_BYTES };

async function ends({ client }: ChannelHost): Promise<readonly number[]> {
  const end = async (index: number) => (await client.call(OPERATIONS.Read, { ...anywhere, index })).answer.end;
  return [await end(0), await end(1)];
}

const trailing = (host: ChannelHost, mask: number) => host.client.call(OPERATIONS.TraceControl, { mask });

async function everything(host: ChannelHost, handle: Handle): Promise<void> {
  await trailing(host, trace.TRACE_ALL);
  await host.until(
    "both harts have records",
    () => ends(host),
    (now) => now.every((end) => end > 100),
  );
  const harts = await traced(host);
  const model = new TraceModel(Number(host.client.host?.ticksPerSecond));
  harts.forEach((records, hart) => {
    const sorted = records.every(({ time }, i) => i === 0 || time >= (records[i - 1] as TraceRecord).time);
    expect(records.length > 100 && sorted, `records of hart ${hart} are in order`, records.length);
    model.add(hart, records);
  });
  const own = model.vcpus.find(({ guest, vcpu }) => guest === handle.guest + 1 && vcpu === 0);
  const kinds = [...(own?.exits.keys() ?? [])].map((kind) => EXIT_NAMES[kind] ?? "");
  expect(
    ["mmio-load", "mmio-store", "sbi-hsm"].every((name) => kinds.includes(name)),
    "exits of the counter",
    kinds,
  );
  const seen = new Set(harts.flat().map(({ kind }) => kind));
  const wanted = [trace.TRACE_EXIT, trace.TRACE_ENTER, trace.TRACE_SWITCH, trace.TRACE_WAKE, trace.TRACE_WORKER];
  expect(
    wanted.every((kind) => seen.has(kind)),
    "kinds of records",
    [...seen],
  );
}

async function tracing(host: ChannelHost): Promise<void> {
  await host.hello();
  expect(
    (await ends(host)).every((end) => end === 0),
    "nothing is traced unasked",
  );
  const properties = { "typeone,max-cpus": 2 };
  const handle = await host.create({ name: "counter", payload: "counter", args: "start=1", properties });
  await host.says(handle, /COUNT 3/);
  await everything(host, handle);
  const from = await ends(host);
  await trailing(host, 1 << trace.TRACE_EXIT);
  await host.until(
    "a ring of exits",
    () => ends(host),
    (now) => now.some((end, hart) => end > (from[hart] as number) + 600),
  );
  await trailing(host, 0);
  const known = await host.until(
    "the trace stands still",
    async () => {
      const before = await ends(host);
      await sleep(100);
      return { before, after: await ends(host) };
    },
    ({ before, after }) => before.join() === after.join(),
  );
  await sleep(200);
  expect((await ends(host)).join() === known.after.join(), "nothing is traced any more");
  const exits = (await traced(host)).find((records) => records.every(({ kind }) => kind === trace.TRACE_EXIT));
  expect(exits !== undefined && exits.length > 100, "with one kind asked for, one kind comes", exits?.length);
  await refusedWith("Invalid", trailing(host, 1 << 30));
  await host.destroy(handle);
}

const boot = {
  link: "virtio",
  machine: { harts: HARTS },
  guests: [{ payload: "heartbeat", args: "beats=0", ends: "never" }],
  payloads: ["counter"],
} as const;

export const vcpuScenarios: readonly ChannelScenario[] = [
  { name: "vCPUs over the channel", ...boot, act: vcpus },
  { name: "trace over the channel", ...boot, act: tracing },
];
