// SPDX-License-Identifier: Apache-2.0
// YAML, and JSON, which is YAML with fewer liberties: the same parser gives positions for both.
import { isMap, isNode, isPair, isSeq, LineCounter, type Pair, parseDocument, type YAMLError } from "yaml";
import type { Path, Place, Problem } from "../problem.ts";
import { kindOf, nearest, type Reading, type TextFile, unreadable } from "./source.ts";

export function readYaml({ file, text }: TextFile): Reading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const problemOf = (error: YAMLError, severity: "error" | "warning"): Problem => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { severity, file, line, column: col, path: "", message: sentence(error.message), ...fixOf(error) };
  };
  // One fault often upsets the parser twice in one place.
  const errors = document.errors.filter((error, i, all) => error.pos[0] !== all[i - 1]?.pos[0]);
  const problems = [
    ...errors.map((error) => problemOf(error, "error")),
    ...document.warnings.map((warning) => problemOf(warning, "warning")),
  ];
  if (document.errors.length > 0) return { problems };
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    return unreadable(file, sentence(error instanceof Error ? error.message : String(error)));
  }
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const find = (path: Path): Place | undefined => {
    const offset = offsetOf(document.contents, path);
    return offset === undefined ? undefined : placeOf(offset);
  };
  return { source: { file, kind: kindOf(data), data, locate: (path) => nearest(path, find) }, problems };
}

/** JSON: the YAML reader for positions, and JSON's own rules on top. */
export function readJson({ file, text }: TextFile): Reading {
  // Tabs may indent JSON but not YAML; one blank for each keeps all columns.
  const reading = readYaml({ file, text: text.replaceAll("\t", " ") });
  if (!reading.source) return reading;
  try {
    JSON.parse(text.replace(/^\uFEFF/, ""));
    return reading;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const offset = /position (\d+)/.exec(message)?.[1];
    const place = offset === undefined ? {} : lineOf(text, Number(offset));
    const fix = "JSON wants double quotes and no comments or trailing commas; YAML (.yaml) does not";
    return { problems: [...reading.problems, { severity: "error", file, path: "", message, fix, ...place }] };
  }
}

function lineOf(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
}

/** Where the key of a setting begins, or the item of a list. */
function offsetOf(root: unknown, path: Path): number | undefined {
  let at = root;
  let offset: number | undefined;
  for (const part of path) {
    if (isMap(at)) {
      const pair = at.items.find((item) => isPair(item) && keyOf(item) === String(part));
      if (!pair) return undefined;
      if (isNode(pair.key)) offset = pair.key.range?.[0];
      at = pair.value;
    } else if (isSeq(at) && typeof part === "number") {
      at = at.items[part];
      if (!isNode(at)) return undefined;
      offset = at.range?.[0];
    } else return undefined;
  }
  return offset;
}

function keyOf(pair: Pair): string {
  return isNode(pair.key) ? String(pair.key.toJSON()) : String(pair.key);
}

const sentence = (message: string): string => message.replace(/\s+at line \d+, column \d+:?[\s\S]*$/, "").trim();

function fixOf(error: YAMLError): { fix?: string } {
  if (error.code === "DUPLICATE_KEY") return { fix: "remove one of the two" };
  if (error.code === "TAB_AS_INDENT") return { fix: "indent with blanks" };
  return {};
}
