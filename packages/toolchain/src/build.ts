// SPDX-License-Identifier: Apache-2.0
// Builds the hypervisor: core/ → core.wasm → core.c → typeone.elf, typeone.bin (a flat Linux-style Image) and the
// listings beside them. Everything lands in build/typeone; a build whose inputs did not change is not done again.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { compileAssemblyScript, MEMORY_BASE, REPO } from "./asc.ts";
import { wasmToC } from "./lower.ts";
import { symbolTable } from "./symbols.ts";

const run = promisify(execFile);

/** Prefix of the cross tools; TYPEONE_CROSS overrides it, e.g. "riscv64-unknown-elf-". */
export const CROSS = process.env["TYPEONE_CROSS"] ?? "riscv64-linux-gnu-";

/** Flags for all freestanding code: no floating point, no red tape, debug info for gdb. */
export const CFLAGS: readonly string[] = [
  "-march=rv64imac_zicsr_zifencei",
  "-mabi=lp64",
  "-mcmodel=medany",
  "-mstrict-align",
  "-O2",
  "-g",
  "-ffreestanding",
  "-fno-pic",
  "-fno-stack-protector",
  "-fno-strict-aliasing",
  "-fno-delete-null-pointer-checks",
  "-fno-tree-loop-distribute-patterns",
  "-fno-asynchronous-unwind-tables",
  "-msmall-data-limit=0",
  "-Wall",
  "-Wno-unused",
];

export interface HypervisorBuild {
  readonly elf: string;
  /** Flat Linux-style Image. */
  readonly image: string;
  readonly wasm: string;
  readonly id: string;
}

export interface BuildOptions {
  readonly outDir?: string;
  /** Extra C definitions, e.g. profiling. */
  readonly defines?: readonly string[];
}

