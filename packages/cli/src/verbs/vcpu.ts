// SPDX-License-Identifier: Apache-2.0
// `typeone vcpu …`: the vCPUs of guests: where they run, what they may, what they did.
import { wholeNumber } from "../args.ts";
import type { Context } from "../context.ts";
import { CliError, notFound, usageError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { GuestDetail, HostClient, VcpuInfo, VcpuPatch } from "../host-client.ts";
import { count, duration, hartSet } from "../output/format.ts";
import { printJson, printLine, printRows, remark } from "../output/print.ts";
import { type Column, table } from "../output/table.ts";
import { defineVerb } from "../verb.ts";
import { registerLines } from "./crash.ts";

const GUEST = {
  type: "positional",
  required: true,
  valueHint: "NAME",
  description: "name or number of a guest",
} as const;
const VCPU = { type: "positional", required: true, description: "number of a vCPU, from 0, or all" } as const;
const completes = { name: "guest" } as const;

interface Row extends VcpuInfo {
  readonly guest: string;
}

const maskOf = (harts: readonly number[]): bigint => harts.reduce((mask, hart) => mask | (1n << BigInt(hart)), 0n);

const columnsFor = (harts: number): readonly Column<Row>[] => [
  { title: "GUEST", cell: (vcpu) => vcpu.guest },
  { title: "VCPU", align: "right", cell: (vcpu) => String(vcpu.index) },
  { title: "STATE", cell: (vcpu, style) => (vcpu.paused ? style.yellow("paused") : vcpu.state) },
  { title: "HSM", cell: (vcpu) => vcpu.hsm },
  { title: "HART", align: "right", cell: (vcpu) => (vcpu.state === "stopped" ? "-" : String(vcpu.hart)) },
  { title: "CPU TIME", align: "right", cell: (vcpu) => duration(vcpu.runTimeNs / 1e9) },
  { title: "POLICY", cell: (vcpu) => vcpu.policy },
  { title: "PRIO", align: "right", cell: (vcpu) => String(vcpu.priority) },
  { title: "WEIGHT", align: "right", cell: (vcpu) => String(vcpu.weight) },
  { title: "AFFINITY", cell: (vcpu) => hartSet(maskOf(vcpu.affinity), harts) },
];

async function detailsOf(client: HostClient, name: string | undefined): Promise<GuestDetail[]> {
  if (name !== undefined) return [await client.guest(name)];
  const guests = await client.guests();
  return Promise.all(guests.map((guest) => client.guest(guest.name)));
}

export const ls = defineVerb({
  args: { name: { ...GUEST, required: false } },
  completes,
  examples: [
    ["vcpu ls", "of all guests"],
    ["vcpu ls web", "of one"],
  ],
  async run({ name }, context) {
    const client = await context.connect();
    const [details, { harts }] = await Promise.all([detailsOf(client, name), client.host()]);
    const rows = details.flatMap((guest) => guest.vcpuList.map((vcpu) => ({ guest: guest.name, ...vcpu })));
    printRows(context, rows, { columns: columnsFor(harts), none: "no vCPUs" });
  },
});

/** The numbers of the vCPUs that a word means. */
function indexes(guest: GuestDetail, word: string): number[] {
  if (word === "all") return guest.vcpuList.map(({ index }) => index);
  const index = wholeNumber("VCPU", word, [0, 1023]);
  if (!guest.vcpuList.some((vcpu) => vcpu.index === index))
    throw notFound(
      `guest ${guest.name} has no vCPU ${index}`,
      `it has ${guest.vcpuList.map((v) => v.index).join(", ")}`,
    );
  return [index];
}

async function changeAll(context: Context, target: readonly [string, string], change: VcpuPatch): Promise<void> {
  const client = await context.connect();
  const guest = await client.guest(target[0]);
  const wanted = indexes(guest, target[1]);
  for (const index of wanted) await client.changeVcpu(guest.name, index, change);
  if (context.format === "json") printJson(context, { guest: guest.name, vcpus: wanted, ...change });
  else remark(context, `${guest.name}: vCPU ${wanted.join(", ")} ${describe(change)}`);
}

function describe(change: VcpuPatch): string {
  if (change.paused !== undefined) return change.paused ? "paused" : "resumed";
  const parts = [
    change.affinity && `on harts ${hartSet(maskOf(change.affinity), 0)}`,
    change.priority !== undefined && `priority ${change.priority}`,
    change.weight !== undefined && `weight ${change.weight}`,
  ];
  return parts.filter(Boolean).join(", ");
}

/** "0-3,^1", "all" or "0,2" on a host of `harts`. */
export function hartsOf(text: string, harts: number): number[] {
  const set = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^(\^)?(?:(\d+)(?:-(\d+))?|all)$/.exec(part.trim());
    if (!match) throw usageError(`HARTS must be like 0-3,^1 or all, not ${JSON.stringify(text)}`);
    const from = match[2] === undefined ? 0 : Number(match[2]);
    const to = match[2] === undefined ? harts - 1 : Number(match[3] ?? match[2]);
    if (from > to) throw usageError(`HARTS ${part.trim()} runs backwards`, `write ${to}-${from}`);
    if (to >= harts)
      throw usageError(`the host has no hart ${to}`, harts === 1 ? "it has only hart 0" : `it has 0-${harts - 1}`);
    for (let hart = from; hart <= to; hart++) {
      if (match[1]) set.delete(hart);
      else set.add(hart);
    }
  }
  if (set.size === 0) throw usageError(`HARTS ${JSON.stringify(text)} leaves no hart`);
  return [...set].sort((a, b) => a - b);
}

