// SPDX-License-Identifier: Apache-2.0
// `typeone info [NAME]`: all about one guest, or about the host.
import type { DiskInfo, GuestDetail, HostClient, NetInfo } from "../host-client.ts";
import { bytes, count, duration } from "../output/format.ts";
import { printJson, printLine } from "../output/print.ts";
import type { Style } from "../output/style.ts";
import { facts } from "../output/table.ts";
import { defineVerb } from "../verb.ts";
import { printHostInfo } from "./host-info.ts";
import { stateCell } from "./ls.ts";

/** Exits of all vCPUs, by kind, most first. */
export function exitTotals(guest: GuestDetail): [string, number][] {
  const totals = new Map<string, number>();
  for (const { exitsByKind } of guest.vcpuList)
    for (const [kind, times] of Object.entries(exitsByKind)) totals.set(kind, (totals.get(kind) ?? 0) + times);
  return [...totals].filter(([, times]) => times > 0).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
}

interface Devices {
  readonly disks: readonly DiskInfo[];
  readonly networks: readonly NetInfo[];
}

/** What it has of disks and networks; nothing where the hypervisor cannot tell. */
async function devicesOf(client: HostClient, name: string): Promise<Devices> {
  const [disks, nets] = await Promise.all([
    client.disks().then(
      ({ guests }) => guests,
      () => [],
    ),
    client.networks().then(
      ({ guests }) => guests,
      () => [],
    ),
  ]);
  return { disks: disks.filter(({ guest }) => guest === name), networks: nets.filter(({ guest }) => guest === name) };
}

function diskFact({ index, disk, sizeBytes, readOnly, overlay, state }: DiskInfo): string {
  const mode = overlay !== undefined ? ", overlay" : readOnly ? ", read-only" : "";
  return `disk${index}${disk === undefined ? "" : ` of ${disk}`}, ${bytes(sizeBytes)}${mode}${state === "ok" ? "" : `, ${state}`}`;
}

const netFact = ({ index, network, mac, vlan }: NetInfo): string =>
  `net${index} on ${network}, ${mac}${vlan === undefined ? "" : `, VLAN ${vlan}`}`;

function guestFacts(guest: GuestDetail, { disks, networks }: Devices, style: Style): string {
  const lost = guest.consoleLost > 0 ? `, ${count(guest.consoleLost)} lost` : "";
  const exits = exitTotals(guest).map(([kind, times]) => `${kind} ${count(times)}`);
  return facts(
    [
      ["name", guest.name],
      ["id", String(guest.id)],
      ["state", stateCell(guest, style)],
      ["crash", guest.crashed ? `there is a record: typeone crash show ${guest.name}` : undefined],
      ["vCPUs", `${guest.vcpus} of ${guest.maxVcpus} may run, ${guest.onlineVcpus} started`],
      ["memory", `${bytes(guest.memoryBytes)} at ${guest.ramBase}`],
      ...disks.map((disk, i) => [i === 0 ? "disks" : "", diskFact(disk)] as const),
      ...networks.map((net, i) => [i === 0 ? "networks" : "", netFact(net)] as const),
      ["created", `${duration(guest.ageNs / 1e9)} ago`],
      ["up", guest.uptimeNs === undefined ? undefined : duration(guest.uptimeNs / 1e9)],
      ["run time", duration(guest.runTimeNs / 1e9)],
      ["wait time", duration(guest.waitTimeNs / 1e9)],
      ["interrupts", count(guest.interrupts)],
      ["console", `${count(guest.consoleOut)} bytes out, ${count(guest.consoleIn)} in${lost}`],
      ["on crash", guest.onCrash],
      ["on reboot", guest.onReboot],
      ["on poweroff", guest.onPoweroff],
      ["restarts", `${guest.restarts}, ${guest.restartsLeft} more before the limit`],
      ["exits", count(guest.exits)],
      ["  by kind", exits.length === 0 ? undefined : exits.join(", ")],
    ],
    style,
  );
}

export default defineVerb({
  args: {
    name: { type: "positional", required: false, description: "name or number of a guest; the host when left out" },
  },
  completes: { name: "guest" },
  examples: [
    ["info web", "state, accounting, exits by kind"],
    ["info", "the host"],
    ["info web -o json", "for a program"],
  ],
  async run({ name }, context) {
    const client = await context.connect();
    if (name === undefined) return printHostInfo(context, await client.host());
    const guest = await client.guest(name);
    const devices = await devicesOf(client, guest.name);
    if (context.format === "json") printJson(context, { ...guest, ...devices });
    else printLine(context, guestFacts(guest, devices, context.style));
    return undefined;
  },
});
