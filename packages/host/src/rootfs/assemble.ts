// SPDX-License-Identifier: Apache-2.0
// What goes into the tree of a Debian image besides the packages: our settings, the scripts that configure it, the kernel's
// modules. Called by image.ts.
import path from "node:path";
import type { UnpackedPackage } from "./dpkg-database.ts";
import type { KernelModule } from "./modules.ts";
import { type Recipe, recipeText } from "./recipe.ts";
import type { TarEntry } from "./tar.ts";
import type { Tree } from "./tree.ts";

const HERE = "usr/lib/typeone";
const SETTINGS = "root/";

/** dpkg's own configuration of what is left out, so that apt in a guest leaves it out too. */
export function dpkgExcludes(patterns: readonly string[]): string {
  const lines = patterns.map((one) => (one.startsWith("!") ? `path-include ${one.slice(1)}` : `path-exclude ${one}`));
  return `${lines.join("\n")}\n`;
}

/** The list that configure.sh reads: name, architecture, and the name of the package's files in dpkg's folder. */
export function packageList(packages: readonly UnpackedPackage[]): string {
  return packages.map(({ name, architecture, base }) => `${name} ${architecture} ${base}\n`).join("");
}

export async function addSettings(tree: Tree, recipe: Recipe, sources: string): Promise<void> {
  for (const [name, { data, mode }] of recipe.files) {
    if (name.startsWith(SETTINGS)) await tree.write(name.slice(SETTINGS.length), data, mode);
  }
  await tree.write("etc/dpkg/dpkg.cfg.d/typeone", dpkgExcludes(recipe.exclude), 0o644);
  await tree.write("etc/apt/sources.list.d/debian.sources", sources, 0o644);
}

export async function addScripts(tree: Tree, recipe: Recipe, packages: readonly UnpackedPackage[]): Promise<void> {
  await tree.write(`${HERE}/configure.sh`, recipeText(recipe, "configure.sh"), 0o755);
  await tree.write(`${HERE}/settings.sh`, recipeText(recipe, "settings.sh"), 0o644);
  await tree.write(`${HERE}/packages`, packageList(packages), 0o644);
  const dpkg = packages.find(({ name }) => name === "dpkg");
  await tree.write(`${HERE}/dpkg-version`, `${dpkg?.version ?? ""}\n`, 0o644);
}

export interface KernelFolder {
  readonly release: string;
  /** The kernel's own lists of modules. */
  readonly lists: readonly TarEntry[];
  /** Modules that each guest loads, unpacked, by name. */
  readonly light: ReadonlyMap<string, Buffer>;
}

/** Modules and the kernel's own lists; the list of load order names only what is there. */
export async function addModules(
  tree: Tree,
  modules: readonly KernelModule[],
  { release, lists, light }: KernelFolder,
): Promise<void> {
  const folder = `usr/lib/modules/${release}`;
  for (const one of modules) {
    const unpacked = light.get(one.name);
    const name = unpacked === undefined ? one.path : one.path.replace(/\.xz$/, "");
    await tree.write(`${folder}/${name}`, unpacked ?? one.packed, 0o644);
  }
  const kept = new Set(modules.map((one) => one.path.replace(/\.xz$/, "")));
  for (const list of lists) {
    const name = path.basename(list.name);
    const lines = list.data.toString().split("\n");
    const text = lines.filter((line) => kept.has(line)).join("\n");
    await tree.write(`${folder}/${name}`, name === "modules.order" ? `${text}\n` : list.data, 0o644);
  }
}

/** The lists among a kernel package's entries: modules.builtin, modules.order and the like. */
export const moduleLists = (entries: readonly TarEntry[]): TarEntry[] =>
  entries.filter((entry) => entry.kind === "file" && /\/modules\/[^/]+\/modules\.[^/]+$/.test(entry.name));
