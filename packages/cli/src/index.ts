// SPDX-License-Identifier: Apache-2.0
// The verbs as a library: other packages may call what a verb does without going through the command line.
export { VERBS } from "./verbs/index.ts";
export { prepareDemo } from "./demo/prepare.ts";
export type { DemoPlan, PreparedDemo } from "./demo/prepare.ts";
export { checkDemo } from "./demo/check.ts";
export { TypeOneConsole } from "./demo/typeone-console.ts";
