// SPDX-License-Identifier: Apache-2.0
// What is asked of several settings at once, before anything boots. Each check answers findings; all of them are made.
import type { z } from "zod";
import { type Finding, report, type Reporter } from "../issues.ts";
import type { Path, Problem } from "../problem.ts";
import type { guestSchema } from "../schema.ts";
import type { Guest, Host } from "../system.ts";

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
  readonly reporter: Reporter;
  readonly look: "files" | "none";
}

/** Says something about a setting of an entry. */
export type Say = (path: Path, finding: Finding) => void;

export async function checkSystem(input: CheckInput): Promise<Problem[]> {
  const problems: Problem[] = [];
  const say: Say = (path, finding) => void problems.push(report(input.reporter, path, finding));
  checkNames(input.entries, say);
  return problems;
}

function checkNames(entries: readonly Entry[], say: Say): void {
  const taken = new Set<string>();
  for (const { guest, path } of entries) {
    if (taken.has(guest.name)) {
      say([...path, "name"], {
        severity: "error",
        message: `there is already a guest ${guest.name}`,
        fix: "give it another name",
      });
    }
    taken.add(guest.name);
  }
}
