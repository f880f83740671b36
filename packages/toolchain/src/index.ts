// SPDX-License-Identifier: Apache-2.0
export { compileAssemblyScript, MEMORY_BASE, REPO } from "./asc.ts";
export type { CompiledModule, CompileOptions } from "./asc.ts";
export { buildHypervisor, CFLAGS, CROSS, initialLinearBytes, offsetsHeader, tool } from "./build.ts";
export type { BuildOptions, HypervisorBuild } from "./build.ts";
export { wasmToC } from "./lower.ts";
export { typeScriptName } from "./symbols.ts";
