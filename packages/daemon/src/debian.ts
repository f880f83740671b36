// SPDX-License-Identifier: Apache-2.0
// The files behind a guest's description: "debian" becomes the project's own kernel and ramdisk, a device tree in source
// becomes a blob. Called when a host is started and when a guest is created.
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Guest, GuestFiles } from "@typeone/config";
import { buildInitramfs, getDebianFiles, guestBootargs, inStep, messageOf, type Progress } from "@typeone/host";
import { ApiError } from "./errors.ts";

const DEBIAN = "debian";

export interface DebianParts {
  readonly kernel: string;
  readonly ramdisk: string;
}

export function needsDebian(guest: Guest): boolean {
  return guest.kernel === DEBIAN || guest.ramdisk === DEBIAN;
}

/** Downloads them on the first call of all; later they are in the cache. */
export async function debianFiles(progress: Progress): Promise<DebianParts> {
  const { kernel, busybox, fromCache } = await getDebianFiles({ progress });
  if (fromCache) progress.note(`✓ Debian kernel ${kernel.version}, busybox ${busybox.version} (cached)`);
  const ramdisk = await inStep(progress, "build the initramfs", () => buildInitramfs(busybox));
  return { kernel: kernel.path, ramdisk: ramdisk.path };
}

/** The guest with a ramdisk and bootargs that suit its kernel, and the files behind its words. */
export async function resolveGuest(
  guest: Guest,
  outDir: string,
  debian: DebianParts | undefined,
): Promise<readonly [Guest, GuestFiles]> {
  const own = guest.kernel === DEBIAN;
  const bootargs = guest.bootargs ?? (own ? guestBootargs({ name: guest.name, log: "normal" }) : undefined);
  const whole: Guest = {
    ...guest,
    // Our kernel has nothing to do without a ramdisk.
    ...(own && guest.ramdisk === undefined ? { ramdisk: DEBIAN } : {}),
    ...(bootargs === undefined ? {} : { bootargs }),
  };
  const tree = guest.deviceTree;
  const compiled = tree?.endsWith(".dts") ? await compileTree(tree, path.join(outDir, `${guest.name}.dtb`)) : tree;
  return [whole, { ...(debian ?? {}), ...(compiled === undefined ? {} : { deviceTree: compiled }) }];
}

async function compileTree(source: string, to: string): Promise<string> {
  try {
    const { parseDts, serialize } = await import("@typeone/fdt");
    await writeFile(to, serialize(parseDts(await readFile(source, "utf8"), { file: source })));
    return to;
  } catch (error) {
    throw new ApiError({ code: "invalid", message: `${source}: ${messageOf(error)}` });
  }
}
