// SPDX-License-Identifier: Apache-2.0
// TypeOne's own ESLint rules: one for each trap of the dialect and of the design that a person would fall into.
// Loaded by eslint.config.js; each rule's file head says why it exists.
import type { Rule } from "./rule.ts";
import { coreImports } from "./rules/core-imports.ts";
import { exportedSignature } from "./rules/exported-signature.ts";
import { fileHead } from "./rules/file-head.ts";
import { fixedWidthFields } from "./rules/fixed-width-fields.ts";
import { hardwareImports } from "./rules/hardware-imports.ts";
import { linearPointers } from "./rules/linear-pointers.ts";
import { noFloat } from "./rules/no-float.ts";
import { noGc } from "./rules/no-gc.ts";
import { sharedState } from "./rules/shared-state.ts";
import { unmanagedClass } from "./rules/unmanaged-class.ts";

/** Rules for every TypeScript file of the repository. */
export const everywhere: Readonly<Record<string, Rule>> = {
  "exported-signature": exportedSignature,
  "file-head": fileHead,
};

/** Rules for AssemblyScript: the core, and with the exceptions of eslint.config.js the guests. */
export const dialect: Readonly<Record<string, Rule>> = {
  "core-imports": coreImports,
  "fixed-width-fields": fixedWidthFields,
  "hardware-imports": hardwareImports,
  "linear-pointers": linearPointers,
  "no-float": noFloat,
  "no-gc": noGc,
  "shared-state": sharedState,
  "unmanaged-class": unmanagedClass,
};

export const plugin = {
  meta: { name: "typeone" },
  rules: { ...everywhere, ...dialect },
};
