// SPDX-License-Identifier: Apache-2.0
// TOML, with the position of every key.
import { type AST, getStaticTOMLValue, ParseError, parseTOML } from "toml-eslint-parser";
import type { Path, Place } from "../problem.ts";
import { kindOf, nearest, type Reading, type TextFile, unreadable } from "./source.ts";

export function readToml({ file, text }: TextFile): Reading {
  try {
    const program = parseTOML(text, { tomlVersion: "1.0.0" });
    const data: unknown = getStaticTOMLValue(program);
    const places = placesOf(program);
    const find = (path: Path): Place | undefined => places.get(path.map(String).join("\0"));
    const write = (key: string, values: readonly string[]): string => `${key} = ${values.join(" or ")}`;
    return { source: { file, kind: kindOf(data), data, locate: (path) => nearest(path, find), write }, problems: [] };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return unreadable(file, error.message, { line: error.lineNumber, column: error.column + 1 });
  }
}

type Places = Map<string, Place>;

function note(places: Places, path: Path, node: AST.TOMLNode): void {
  const key = path.map(String).join("\0");
  const { line, column } = node.loc.start;
  if (!places.has(key)) places.set(key, { line, column: column + 1 });
}

function placesOf(program: AST.TOMLProgram): Places {
  const places: Places = new Map();
  for (const entry of program.body[0].body) {
    if (entry.type === "TOMLTable") {
      entry.resolvedKey.forEach((_, i) => note(places, entry.resolvedKey.slice(0, i + 1), entry));
      for (const pair of entry.body) walkPair(places, entry.resolvedKey, pair);
    } else walkPair(places, [], entry);
  }
  return places;
}

function walkPair(places: Places, base: Path, pair: AST.TOMLKeyValue): void {
  let path = base;
  for (const part of pair.key.keys) {
    path = [...path, part.type === "TOMLBare" ? part.name : part.value];
    note(places, path, part);
  }
  walkValue(places, path, pair.value);
}

function walkValue(places: Places, path: Path, value: AST.TOMLContentNode): void {
  if (value.type === "TOMLInlineTable") for (const pair of value.body) walkPair(places, path, pair);
  if (value.type !== "TOMLArray") return;
  value.elements.forEach((element, i) => {
    note(places, [...path, i], element);
    walkValue(places, [...path, i], element);
  });
}
