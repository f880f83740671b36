// SPDX-License-Identifier: Apache-2.0
// Reads the core's text form and fails if its memory can grow, or if `trap` or `secondary` can reach the allocator: what
// a guest can trigger must not allocate. Run by npm test after the build.
import { readFile } from "node:fs/promises";
import { buildHypervisor } from "@typeone/toolchain";
import { pathTo, readGraph } from "../packages/lint/src/checks/call-graph.ts";
import { report } from "./lib/report.ts";

/** Exports that run while guests do. */
const ENTRIES = ["trap", "secondary"];
const ALLOCATOR = /__(alloc|new|realloc|renew|newArray|newBuffer)\b/;

const { wasm } = await buildHypervisor();
const wat = await readFile(wasm.replace(/\.wasm$/, ".wat"), "utf8");
const graph = readGraph(wat);
const problems = /\bmemory\.grow\b/.test(wat) ? ["the core can grow its memory (memory.grow)"] : [];
for (const entry of ENTRIES) {
  const path = pathTo(graph, entry, ALLOCATOR);
  if (path) problems.push(`${entry} can reach the allocator: ${path.join(" → ")}`);
}
console.log(`${graph.calls.size} functions; no way from ${ENTRIES.join(" or ")} to the allocator is allowed`);
report(problems);
