// SPDX-License-Identifier: Apache-2.0
// A Debian riscv64 root file system on a disk image, from Debian's packages: solved and downloaded by apt, unpacked here by
// any user, configured by its own scripts in one run under QEMU, kept in the cache. Called by `typeone image debian`,
// the demo and the tests; a second call takes a fraction of a second and needs no network.
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { type Progress, formatSeconds, inStep } from "../progress.ts";
import { type AptRoot, aptGet } from "../provision/apt.ts";
import { GUEST_SUITE, findGuestPackages, openGuestRoot } from "../provision/debian.ts";
import { build } from "./build.ts";
import { keepDebs, offerDebs } from "./debs.ts";
import { type SolvedPackage, downloadPackages, solvePackages } from "./packages.ts";
import { type ImageKind, type Recipe, hashOf, readRecipe } from "./recipe.ts";
import { type SshKey, ensureSshKey } from "./ssh-key.ts";
import { IMAGE_CACHE, type ImageManifest, readManifest, storeImage, workFolder } from "./store.ts";

/** What a guest boots from a disk with: paths, and what they hold. */
export interface DebianImage {
  readonly kind: ImageKind;
  /** Uncompressed Linux Image. */
  readonly kernel: string;
  /** cpio archive that finds and mounts the root file system. */
  readonly ramdisk: string;
  /** ext4 on the whole disk; a read-only base: guests get a copy-on-write layer or a copy. */
  readonly disk: string;
  /** Key for `ssh -i`; its public half goes on the command line (rootBootargs). */
  readonly key: SshKey;
  readonly kernelVersion: string;
  /** name=version, all that is installed. */
  readonly packages: readonly string[];
  readonly id: string;
  readonly fromCache: boolean;
}

export interface ImageOptions {
  readonly progress: Progress;
  /** "base" when absent. */
  readonly kind?: ImageKind;
  readonly cacheDir?: string;
  /** "missing" builds what the cache lacks; "refresh" asks the mirror for newer packages. */
  readonly fetch?: "missing" | "refresh";
}

async function describe(dir: string, manifest: ImageManifest, fromCache: boolean): Promise<DebianImage> {
  const file = (name: keyof ImageManifest["files"]) => path.join(dir, manifest.files[name].name);
  return {
    kind: manifest.kind,
    kernel: file("kernel"),
    ramdisk: file("ramdisk"),
    disk: file("disk"),
    key: await ensureSshKey(dir),
    kernelVersion: manifest.kernelVersion,
    packages: manifest.packages,
    id: manifest.key,
    fromCache,
  };
}

/** The image of a kind when the cache has it, made from the recipe as it is now. */
export async function cachedDebianImage(kind: ImageKind = "base", dir = IMAGE_CACHE): Promise<DebianImage | undefined> {
  const manifest = await readManifest(dir, kind);
  if (!manifest || manifest.recipe !== (await readRecipe()).hash) return undefined;
  return describe(dir, manifest, true);
}

/** What the mirror has for this recipe today. */
interface Choice {
  readonly names: readonly string[];
  readonly solved: readonly SolvedPackage[];
  readonly kernel: SolvedPackage;
  readonly busybox: SolvedPackage;
  readonly key: string;
}

async function choose(root: AptRoot, recipe: Recipe, kind: ImageKind, progress: Progress): Promise<Choice> {
  const title = "read Debian's riscv64 package index";
  return inStep(progress, title, async (step) => {
    await aptGet(root, {
      step: title,
      args: ["update"],
      onPercent: (percent) => step.update(`${percent.toFixed(0)} %`),
    });
    const names = [...recipe.packages, ...(kind === "tools" ? recipe.tools : [])];
    const { kernel, busybox } = await findGuestPackages(root, title);
    const solved = await solvePackages(root, names);
    const versions = [kernel, busybox, ...solved].map((one) => `${one.name}=${one.version}`).sort();
    step.done(`${solved.length} packages of ${GUEST_SUITE}, kernel ${kernel.version}`);
    return { names, solved, kernel, busybox, key: hashOf([recipe.hash, kind, ...versions]) };
  });
}

async function make(options: ImageOptions, recipe: Recipe, dir: string): Promise<DebianImage> {
  const { progress, kind = "base" } = options;
  const start = Date.now();
  const root = await openGuestRoot("read Debian's riscv64 package index");
  const work = await workFolder(dir);
  try {
    const chosen = await choose(root, recipe, kind, progress);
    const known = await readManifest(dir, kind);
    if (known?.key === chosen.key) return await describe(dir, known, true);
    const { names, solved, kernel, busybox } = chosen;
    const title = "download Debian's packages";
    const debsDir = path.join(dir, "packages");
    const downloads = await inStep(progress, title, async (step) => {
      await offerDebs(root, debsDir);
      const found = await downloadPackages(root, { names, solved, others: [kernel, busybox] }, step);
      await keepDebs([...found.debs, ...found.others], debsDir);
      return found;
    });
    const files = await build({ recipe, work, names, solved, downloads, progress });
    const seconds = Math.round((Date.now() - start) / 1000);
    const manifest = await storeImage(dir, {
      kind,
      recipe: recipe.hash,
      key: chosen.key,
      kernelVersion: kernel.version,
      packages: solved.map((one) => `${one.name}=${one.version}`),
      seconds,
      files,
    });
    progress.note(`✓ Debian image ${chosen.key} in ${formatSeconds(Date.now() - start)}`);
    return await describe(dir, manifest, false);
  } finally {
    await root.remove();
    await rm(work, { recursive: true, force: true });
  }
}

/** The image, from the cache or made now. Rejects with a StepError that says what to do. */
export async function getDebianImage(options: ImageOptions): Promise<DebianImage> {
  const dir = options.cacheDir ?? IMAGE_CACHE;
  if (options.fetch !== "refresh") {
    const cached = await cachedDebianImage(options.kind, dir);
    if (cached) return cached;
  }
  await mkdir(dir, { recursive: true });
  return make(options, await readRecipe(), dir);
}
