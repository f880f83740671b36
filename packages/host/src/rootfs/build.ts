// SPDX-License-Identifier: Apache-2.0
// Makes the files of a Debian image in a work folder: tree, kernel, ramdisk, file system, and the run that configures it.
// Called by image.ts, which chose and downloaded the packages and stores the result.
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { StepError, lastLines } from "../errors.ts";
import { type Progress, formatBytes, inStep } from "../progress.ts";
import { GUEST_SUITE } from "../provision/debian.ts";
import { debianRelease } from "../provision/release.ts";
import { configuredSources } from "../provision/sources.ts";
import { findProgram, run } from "../run.ts";
import { addModules, addScripts, addSettings, moduleLists } from "./assemble.ts";
import { makeFilesystem } from "./filesystem.ts";
import { imageSources } from "./image-sources.ts";
import { type LoadOrder, chooseModules, loadOrder, modulesOf, releaseOf, stripModules } from "./modules.ts";
import type { Downloads, SolvedPackage } from "./packages.ts";
import { rootRamdisk } from "./ramdisk.ts";
import { type Recipe, recipeText } from "./recipe.ts";
import { runSecondStage } from "./second-stage.ts";
import { Tree } from "./tree.ts";
import { entriesOf, unpackPackages, writeDatabase } from "./unpack.ts";

export interface BuildOptions {
  readonly recipe: Recipe;
  readonly work: string;
  /** Packages asked for by name. */
  readonly names: readonly string[];
  readonly solved: readonly SolvedPackage[];
  /** `others` are the kernel and busybox. */
  readonly downloads: Downloads;
  readonly progress: Progress;
}

export interface ImageFiles {
  readonly kernel: string;
  readonly ramdisk: string;
  readonly disk: string;
}

const UNPACK = "unpack Debian's packages";

async function unpack(options: BuildOptions, tree: Tree): Promise<number> {
  const { recipe, downloads, solved, names, progress } = options;
  return inStep(progress, UNPACK, async (step) => {
    const packages = await unpackPackages(downloads.debs, solved, { tree, exclude: recipe.exclude, step });
    await writeDatabase(tree, packages, names);
    const host = await debianRelease();
    const sources = host ? imageSources(await configuredSources(), host, GUEST_SUITE) : "";
    await addSettings(tree, recipe, sources);
    await addScripts(tree, recipe, packages);
    step.done(`${packages.length} packages`);
    return packages.length;
  });
}

/** Kernel and ramdisk as files, modules in the tree. */
async function kernelParts(options: BuildOptions, tree: Tree): Promise<Pick<ImageFiles, "kernel" | "ramdisk">> {
  const { recipe, work, downloads, progress } = options;
  return inStep(progress, "collect the kernel's modules", async (step) => {
    const [kernelDeb = "", busyboxDeb = ""] = downloads.others;
    const entries = await entriesOf(kernelDeb, "--fsys-tarfile");
    const image = entries.find((entry) => /^boot\/vmlinu[xz]-/.test(entry.name));
    const busybox = (await entriesOf(busyboxDeb, "--fsys-tarfile")).find((entry) => /bin\/busybox$/.test(entry.name));
    if (!image || image.data.toString("latin1", 0x38, 0x3c) !== "RSC\x05" || !busybox) {
      throw new StepError({
        step: UNPACK,
        why: "the kernel's or busybox's package has not the file that it had so far",
      });
    }
    const modules = modulesOf(entries);
    const chosen = await chooseModules(modules, recipe.modules);
    const strip = async (names: readonly string[]): Promise<LoadOrder> => {
      const { order, files } = await loadOrder(modules, names);
      return { order, files: await stripModules(files, path.join(work, "modules")) };
    };
    const light = (await strip([...recipe.always, ...recipe.ramdisk.load])).files;
    await addModules(tree, chosen, { light, release: releaseOf(entries), lists: moduleLists(entries) });
    const [loaded, carried] = [await strip(recipe.ramdisk.load), await strip(recipe.ramdisk.carry)];
    const init = recipeText(recipe, "init.sh");
    const archive = rootRamdisk({ busybox: busybox.data, init, loaded, carried });
    const [kernel, ramdisk] = [path.join(work, "kernel"), path.join(work, "ramdisk.cpio")];
    await writeFile(kernel, image.data);
    await writeFile(ramdisk, archive);
    step.done(`${chosen.length} of ${modules.size} modules, ramdisk of ${formatBytes(archive.length)}`);
    return { kernel, ramdisk };
  });
}

/** A last look from outside: the file system is whole and was unmounted. */
async function checkFilesystem(disk: string): Promise<void> {
  const step = "check the file system";
  const program = await findProgram("e2fsck");
  if (!program) return;
  const result = await run(program, ["-f", "-n", disk]);
  if (result.code !== 0) throw new StepError({ step, why: lastLines(result.stdout + result.stderr, 6) });
}

/** The image's files, in the work folder. */
export async function build(options: BuildOptions): Promise<ImageFiles> {
  const { recipe, work, progress } = options;
  const tree = new Tree(path.join(work, "tree"));
  await mkdir(tree.dir);
  const packages = await unpack(options, tree);
  const { kernel, ramdisk } = await kernelParts(options, tree);
  const disk = path.join(work, "disk.raw");
  const { label, sizeMiB } = recipe;
  await inStep(progress, "make the file system", () => makeFilesystem(tree, { file: disk, label, sizeMiB }));
  await rm(tree.dir, { recursive: true, force: true });
  await inStep(progress, "configure the packages", (step) =>
    runSecondStage({ kernel, ramdisk, disk, packages, log: `${work}.log`, step }),
  );
  await checkFilesystem(disk);
  return { kernel, ramdisk, disk };
}
