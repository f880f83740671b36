// SPDX-License-Identifier: Apache-2.0
// A process by its number and its start time, so that another process that got the same number later is not taken for
// it. Linux: /proc/<pid>/stat.
import { readFileSync } from "node:fs";

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after the machine's boot. */
  readonly startTime: string;
}

/** The process that has this number now; undefined when there is none, or only its remains. */
export function processId(pid: number): ProcessId | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, startTime] = [fields[0], fields[19]];
  if (startTime === undefined || state === "Z" || state === "X") return undefined;
  return { pid, startTime };
}

export function isAlive(id: ProcessId): boolean {
  return processId(id.pid)?.startTime === id.startTime;
}

export function ownId(): ProcessId {
  const id = processId(process.pid);
  if (!id) throw new Error("/proc is not there");
  return id;
}

/** Sends a signal if it is still that process. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isAlive(id)) return;
  try {
    process.kill(id.pid, signal);
  } catch {
    // It ended in between.
  }
}
