// SPDX-License-Identifier: Apache-2.0
// `typeone disk …`: disks of guests and of the host: what they are, what they did, attaching and detaching.
import type { Context } from "../context.ts";
import { notFound, usageError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import type { DeviceLimits, DiskInfo, HostClient, HostDiskInfo } from "../host-client.ts";
import { bytes, count } from "../output/format.ts";
import { printJson, printLine, remark } from "../output/print.ts";
import { type Column, table } from "../output/table.ts";
import { didYouMean } from "../suggest.ts";
import { tellProblems } from "../system-file.ts";
import { defineVerb } from "../verb.ts";
import { detachVerb, indexOf, limitOf, rateCell, stateCell } from "./device-verbs.ts";
import { progressTeller } from "./create.ts";

const GUEST = {
  type: "positional",
  required: true,
  valueHint: "NAME",
  description: "name or number of a guest",
} as const;

const modeOf = (disk: { readonly readOnly: boolean; readonly overlay?: unknown }): string =>
  disk.overlay !== undefined ? "overlay" : disk.readOnly ? "ro" : "rw";

function sourceOf({ source, disk, firstSector }: DiskInfo): string {
  const name = disk ?? (source === "memory" ? "empty RAM" : source === "unknown" ? "?" : "RAM");
  return firstSector > 0 ? `${name}+${firstSector}` : name;
}

const used = ({ overlay }: DiskInfo): string =>
  overlay === undefined ? "-" : `${bytes(overlay.usedBytes)} of ${bytes(overlay.limitBytes)}`;

const GUEST_COLUMNS: readonly Column<DiskInfo>[] = [
  { title: "GUEST", cell: (disk) => disk.guest },
  { title: "DISK", cell: (disk) => `disk${disk.index}` },
  { title: "OF", cell: sourceOf },
  { title: "SIZE", align: "right", cell: (disk) => bytes(disk.sizeBytes) },
  { title: "MODE", cell: modeOf },
  { title: "OVERLAY", align: "right", cell: used },
  { title: "READ", align: "right", cell: (disk) => bytes(disk.readBytes) },
  { title: "WRITTEN", align: "right", cell: (disk) => bytes(disk.writeBytes) },
  { title: "ERRORS", align: "right", cell: (disk, style) => (disk.errors > 0 ? style.red(count(disk.errors)) : "0") },
  { title: "STATE", cell: stateCell },
];

const HOST_COLUMNS: readonly Column<HostDiskInfo>[] = [
  { title: "HOST DISK", cell: (disk) => disk.name },
  { title: "SIZE", align: "right", cell: (disk) => bytes(disk.sizeBytes) },
  { title: "MODE", cell: modeOf },
  { title: "USERS", align: "right", cell: (disk) => String(disk.users) },
  { title: "READ", align: "right", cell: (disk) => bytes(disk.readBytes) },
  { title: "WRITTEN", align: "right", cell: (disk) => bytes(disk.writeBytes) },
  { title: "ERRORS", align: "right", cell: (disk, style) => (disk.errors > 0 ? style.red(count(disk.errors)) : "0") },
  { title: "STATE", cell: stateCell },
  { title: "WHERE", cell: (disk) => disk.location },
];

interface Row extends Omit<HostDiskInfo, "users" | "location" | "blockBytes" | "queues" | "readOnly" | "sizeBytes"> {
  readonly throttled?: number;
}

const STAT_COLUMNS: readonly Column<Row>[] = [
  { title: "DISK", cell: (disk) => disk.name },
  { title: "READS", align: "right", cell: (disk) => count(disk.reads) },
  { title: "BYTES", align: "right", cell: (disk) => count(disk.readBytes) },
  { title: "WRITES", align: "right", cell: (disk) => count(disk.writes) },
  { title: "BYTES", align: "right", cell: (disk) => count(disk.writeBytes) },
  { title: "FLUSHES", align: "right", cell: (disk) => count(disk.flushes) },
  { title: "DISCARDS", align: "right", cell: (disk) => count(disk.discards) },
  { title: "ERRORS", align: "right", cell: (disk) => count(disk.errors) },
  { title: "UNDER WAY", align: "right", cell: (disk) => count(disk.inFlight) },
  { title: "WAITED", align: "right", cell: (disk) => (disk.throttled === undefined ? "-" : count(disk.throttled)) },
];

interface Listed {
  readonly guests: readonly DiskInfo[];
  readonly host: readonly HostDiskInfo[];
}

/** Of one guest only its own. */
async function listed(client: HostClient, name: string | undefined): Promise<Listed> {
  const all = await client.disks();
  if (name === undefined) return all;
  const guest = await client.guest(name);
  return { guests: all.guests.filter((disk) => disk.guest === guest.name), host: [] };
}

const shown = <T>(context: Context, columns: readonly Column<T>[], rows: readonly T[]): string[] =>
  rows.length === 0 ? [] : [table(columns, rows, { style: context.style })];

export const ls = defineVerb({
  args: {
    name: { ...GUEST, required: false },
    names: { type: "boolean", alias: "q", description: "only the names of the host's disks" },
  },
  completes: { name: "guest" },
  examples: [
    ["disk ls", "of all guests, and of the host"],
    ["disk ls web -o json", "of one guest, for a program"],
  ],
  async run({ name, names }, context) {
    const disks = await listed(await context.connect(), name);
    if (names) return disks.host.forEach((disk) => printLine(context, disk.name));
    if (context.format === "json") return printJson(context, disks);
    const tables = [...shown(context, GUEST_COLUMNS, disks.guests), ...shown(context, HOST_COLUMNS, disks.host)];
    if (tables.length === 0) remark(context, "no disks; a system's file names the host's, a guest's disks its own");
    else printLine(context, tables.join("\n\n"));
  },
});

export const stats = defineVerb({
  args: { name: { ...GUEST, required: false } },
  completes: { name: "guest" },
  examples: [["disk stats web", "requests and bytes so far, under way, and those that a limit made wait"]],
  async run({ name }, context) {
    const disks = await listed(await context.connect(), name);
    if (context.format === "json") return printJson(context, disks);
    const rows: Row[] = [
      ...disks.guests.map((disk) => ({ ...disk, name: `${disk.guest} disk${disk.index}` })),
      ...disks.host.map((disk) => ({ ...disk, name: `host ${disk.name}` })),
    ];
    if (rows.length === 0) remark(context, "no disks");
    else printLine(context, table(STAT_COLUMNS, rows, { style: context.style }));
  },
});

/** A host's disk that is not there is said here, with those that are. */
async function checkName(client: HostClient, name: string): Promise<void> {
  const names = (await client.disks()).host.map((disk) => disk.name);
  const byOrder = /^disk(\d+)$/.exec(name)?.[1];
  if (names.includes(name) || (byOrder !== undefined && Number(byOrder) < names.length)) return;
  const there = names.length === 0 ? "it has none; a system's file names them" : `it has ${names.join(", ")}`;
  throw notFound(`the host has no disk ${name}`, didYouMean(name, names) ?? there);
}

export const attach = defineVerb({
  args: {
    name: GUEST,
    disk: {
      type: "positional",
      required: true,
      description: "a host's disk, file=FILE or size=SIZE; and words behind it",
    },
  },
  completes: { name: "guest", disk: "disk" },
  about:
    "DISK is as in a configuration: data,overlay=512M,ro. Words: ro, overlay=SIZE, slice=FIRST+SECTORS, serial=, queues=,\n" +
    "rate=BYTES/s, iops=. file=FILE is a RAM disk with the file's content. With hotplug in its description a guest has slots for it.\n" +
    "A Linux without PCI hot-plug, like Debian's for riscv64, finds it after: echo 1 > /sys/bus/pci/rescan",
  examples: [
    ["disk attach web data", "a disk of the host"],
    ["disk attach web data,ro", "the same, which the guest cannot write"],
    ["disk attach web file=tools.img,overlay=64M", "a file's content; what is written stays in memory"],
    ["disk attach web size=1G", "an empty RAM disk"],
  ],
  async run({ name, disk: text }, context) {
    const { readGuestDisk } = await import("@typeone/config");
    const { device, problems } = await readGuestDisk(text, { name: "typeone disk attach", folder: context.cwd });
    await tellProblems(context, problems, "DISK", EXIT.usage);
    if (!device) throw usageError(`DISK ${JSON.stringify(text)} cannot be read`);
    const client = await context.connect();
    if ("disk" in device.source) await checkName(client, device.source.disk);
    const teller = progressTeller(context.progress);
    // Only an upload takes long enough to speak of.
    const onProgress = (line: Parameters<typeof teller.tell>[0]) => void (line.phase === "upload" && teller.tell(line));
    const made = await client
      .attachDisk(name, device, { onProgress, signal: context.signal })
      .catch((error: unknown) => {
        teller.end("failed");
        throw error;
      });
    teller.end("done");
    if (context.format === "json") printJson(context, made);
    else remark(context, `${made.guest}: disk${made.index} attached, at ${made.bus} ${made.slot}`);
  },
});

const DISK = {
  type: "positional",
  required: true,
  description: "which of its disks: 0, disk0, or its serial",
} as const;

async function find(client: HostClient, name: string, word: string): Promise<{ guest: string; index: number }> {
  const { guests } = await listed(client, name);
  return indexOf(await client.guest(name), {
    word,
    kind: "disk",
    devices: guests.map((d) => ({ index: d.index, also: [d.serial, d.disk] })),
  });
}

export const detach = detachVerb({
  kind: "disks",
  word: "disk",
  device: DISK,
  find,
  examples: [
    ["disk detach web disk1", "the guest is asked to let go of it"],
    ["disk detach web 1 --force", "it is taken away; what was not written is lost"],
  ],
});

export const limit = defineVerb({
  args: {
    name: GUEST,
    device: { ...DISK, valueHint: "DISK" },
    rate: { type: "string", valueHint: "RATE", description: "bytes a second, like 10MB/s; none" },
    iops: { type: "string", valueHint: "N", description: "requests a second; none" },
    overlay: { type: "string", valueHint: "SIZE", description: "what its overlay may take" },
  },
  completes: { name: "guest" },
  examples: [
    ["disk limit web 0 --rate 10MB/s --iops 500", "from now on"],
    ["disk limit web 0 --rate none", "no longer"],
  ],
  async run({ name, device, rate, iops, overlay }, context) {
    const limits: DeviceLimits = {
      ...(rate === undefined ? {} : { rate: await limitOf("--rate", rate) }),
      ...(iops === undefined ? {} : { iops: await limitOf("--iops", iops) }),
      ...(overlay === undefined ? {} : { overlayBytes: await limitOf("--overlay", overlay) }),
    };
    if (Object.keys(limits).length === 0) throw usageError("say --rate, --iops, --overlay, or several");
    const client = await context.connect();
    const { guest, index } = await find(client, name, device);
    const changed = await client.setLimits({ guest, kind: "disks", index }, limits);
    if (context.format === "json") return printJson(context, changed);
    const requests =
      "iops" in changed && changed.iops !== undefined ? `${count(changed.iops)} requests/s` : "any requests/s";
    remark(context, `${guest}: disk${index} limited to ${rateCell(changed.rate)}, ${requests}`);
  },
});
