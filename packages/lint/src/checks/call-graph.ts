// SPDX-License-Identifier: Apache-2.0
// Reads the text form of a wasm module and answers what an export can reach. An indirect call may reach every function
// of the table. Called by scripts/check-wat.ts; pure.

export interface Graph {
  /** Export name to function name. */
  readonly exports: ReadonlyMap<string, string>;
  readonly calls: ReadonlyMap<string, ReadonlySet<string>>;
}

const NAME = String.raw`\$(?:"(?:[^"\\]|\\.)*"|[^\s()]+)`;

/** Marks a function that makes indirect calls. */
const INDIRECT = "call_indirect";

export function readGraph(wat: string): Graph {
  const exports = new Map<string, string>();
  const calls = new Map<string, Set<string>>();
  const table = new Set<string>();
  let current = new Set<string>();
  const token = new RegExp(
    String.raw`^ \(func (${NAME})|[\s(](?:return_)?call (${NAME})|[\s(](?:return_)?(call_indirect)\b|` +
      String.raw`\(export "([^"]+)" \(func (${NAME})\)\)|^ \(elem (.*)$|[\s(]ref\.func (${NAME})`,
    "gm",
  );
  for (const [, func, callee, indirect, exported, target, elements, reference] of wat.matchAll(token)) {
    if (func !== undefined) calls.set(func, (current = new Set()));
    else if (callee !== undefined) current.add(callee);
    else if (indirect !== undefined) current.add(INDIRECT);
    else if (exported !== undefined && target !== undefined) exports.set(exported, target);
    else if (elements !== undefined) for (const [name] of elements.matchAll(new RegExp(NAME, "g"))) table.add(name);
    else if (reference !== undefined) table.add(reference);
  }
  for (const callees of calls.values()) {
    if (callees.delete(INDIRECT)) for (const name of table) callees.add(name);
  }
  return { exports, calls };
}

/** A shortest path from an export to the first function whose name matches, undefined if there is none. */
export function pathTo(graph: Graph, exportName: string, wanted: RegExp): string[] | undefined {
  const start = graph.exports.get(exportName);
  if (start === undefined) throw new Error(`the module does not export the function ${exportName}`);
  const queue: string[][] = [[start]];
  const seen = new Set([start]);
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const last = path.at(-1) ?? start;
    if (wanted.test(last)) return path;
    for (const next of graph.calls.get(last) ?? []) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push([...path, next]);
    }
  }
  return undefined;
}
