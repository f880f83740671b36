// SPDX-License-Identifier: Apache-2.0
// Composes a boot of TypeOne under QEMU: the hypervisor as `-kernel` (behind QEMU's own OpenSBI), the guests' files as
// bytes in memory, and the host's device tree with the guests in it. Called by the demo, the QEMU tests, the matrix and
// the benches. The files are read by QEMU itself; only the device tree is written, into `outDir`.
import { mkdir, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { type FdtTree, parse, serialize } from "@typeone/fdt";
import { StepError } from "../errors.ts";
import { BUILD_DIR } from "../paths.ts";
import { type GuestSpec, addGuests } from "./dom0less.ts";
import { type RunningMachine, dumpHostTree, launch } from "./launch.ts";
import { readKernelShape } from "./linux-image.ts";
import { type MachineOptions, loaderArgs, machineArgs } from "./machine.ts";
import { type GuestRequest, MIB, type PlacedFile, type Placement, placeGuests } from "./placement.ts";

export interface BootImageOptions {
  readonly machine: MachineOptions;
  readonly guests: readonly GuestSpec[];
  /** The hypervisor's ELF or flat Image. */
  readonly hypervisor: string;
  /** Where the device tree is written; `build/boot` when absent. Concurrent boots need folders of their own. */
  readonly outDir?: string;
  /** "fixed" replaces the host's random seed by a constant, so that runs repeat to the instruction. */
  readonly seed?: "random" | "fixed";
  /** Last change to the host tree before it is written (tests of broken trees, scheduler choice, …). */
  readonly editTree?: (tree: FdtTree) => void;
}

export interface BootImage {
  readonly args: readonly string[];
  readonly dtb: string;
  readonly tree: FdtTree;
  readonly placement: Placement;
}

const SEED_BYTES = 32;

async function fileOf(file: string, guest: string): Promise<PlacedFile> {
  const info = await stat(file).catch(() => undefined);
  if (!info?.isFile()) throw new StepError({ step: `place guest ${guest}`, why: `there is no file ${file}` });
  return { id: path.resolve(file), bytes: info.size };
}

async function requestOf(guest: GuestSpec): Promise<GuestRequest> {
  const kernel = { ...(await fileOf(guest.kernel, guest.name)), shape: await readKernelShape(guest.kernel) };
  const ramdisk = guest.ramdisk === undefined ? undefined : await fileOf(guest.ramdisk, guest.name);
  const deviceTree = guest.deviceTree === undefined ? undefined : await fileOf(guest.deviceTree, guest.name);
  const contents = new Map<string, PlacedFile>();
  for (const { name, file, use } of guest.devices ?? []) {
    if (file === undefined) continue;
    const content = await fileOf(file, guest.name);
    const own = { ...content, id: `${content.id}#${guest.name}/${name}`, file: content.id };
    contents.set(name, use === "own" ? own : content);
  }
  return {
    name: guest.name,
    memoryBytes: guest.memoryMiB * MIB,
    kernel,
    ...(ramdisk ? { ramdisk } : {}),
    ...(deviceTree ? { deviceTree } : {}),
    ...(guest.staticHpa === undefined ? {} : { staticHpa: guest.staticHpa }),
    ...(contents.size > 0 ? { contents } : {}),
    memory: guest.memory ?? "static",
  };
}

/** Every file at its place, as QEMU arguments: the pristine modules, then the copies inside guests. */
function loaders(placement: Placement): string[] {
  const all = [...placement.modules, ...placement.guests.flatMap((guest) => guest.preloaded)];
  return all.flatMap((module) => loaderArgs(module.file ?? module.id, module.hpa));
}

export async function composeBoot(options: BootImageOptions): Promise<BootImage> {
  const { machine, guests } = options;
  const requests = await Promise.all(guests.map(requestOf));
  const placement = placeGuests({ hostBytes: machine.memoryMiB * MIB, guests: requests });
  const host = parse(await dumpHostTree(machine));
  if (options.seed === "fixed") host.ensure("/chosen").set("rng-seed", new Uint8Array(SEED_BYTES).fill(0x5a));
  const tree = addGuests(host, guests, placement);
  options.editTree?.(tree);
  const outDir = options.outDir ?? path.join(BUILD_DIR, "boot");
  await mkdir(outDir, { recursive: true });
  const dtb = path.join(outDir, "host.dtb");
  await writeFile(dtb, serialize(tree));
  const args = [...machineArgs(machine), "-kernel", options.hypervisor, "-dtb", dtb, ...loaders(placement)];
  return { args, dtb, tree, placement };
}

export async function bootTypeOne(options: BootImageOptions): Promise<RunningMachine> {
  return launch((await composeBoot(options)).args);
}
