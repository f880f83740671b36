// SPDX-License-Identifier: Apache-2.0
// Disks and networks: names that are there, slices that lie inside their disk and apart from each other, one writer for each
// sector, one owner for each MAC address, and no more of anything than the machine has room for.
import { type GuestDisk, type HostDisk, type Network, writes } from "../devices/devices.ts";
import { MAX_HOST_DISKS, MAX_NICS, MAX_SWITCHES } from "../devices/schema.ts";
import type { Path } from "../problem.ts";
import { suggest } from "../suggest.ts";
import { formatSize, SECTOR } from "../units.ts";
import type { Host } from "../system.ts";
import type { Entry, Say } from "./system.ts";

/** What guests may name. Undefined names: whatever they say, the host may have it. */
export interface Devices {
  readonly disks: readonly HostDisk[];
  readonly networks: readonly Network[];
  readonly diskNames: readonly string[] | undefined;
  readonly networkNames: readonly string[] | undefined;
  /** Whether the file describes a system, which is where disks and networks are named. */
  readonly of: "system" | "guest";
}

/** Sectors of disks by name, where known. */
export type Sectors = ReadonlyMap<string, number>;

const BY_ORDER = /^disk(\d+)$/;
const MMIO_SLOTS = 8;

/** What the system itself says. */
export function checkHostDevices({ disks, networks, diskNames, networkNames }: Devices, say: Say): void {
  for (const [at, names, most] of [
    ["disks", diskNames, MAX_HOST_DISKS],
    ["networks", networkNames, MAX_SWITCHES],
  ] as const) {
    if (names === undefined || names.length <= most) continue;
    say([at], { severity: "error", message: `${names.length} are too many: the limit is ${most}`, fix: "remove some" });
  }
  const nics = networks.filter(({ uplink }) => uplink !== "none");
  if (nics.length > MAX_NICS) {
    const message = `${nics.length} networks have an uplink; the host has at most ${MAX_NICS} NICs`;
    say(["networks", nics[MAX_NICS]?.name ?? "", "uplink"], { severity: "error", message, fix: 'write "none"' });
  }
  checkFilesApart(disks, say);
  disks.forEach(({ name }, i) => {
    const index = BY_ORDER.exec(name)?.[1];
    if (index === undefined || Number(index) === i) return;
    const message = `"${name}" also means disk ${index} in the order of the list, and this is disk ${i}`;
    say(["disks", name], { severity: "error", message, fix: "give it another name" });
  });
  checkForwards(networks, say);
}

function checkFilesApart(disks: readonly HostDisk[], say: Say): void {
  const known = new Map<string, HostDisk>();
  for (const disk of disks) {
    const other = known.get(disk.file);
    if (other && !(other.readOnly && disk.readOnly)) {
      const message = `is the same file as disk ${other.name}, and one of them may be written`;
      say(["disks", disk.name, "file"], {
        severity: "error",
        message,
        fix: `use disk ${other.name} for both, or say readOnly: true in both`,
      });
    }
    known.set(disk.file, other ?? disk);
  }
}

function checkForwards(networks: readonly Network[], say: Say): void {
  const taken = new Map<string, string>();
  for (const { name, uplink, forwards } of networks) {
    const at = ["networks", name, "forwards"];
    if (forwards.length > 0 && uplink === "none") {
      const message = "ports are forwarded into a network without an uplink";
      say(at, { severity: "error", message, fix: 'add uplink: "user"' });
    }
    forwards.forEach(({ protocol, hostPort }, i) => {
      const key = `${protocol} ${hostPort}`;
      const other = taken.get(key);
      if (other !== undefined) {
        const message = `port ${hostPort} of this machine leads into network ${other} already`;
        say([...at, i], { severity: "error", message, fix: "use another port" });
      }
      taken.set(key, name);
    });
  }
}

export function checkGuestDevices(host: Host | undefined, entries: readonly Entry[], devices: Devices, say: Say): void {
  for (const entry of entries) {
    (entry.guest.disks ?? []).forEach((disk, i) => {
      const at = [...entry.path, "disks", i];
      checkSource(disk, devices, at, say);
      if (disk.overlayBytes === undefined || !host || disk.overlayBytes <= host.memoryBytes) return;
      const [limit, memory] = [formatSize(disk.overlayBytes), formatSize(host.memoryBytes)];
      const message = `up to ${limit} are kept in memory, but the host has ${memory}`;
      say([...at, "overlay"], { severity: "error", message, fix: "write less, or give the host more memory" });
    });
    checkNetworks(entry, devices, say);
    checkSlots(entry, say);
    checkInterrupts(host, entry, say);
  }
}

function checkSource({ source, ...disk }: GuestDisk, devices: Devices, at: Path, say: Say): void {
  if (!("disk" in source) || devices.diskNames === undefined) return;
  const index = BY_ORDER.exec(source.disk)?.[1];
  const known = devices.diskNames.includes(source.disk) || Number(index) < devices.diskNames.length;
  if (!known) {
    const where = devices.of === "guest" ? "only a system names disks, and this file describes one guest" : undefined;
    const message = `there is no disk ${source.disk}${where === undefined ? "" : `: ${where}`}`;
    const fix = `name it under the system's disks: ${source.disk}: "./${source.disk}.img"`;
    return say([...at, "from"], { severity: "error", message, fix: didYouMean(source.disk, devices.diskNames) ?? fix });
  }
  const below = hostDiskOf(source.disk, devices.disks);
  if (!below?.readOnly || !writes({ source, ...disk })) return;
  const fix = "add readOnly: true (ro), or an overlay";
  say([...at, "from"], { severity: "error", message: `disk ${source.disk} of the host is read-only`, fix });
}

