// SPDX-License-Identifier: Apache-2.0
// One disk or network interface as a command line says it, checked like one in a file. Called by the CLI's attach verbs.
import path from "node:path";
import type { z } from "zod";
import { checkContent } from "../check/disk-files.ts";
import { problemsOf, report, type Reporter } from "../issues.ts";
import type { Problem } from "../problem.ts";
import { type GuestDisk, type GuestNetwork, toGuestDisk, toGuestNetwork } from "./devices.ts";
import { guestDiskSchema, guestNetworkSchema } from "./schema.ts";

export interface ReadOne<T> {
  /** Present unless there are errors. */
  readonly device?: T;
  readonly problems: readonly Problem[];
}

/** Who asks, which stands in place of a file in problems, and the folder that relative files start from. */
export interface Asker {
  readonly name: string;
  readonly folder: string;
}

function read<T, D>(schema: z.ZodType<T>, text: string, asker: Asker, make: (settings: T) => D): ReadOne<D> {
  const result = schema.safeParse(text, { reportInput: true });
  if (result.success) return { device: make(result.data), problems: [] };
  return { problems: problemsOf(result.error, schema, reporterOf(asker)) };
}

const reporterOf = ({ name }: Asker): Reporter => ({
  file: name,
  locate: () => undefined,
  write: (key, [value]) => `${key}=${(value ?? "").replaceAll('"', "")}`,
});

/** "data,overlay=512M", "file=x.img,ro", "size=64M". */
export async function readGuestDisk(text: string, asker: Asker): Promise<ReadOne<GuestDisk>> {
  const folder = path.resolve(asker.folder);
  const { device, problems } = read(guestDiskSchema, text, asker, (settings) => toGuestDisk(settings, folder));
  if (!device || !("file" in device.source)) return device ? { device, problems } : { problems };
  const found: Problem[] = [];
  await checkContent(
    device.source.file,
    ["file"],
    (at, finding) => void found.push(report(reporterOf(asker), at, finding)),
  );
  return found.length === 0 ? { device, problems } : { problems: found };
}

/** "lan,vlan=10,rate=10MB/s". */
export function readGuestNetwork(text: string, asker: Asker): ReadOne<GuestNetwork> {
  return read(guestNetworkSchema, text, asker, toGuestNetwork);
}
