// SPDX-License-Identifier: Apache-2.0
// Makes the package as it is published: JavaScript and declarations instead of the sources that this repository runs.
// `npm run pack -w packages/fdt -- <folder>`; then `npm publish <folder>`.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import ts from "typescript";

const HERE = import.meta.dirname;

/** Writes the package into `folder`. Throws with the compiler's words if the sources do not compile. */
export function packFdt(folder: string): void {
  const sources = readdirSync(path.join(HERE, "src")).filter(
    (file) => file.endsWith(".ts") && !file.endsWith(".test.ts"),
  );
  const program = ts.createProgram(
    sources.map((file) => path.join(HERE, "src", file)),
    {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      rewriteRelativeImportExtensions: true,
      declaration: true,
      strict: true,
      types: [],
      lib: ["lib.es2022.d.ts", "lib.dom.d.ts"],
      rootDir: path.join(HERE, "src"),
      outDir: path.join(folder, "dist"),
    },
  );
  const { diagnostics } = program.emit();
  const faults = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (faults.length > 0)
    throw new Error(
      ts.formatDiagnostics(faults, { ...ts.sys, getCanonicalFileName: (file) => file, getNewLine: () => "\n" }),
    );
  mkdirSync(folder, { recursive: true });
  copyFileSync(path.join(HERE, "README.md"), path.join(folder, "README.md"));
  copyFileSync(path.join(HERE, "../../LICENSE"), path.join(folder, "LICENSE"));
  const own = JSON.parse(readFileSync(path.join(HERE, "package.json"), "utf8")) as Record<string, unknown>;
  delete own["private"];
  delete own["scripts"];
  const exported = { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } };
  writeFileSync(path.join(folder, "package.json"), `${JSON.stringify({ ...own, exports: exported }, null, 2)}\n`);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = path.resolve(process.argv[2] ?? path.join(HERE, "../../build/fdt"));
  packFdt(folder);
  console.log(folder);
}
