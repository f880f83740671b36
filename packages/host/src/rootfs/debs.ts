// SPDX-License-Identifier: Apache-2.0
// Downloaded packages, kept in the cache: another recipe, or the second kind of image, does not fetch them again. apt checks
// each file's hash before it takes it. Called by image.ts.
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { AptRoot } from "../provision/apt.ts";

const archives = (root: AptRoot): string => path.join(root.dir, "archives");

async function debsIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [] as string[])).filter((name) => name.endsWith(".deb"));
}

/** Gives apt what the cache has. */
export async function offerDebs(root: AptRoot, cacheDir: string): Promise<void> {
  for (const name of await debsIn(cacheDir)) await copyFile(path.join(cacheDir, name), path.join(archives(root), name));
}

/** Keeps `files` (paths below apt's folder) and drops what was there under an older version. */
export async function keepDebs(files: readonly string[], cacheDir: string): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const known = await debsIn(cacheDir);
  const packageOf = (name: string): string => name.slice(0, name.indexOf("_"));
  for (const file of files) {
    const name = path.basename(file);
    if (known.includes(name)) continue;
    const partial = path.join(cacheDir, `${name}.${process.pid}.partial`);
    await copyFile(file, partial);
    await rename(partial, path.join(cacheDir, name));
    for (const old of known)
      if (packageOf(old) === packageOf(name)) await rm(path.join(cacheDir, old), { force: true });
  }
}
