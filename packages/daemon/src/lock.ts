// SPDX-License-Identifier: Apache-2.0
// One daemon per host: a file with the daemon's process, made only if it is not there. A file whose process is gone is
// taken over; between two that try so at the same time a rename decides.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { codeOf } from "./errors.ts";
import { isAlive, ownId, type ProcessId } from "./process-id.ts";

export interface Lock {
  release(): void;
}

/** The process that has it; undefined when nobody has it any more. */
export function lockHolder(file: string): ProcessId | undefined {
  try {
    const { pid, startTime } = JSON.parse(readFileSync(file, "utf8")) as ProcessId;
    const id = { pid: Number(pid), startTime: String(startTime) };
    return isAlive(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

/** undefined when another living process has it. */
export function takeLock(file: string): Lock | undefined {
  const own = ownId();
  for (let turn = 0; turn < 10; turn++) {
    try {
      writeFileSync(file, JSON.stringify(own), { flag: "wx", mode: 0o600 });
      return { release: () => release(file, own) };
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    if (lockHolder(file)) return undefined;
    // Moved away rather than removed: what another one made in the meantime must not be lost.
    const aside = `${file}.${own.pid}.old`;
    try {
      renameSync(file, aside);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      continue;
    }
    const moved = lockHolder(aside);
    if (moved) {
      renameSync(aside, file);
      return undefined;
    }
    rmSync(aside, { force: true });
  }
  return undefined;
}

function release(file: string, own: ProcessId): void {
  const holder = lockHolder(file);
  if (holder?.pid === own.pid && holder.startTime === own.startTime) rmSync(file, { force: true });
}
