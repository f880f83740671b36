// SPDX-License-Identifier: Apache-2.0
// `typeone top`: who uses the harts, live; or as text for scripts (-b).
import { setTimeout as sleep } from "node:timers/promises";
import { seconds, wholeNumber } from "../args.ts";
import type { Context } from "../context.ts";
import { usageError } from "../errors.ts";
import type { HostClient } from "../host-client.ts";
import { showView } from "../live/screen.ts";
import { bytes, count, duration, percent } from "../output/format.ts";
import { printJsonLine, printLine } from "../output/print.ts";
import type { Style } from "../output/style.ts";
import { type Column, table } from "../output/table.ts";
import { defineVerb } from "../verb.ts";
import { stateCell } from "./ls.ts";
import { SORTS, type Sample, type Sort, type Top, type TopGuest, topOf } from "./top-model.ts";

/** Key of each column to sort by. */
const SORT_KEYS: Readonly<Record<string, Sort>> = {
  c: "cpu",
  n: "name",
  d: "id",
  m: "memory",
  w: "wait",
  e: "exits",
  i: "interrupts",
  o: "console",
  t: "time",
};

const rate = (value: number): string => (value > 0 && value < 10 ? value.toFixed(1) : count(value));

const COLUMNS: readonly (Column<TopGuest> & { readonly sort?: Sort })[] = [
  { title: "NAME", sort: "name", cell: (guest) => guest.name },
  { title: "ID", sort: "id", align: "right", cell: (guest) => String(guest.id) },
  { title: "STATE", cell: (guest, style) => stateCell(guest as unknown as Parameters<typeof stateCell>[0], style) },
  { title: "VCPUS", align: "right", cell: (guest) => String(guest.vcpus) },
  { title: "MEMORY", sort: "memory", align: "right", cell: (guest) => bytes(guest.memoryBytes) },
  { title: "CPU%", sort: "cpu", align: "right", cell: (guest) => (guest.cpu * 100).toFixed(1) },
  { title: "WAIT%", sort: "wait", align: "right", cell: (guest) => (guest.wait * 100).toFixed(1) },
  { title: "TIME", sort: "time", align: "right", cell: (guest) => duration(guest.runTimeNs / 1e9) },
  { title: "EXITS/S", sort: "exits", align: "right", cell: (guest) => rate(guest.exitsPerSecond) },
  { title: "IRQS/S", sort: "interrupts", align: "right", cell: (guest) => rate(guest.interruptsPerSecond) },
  { title: "CONSOLE/S", sort: "console", align: "right", cell: (guest) => rate(guest.consolePerSecond) },
];

async function sampleOf(client: HostClient): Promise<Sample> {
  const [host, harts, guests] = await Promise.all([client.host(), client.harts(), client.guests()]);
  return { host, harts, guests };
}

function headLines({ host }: Sample, top: Top, style: Style): string[] {
  const busy = top.harts.map((hart) => `${hart.index}: ${percent(hart.busy)}`).join("  ");
  const running = top.guests.filter((guest) => guest.state === "running").length;
  const { freeBytes, totalBytes } = host.memory;
  return [
    `${style.bold(host.name)}  up ${duration(host.uptimeNs / 1e9)}  ${top.guests.length} guests, ${running} running  memory ${bytes(freeBytes)} free of ${bytes(totalBytes)}`,
    `harts  ${busy}`,
  ];
}

interface Drawing {
  readonly sort: Sort;
  readonly style: Style;
}

/** The whole as text; the sorted column's title is marked. */
export function topText(sample: Sample, top: Top, { sort, style }: Drawing): string {
  const columns = COLUMNS.map((column) => (column.sort === sort ? { ...column, title: `${column.title}*` } : column));
  return [...headLines(sample, top, style), "", table(columns, top.guests, { style })].join("\n");
}

const HELP = "sort: c cpu  w wait  m memory  t time  e exits  i irqs  o console  n name  d id   r reverse   q quit";

async function live(context: Context, client: HostClient, how: { intervalMs: number; sort: Sort }): Promise<void> {
  let [now, before]: [Sample | undefined, Sample | undefined] = [undefined, undefined];
  let sort = { by: how.sort, reverse: false };
  await showView(context, {
    intervalMs: how.intervalMs,
    async update() {
      const next = await sampleOf(client);
      [before, now] = [now, next];
    },
    key(name) {
      if (name === "q" || name === "escape") return "quit";
      if (name === "r") sort = { ...sort, reverse: !sort.reverse };
      const by = SORT_KEYS[name];
      if (by) sort = { by, reverse: false };
      return undefined;
    },
    draw({ rows }) {
      if (!now) return [];
      const lines = topText(now, topOf(now, before, sort), { sort: sort.by, style: context.style }).split("\n");
      const room = Math.max(1, rows - 1);
      return [
        ...lines.slice(0, room),
        ...Array<string>(Math.max(0, room - lines.length)).fill(""),
        context.style.dim(HELP),
      ];
    },
  });
}

async function batch(
  context: Context,
  client: HostClient,
  how: { intervalMs: number; sort: Sort; times: number },
): Promise<void> {
  let before: Sample | undefined;
  // Rates need two samples, so the first one is not shown.
  for (let done = -1; done < how.times && !context.signal.aborted; done++) {
    const now = await sampleOf(client);
    if (before) {
      const top = topOf(now, before, { by: how.sort, reverse: false });
      if (context.format === "json")
        printJsonLine(context, { host: now.host.name, uptimeNs: now.host.uptimeNs, ...top });
      else printLine(context, `${done > 0 ? "\n" : ""}${topText(now, top, { sort: how.sort, style: context.style })}`);
    }
    before = now;
    if (done + 1 < how.times) await sleep(how.intervalMs, undefined, { signal: context.signal }).catch(() => undefined);
  }
}

export default defineVerb({
  args: {
    batch: { type: "boolean", alias: "b", description: "text for scripts instead of a live screen" },
    iterations: { type: "string", alias: "n", valueHint: "N", description: "with -b: how often (default: 1)" },
    delay: { type: "string", alias: "d", valueHint: "SECONDS", default: "2", description: "between two looks" },
    sort: {
      type: "enum",
      alias: "s",
      options: [...SORTS],
      valueHint: "COLUMN",
      default: "cpu",
      description: SORTS.join(", "),
    },
  },
  about:
    "CPU% is time on harts: two vCPUs at full speed are 200. WAIT% is time ready but without a hart.\n" +
    `Live, keys ${HELP}.`,
  examples: [
    ["top", "live"],
    ["top -b -n 5 -d 1", "five looks, a second each"],
    ["top -b -n 1 -o json", "one line of JSON"],
  ],
  async run({ batch: wanted, iterations, delay, sort }, context) {
    const intervalMs = Math.round(seconds("--delay", delay, 0.1) * 1000);
    const times = iterations === undefined ? 1 : wholeNumber("--iterations", iterations, [1, 1_000_000]);
    const how = { intervalMs, sort: sort as Sort };
    if (!wanted && context.format === "table") {
      if (!context.stdout.isTTY || !context.stdin.isTTY) throw usageError("this is not a terminal", "add -b for text");
      return live(context, await context.connect(), how);
    }
    return batch(context, await context.connect(), { ...how, times });
  },
});
