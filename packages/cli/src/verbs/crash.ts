// SPDX-License-Identifier: Apache-2.0
// `typeone crash ls|show`: why the hypervisor stopped guests.
import type { CrashRecord, CrashSummary, Register } from "../host-client.ts";
import { printJson, printLine, printRows } from "../output/print.ts";
import type { Style } from "../output/style.ts";
import { type Column, facts, table } from "../output/table.ts";
import { defineVerb } from "../verb.ts";

const COLUMNS: readonly Column<CrashSummary>[] = [
  { title: "GUEST", cell: (crash) => crash.guest },
  { title: "VCPU", align: "right", cell: (crash) => String(crash.vcpu) },
  { title: "PC", cell: (crash) => crash.pc },
  { title: "SEEN", cell: (crash) => crash.seenAt },
  { title: "CAUSE", cell: (crash) => crash.cause },
];

export const ls = defineVerb({
  args: {},
  examples: [["crash ls", "guests that crashed, and why"]],
  run: async (_args, context) =>
    printRows(context, await (await context.connect()).crashes(), { columns: COLUMNS, none: "no guest has crashed" }),
});

/** Registers in rows of four. */
export function registerLines(registers: readonly Register[], style: Style): string {
  const rows: Register[][] = [];
  for (let at = 0; at < registers.length; at += 4) rows.push([...registers.slice(at, at + 4)]);
  const cell = (i: number): Column<Register[]>[] => [
    { title: "", align: "right", cell: (row) => (row[i] ? style.bold(row[i].name) : "") },
    { title: "", cell: (row) => row[i]?.value ?? "" },
  ];
  return table([0, 1, 2, 3].flatMap(cell), rows, { style, titles: "hidden" });
}

const isZero = (value: string): boolean => /^0x0*$|^0$/.test(value);

function crashText(crash: CrashRecord, style: Style): string {
  const ours = isZero(crash.hypervisorPc)
    ? undefined
    : `at ${crash.hypervisorPc}, address ${crash.hypervisorValue}: a fault of the hypervisor, contained`;
  const head = facts(
    [
      ["guest", crash.guest],
      ["cause", style.red(crash.cause)],
      ["vCPU", String(crash.vcpu)],
      ["pc", crash.pc],
      ["detail", crash.detail],
      ["hypervisor", ours],
      ["seen", crash.seenAt],
      ["file", crash.file],
    ],
    style,
  );
  const trail = table(
    [
      { title: "#", align: "right", cell: ([i]) => String(i) },
      { title: "EXIT", cell: ([, exit]) => exit.name },
      { title: "PC", cell: ([, exit]) => exit.pc },
      { title: "DETAIL", cell: ([, exit]) => exit.detail },
      { title: "FUNCTION", cell: ([, exit]) => exit.func },
    ],
    [...crash.trail.entries()],
    { style },
  );
  return [
    head,
    "",
    registerLines(crash.registers, style),
    ...(crash.trail.length > 0 ? ["", `last exits, newest first`, trail] : []),
  ].join("\n");
}

export const show = defineVerb({
  args: { name: { type: "positional", required: true, description: "name or number of the guest" } },
  completes: { name: "guest" },
  examples: [["crash show web", "cause, registers, the last 64 exits"]],
  async run({ name }, context) {
    const crash = await (await context.connect()).crash(name);
    if (context.format === "json") printJson(context, crash);
    else printLine(context, crashText(crash, context.style));
  },
});
