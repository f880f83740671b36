// SPDX-License-Identifier: Apache-2.0
// `npm run menu`: what can be run here, in the words of a person. Verbs describe themselves; the other scripts of
// package.json are described in the table below, and one without a description is shown by its command.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { REPO_ROOT } from "@typeone/host";
import { defineCommand } from "citty";
import pc from "picocolors";
import { VERBS } from "./index.ts";

const SCRIPTS: Readonly<Record<string, string>> = {
  build: "the hypervisor: build/typeone/typeone.elf and .bin",
  test: "lint, types, unit tests, simulated machine, QEMU tests",
  "test:unit": "unit tests beside the sources",
  "test:sim": "the whole core on the simulated machine",
  "test:qemu": "the real image under QEMU",
  "test:matrix": "the Debian guest on every host: harts × interrupt controller × timer × processor",
  bench: "instruction counts; -- exits, -- boot, --json",
  gdb: "QEMU's gdb stub with symbols",
  size: "sections, biggest functions and files",
  asm: "TypeScript function → machine code with its instruction count (-- NAME)",
  lint: "ESLint with our own rules",
  typecheck: "tsc over core and tools",
  format: "Prettier",
  generate: "constants of core/ from the tables in packages/spec",
};

/** The lines of the menu for the scripts of a package.json. */
export function menuLines(scripts: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(scripts).filter((name) => !/^(pre|post)/.test(name));
  const width = Math.max(...names.map((name) => name.length), 0);
  return names.map((name) => {
    const about = VERBS[name]?.summary ?? SCRIPTS[name] ?? scripts[name] ?? "";
    return `  npm run ${name.padEnd(width)}  ${about}`;
  });
}

export default defineCommand({
  meta: { name: "npm run menu", description: "What can be run here" },
  async run() {
    const text = await readFile(path.join(REPO_ROOT, "package.json"), "utf8");
    const { scripts } = JSON.parse(text) as { scripts: Record<string, string> };
    const lines = [pc.bold("TypeOne: a type-1 hypervisor written in TypeScript"), "", ...menuLines(scripts), ""];
    lines.push("Options go behind --: npm run demo -- --check;  --help behind a verb lists its options.");
    process.stdout.write(`${lines.join("\n")}\n`);
  },
});