export const pin = defineVerb({
  args: {
    name: GUEST,
    vcpu: VCPU,
    harts: { type: "positional", required: true, description: "harts that it may run on: 0-3,^1 or all" },
  },
  completes,
  examples: [
    ["vcpu pin web 0 1", "vCPU 0 only on hart 1"],
    ["vcpu pin web all 0-1", "all its vCPUs on harts 0 and 1"],
    ["vcpu pin web all all", "anywhere again"],
  ],
  async run({ name, vcpu, harts }, context) {
    const client = await context.connect();
    const affinity = hartsOf(harts, (await client.host()).harts);
    await changeAll(context, [name, vcpu], { affinity });
  },
});

export const set = defineVerb({
  args: {
    name: GUEST,
    count: {
      type: "positional",
      required: true,
      description: "how many vCPUs may run, at most those it was made with",
    },
  },
  completes,
  examples: [["vcpu set web 4", "four vCPUs; the guest brings them in and out itself (HSM)"]],
  async run({ name, count: text }, context) {
    const wanted = wholeNumber("COUNT", text, [1, 1024]);
    const client = await context.connect();
    await client.setVcpuCount(name, wanted);
    if (context.format === "json") printJson(context, { guest: name, vcpus: wanted });
    else remark(context, `${name}: up to ${wanted} vCPU${wanted === 1 ? "" : "s"}`);
  },
});

export const tune = defineVerb({
  args: {
    name: GUEST,
    vcpu: VCPU,
    priority: { type: "string", alias: "p", valueHint: "0-7", description: "7 goes first" },
    weight: { type: "string", alias: "w", valueHint: "1-10000", description: "share among those of one priority" },
  },
  completes,
  examples: [["vcpu tune web all --weight 512", "twice the usual share"]],
  async run({ name, vcpu, priority, weight }, context) {
    if (priority === undefined && weight === undefined) throw usageError("say --priority, --weight or both");
    await changeAll(context, [name, vcpu], {
      ...(priority === undefined ? {} : { priority: wholeNumber("--priority", priority, [0, 7]) }),
      ...(weight === undefined ? {} : { weight: wholeNumber("--weight", weight, [1, 10_000]) }),
    });
  },
});

export const pause = defineVerb({
  args: { name: GUEST, vcpu: VCPU },
  completes,
  examples: [["vcpu pause web 1", "it stays off the harts until it is resumed"]],
  run: ({ name, vcpu }, context) => changeAll(context, [name, vcpu], { paused: true }),
});

export const resume = defineVerb({
  args: { name: GUEST, vcpu: VCPU },
  completes,
  examples: [["vcpu resume web all", "all of them"]],
  run: ({ name, vcpu }, context) => changeAll(context, [name, vcpu], { paused: false }),
});

export const stats = defineVerb({
  args: { name: GUEST, vcpu: { ...VCPU, required: false } },
  completes,
  examples: [
    ["vcpu stats web", "exits by kind, all its vCPUs"],
    ["vcpu stats web 0 -o json", "one, for a program"],
  ],
  async run({ name, vcpu }, context) {
    const guest = await (await context.connect()).guest(name);
    const wanted = indexes(guest, vcpu ?? "all");
    const vcpus = guest.vcpuList.filter(({ index }) => wanted.includes(index));
    if (context.format === "json") return printJson(context, vcpus);
    const kinds = [...new Set(vcpus.flatMap(({ exitsByKind }) => Object.keys(exitsByKind)))];
    const line = (title: string, value: (vcpu: VcpuInfo) => string): [string, string[]] => [title, vcpus.map(value)];
    const rows = [
      line("run time", (v) => duration(v.runTimeNs / 1e9)),
      line("wait time", (v) => duration(v.waitTimeNs / 1e9)),
      line("switches", (v) => count(v.switches)),
      line("interrupts", (v) => count(v.interrupts)),
      line("exits", (v) => count(v.exits)),
      ...kinds.map((kind) => line(`  ${kind}`, (v) => count(v.exitsByKind[kind] ?? 0))),
    ];
    const columns: Column<[string, string[]]>[] = [
      { title: guest.name, cell: ([title]) => title },
      ...vcpus.map(({ index }, i): Column<[string, string[]]> => ({
        title: `VCPU ${index}`,
        align: "right",
        cell: ([, values]) => values[i] ?? "",
      })),
    ];
    printLine(context, table(columns, rows, { style: context.style }));
  },
});

export const regs = defineVerb({
  args: { name: GUEST, vcpu: { ...VCPU, required: false, default: "0", description: "number of a vCPU (default: 0)" } },
  completes,
  about: "A vCPU that is on a hart just then has no registers to show; pause it first, or ask again.",
  examples: [["vcpu regs web 1", "its registers"]],
  async run({ name, vcpu }, context) {
    const client = await context.connect();
    const guest = await client.guest(name);
    const wanted = indexes(guest, vcpu);
    if (wanted.length !== 1) throw new CliError(EXIT.usage, "say which vCPU");
    const registers = await client.registers(guest.name, wanted[0] as number);
    if (context.format === "json") printJson(context, Object.fromEntries(registers.map((r) => [r.name, r.value])));
    else printLine(context, registerLines(registers, context.style));
  },
});
