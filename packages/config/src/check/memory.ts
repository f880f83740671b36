// SPDX-License-Identifier: Apache-2.0
// Host memory: is there enough for the guests that boot with the host, and do static memories lie where they can,
// apart from each other. The map of the host is that of packages/host/src/qemu/placement.ts; a test compares them.
import { writes } from "../devices/devices.ts";
import type { Host } from "../system.ts";
import { formatSize, hexAddress, MIB } from "../units.ts";
import type { Entry, Say } from "./system.ts";

export const HOST_RAM_BASE = 0x8000_0000;
/** Below: firmware and the hypervisor's image. */
export const HYPERVISOR_END = 0x8020_0000 + 16 * MIB;
/** From here on files and chosen static memories are laid. */
export const MODULES_BASE = 0x9000_0000;
const DEVICE_TREE_CEILING = 0xc000_0000;
const DEVICE_TREE_SPACE = 2 * MIB;
const BLOCK = 2 * MIB;

const blocks = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;

interface Range {
  readonly start: number;
  readonly end: number;
}

const rangeText = ({ start, end }: Range): string => `${hexAddress(start)} to ${hexAddress(end - 1)}`;
const overlap = (a: Range, b: Range): boolean => a.start < b.end && b.start < a.end;

export function checkMemory(host: Host, entries: readonly Entry[], sizes: ReadonlyMap<string, number>, say: Say): void {
  checkSum(host, entries, sizes, say);
  checkStatic(host, entries, say);
}

/** The first guest with which the host's memory is used up is the one that is named. */
function checkSum(host: Host, entries: readonly Entry[], sizes: ReadonlyMap<string, number>, say: Say): void {
  const files = new Map<string, number>();
  let [all, placed] = [0, 0];
  for (const { guest, path } of entries.filter((entry) => entry.guest.autostart)) {
    all += blocks(guest.memoryBytes);
    if (guest.staticMemory !== false) placed += blocks(guest.memoryBytes);
    for (const file of [guest.kernel, guest.ramdisk, guest.deviceTree]) {
      if (file !== undefined) files.set(file, blocks(sizes.get(file) ?? 0));
    }
    (guest.disks ?? []).forEach((disk, i) => {
      // What a guest writes into is its own copy; an overlay takes memory only as it grows.
      if ("bytes" in disk.source) all += blocks(disk.source.bytes);
      if (!("file" in disk.source)) return;
      const { file } = disk.source;
      files.set(writes(disk) ? `${file}#${guest.name}/${i}` : file, blocks(sizes.get(file) ?? 0));
    });
    const modules = [...files.values()].reduce((sum, size) => sum + size, 0);
    const room = HYPERVISOR_END - HOST_RAM_BASE + DEVICE_TREE_SPACE;
    const staticRoom = MODULES_BASE - HOST_RAM_BASE + DEVICE_TREE_SPACE;
    const least = Math.max(all + modules + room, placed === 0 ? 0 : placed + modules + staticRoom);
    if (least <= host.memoryBytes) continue;
    const rest = formatSize(least - all);
    say([...path, "memory"], {
      severity: "error",
      message:
        `up to this guest, guests take ${formatSize(all)} and the hypervisor and their files ${rest}, ` +
        `but the host has ${formatSize(host.memoryBytes)}`,
      fix: `give the host at least "${Math.ceil(least / MIB)}MiB", the guests less, or start some later (autostart: false)`,
    });
    return;
  }
}

function checkStatic(host: Host, entries: readonly Entry[], say: Say): void {
  const hostEnd = HOST_RAM_BASE + host.memoryBytes;
  const treeEnd = Math.min(hostEnd, DEVICE_TREE_CEILING);
  const tree = { start: treeEnd - DEVICE_TREE_SPACE, end: treeEnd };
  const placed: { readonly entry: Entry; readonly range: Range }[] = [];
  for (const entry of entries) {
    const { staticMemory, memoryBytes, name, autostart } = entry.guest;
    if (typeof staticMemory !== "number") continue;
    const range = { start: staticMemory, end: staticMemory + blocks(memoryBytes) };
    const at = [...entry.path, "staticMemory"];
    const lowest = `begin at ${hexAddress(HYPERVISOR_END)} or above`;
    if (range.start < HYPERVISOR_END) {
      const message = `${hexAddress(range.start)} belongs to firmware and the hypervisor, or is no memory`;
      say(at, { severity: "error", message, fix: lowest });
    } else if (range.end > hostEnd) {
      const message = `${rangeText(range)} leaves the host's memory, which ends at ${hexAddress(hostEnd - 1)}`;
      say(at, { severity: "error", message, fix: "begin lower, or give the host more memory" });
    } else if (overlap(range, tree)) {
      const message = `${rangeText(range)} overlaps the host's device tree at ${rangeText(tree)}`;
      say(at, { severity: "error", message, fix: `end below ${hexAddress(tree.start)}` });
    }
    for (const other of placed.filter((known) => overlap(known.range, range))) {
      const both = autostart && other.entry.guest.autostart;
      const message = `${rangeText(range)} overlaps the memory of ${other.entry.guest.name}, ${rangeText(other.range)}`;
      const fix = both
        ? `begin at ${hexAddress(other.range.end)}`
        : `do not run ${name} and ${other.entry.guest.name} at once`;
      say(at, { severity: both ? "error" : "warning", message, fix });
    }
    placed.push({ entry, range });
  }
}
