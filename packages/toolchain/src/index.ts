// SPDX-License-Identifier: Apache-2.0
export { compileAssemblyScript, MEMORY_BASE, REPO } from "./asc.ts";
export type { CompiledModule, CompileOptions } from "./asc.ts";
