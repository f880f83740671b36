// SPDX-License-Identifier: Apache-2.0
// What is asked of several settings at once, before anything boots. Each check answers findings; all of them are made.
import type { z } from "zod";
import { type Finding, report, type Reporter } from "../issues.ts";
import type { Path, Problem } from "../problem.ts";
import type { guestSchema } from "../schema.ts";
import type { Guest, Host } from "../system.ts";
import { SECTOR } from "../units.ts";
import { checkGuestDevices, checkHostDevices, checkMacs, checkSharing, type Devices } from "./devices.ts";
import { checkContents, checkDiskFiles } from "./disk-files.ts";
import { checkFiles } from "./files.ts";
import { checkMemory } from "./memory.ts";
import { checkScheduling } from "./scheduling.ts";

/** A guest, where it stands in the file, and its settings as written. */
export interface Entry {
  readonly guest: Guest;
  readonly path: Path;
  readonly settings: z.output<typeof guestSchema>;
}

export interface CheckInput {
  /** Undefined if the file's own could not be read. */
  readonly host: Host | undefined;
  readonly entries: readonly Entry[];
  /** The guests as the file has them. */
  readonly data: readonly unknown[];
  readonly devices: Devices;
  readonly reporter: Reporter;
  readonly look: "files" | "none";
  /** Whether the guests share the host's memory and harts from the start, or each comes to a host that runs. */
  readonly together: "all" | "one at a time";
}

/** Says something about a setting of an entry. */
export type Say = (path: Path, finding: Finding) => void;

export async function checkSystem(input: CheckInput): Promise<Problem[]> {
  const problems: Problem[] = [];
  const say: Say = (path, finding) => void problems.push(report(input.reporter, path, finding));
  const { host, entries, devices } = input;
  checkNames(input.data, say);
  checkHostDevices(devices, say);
  checkGuestDevices(host, entries, devices, say);
  const sizes = input.look === "files" ? await checkFiles(entries, say) : new Map<string, number>();
  if (input.look === "files") await checkContents(entries, sizes, say);
  const sectors = input.look === "files" ? await checkDiskFiles(devices.disks, say) : declaredSectors(devices);
  const groups = input.together === "all" ? [entries] : entries.map((entry) => [entry]);
  for (const group of groups) {
    checkSharing(group, devices, sectors, say);
    checkMacs(group, say);
  }
  for (const group of host ? groups : []) {
    checkMemory(host as Host, group, sizes, say);
    checkScheduling(host as Host, group, say);
  }
  return problems;
}

function declaredSectors({ disks }: Devices): ReadonlyMap<string, number> {
  return new Map(disks.flatMap(({ name, sizeBytes }) => (sizeBytes === undefined ? [] : [[name, sizeBytes / SECTOR]])));
}

/** Also of guests that have other faults: `data` is the file's own list. */
function checkNames(data: readonly unknown[], say: Say): void {
  const taken = new Set<string>();
  data.forEach((guest, index) => {
    const name = typeof guest === "object" && guest !== null && "name" in guest ? guest.name : undefined;
    if (typeof name !== "string") return;
    if (taken.has(name)) {
      const message = `there is already a guest ${name}`;
      say(["guests", index, "name"], { severity: "error", message, fix: "give it another name" });
    }
    taken.add(name);
  });
}
