// SPDX-License-Identifier: Apache-2.0
// Where everything goes in host memory and in each guest's memory. One pure function: sizes in, addresses out, or a
// StepError that says what does not fit. Called by boot-image.ts before QEMU starts; the hypervisor checks it all again.
//
//   host   0x8000_0000 firmware │ 0x8020_0000 hypervisor image, 16 MiB │ its own memory … │ 0x9000_0000 modules, guests'
//          static memory, each on a 2 MiB boundary │ … │ last 2 MiB below min(end of memory, 3 GiB): host device tree
//   guest  0x8000_0000 RAM │ + text offset: kernel │ … │ ramdisk, page-aligned below │ end − 64 KiB: device tree
import { StepError } from "../errors.ts";
import type { KernelShape } from "./linux-image.ts";

export const MIB = 1 << 20;
export const HOST_RAM_BASE = 0x8000_0000;
export const HYPERVISOR_BASE = 0x8020_0000;
export const HYPERVISOR_SPAN = 16 * MIB;
/** First address for modules and guests; what lies below is the hypervisor's to allocate from. */
export const MODULES_BASE = 0x9000_0000;
export const GUEST_RAM_BASE = 0x8000_0000;
export const GUEST_DTB_SPACE = 64 << 10;
/** QEMU puts the host device tree into the last 2 MiB below this address, or below the end of memory. */
const DEVICE_TREE_CEILING = 0xc000_0000;
const DEVICE_TREE_SPACE = 2 * MIB;
const ALIGNMENT = 2 * MIB;
const PAGE = 4096;

export interface PlacedFile {
  /** Identity of the content: two guests with the same id share one module. */
  readonly id: string;
  readonly bytes: number;
  /** The file, if the id is not its name. */
  readonly file?: string;
}

export interface GuestRequest {
  readonly name: string;
  readonly memoryBytes: number;
  readonly kernel: PlacedFile & { readonly shape: KernelShape };
  readonly ramdisk?: PlacedFile;
  readonly deviceTree?: PlacedFile;
  /** Content of its RAM disks, by their node's name. */
  readonly contents?: ReadonlyMap<string, PlacedFile>;
  /** Where its static memory must begin; chosen when absent. */
  readonly staticHpa?: number;
  /** "static" reserves host memory now and lays kernel and ramdisk into it; "dynamic" leaves both to the hypervisor. */
  readonly memory: "static" | "dynamic";
}

export interface PlacementRequest {
  readonly hostBytes: number;
  readonly guests: readonly GuestRequest[];
}

/** A file at an address, by the file's id. */
export interface Module extends PlacedFile {
  readonly hpa: number;
}

export interface GuestPlacement {
  readonly name: string;
  readonly kernel: Module;
  readonly ramdisk?: Module;
  readonly deviceTree?: Module;
  readonly contents?: ReadonlyMap<string, Module>;
  /** Present for static memory. */
  readonly staticMemory?: { readonly hpa: number; readonly bytes: number };
  /** Copies that lie inside the static memory at the places where the guest expects them. */
  readonly preloaded: readonly Module[];
}

export interface Placement {
  /** Each distinct file once, at its pristine place. */
  readonly modules: readonly Module[];
  readonly guests: readonly GuestPlacement[];
  /** First host address that nothing was put at. */
  readonly end: number;
}

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;
const alignDown = (value: number, to: number): number => Math.floor(value / to) * to;
const inMiB = (bytes: number): string => `${Math.ceil(bytes / MIB)} MiB`;

/** Offsets from the start of guest RAM at which the hypervisor, too, puts a guest's kernel, ramdisk and device tree. */
export function guestLayout(guest: GuestRequest): { kernel: number; ramdisk: number | undefined; dtb: number } {
  const { kernel, ramdisk, memoryBytes, name } = guest;
  const fail = (why: string): never => {
    const least = alignUp(
      kernel.shape.textOffset + kernel.shape.memoryBytes + (ramdisk?.bytes ?? 0) + GUEST_DTB_SPACE + PAGE,
      ALIGNMENT,
    );
    throw new StepError({
      step: `place guest ${name}`,
      why,
      fix: `give guest ${name} at least ${inMiB(least)} of memory`,
    });
  };
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes <= 0 || memoryBytes % PAGE !== 0) {
    fail(`its memory of ${memoryBytes} bytes is not a positive number of 4 KiB pages`);
  }
  const dtb = memoryBytes - GUEST_DTB_SPACE;
  const ramdiskAt = ramdisk ? alignDown(dtb - ramdisk.bytes, PAGE) : undefined;
  const kernelEnd = kernel.shape.textOffset + kernel.shape.memoryBytes;
  if (kernelEnd > (ramdiskAt ?? dtb)) fail(`kernel and ramdisk do not fit into its ${inMiB(memoryBytes)}`);
  return { kernel: kernel.shape.textOffset, ramdisk: ramdiskAt, dtb };
}

