// SPDX-License-Identifier: Apache-2.0
// `typeone net …`: networks inside the hypervisor: who is on which, what went through, attaching and detaching.
import { usageError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { HostClient, NetInfo, Networks, NicInfo, PacketCounters, SwitchInfo } from "../host-client.ts";
import { bytes, count } from "../output/format.ts";
import { printJson, printLine, remark } from "../output/print.ts";
import { type Column, table } from "../output/table.ts";
import { didYouMean } from "../suggest.ts";
import { tellProblems } from "../system-file.ts";
import { defineVerb } from "../verb.ts";
import { detachVerb, indexOf, limitOf, rateCell, stateCell } from "./device-verbs.ts";

const GUEST = {
  type: "positional",
  required: true,
  valueHint: "NAME",
  description: "name or number of a guest",
} as const;

/** A port of a network: a guest's, its uplink's, or none. */
interface Port {
  readonly network: string;
  readonly net?: NetInfo;
  readonly nic?: NicInfo;
}

/** Network by network: its uplink, then its guests; one without any is a line too. */
function portsOf({ guests, switches, nics }: Networks): Port[] {
  const names = [...new Set([...switches.map(({ name }) => name), ...guests.map(({ network }) => network)])];
  const known = names.flatMap((network): Port[] => {
    const ports = [
      ...nics.filter((nic) => nic.network === network).map((nic) => ({ network, nic })),
      ...guests.filter((net) => net.network === network).map((net) => ({ network, net })),
    ];
    return ports.length > 0 ? ports : [{ network }];
  });
  return [...known, ...nics.filter(({ network }) => network === undefined).map((nic) => ({ network: "-", nic }))];
}

const portName = ({ net, nic }: Port): string =>
  net ? `${net.guest} net${net.index}` : nic ? `host ${nic.name}` : "-";

function notesOf({ net }: Port): string {
  if (!net) return "";
  return [net.isolated ? "isolated" : "", net.mtu === undefined ? "" : `mtu ${net.mtu}`].filter(Boolean).join(", ");
}

const COLUMNS: readonly Column<Port>[] = [
  { title: "NETWORK", cell: ({ network }) => network },
  { title: "PORT", cell: portName },
  { title: "MAC", cell: ({ net, nic }) => (net ?? nic)?.mac ?? "-" },
  { title: "VLAN", align: "right", cell: ({ net }) => (net?.vlan === undefined ? "-" : String(net.vlan)) },
  { title: "RATE", align: "right", cell: ({ net }) => (net?.rate === undefined ? "-" : `${bytes(net.rate)}/s`) },
  {
    title: "LINK",
    cell: ({ net, nic }, style) => {
      const port = net ?? nic;
      return port === undefined ? "-" : port.linkUp ? "up" : style.yellow("down");
    },
  },
  { title: "STATE", cell: ({ net, nic }, style) => (net || nic ? stateCell((net ?? nic) as NetInfo, style) : "-") },
  { title: "", cell: notesOf },
];

const counted = (title: string, key: keyof PacketCounters): Column<Port> => ({
  title,
  align: "right",
  cell: ({ net, nic }) => {
    const port = net ?? nic;
    return port === undefined ? "-" : count(port[key]);
  },
});

const STAT_COLUMNS: readonly Column<Port>[] = [
  { title: "NETWORK", cell: ({ network }) => network },
  { title: "PORT", cell: portName },
  counted("RECEIVED", "rxPackets"),
  counted("BYTES", "rxBytes"),
  counted("DROPPED", "rxDrops"),
  counted("SENT", "txPackets"),
  counted("BYTES", "txBytes"),
  counted("DROPPED", "txDrops"),
  { title: "WAITED", align: "right", cell: ({ net }) => (net ? count(net.throttled) : "-") },
];

const SWITCH_COLUMNS: readonly Column<SwitchInfo>[] = [
  { title: "NETWORK", cell: ({ name }) => name },
  { title: "PORTS", align: "right", cell: ({ ports }) => String(ports) },
  { title: "UPLINK", cell: ({ uplink }) => uplink ?? "-" },
  { title: "STATIONS", align: "right", cell: ({ stations }) => String(stations) },
  { title: "TO ONE", align: "right", cell: ({ forwarded }) => count(forwarded) },
  { title: "TO ALL", align: "right", cell: ({ flooded }) => count(flooded) },
  { title: "TO NONE", align: "right", cell: ({ dropped }) => count(dropped) },
];

/** Of one guest only its own ports. */
async function listed(client: HostClient, name: string | undefined): Promise<Networks> {
  const all = await client.networks();
  if (name === undefined) return all;
  const guest = await client.guest(name);
  return { guests: all.guests.filter((net) => net.guest === guest.name), switches: [], nics: [] };
}

const NONE = "no networks; a system's file names them";

export const ls = defineVerb({
  args: {
    name: { ...GUEST, required: false },
    names: { type: "boolean", alias: "q", description: "only the names of the networks" },
  },
  completes: { name: "guest" },
  examples: [
    ["net ls", "networks, who is on them, addresses"],
    ["net ls web -o json", "of one guest, for a program"],
  ],
  async run({ name, names }, context) {
    const networks = await listed(await context.connect(), name);
    if (names) return networks.switches.forEach((one) => printLine(context, one.name));
    if (context.format === "json") return printJson(context, networks);
    const ports = portsOf(networks);
    if (ports.length === 0) remark(context, NONE);
    else printLine(context, table(COLUMNS, ports, { style: context.style }));
  },
});

export const stats = defineVerb({
  args: { name: { ...GUEST, required: false } },
  completes: { name: "guest" },
  about:
    "Received and sent are as the port's owner sees it: a guest, or the machine at the other end of the uplink's NIC.",
  examples: [["net stats", "packets, bytes and drops of every port; what the switches did"]],
  async run({ name }, context) {
    const networks = await listed(await context.connect(), name);
    if (context.format === "json") return printJson(context, networks);
    const ports = portsOf(networks);
    if (ports.length === 0) return remark(context, NONE);
    const { style } = context;
    const tables = [table(STAT_COLUMNS, ports, { style })];
    if (networks.switches.length > 0) tables.push(table(SWITCH_COLUMNS, networks.switches, { style }));
    printLine(context, tables.join("\n\n"));
  },
});

export const attach = defineVerb({
  args: {
    name: GUEST,
    network: { type: "positional", required: true, description: "a network, and words behind it" },
  },
  completes: { name: "guest", network: "network" },
  about:
    "NETWORK is as in a configuration: lan,vlan=10,rate=10MB/s. Words: mac=, vlan=, rate=, isolated, mtu=, queues=.\n" +
    "A network that nobody has named yet is made, without an uplink. With hotplug in its description a guest has slots for it.\n" +
    "A Linux without PCI hot-plug, like Debian's for riscv64, finds it after: echo 1 > /sys/bus/pci/rescan",
  examples: [
    ["net attach web lan", "an interface more"],
    ["net attach web lan,vlan=10,rate=10MB/s", "in VLAN 10, with a limit"],
  ],
  async run({ name, network: text }, context) {
    const { readGuestNetwork } = await import("@typeone/config");
    const { device, problems } = readGuestNetwork(text, { name: "typeone net attach", folder: context.cwd });
    await tellProblems(context, problems, "NETWORK", EXIT.usage);
    if (!device) throw usageError(`NETWORK ${JSON.stringify(text)} cannot be read`);
    const client = await context.connect();
    const names = (await client.networks()).switches.map((one) => one.name);
    const near = names.includes(device.network) ? undefined : didYouMean(device.network, names);
    if (near !== undefined) remark(context, `there was no network ${device.network} before; ${near}`);
    const made = await client.attachNetwork(name, device);
    if (context.format === "json") printJson(context, made);
    else
      remark(
        context,
        `${made.guest}: net${made.index} attached to ${made.network} as ${made.mac}, at ${made.bus} ${made.slot}`,
      );
  },
});

const NET = {
  type: "positional",
  required: true,
  description: "which of its interfaces: 0, net0, or its MAC",
} as const;

async function find(client: HostClient, name: string, word: string): Promise<{ guest: string; index: number }> {
  const { guests } = await listed(client, name);
  const devices = guests.map(({ index, mac, network }) => ({ index, also: [mac, network] }));
  return indexOf(await client.guest(name), { word: word.toLowerCase(), kind: "net", devices });
}

export const detach = detachVerb({
  kind: "nets",
  word: "net",
  device: NET,
  find,
  examples: [
    ["net detach web net1", "the guest is asked to let go of it"],
    ["net detach web 1 --force", "it is taken away"],
  ],
});

export const limit = defineVerb({
  args: {
    name: GUEST,
    device: { ...NET, valueHint: "NET" },
    rate: {
      type: "string",
      required: true,
      valueHint: "RATE",
      description: "bytes a second that it may send, like 10MB/s; none",
    },
  },
  completes: { name: "guest" },
  examples: [
    ["net limit web 0 --rate 100Mbit/s", "from now on"],
    ["net limit web 0 --rate none", "no longer"],
  ],
  async run({ name, device, rate }, context) {
    const limits = { rate: await limitOf("--rate", rate) };
    const client = await context.connect();
    const { guest, index } = await find(client, name, device);
    const changed = await client.setLimits({ guest, kind: "nets", index }, limits);
    if (context.format === "json") printJson(context, changed);
    else remark(context, `${guest}: net${index} limited to ${rateCell(changed.rate)}`);
  },
});