function hostDiskOf(name: string, disks: readonly HostDisk[]): HostDisk | undefined {
  const index = BY_ORDER.exec(name)?.[1];
  return disks.find((disk) => disk.name === name) ?? (index === undefined ? undefined : disks[Number(index)]);
}

function didYouMean(name: string, known: readonly string[]): string | undefined {
  const meant = suggest(name, known);
  if (meant !== undefined) return `did you mean "${meant}"?`;
  return known.length === 0 ? undefined : `there are: ${known.join(", ")}`;
}

function checkNetworks({ guest, path }: Entry, { networkNames }: Devices, say: Say): void {
  (guest.networks ?? []).forEach(({ network }, i) => {
    if (networkNames === undefined || networkNames.includes(network)) return;
    const fix = didYouMean(network, networkNames) ?? `name it under the system's networks: ${network}: "user"`;
    say([...path, "networks", i, "network"], { severity: "error", message: `there is no network ${network}`, fix });
  });
}

/** Messages need harts that can take them for guests. */
function checkInterrupts(host: Host | undefined, { guest, path }: Entry, say: Say): void {
  if (guest.interrupts !== "aia" || !host || host.aia === "aplic-imsic") return;
  const message = `the guest wants aia, and harts of a host with aia ${host.aia} may not have what that takes (Ssaia)`;
  say([...path, "interrupts"], { severity: "warning", message, fix: 'write aia: "aplic-imsic" for the host' });
}

function checkSlots({ guest, path }: Entry, say: Say): void {
  const { disks = [], networks = [], consoles, rng, balloon } = guest;
  const devices = [...disks, ...networks, consoles, rng, balloon].filter((device) => device?.bus === "mmio");
  if (devices.length <= MMIO_SLOTS) return;
  const message = `${devices.length} devices are on bus mmio, which has ${MMIO_SLOTS} slots`;
  say([...path, disks.length > 0 ? "disks" : "networks"], {
    severity: "error",
    message,
    fix: "leave bus away, which means pci",
  });
}

interface Use {
  readonly entry: Entry;
  readonly at: Path;
  readonly disk: GuestDisk;
  readonly first: number;
  readonly end: number;
}

/** Of guests that run at once: one writer for each sector. Also slices that leave their disk. */
export function checkSharing(entries: readonly Entry[], devices: Devices, sectors: Sectors, say: Say): void {
  const uses = new Map<string, Use[]>();
  for (const entry of entries) {
    (entry.guest.disks ?? []).forEach((disk, i) => {
      if (!("disk" in disk.source)) return;
      const name = hostDiskOf(disk.source.disk, devices.disks)?.name ?? disk.source.disk;
      const at = [...entry.path, "disks", i];
      const size = sectors.get(name);
      const first = disk.firstSector ?? 0;
      const use = {
        entry,
        at,
        disk,
        first,
        end: disk.sectors === undefined ? (size ?? Infinity) : first + disk.sectors,
      };
      if (size !== undefined && (use.end > size || first >= size)) return leavesDisk(use, name, size, say);
      const others = uses.get(name) ?? [];
      for (const other of others) checkPair(other, use, name, say);
      uses.set(name, [...others, use]);
    });
  }
}

const sectorsText = ({ first, end }: Use): string => `sectors ${first} to ${end === Infinity ? "the end" : end - 1}`;

function leavesDisk(use: Use, name: string, size: number, say: Say): void {
  const message = `${sectorsText(use)} leave disk ${name}, which has ${size} sectors (${formatSize(size * SECTOR)})`;
  const fix = use.first >= size ? `begin below sector ${size}` : `write at most ${size - use.first} sectors`;
  say([...use.at, "slice"], { severity: "error", message, fix });
}

function checkPair(other: Use, use: Use, name: string, say: Say): void {
  if (other.end <= use.first || use.end <= other.first) return;
  const [theirs, ours] = [writes(other.disk), writes(use.disk)];
  if (!theirs && !ours) return;
  const together = other.entry.guest.autostart && use.entry.guest.autostart;
  const both = theirs && ours;
  const who = other.entry === use.entry ? "another disk of this guest" : `guest ${other.entry.guest.name}`;
  const part = use.first === 0 && other.first === 0 ? `disk ${name}` : `${sectorsText(use)} of disk ${name}`;
  const message = both
    ? `${who} writes ${part} too: that destroys what is on it`
    : theirs
      ? `${who} writes ${part}, which changes under this one`
      : `${who} reads ${part}, which changes under it`;
  const fix = both
    ? "add an overlay or readOnly: true to one of them, or give each a slice of its own"
    : "add an overlay or readOnly: true to the one that writes";
  say([...use.at, "from"], { severity: both && together ? "error" : "warning", message, fix });
}

/** Of guests that run at once: one interface for each address on a network. */
export function checkMacs(entries: readonly Entry[], say: Say): void {
  const taken = new Map<string, Entry>();
  for (const entry of entries) {
    (entry.guest.networks ?? []).forEach(({ network, mac }, i) => {
      if (mac === undefined) return;
      const key = `${network} ${mac}`;
      const other = taken.get(key);
      taken.set(key, other ?? entry);
      if (!other) return;
      const together = other.guest.autostart && entry.guest.autostart;
      const who = other === entry ? "another interface of this guest" : `guest ${other.guest.name}`;
      const message = `${who} has ${mac} on network ${network} too`;
      const fix = "write another address, or none: one is made from the guest's name";
      say([...entry.path, "networks", i, "mac"], { severity: together ? "error" : "warning", message, fix });
    });
  }
}
