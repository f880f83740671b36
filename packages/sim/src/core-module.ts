// SPDX-License-Identifier: Apache-2.0
// The core as a compiled WebAssembly module, and the struct offsets that assembly would know. Compiled once per state
// of the sources: results are kept under .cache/sim by content hash, so that the many workers of a test run share them.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Constants of runtime/offsets.ts by name. */
export type Offsets = Readonly<Record<string, number>>;

export interface CoreModule {
  readonly module: WebAssembly.Module;
  readonly offsets: Offsets;
  readonly hash: string;
}

const REPO = path.resolve(import.meta.dirname, "../../..");
const CACHE = path.join(REPO, ".cache/sim");
const STALE_LOCK = 300_000;

async function hashSources(entry: string): Promise<string> {
  const hash = createHash("sha256").update(entry);
  for (const folder of ["core", "runtime", "packages/toolchain/src"]) {
    const names = (await readdir(path.join(REPO, folder), { recursive: true })).sort();
    for (const name of names) {
      if (!name.endsWith(".ts") || name.endsWith(".test.ts") || name.endsWith(".d.ts")) continue;
      hash.update(name).update(await readFile(path.join(REPO, folder, name)));
    }
  }
  return hash.digest("hex").slice(0, 24);
}

const present = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Compiles `entry` to `file` unless it is there; one worker compiles, the others wait for it. */
async function compileOnce(entry: string, file: string): Promise<Uint8Array<ArrayBuffer>> {
  const lock = `${file}.lock`;
  while (!(await present(file))) {
    const mine = await mkdir(lock).then(
      () => true,
      () => false,
    );
    if (!mine) {
      const age = await stat(lock).then(
        (entryStat) => Date.now() - entryStat.mtimeMs,
        () => 0,
      );
      if (age > STALE_LOCK) await rm(lock, { recursive: true, force: true });
      await sleep(100);
      continue;
    }
    try {
      // Loading the compiler takes seconds: only who compiles pays for it.
      const { compileAssemblyScript } = await import("@typeone/toolchain");
      const { wasm } = await compileAssemblyScript({ entry });
      await writeFile(`${file}.${process.pid}`, wasm);
      await rename(`${file}.${process.pid}`, file);
    } finally {
      await rm(lock, { recursive: true, force: true });
    }
  }
  return new Uint8Array(await readFile(file));
}

async function readOffsets(wasm: Uint8Array<ArrayBuffer>): Promise<Offsets> {
  const module = await WebAssembly.compile(wasm);
  const imports: Record<string, Record<string, () => number>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 0;
  const { exports } = await WebAssembly.instantiate(module, imports);
  const offsets: Record<string, number> = {};
  for (const [name, value] of Object.entries(exports)) {
    if (value instanceof WebAssembly.Global && name === name.toUpperCase()) offsets[name] = Number(value.value);
  }
  return offsets;
}

const loaded = new Map<string, Promise<CoreModule>>();

async function load(entry: string): Promise<CoreModule> {
  await mkdir(CACHE, { recursive: true });
  // TYPEONE_SIM_CORE pins a core that was compiled before, while its sources are being changed.
  const hash = process.env["TYPEONE_SIM_CORE"] ?? (await hashSources(entry));
  const wasm = await compileOnce(entry, path.join(CACHE, `${path.basename(entry, ".ts")}-${hash}.wasm`));
  const offsets = await readOffsets(await compileOnce("runtime/offsets.ts", path.join(CACHE, `offsets-${hash}.wasm`)));
  return { module: await WebAssembly.compile(wasm), offsets, hash };
}

/** The whole core, compiled at most once per process; from another entry if a test brings code of its own into it. */
export function loadCore(entry = "core/main.ts"): Promise<CoreModule> {
  const known = loaded.get(entry) ?? load(entry);
  loaded.set(entry, known);
  return known;
}
