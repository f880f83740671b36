// SPDX-License-Identifier: Apache-2.0
// The daemon's own log: lines with a time, in files of a bounded size. What its process writes to its standard streams
// (a fault of ours) goes to the newest file too.
import { appendFileSync, existsSync, renameSync, statSync } from "node:fs";

const FILE_BYTES = 1 << 20;
const FILES = 5;
const MOST_LINE = 2000;

export interface DaemonLog {
  write(line: string): void;
}

export function openDaemonLog(file: string): DaemonLog {
  return {
    write(line) {
      if (existsSync(file) && statSync(file).size > FILE_BYTES) rotate(file);
      const text = line.slice(0, MOST_LINE).replaceAll("\n", "\n    ");
      appendFileSync(file, `${new Date().toISOString()} ${text}\n`, { mode: 0o600 });
    },
  };
}

function rotate(file: string): void {
  for (let turn = FILES - 1; turn > 0; turn--) {
    const from = turn === 1 ? file : `${file}.${turn - 1}`;
    if (existsSync(from)) renameSync(from, `${file}.${turn}`);
  }
}
