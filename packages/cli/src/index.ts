// SPDX-License-Identifier: Apache-2.0
// The command line as a library: other packages may run it, or call what a verb does without going through it.
export { VERBS } from "./verbs/index.ts";
export { runCli } from "./dispatch.ts";
export { EXIT } from "./exit-codes.ts";
export type { Context } from "./context.ts";
export { prepareDemo } from "./demo/prepare.ts";
export type { DemoPlan, PreparedDemo } from "./demo/prepare.ts";
export { checkDemo } from "./demo/check.ts";
export { TypeOneConsole } from "./demo/typeone-console.ts";