/** Builds what is out of date and answers where things are; rejects with the failing tool's own words. */
export async function buildHypervisor(options: BuildOptions = {}): Promise<HypervisorBuild> {
  const outDir = options.outDir ?? path.join(REPO, "build/typeone");
  const inputs = await hashInputs(options.defines ?? []);
  const at = (name: string): string => path.join(outDir, name);
  const result = { elf: at("typeone.elf"), image: at("typeone.bin"), wasm: at("core.wasm") };
  const previous = await readFile(at("stamp.json"), "utf8").then(
    (text) => JSON.parse(text) as { inputs: string; id: string },
    () => null,
  );
  if (previous?.inputs === inputs && (await stat(result.image).catch(() => null)))
    return { ...result, id: previous.id };

  // Built aside and moved into place, so that two builds at once cannot mix.
  const work = await mkdtemp(path.join(await ensure(path.dirname(outDir)), ".building-"));
  try {
    const id = await buildInto(work, inputs, options.defines ?? []);
    await ensure(outDir);
    for (const name of (await readdir(work)).filter((entry) => entry !== "stamp.json"))
      await rename(path.join(work, name), at(name));
    await rename(path.join(work, "stamp.json"), at("stamp.json"));
    return { ...result, id };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function ensure(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  return folder;
}

/** The whole chain, into an empty folder; answers the build's id. */
async function buildInto(folder: string, inputs: string, defines: readonly string[]): Promise<string> {
  const { wasm } = await compileAssemblyScript({ entry: "core/main.ts", outDir: folder, name: "core" });
  const source = await wasmToC(wasm, "core");
  await writeFile(path.join(folder, "core.c"), source);
  await writeFile(path.join(folder, "offsets.h"), await offsetsHeader("runtime/offsets.ts"));
  const id = createHash("sha256").update(source).update(inputs).digest("hex").slice(0, 16);
  const elf = path.join(folder, "typeone.elf");
  await link(folder, elf, [`-DBUILD_ID="${id}"`, `-DLINEAR_BYTES=${initialLinearBytes(wasm)}`, ...defines]);
  await tool("objcopy", ["-O", "binary", elf, path.join(folder, "typeone.bin")]);
  await writeFile(path.join(folder, "stamp.json"), JSON.stringify({ inputs, id }));
  return id;
}

/** Compiles the one translation unit and links it with its own symbol table until addresses stand still. */
async function link(outDir: string, elf: string, defines: readonly string[]): Promise<void> {
  const runtime = path.join(REPO, "runtime/riscv64");
  const include = [`-I${outDir}`, `-I${runtime}`];
  await tool("gcc", [
    ...CFLAGS,
    "-fwhole-program",
    ...include,
    ...defines,
    "-c",
    path.join(runtime, "main.c"),
    "-o",
    path.join(outDir, "main.o"),
  ]);
  await tool("gcc", [...CFLAGS, ...include, "-c", path.join(runtime, "entry.S"), "-o", path.join(outDir, "entry.o")]);
  let table = "";
  for (let pass = 0; ; pass++) {
    await writeFile(
      path.join(outDir, "symbols.S"),
      `.section .symbols, "a"\n.globl _symbols\n${table || "_symbols:\n"}`,
    );
    await tool("gcc", [
      ...CFLAGS,
      "-nostdlib",
      "-static",
      "-Wl,--build-id=none",
      "-Wl,--no-warn-rwx-segments",
      "-Wl,-z,max-page-size=4096",
      "-T",
      path.join(runtime, "link.ld"),
      "-o",
      elf,
      path.join(outDir, "entry.o"),
      path.join(outDir, "main.o"),
      path.join(outDir, "symbols.S"),
    ]);
    const next = symbolTable((await tool("nm", ["-n", elf])).stdout);
    if (next === table) return;
    if (pass > 4) throw new Error("the symbol table does not settle; linking moves text each time");
    table = next;
  }
}

/** The offsets that assembly knows, from the exported constants of an AssemblyScript file. */
export async function offsetsHeader(entry: string): Promise<string> {
  const { wasm } = await compileAssemblyScript({ entry });
  const module = await WebAssembly.compile(wasm);
  const imports: Record<string, Record<string, () => number>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
  const { exports } = await WebAssembly.instantiate(module, imports);
  const rows = Object.entries(exports).filter(
    ([name, value]) => name === name.toUpperCase() && value instanceof WebAssembly.Global,
  );
  return `// Made from ${entry}.\n#pragma once\n${rows.map(([name, value]) => `#define ${name} ${(value as WebAssembly.Global).value}\n`).join("")}`;
}

/** Bytes of linear memory that the static data takes, above MEMORY_BASE, in whole 4 KiB pages. */
export function initialLinearBytes(wasm: Uint8Array<ArrayBuffer>): number {
  const module = new WebAssembly.Module(wasm);
  const imports: Record<string, Record<string, () => number>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
  const heapBase = new WebAssembly.Instance(module, imports).exports["heapBase"];
  if (!(heapBase instanceof WebAssembly.Global)) throw new Error("the core does not export heapBase");
  return Math.ceil((Number(heapBase.value) - MEMORY_BASE) / 4096) * 4096;
}

/** Runs a cross tool; its own messages are the error. */
export async function tool(name: string, args: readonly string[]): Promise<{ stdout: string }> {
  try {
    return await run(CROSS + name, [...args], { maxBuffer: 1 << 28 });
  } catch (error) {
    const failure = error as NodeJS.ErrnoException & { stderr?: string };
    if (failure.code === "ENOENT") throw new Error(`${CROSS}${name} is not installed; run: npm run doctor`);
    throw new Error(`${CROSS}${name} failed:\n${failure.stderr ?? failure.message}`);
  }
}

async function hashInputs(defines: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([CFLAGS, CROSS, defines]));
  for (const folder of ["core", "runtime", "packages/toolchain/src"]) {
    const names = (await readdir(path.join(REPO, folder), { recursive: true })).sort();
    for (const name of names) {
      if (!/\.(ts|h|c|S|ld)$/.test(name) || name.endsWith(".test.ts")) continue;
      hash.update(name).update(await readFile(path.join(REPO, folder, name)));
    }
  }
  return hash.digest("hex");
}
