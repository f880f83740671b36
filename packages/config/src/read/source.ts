// SPDX-License-Identifier: Apache-2.0
// What every reader of a file format answers: the data as the schema wants it, and where in the file each setting
// stands. Readers report what is wrong with the text itself; what the settings mean is load.ts's business.
import type { Path, Place, Problem } from "../problem.ts";

/** A file's data. */
export interface Source {
  /** The file as it was named. */
  readonly file: string;
  /** A system ({ host, guests }), or one guest's settings. */
  readonly kind: "system" | "guest";
  readonly data: unknown;
  /** Where a setting stands; of one that is not there, its nearest parent. */
  locate(path: Path): Place | undefined;
  /** What the file itself calls a setting, if not what the schema does. */
  nameOf?(path: Path): string | undefined;
  /** How a setting is written in this format; `key: value` when absent. Undefined: no example is given. */
  readonly write?: (key: string, values: readonly string[]) => string | undefined;
}

export interface Reading {
  /** Undefined when the text cannot be read at all. */
  readonly source?: Source;
  readonly problems: readonly Problem[];
}

/** A text with its file's name. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
}

/** Whether data describes a system or one guest: only a system has these. */
export function kindOf(data: unknown): "system" | "guest" {
  if (typeof data !== "object" || data === null) return "system";
  const guestLike = "kernel" in data || "name" in data;
  return guestLike && !("guests" in data) && !("host" in data) ? "guest" : "system";
}

/** Line and column of an offset. */
export function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, Math.max(0, offset));
  return { line: before.split("\n").length, column: before.length - before.lastIndexOf("\n") };
}

/** The place of the longest beginning of `path` that `find` knows. */
export function nearest(path: Path, find: (path: Path) => Place | undefined): Place | undefined {
  for (let length = path.length; length > 0; length--) {
    const found = find(path.slice(0, length));
    if (found) return found;
  }
  return undefined;
}

/** A reading that failed with one error. */
export function unreadable(file: string, message: string, more: Partial<Problem> = {}): Reading {
  return { problems: [{ severity: "error", file, path: "", message, ...more }] };
}
