// SPDX-License-Identifier: Apache-2.0
// What the files of a run directory hold, and writing them so that a kill at any moment leaves the old or the new one:
// a temporary file, flushed, then renamed.
import { open, readFile, rename } from "node:fs/promises";
import { z } from "zod";

const processId = z.object({ pid: z.number().int().positive(), startTime: z.string() });

/** A disk's file, by its real name. */
const diskFile = z.object({ name: z.string(), file: z.string(), readOnly: z.boolean() });
export type DiskFile = z.infer<typeof diskFile>;

/** What to start: written by startHost, read by the daemon. */
export const planSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  /** The file that the system came from. */
  file: z.string(),
  qemu: z.string(),
  args: z.array(z.string()),
  disks: z.array(diskFile).optional(),
});
export type Plan = z.infer<typeof planSchema>;

/** What runs. */
export const stateSchema = z.object({
  version: z.literal(1),
  name: z.string(),
  file: z.string(),
  qemu: processId,
  startedAt: z.string(),
  /** Files that this host has open as disks. */
  disks: z.array(diskFile).optional(),
});
export type HostState = z.infer<typeof stateSchema>;

/** How QEMU ended, for those who look when it is over. */
export const endedSchema = z.object({
  version: z.literal(1),
  endedAt: z.string(),
  code: z.number().nullable(),
  signal: z.string().nullable(),
  /** Last lines of what QEMU itself said, or why there is no host. */
  message: z.string(),
});
export type Ended = z.infer<typeof endedSchema>;

/** The file's content; undefined when it is missing or not what it should be. */
export async function readJsonFile<T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch {
    return undefined;
  }
}

let turn = 0;

export async function writeJsonFile(file: string, value: unknown): Promise<void> {
  const temporary = `${file}.${process.pid}.${turn++}.new`;
  const handle = await open(temporary, "wx", 0o600);
  try {
    await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
