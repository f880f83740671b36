// SPDX-License-Identifier: Apache-2.0
// `typeone host …`: the machine that the guests run on.
import { CliError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { HartInfo, IrqInfo, MemoryRun } from "../host-client.ts";
import { bytes, count, duration, percent } from "../output/format.ts";
import { printJson, printLine, printRows, remark } from "../output/print.ts";
import { type Column, table } from "../output/table.ts";
import { defineVerb } from "../verb.ts";
import { printHostInfo, printHostStats } from "./host-info.ts";

export const info = defineVerb({
  args: {},
  examples: [["host info", "version, memory, limits, channel"]],
  run: async (_args, context) => printHostInfo(context, await (await context.connect()).host()),
});

export const stats = defineVerb({
  args: {},
  about: "Pages, timers, VMIDs, lines and blobs in use: after guests come and go these are what they were before.",
  examples: [["host stats -o json", "to compare before and after"]],
  run: async (_args, context) => printHostStats(context, await (await context.connect()).host()),
});

export const cpu = defineVerb({
  args: {},
  examples: [["host cpu", "harts: idle time, interrupts, who runs"]],
  async run(_args, context) {
    const client = await context.connect();
    const [harts, { uptimeNs }] = await Promise.all([client.harts(), client.host()]);
    const columns: readonly Column<HartInfo>[] = [
      { title: "HART", align: "right", cell: (hart) => String(hart.index) },
      { title: "ID", align: "right", cell: (hart) => hart.id },
      { title: "STATE", cell: (hart) => (hart.online ? "online" : "offline") },
      { title: "IDLE", align: "right", cell: (hart) => duration(hart.idleNs / 1e9) },
      { title: "BUSY", align: "right", cell: (h) => percent(uptimeNs > 0 ? Math.max(0, 1 - h.idleNs / uptimeNs) : 0) },
      { title: "TIMER", align: "right", cell: (hart) => count(hart.timerInterrupts) },
      { title: "IPI", align: "right", cell: (hart) => count(hart.ipis) },
      { title: "DEVICE", align: "right", cell: (hart) => count(hart.externalInterrupts) },
      { title: "RUNS", cell: ({ current }) => (current ? `${current.guest}/${current.vcpu}` : "-") },
    ];
    printRows(context, harts, { columns, none: "no harts" });
  },
});

export const mem = defineVerb({
  args: {},
  examples: [["host mem", "who has which host memory"]],
  async run(_args, context) {
    const runs = await (await context.connect()).memoryMap();
    if (context.format === "json") return printJson(context, runs);
    const columns: readonly Column<MemoryRun>[] = [
      { title: "ADDRESS", cell: (run) => run.hpa },
      { title: "SIZE", align: "right", cell: (run) => bytes(run.bytes) },
      { title: "OWNER", cell: (run) => (run.guest === undefined ? run.owner : `${run.owner} ${run.guest}`) },
    ];
    const sum = (owner: MemoryRun["owner"]) =>
      bytes(runs.filter((run) => run.owner === owner).reduce((all, run) => all + run.bytes, 0));
    printLine(context, table(columns, runs, { style: context.style }));
    remark(context, `guests ${sum("guest")}, blobs ${sum("blob")}, RAM disks ${sum("disk")}, free ${sum("free")}`);
  },
});

export const irq = defineVerb({
  args: {},
  examples: [["host irq", "host interrupts, their owners and counts"]],
  async run(_args, context) {
    const columns: readonly Column<IrqInfo>[] = [
      { title: "IRQ", align: "right", cell: (line) => String(line.number) },
      { title: "HART", align: "right", cell: (line) => String(line.hart) },
      { title: "COUNT", align: "right", cell: (line) => count(line.count) },
      { title: "OWNER", cell: (line) => line.owner || "-" },
    ];
    printRows(context, await (await context.connect()).irqs(), { columns, none: "no host interrupts are in use" });
  },
});

export const reset = defineVerb({
  args: { yes: { type: "boolean", alias: ["y", "f"], description: "do not ask" } },
  about: "The machine starts again, and with it the guests of its configuration. Guests created since are gone.",
  examples: [["host reset --yes", "without a question"]],
  async run({ yes }, context) {
    const client = await context.connect();
    const { name, guests } = await client.host();
    const asked = !yes && context.stdin.isTTY && context.stderr.isTTY;
    if (asked && !(await context.ask(`Reset host ${name} with ${guests} guests?`)))
      throw new CliError(EXIT.failed, "nothing was done");
    await client.hostAction("reset");
    if (context.format === "json") printJson(context, { host: name, action: "reset" });
    else remark(context, `${name}: reset`);
  },
});
