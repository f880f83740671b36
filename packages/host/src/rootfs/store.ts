// SPDX-License-Identifier: Apache-2.0
// Finished Debian images in the cache: a manifest per kind that names the files and the recipe that they were made from.
// An image counts as unharmed while its disk has the size and time with which it was put there. Called by image.ts.
import { rmSync } from "node:fs";
import { chmod, mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { CACHE_DIR } from "../paths.ts";
import type { ImageKind } from "./recipe.ts";

export const IMAGE_CACHE = path.join(CACHE_DIR, "debian-image");

const FILES = ["kernel", "ramdisk", "disk"] as const;
type FileName = (typeof FILES)[number];

/** Of a file: its name in the cache, and what it must look like. */
interface Kept {
  readonly name: string;
  readonly bytes: number;
  readonly changedMs: number;
}

export interface ImageManifest {
  readonly schema: 1;
  readonly kind: ImageKind;
  readonly recipe: string;
  /** Of the recipe and all versions of packages. */
  readonly key: string;
  readonly kernelVersion: string;
  readonly packages: readonly string[];
  readonly seconds: number;
  readonly files: Readonly<Record<FileName, Kept>>;
}

const manifestFile = (dir: string, kind: ImageKind): string => path.join(dir, `${kind}.json`);

async function looksLike(file: string): Promise<Kept> {
  const info = await stat(file);
  return { name: path.basename(file), bytes: info.size, changedMs: Math.floor(info.mtimeMs) };
}

/** The manifest of a kind when all its files are there and unharmed. */
export async function readManifest(dir: string, kind: ImageKind): Promise<ImageManifest | undefined> {
  try {
    const manifest = JSON.parse(await readFile(manifestFile(dir, kind), "utf8")) as ImageManifest;
    if (manifest.schema !== 1 || manifest.kind !== kind) return undefined;
    for (const name of FILES) {
      const wanted = manifest.files[name];
      const found = await looksLike(path.join(dir, wanted.name));
      if (found.bytes !== wanted.bytes || found.changedMs !== wanted.changedMs) return undefined;
    }
    return manifest;
  } catch {
    return undefined;
  }
}

export interface NewImage extends Omit<ImageManifest, "schema" | "files"> {
  readonly files: Readonly<Record<FileName, string>>;
}

/** Moves the files in (read-only from then on), then the manifest; what the kind had before goes. */
export async function storeImage(dir: string, image: NewImage): Promise<ImageManifest> {
  const { files, ...rest } = image;
  const kept: Partial<Record<FileName, Kept>> = {};
  for (const name of FILES) {
    const to = path.join(dir, `${image.kind}-${image.key}.${SUFFIX[name]}`);
    await chmod(files[name], 0o444);
    await rename(files[name], to);
    kept[name] = await looksLike(to);
  }
  const manifest: ImageManifest = { schema: 1, ...rest, files: kept as Record<FileName, Kept> };
  const partial = `${manifestFile(dir, image.kind)}.${process.pid}.partial`;
  await writeFile(partial, `${JSON.stringify(manifest, null, 2)}\n`);
  await rename(partial, manifestFile(dir, image.kind));
  await removeOld(dir, manifest);
  return manifest;
}

const SUFFIX: Readonly<Record<FileName, string>> = { kernel: "kernel", ramdisk: "ramdisk.cpio", disk: "rootfs.raw" };

async function removeOld(dir: string, { kind, files }: ImageManifest): Promise<void> {
  const current = new Set(FILES.map((name) => files[name].name));
  for (const name of await readdir(dir)) {
    if (name.startsWith(`${kind}-`) && !current.has(name)) await rm(path.join(dir, name), { force: true });
  }
}

/** A folder for one build beside the images (their disk has the room), without those of builds that died. */
export async function workFolder(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  for (const name of await readdir(dir)) {
    const pid = /^work-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) await rm(path.join(dir, name), { recursive: true, force: true });
  }
  const folder = path.join(dir, `work-${process.pid}`);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
