// SPDX-License-Identifier: Apache-2.0
// Scheduling policies that /chosen gives to every guest of the host: each vCPU has a hart of its own, or each has its
// budget in every period and no more, and who does not fit is refused.
import { setTimeout as sleep } from "node:timers/promises";
import { type FdtTree, u64 } from "@typeone/fdt";
import { listGuests, OPERATIONS, WireState } from "@typeone/protocol";
import { type ChannelHost, expect, type Handle, refusedWith } from "./host.ts";
import type { ChannelScenario } from "./scenario.ts";

const MONOTONIC = 1;
const PINNED = 2;

const periodic = (budget: number) => ({ "typeone,period-us": u64(100_000), "typeone,budget-us": u64(budget) });

function chosen(policy: string, node: Readonly<Record<string, Record<string, string | Uint8Array>>>) {
  return (tree: FdtTree): void => {
    tree.ensure("/chosen").set("typeone,policy", policy);
    for (const [name, properties] of Object.entries(node)) tree.ensure(`/chosen/guest-${name}`).assign(properties);
  };
}

async function named(host: ChannelHost, name: string): Promise<Handle> {
  const look = async () => (await listGuests(host.client)).find((guest) => guest.name === name);
  const found = await host.until(`there is a guest ${name}`, look, (guest) => guest?.state === WireState.Running);
  return { guest: found?.id ?? 0, generation: found?.generation ?? 0 };
}

async function vcpusOf({ client }: ChannelHost, handle: Handle) {
  return (await client.call(OPERATIONS.Vcpus, { ...handle, from: 0 })).records;
}

/** Part of one hart's time that a guest's first vCPU had in a while. */
async function share(host: ChannelHost, handle: Handle): Promise<number> {
  const look = async () => {
    const { answer } = await host.client.call(OPERATIONS.HostInfo, {});
    return { now: answer.now, ran: (await host.vcpu(handle, 0)).runTime };
  };
  const before = await look();
  await sleep(1000);
  const after = await look();
  return Number(after.ran - before.ran) / Number(after.now - before.now);
}

async function pinned(host: ChannelHost): Promise<void> {
  await host.hello();
  const smp = await named(host, "smp");
  const own = await vcpusOf(host, smp);
  expect(
    own.every(({ policy }) => policy === PINNED),
    "/chosen says pinned",
    own,
  );
  const harts = own.map(({ hart }) => hart);
  expect(new Set(harts).size === 2, "each has a hart of its own", harts);
  await host.transcript.until(
    () => host.transcript.of("smp").some((line) => line.startsWith("RESULT ok")),
    host.signal,
  );
  const left = [0, 1, 2].filter((hart) => !harts.includes(hart));
  const counter = await host.create({
    name: "counter",
    payload: "counter",
    properties: { "typeone,policy": "priority" },
  });
  await host.says(counter, /COUNT 10/);
  for (const other of [counter, await named(host, "heartbeat")]) {
    const { hart, policy } = await host.vcpu(other, 0);
    expect(policy === 0 && hart === left[0], `the others share hart ${left.join()}`, hart);
  }
  const third = host.create({ name: "third", payload: "counter", properties: { "typeone,policy": "pinned" } });
  const refusal = await refusedWith("Busy", third);
  expect(refusal.words !== "", "in words", refusal.words);
  await host.destroy(counter);
}

async function monotonic(host: ChannelHost): Promise<void> {
  await host.hello();
  const counter = await named(host, "counter");
  const { policy } = await host.vcpu(counter, 0);
  expect(policy === MONOTONIC, "/chosen says rate-monotonic", policy);
  const part = await share(host, counter);
  // QEMU's timers come late, by milliseconds on a busy machine; without a budget it would be all of the hart.
  expect(part > 0.15 && part < 0.4, "a fifth of each period, however long it could run", part);
  await host.transcript.until(
    () => host.transcript.of("heartbeat").some((line) => line.startsWith("RESULT")),
    host.signal,
  );
  const verdict = host.transcript.of("heartbeat").find((line) => line.startsWith("RESULT"));
  expect(/^RESULT ok/.test(verdict ?? ""), "its neighbour has its own", verdict);
  const wanting = (name: string, budget: number) => {
    const properties = { "typeone,policy": "rate-monotonic", ...periodic(budget) };
    return host.create({ name, payload: "counter", properties });
  };
  const refusal = await refusedWith("Limit", wanting("greedy", 90_000));
  expect(refusal.words !== "", "in words", refusal.words);
  const modest = await wanting("modest", 30_000);
  const modestPart = await share(host, modest);
  expect(modestPart > 0.24 && modestPart < 0.5, "what is left is there to be had", modestPart);
  await host.destroy(modest);
}

export const policyScenarios: readonly ChannelScenario[] = [
  {
    name: "a host whose policy is pinned",
    link: "virtio",
    machine: { harts: 3 },
    guests: [
      { payload: "smp", cpus: 2, args: "harts=2" },
      { payload: "heartbeat", args: "beats=0", ends: "never" },
    ],
    payloads: ["counter"],
    editTree: chosen("pinned", { heartbeat: { "typeone,policy": "priority" } }),
    act: pinned,
  },
  {
    name: "a host whose policy is rate-monotonic",
    link: "virtio",
    machine: { harts: 1 },
    guests: [
      { payload: "counter", ends: "never" },
      { payload: "heartbeat", args: "beats=10" },
    ],
    payloads: [],
    editTree: chosen("rate-monotonic", { counter: periodic(20_000), heartbeat: periodic(30_000) }),
    act: monotonic,
  },
];
