// SPDX-License-Identifier: Apache-2.0
// `typeone ls`: the guests of a host, one a line.
import type { GuestInfo } from "../host-client.ts";
import { bytes, duration } from "../output/format.ts";
import { printLine, printRows } from "../output/print.ts";
import type { Style } from "../output/style.ts";
import type { Column } from "../output/table.ts";
import { defineVerb } from "../verb.ts";

/** The state in colour, and where it goes. */
export function stateCell(guest: GuestInfo, style: Style): string {
  const paint = { running: style.green, crashed: style.red, paused: style.yellow, shutdown: style.dim } as Partial<
    Record<GuestInfo["state"], (text: string) => string>
  >;
  const loaded = guest.state === "loading" && guest.loadedPercent !== undefined ? ` ${guest.loadedPercent}%` : "";
  const wanted = guest.wanted && guest.wanted !== guest.state ? `→${guest.wanted}` : "";
  return (paint[guest.state] ?? String)(guest.state) + loaded + wanted;
}

const COLUMNS: readonly Column<GuestInfo>[] = [
  { title: "NAME", cell: (guest) => guest.name },
  { title: "ID", align: "right", cell: (guest) => String(guest.id) },
  { title: "STATE", cell: stateCell },
  { title: "VCPUS", align: "right", cell: (guest) => String(guest.vcpus) },
  { title: "MEMORY", align: "right", cell: (guest) => bytes(guest.memoryBytes) },
  { title: "CPU TIME", align: "right", cell: (guest) => duration(guest.runTimeNs / 1e9) },
  { title: "UP", align: "right", cell: (g) => (g.uptimeNs === undefined ? "-" : duration(g.uptimeNs / 1e9)) },
  { title: "RESTARTS", align: "right", cell: (guest) => String(guest.restarts) },
];

export default defineVerb({
  args: { names: { type: "boolean", alias: "q", description: "only the names" } },
  examples: [
    ["ls", "all guests"],
    ["ls -o json", "the same for a program"],
    ["ls -q", "their names"],
  ],
  async run({ names }, context) {
    const guests = await (await context.connect()).guests();
    if (!names) printRows(context, guests, { columns: COLUMNS, none: "no guests; typeone create FILE makes one" });
    else if (context.format === "json")
      printRows(
        context,
        guests.map(({ name }) => name),
        { columns: [], none: "" },
      );
    else for (const { name } of guests) printLine(context, name);
  },
});
