// SPDX-License-Identifier: Apache-2.0
// Gets Debian's U-Boot for S-mode, a boot loader that a guest can have as its kernel: through apt with a private root, kept
// in the cache by version as the kernel is. Called by the QEMU tests; a second call needs no network.
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { CACHE_DIR } from "../paths.ts";
import { formatBytes, inStep } from "../progress.ts";
import { aptGet } from "./apt.ts";
import {
  type DebianFile,
  type DebianOptions,
  download,
  isIntact,
  keep,
  lookUp,
  openGuestRoot,
  unpack,
} from "./debian.ts";

const PACKAGE = "u-boot-qemu";
const MEMBER = "./usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin";
const MANIFEST = "u-boot.json";

/** U-Boot from the cache when it is there and unharmed. Its path is absolute. */
export async function cachedUBoot(cacheDir: string): Promise<DebianFile | undefined> {
  try {
    const file = JSON.parse(await readFile(path.join(cacheDir, MANIFEST), "utf8")) as DebianFile;
    return (await isIntact(file, cacheDir)) ? { ...file, path: path.join(cacheDir, file.path) } : undefined;
  } catch {
    return undefined;
  }
}

/** A flat binary that wants to be 2 MiB into RAM. Rejects with a StepError that says what to do. */
export async function getUBoot({
  progress,
  cacheDir = path.join(CACHE_DIR, "debian"),
}: DebianOptions): Promise<DebianFile> {
  const cached = await cachedUBoot(cacheDir);
  if (cached) return cached;
  const title = "get Debian's U-Boot";
  const root = await openGuestRoot(title);
  const work = await mkdtemp(path.join(os.tmpdir(), "typeone-deb-"));
  try {
    return await inStep(progress, title, async (step) => {
      await aptGet(root, { step: title, args: ["update"] });
      const wanted = await lookUp(root, { name: PACKAGE, step: title });
      const debs = await download(root, [wanted], step);
      const file = await keep(await unpack(debs, PACKAGE, MEMBER, work), { cacheDir, name: "u-boot", wanted });
      await mkdir(cacheDir, { recursive: true });
      const partial = path.join(cacheDir, `${MANIFEST}.${process.pid}.partial`);
      await writeFile(partial, `${JSON.stringify(file, null, 2)}\n`);
      await rename(partial, path.join(cacheDir, MANIFEST));
      step.done(`${wanted.version}, ${formatBytes(file.bytes)}`);
      return { ...file, path: path.join(cacheDir, file.path) };
    });
  } finally {
    await root.remove();
    await rm(work, { recursive: true, force: true });
  }
}
