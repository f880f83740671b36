// SPDX-License-Identifier: Apache-2.0
// The kernel's modules: which of them an image gets, and in which order a ramdisk loads some. What a module depends on is
// read from the module itself (its .modinfo section). Called by image.ts.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { StepError } from "../errors.ts";
import { matcher } from "./glob.ts";
import { inParallel, runForBytes } from "./program.ts";
import type { TarEntry } from "./tar.ts";

export interface KernelModule {
  /** As modprobe knows it: with "_" for "-". */
  readonly name: string;
  /** Below the kernel's modules folder, e.g. kernel/fs/ext4/ext4.ko.xz. */
  readonly path: string;
  readonly packed: Buffer;
}

const STEP = "collect the kernel's modules";
const SUFFIX = /\.ko\.xz$/;

export const moduleName = (file: string): string => path.basename(file).replace(SUFFIX, "").replaceAll("-", "_");

/** All modules of a kernel package's data archive. */
export function modulesOf(entries: readonly TarEntry[]): Map<string, KernelModule> {
  const found = new Map<string, KernelModule>();
  for (const entry of entries) {
    const below = /\/modules\/[^/]+\/(kernel\/.*)$/.exec(entry.name)?.[1];
    if (entry.kind !== "file" || below === undefined || !SUFFIX.test(below)) continue;
    const name = moduleName(below);
    found.set(name, { name, path: below, packed: entry.data });
  }
  return found;
}

/** The release that a kernel package is for, as `uname -r` says it. */
export function releaseOf(entries: readonly TarEntry[]): string {
  for (const { name } of entries) {
    const release = /\/modules\/([^/]+)\/modules\.builtin$/.exec(name)?.[1];
    if (release !== undefined) return release;
  }
  throw new StepError({ step: STEP, why: "the kernel package holds no modules" });
}

/** What a module needs first: its depends= and softdep=pre: fields. */
export function needsOf(module: Buffer): string[] {
  const text = module.toString("latin1");
  const fields = (key: string) =>
    [...text.matchAll(new RegExp(`\\0${key}=([^\\0]*)\\0`, "g"))].map((match) => match[1] ?? "");
  const hard = fields("depends").flatMap((list) => list.split(","));
  const soft = fields("softdep").flatMap((rule) => (/\bpre: ([^:]*?)(?= \w+:|$)/.exec(rule)?.[1] ?? "").split(" "));
  return [...hard, ...soft].filter((name) => name !== "").map((name) => name.replaceAll("-", "_"));
}

export async function unpackModule(module: KernelModule): Promise<Buffer> {
  return runForBytes({ step: STEP, program: "xz", args: ["-dc"], input: module.packed });
}

/**
 * The same modules without symbols that nobody needs to load them, which are three quarters of a riscv64 module: each costs
 * a guest time at every load, and memory for ever. (Debian's signature goes too; its kernels do not ask for one.)
 */
export async function stripModules(files: ReadonlyMap<string, Buffer>, folder: string): Promise<Map<string, Buffer>> {
  await mkdir(folder, { recursive: true });
  const paths = new Map([...files.keys()].map((name) => [name, path.join(folder, `${name}.ko`)]));
  for (const [name, file] of paths) await writeFile(file, files.get(name) as Buffer);
  const args = ["--strip-unneeded", ...paths.values()];
  await runForBytes({ step: STEP, program: "riscv64-linux-gnu-strip", args });
  const stripped = new Map<string, Buffer>();
  for (const [name, file] of paths) stripped.set(name, await readFile(file));
  return stripped;
}

export interface LoadOrder {
  /** Each before what needs it. */
  readonly order: readonly string[];
  readonly files: ReadonlyMap<string, Buffer>;
}

/** `names` and all that they need; names that the kernel has built in are no modules and are passed over. */
export async function loadOrder(
  modules: ReadonlyMap<string, KernelModule>,
  names: readonly string[],
): Promise<LoadOrder> {
  const files = new Map<string, Buffer>();
  const order: string[] = [];
  const visit = async (name: string): Promise<void> => {
    const module = modules.get(name);
    if (!module || files.has(name)) return;
    const bytes = await unpackModule(module);
    files.set(name, bytes);
    for (const need of needsOf(bytes)) await visit(need);
    order.push(name);
  };
  for (const name of names) await visit(name.replaceAll("-", "_"));
  return { order, files };
}

/** Modules that fit `patterns` (paths below kernel/, without their suffix), and all that they need. */
export async function chooseModules(
  modules: ReadonlyMap<string, KernelModule>,
  patterns: readonly string[],
): Promise<KernelModule[]> {
  const fits = matcher(patterns);
  const chosen = new Map<string, KernelModule>();
  let wave = [...modules.values()].filter((one) => fits(one.path.replace(/^kernel\//, "").replace(SUFFIX, "")));
  while (wave.length > 0) {
    for (const module of wave) chosen.set(module.name, module);
    const needs = await inParallel(wave, os.availableParallelism(), async (one) => needsOf(await unpackModule(one)));
    const next = new Set(needs.flat().filter((name) => !chosen.has(name)));
    wave = [...next].flatMap((name) => modules.get(name) ?? []);
  }
  return [...chosen.values()];
}
