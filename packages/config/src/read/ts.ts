// SPDX-License-Identifier: Apache-2.0
// A typeone.config.ts: a module whose default export is the system. It is run, through tsx; positions come from its
// syntax (ts-places.ts), only when there is something to point at. `@typeone/config` is found from anywhere.
import path from "node:path";
import { pathToFileURL } from "node:url";
import { tsImport } from "tsx/esm/api";
import type { Path, Place } from "../problem.ts";
import { kindOf, type Reading, type TextFile, unreadable } from "./source.ts";
import { literalPlaces } from "./ts-places.ts";

/** Lets a config outside of the repository import "@typeone/config". */
const RESOLUTION = path.resolve(import.meta.dirname, "../../tsconfig.user.json");
const FIX = "end the file with: export default defineSystem({ host: { … }, guests: [ … ] })";

export async function readTs({ file, text }: TextFile): Promise<Reading> {
  const absolute = path.resolve(file);
  let data: unknown;
  try {
    const options = { parentURL: import.meta.url, tsconfig: RESOLUTION };
    const module = (await tsImport(pathToFileURL(absolute).href, options)) as { default?: unknown };
    data = await exported(module);
  } catch (error) {
    return failed(file, absolute, error);
  }
  if (data === undefined) return unreadable(file, "has no default export", { fix: FIX });
  let places: ((path: Path) => Place | undefined) | undefined;
  const locate = (of: Path): Place | undefined => (places ??= literalPlaces(absolute, text))(of);
  return { source: { file, kind: kindOf(data), data, locate }, problems: [] };
}

/** The default export; of a CommonJS module it is one level deeper; a promise or a function is asked. */
async function exported(module: { default?: unknown }): Promise<unknown> {
  let value = module.default;
  if (typeof value === "object" && value !== null && "default" in value) value = value.default;
  return typeof value === "function" ? ((await (value as () => unknown)()) as unknown) : await value;
}

/** What went wrong while the module was read or run, at the line of the config where that is known. */
function failed(file: string, absolute: string, error: unknown): Reading {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const syntax = /^(.*?):(\d+):(\d+): ERROR: (.*)$/m.exec(message);
  if (syntax) return unreadable(file, syntax[4] ?? message, placeOf(syntax[2], syntax[3]));
  const frame = (stack ?? "").split("\n").find((line) => line.includes(absolute));
  const at = /:(\d+):(\d+)\)?$/.exec(frame ?? "");
  const missing = /^Cannot find (?:module|package) '([^']+)'/.exec(message);
  if (missing) {
    const fix = "check the name, or install the package beside the config";
    return unreadable(file, `imports ${missing[1]}, which is not there`, { fix, ...placeOf(at?.[1], at?.[2]) });
  }
  return unreadable(file, `fails when it is run: ${message.split("\n")[0]}`, placeOf(at?.[1], at?.[2]));
}

function placeOf(line: string | undefined, column: string | undefined): Partial<Place> {
  return line === undefined ? {} : { line: Number(line), ...(column === undefined ? {} : { column: Number(column) }) };
}
