// SPDX-License-Identifier: Apache-2.0
// `typeone trace`: what the hypervisor does, from its rings of records: a live table, a histogram for each kind of exit,
// or a file for Perfetto.
import path from "node:path";
import type { TraceModel } from "@typeone/trace";
import { seconds } from "../args.ts";
import type { Context } from "../context.ts";
import { usageError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { HostClient } from "../host-client.ts";
import { showView } from "../live/screen.ts";
import { count } from "../output/format.ts";
import { printJson, printLine, remark } from "../output/print.ts";
import { defineVerb } from "../verb.ts";
import { guestNames, record, recordFile } from "./trace-recording.ts";

const DEFAULT_SECONDS = 5;

interface What {
  readonly mask: number;
  readonly seconds: number | undefined;
}

/** Collects sums until the time is over. */
async function collect(context: Context, client: HostClient, what: What): Promise<TraceModel | undefined> {
  const { TraceModel } = await import("@typeone/trace");
  let model: TraceModel | undefined;
  await record(context, client, {
    ...what,
    onHeader: ({ ticksPerSecond }) => (model = new TraceModel(ticksPerSecond)),
    onRecords: (hart, records, lost) => model?.add(hart, records, lost),
  });
  return model;
}

async function live(context: Context, client: HostClient, what: What & { intervalMs: number }): Promise<void> {
  const { TraceModel, snapshot, tableText, traceRows } = await import("@typeone/trace");
  const quit = new AbortController();
  let names = await guestNames(client);
  let model: TraceModel | undefined;
  let [now, before] = [undefined, undefined] as [
    ReturnType<typeof snapshot> | undefined,
    ReturnType<typeof snapshot> | undefined,
  ];
  let text = "";
  const recorded = record(context, client, {
    ...what,
    ended: quit.signal,
    onHeader: ({ ticksPerSecond }) => (model = new TraceModel(ticksPerSecond)),
    onRecords: (hart, records, lost) => model?.add(hart, records, lost),
  });
  const over = recorded.then(
    () => ({ failed: false as const }),
    (error: unknown) => ({ failed: true as const, error }),
  );
  let state: Awaited<typeof over> | undefined;
  void over.then((end) => (state = end));
  try {
    await showView(context, {
      intervalMs: what.intervalMs,
      async update() {
        if (state?.failed) throw state.error;
        names = await guestNames(client);
        if (!model) return;
        [before, now] = [now, snapshot(model)];
        text = tableText(traceRows(model, before), names);
      },
      key: (name) => (name === "q" || name === "escape" ? "quit" : undefined),
      draw: () => [
        context.style.bold(state ? "trace (ended)" : "trace"),
        "",
        ...(text || "waiting for the first records").split("\n"),
        "",
        context.style.dim("q quit"),
      ],
    });
  } finally {
    quit.abort();
    await over;
  }
}

async function table(context: Context, client: HostClient, what: What): Promise<void> {
  const { tableText, traceRows } = await import("@typeone/trace");
  const [model, names] = [await collect(context, client, what), await guestNames(client)];
  if (!model) return;
  if (context.format === "json") return printJson(context, { seconds: model.seconds, ...traceRows(model) });
  printLine(context, tableText(traceRows(model), names));
}

async function histograms(
  context: Context,
  client: HostClient,
  what: What & { guest: string | undefined },
): Promise<void> {
  const { EXIT_NAMES, histogramsText } = await import("@typeone/trace");
  const id = what.guest === undefined ? undefined : (await client.guest(what.guest)).id;
  const model = await collect(context, client, what);
  if (!model) return;
  if (context.format !== "json") return printLine(context, histogramsText(model, id));
  const kinds = EXIT_NAMES.map((name, kind) => ({ name, ...model.exits(kind, id) })).filter((exit) => exit.count > 0);
  printJson(context, { seconds: model.seconds, ticksPerSecond: model.frequency, kinds });
}

export default defineVerb({
  args: {
    seconds: {
      type: "string",
      alias: "s",
      valueHint: "N",
      description: "how long (default: until q or Ctrl-C; 5 for what is printed once)",
    },
    output: {
      type: "string",
      alias: "o",
      valueHint: "FILE.json",
      description: "write a file for Perfetto (ui.perfetto.dev)",
    },
    histogram: { type: "boolean", description: "how long exits took, for each kind" },
    guest: { type: "string", alias: "g", valueHint: "NAME", description: "with --histogram: only this guest" },
    kinds: {
      type: "string",
      alias: "k",
      valueHint: "KINDS",
      default: "all",
      description: "what is traced: all, or some of exit,enter,switch,wake,inject,console,lifecycle,worker",
    },
    delay: {
      type: "string",
      alias: "d",
      valueHint: "SECONDS",
      default: "1",
      description: "between two looks of the live table",
    },
    batch: { type: "boolean", alias: "b", description: "print the table once instead of a live screen" },
  },
  output: "file",
  completes: { guest: "guest", output: "file" },
  about: "Tracing is switched on while this runs, and off when it ends, for all who look.",
  examples: [
    ["trace", "a live table"],
    ["trace --histogram --seconds 10", "how long each kind of exit takes"],
    ["trace -o boot.json --seconds 3", "a file for Perfetto"],
  ],
  async run(given, context) {
    const { parseMask } = await import("@typeone/trace");
    const mask = parseMask(given.kinds);
    if (mask === null || mask === 0)
      throw usageError(`--kinds: ${JSON.stringify(given.kinds)} names no kinds of records`);
    const limit = given.seconds === undefined ? undefined : seconds("--seconds", given.seconds, 0.1);
    if (given.output !== undefined && given.histogram) throw usageError("--output and --histogram exclude each other");
    const intervalMs = Math.round(seconds("--delay", given.delay, 0.1) * 1000);
    const client = await context.connect();
    if (given.output !== undefined) {
      const file = path.resolve(context.cwd, given.output);
      if (limit === undefined) remark(context, "recording; Ctrl-C ends it");
      const records = await recordFile(context, client, { mask, seconds: limit, file });
      if (context.format === "json") printJson(context, { file, records });
      else remark(context, `wrote ${given.output}: ${count(records)} records; open it at https://ui.perfetto.dev`);
      return EXIT.ok;
    }
    if (given.histogram)
      await histograms(context, client, { mask, seconds: limit ?? DEFAULT_SECONDS, guest: given.guest });
    else if (!given.batch && context.format === "table" && context.stdout.isTTY && context.stdin.isTTY)
      await live(context, client, { mask, seconds: limit, intervalMs });
    else await table(context, client, { mask, seconds: limit ?? DEFAULT_SECONDS });
    return EXIT.ok;
  },
});
