// SPDX-License-Identifier: Apache-2.0
// Compiles AssemblyScript with the one set of flags that every TypeOne module shares.
// Called by the image build, by the guest payload build, and by unit tests that load one core file alone.
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import asc from "assemblyscript/asc";

/** Repository root: every path that the toolchain takes is relative to it. */
export const REPO = path.resolve(import.meta.dirname, "../../..");

/** Linear address of the first static byte; the page of address 0 stays unmapped (design 2.2). */
export const MEMORY_BASE = 65536;

const PASSES: readonly string[] = [
  "simplify-globals",
  "precompute-propagate",
  "optimize-instructions",
  "simplify-locals",
  "remove-unused-brs",
  "remove-unused-names",
  "merge-blocks",
  "coalesce-locals",
  "vacuum",
  "dce",
  "memory-packing",
  "remove-unused-module-elements",
];

export interface CompileOptions {
  /** Entry file, relative to the repository, e.g. "core/main.ts". */
  readonly entry: string;
  /** Where `NAME.wasm` and `NAME.wat` go; nothing is written when absent. */
  readonly outDir?: string;
  readonly name?: string;
  /** Extra entry files whose exports stay reachable (used by tests). */
  readonly alsoExport?: readonly string[];
  /** Compile-time constants, as `--use NAME=VALUE`. */
  readonly use?: Readonly<Record<string, string | number>>;
  /** Keep assertions (`assert`) in the module. They are on in the shipped image too: a failed check contains the guest. */
  readonly assertions?: boolean;
}

export interface CompiledModule {
  readonly wasm: Uint8Array<ArrayBuffer>;
  readonly wat: string;
}

/** Compiles one entry; rejects with the compiler's own messages. */
export async function compileAssemblyScript(options: CompileOptions): Promise<CompiledModule> {
  const outputs = new Map<string, Uint8Array<ArrayBuffer> | string>();
  const args = [
    `--baseDir=${REPO}`,
    options.entry,
    ...(options.alsoExport ?? []),
    "--outFile=module.wasm",
    "--textFile=module.wat",
    "--runtime=stub",
    // All but inlining: what belongs into what is decided once, by the C compiler, with hot.ts's advice.
    "--optimizeLevel=0",
    "--shrinkLevel=0",
    `--runPasses=${PASSES.join(",")}`,
    "--uncheckedBehavior=always",
    `--memoryBase=${MEMORY_BASE}`,
    "--tableBase=1",
    "--debug",
    ...(options.assertions === false ? ["--noAssert"] : []),
    ...Object.entries(options.use ?? {}).map(([name, value]) => `--use=${name}=${value}`),
  ];
  const { error, stderr } = await asc.main(args, {
    writeFile: (name: string, contents: Uint8Array | string) => {
      outputs.set(name, contents as Uint8Array<ArrayBuffer> | string);
    },
  } as Parameters<typeof asc.main>[1]);
  if (error) throw new Error(`asc could not compile ${options.entry}:\n${stderr.toString().trim() || error.message}`);
  const wasm = outputs.get("module.wasm") as Uint8Array<ArrayBuffer>;
  const wat = outputs.get("module.wat") as string;
  if (options.outDir) {
    const name = options.name ?? path.basename(options.entry, ".ts");
    await mkdir(options.outDir, { recursive: true });
    await writeFile(path.join(options.outDir, `${name}.wasm`), wasm);
    await writeFile(path.join(options.outDir, `${name}.wat`), wat);
  }
  return { wasm, wat };
}
