// SPDX-License-Identifier: Apache-2.0
// Loads one core file alone in Node, for unit tests that stand beside it: its exported functions become callable,
// its imports are whatever the test hands in. The whole machine is in machine.ts.

export type Imports = Record<string, Record<string, (...args: never[]) => unknown>>;

export interface UnitModule {
  /** Exported functions; a pointer is a number, a u64 a bigint. */
  readonly exports: Record<string, (...args: (number | bigint)[]) => number | bigint | void>;
  readonly memory: WebAssembly.Memory;
  /** Linear memory as bytes; take it anew after anything that may grow memory. */
  bytes(): Uint8Array;
  view(): DataView;
  /** Linear address of `size` zeroed bytes that nothing else uses (test fixtures). */
  scratch(size: number): number;
}

const MISSING = (module: string, name: string) => () => {
  throw new Error(`the unit under test called ${module}.${name}, which the test did not provide`);
};

/** Compiled modules of this test file's process: a test that loads a fresh instance does not compile again. */
const modules = new Map<string, Promise<WebAssembly.Module>>();

function compiled(entry: string, use: Record<string, number | string> = {}): Promise<WebAssembly.Module> {
  const key = JSON.stringify([entry, use]);
  const known = modules.get(key) ?? compile(entry, use);
  modules.set(key, known);
  return known;
}

async function compile(entry: string, use: Record<string, number | string>): Promise<WebAssembly.Module> {
  const { compileAssemblyScript } = await import("@typeone/toolchain");
  return WebAssembly.compile((await compileAssemblyScript({ entry, use })).wasm);
}

/** Compiles `entry` (relative to the repository) and instantiates it; absent imports throw by name when called. */
export async function loadUnit(
  entry: string,
  imports: Imports = {},
  options: { use?: Record<string, number | string> } = {},
): Promise<UnitModule> {
  const module = await compiled(entry, options.use);
  const provided: WebAssembly.Imports = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function")
      throw new Error(`${entry} imports ${from}.${name}, a ${kind}; only functions are expected`);
    provided[from] ??= {};
    (provided[from] as Record<string, unknown>)[name] = imports[from]?.[name] ?? MISSING(from, name);
  }
  const instance = await WebAssembly.instantiate(module, provided);
  const memory = instance.exports["memory"] as WebAssembly.Memory;
  return {
    exports: instance.exports as unknown as UnitModule["exports"],
    memory,
    bytes: () => new Uint8Array(memory.buffer),
    view: () => new DataView(memory.buffer),
    scratch(size) {
      const pages = Math.ceil(size / 65536);
      return memory.grow(pages) * 65536;
    },
  };
}
