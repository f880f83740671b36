// SPDX-License-Identifier: Apache-2.0
// One host at a time writes a disk's file. QEMU locks the files that it opens, so two never do; here a person is told which
// host has it before anything is started, and what QEMU says about its locks becomes words with a fix.
import { realpath } from "node:fs/promises";
import type { DiskOptions } from "@typeone/host";
import { ApiError } from "./errors.ts";
import { isAlive } from "./process-id.ts";
import { hostNames, hostPaths } from "./run-dir.ts";
import { type DiskFile, readJsonFile, stateSchema } from "./state.ts";

/** The files of disks by their real names, whatever links lead to them. */
export async function diskFiles(disks: readonly DiskOptions[]): Promise<DiskFile[]> {
  return Promise.all(
    disks.map(async ({ name, file, readOnly }) => ({ name, file: await realpath(file).catch(() => file), readOnly })),
  );
}

/** Error if another host of this user that runs has one of the files, unless both only read it. */
export async function checkUnused(host: string, files: readonly DiskFile[]): Promise<void> {
  if (files.length === 0) return;
  for (const name of await hostNames()) {
    if (name === host) continue;
    const state = await readJsonFile(hostPaths(name).state, stateSchema);
    if (!state?.disks || !isAlive(state.qemu)) continue;
    for (const disk of files) {
      const other = state.disks.find(({ file, readOnly }) => file === disk.file && !(readOnly && disk.readOnly));
      if (!other) continue;
      const message = `disk ${disk.name}: host ${name} has ${disk.file} as its disk ${other.name}`;
      const fix = `end that host with: typeone stop --host ${name}, or say readOnly: true in both`;
      throw new ApiError({ code: "busy", message, fix });
    }
  }
}

const LOCKED = /Failed to get ("write"|shared "write"|"consistent read"|shared "consistent read"|"[a-z ]+") lock/;
const IMAGE = /using the image \[(.*?)\]/;

/** What QEMU said about an image that another program has, as a message and a fix; undefined for all else. */
export function lockedImage(said: string): { readonly message: string; readonly fix: string } | undefined {
  if (!LOCKED.test(said)) return undefined;
  const file = IMAGE.exec(said)?.[1];
  const message = `${file ?? "a disk's file"} is in use by another program, which may write it`;
  const fix =
    file === undefined ? "end that program" : `end that program (lsof ${file} shows it), or say readOnly: true`;
  return { message, fix };
}