/** Where `bytes` go when everything below `next` is taken, on a host that ends at `hostEnd`: around the device tree. */
function fitAt(next: number, bytes: number, hostEnd: number): number {
  const treeEnd = Math.min(hostEnd, DEVICE_TREE_CEILING);
  const treeStart = alignDown(treeEnd - DEVICE_TREE_SPACE, ALIGNMENT);
  return next < treeEnd && next + bytes > treeStart ? alignUp(treeEnd, ALIGNMENT) : next;
}

/** Least host memory with which `bytes` fit at `next`. */
function leastHostBytes(next: number, bytes: number): number {
  const below = next + bytes + DEVICE_TREE_SPACE;
  return (below <= DEVICE_TREE_CEILING ? below : fitAt(next, bytes, Infinity) + bytes) - HOST_RAM_BASE;
}

interface Range {
  readonly hpa: number;
  readonly bytes: number;
}

function overlapping(ranges: readonly Range[], hpa: number, bytes: number): Range | undefined {
  return ranges.find((range) => hpa < range.hpa + range.bytes && range.hpa < hpa + bytes);
}

/** Hands out 2 MiB-aligned host memory upwards, around the device tree and what stands at a fixed place. */
function hostAllocator(hostBytes: number, fixed: readonly Range[]) {
  const hostEnd = HOST_RAM_BASE + hostBytes;
  let next = MODULES_BASE;
  const take = (bytes: number, what: string): number => {
    let at = fitAt(next, bytes, hostEnd);
    for (let range = overlapping(fixed, at, bytes); range; range = overlapping(fixed, at, bytes))
      at = fitAt(alignUp(range.hpa + range.bytes, ALIGNMENT), bytes, hostEnd);
    if (at + bytes > hostEnd) {
      const least = inMiB(leastHostBytes(next, bytes));
      throw new StepError({
        step: "place the guests in host memory",
        why: `${what} (${inMiB(bytes)}) does not fit into the host's ${inMiB(hostBytes)}`,
        fix: `give the host more memory (at least ${least} for this and what comes before it) or the guests less`,
      });
    }
    next = alignUp(at + bytes, ALIGNMENT);
    return at;
  };
  return { take, end: () => next };
}

/** The static memories whose place the request names. */
function fixedRanges({ guests, hostBytes }: PlacementRequest): Range[] {
  const hostEnd = HOST_RAM_BASE + hostBytes;
  const fixed: Range[] = [];
  for (const { name, memoryBytes: bytes, staticHpa: hpa } of guests) {
    if (hpa === undefined) continue;
    const inside = hpa >= HYPERVISOR_BASE + HYPERVISOR_SPAN && hpa + bytes <= hostEnd;
    const free = fitAt(hpa, bytes, hostEnd) === hpa && !overlapping(fixed, hpa, bytes);
    if (!inside || !free || hpa % ALIGNMENT !== 0) {
      const why = `its static memory at 0x${hpa.toString(16)} is not free host memory on a 2 MiB boundary`;
      throw new StepError({ step: `place guest ${name}`, why });
    }
    fixed.push({ hpa, bytes });
  }
  return fixed;
}

/** Decides all addresses. Guests that name the same file share its pristine module. */
export function placeGuests(request: PlacementRequest): Placement {
  const names = new Set<string>();
  const allocator = hostAllocator(request.hostBytes, fixedRanges(request));
  const modules = new Map<string, Module>();
  const moduleFor = (file: PlacedFile): Module => {
    const known = modules.get(file.id);
    if (known) return known;
    const module = { ...file, hpa: allocator.take(file.bytes, `module ${file.file ?? file.id}`) };
    modules.set(file.id, module);
    return module;
  };
  for (const { name, kernel, ramdisk, deviceTree, contents } of request.guests) {
    if (names.has(name))
      throw new StepError({ step: "place the guests in host memory", why: `two guests are named ${name}` });
    names.add(name);
    moduleFor(kernel);
    if (ramdisk) moduleFor(ramdisk);
    if (deviceTree) moduleFor(deviceTree);
    contents?.forEach(moduleFor);
  }
  const guests = request.guests.map((guest): GuestPlacement => {
    const layout = guestLayout(guest);
    const kernel = moduleFor(guest.kernel);
    const ramdisk = guest.ramdisk ? moduleFor(guest.ramdisk) : undefined;
    const deviceTree = guest.deviceTree && moduleFor(guest.deviceTree);
    const contents = guest.contents && new Map([...guest.contents].map(([node, file]) => [node, moduleFor(file)]));
    const base = {
      ...{ name: guest.name, kernel, ...(ramdisk ? { ramdisk } : {}), ...(deviceTree ? { deviceTree } : {}) },
      ...(contents ? { contents } : {}),
    };
    if (guest.memory === "dynamic") return { ...base, preloaded: [] };
    const hpa = guest.staticHpa ?? allocator.take(guest.memoryBytes, `the memory of guest ${guest.name}`);
    const preloaded = [{ ...kernel, hpa: hpa + layout.kernel }];
    if (ramdisk && layout.ramdisk !== undefined) preloaded.push({ ...ramdisk, hpa: hpa + layout.ramdisk });
    return { ...base, staticMemory: { hpa, bytes: guest.memoryBytes }, preloaded };
  });
  return { modules: [...modules.values()], guests, end: allocator.end() };
}
