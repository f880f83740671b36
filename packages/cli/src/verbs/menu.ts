// SPDX-License-Identifier: Apache-2.0
// `typeone menu`, `npm run menu`: what can be run here, in the words of a person: the verbs first, then the scripts of
// package.json that are none; one without a description is shown by its command.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { REPO_ROOT } from "@typeone/host";
import { overview } from "../help.ts";
import { printJson, printLine } from "../output/print.ts";
import { defineVerb } from "../verb.ts";
import { VERBS } from "./index.ts";

const SCRIPTS: Readonly<Record<string, string>> = {
  image: "a Debian root file system on a disk image: -- debian, -- debian --tools",
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
  const names = Object.keys(scripts).filter((name) => !/^(pre|post)/.test(name) && name !== "typeone");
  const width = Math.max(...names.map((name) => name.length), 0);
  return names.map((name) => {
    const about = VERBS[name]?.summary ?? SCRIPTS[name] ?? scripts[name] ?? "";
    return `  npm run ${name.padEnd(width)}  ${about}`;
  });
}

export default defineVerb({
  args: {},
  examples: [["menu", "verbs and scripts"]],
  async run(_args, context) {
    const text = await readFile(path.join(REPO_ROOT, "package.json"), "utf8");
    const { scripts } = JSON.parse(text) as { scripts: Record<string, string> };
    if (context.format === "json")
      return printJson(context, { verbs: Object.keys(VERBS), scripts: Object.keys(scripts) });
    const { style } = context;
    printLine(context, overview(VERBS, style));
    printLine(context, ["", style.bold("In this folder"), ...menuLines(scripts), ""].join("\n"));
    printLine(context, "Options of scripts go behind --: npm run bench -- exits");
  },
});
