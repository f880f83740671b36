// SPDX-License-Identifier: Apache-2.0
// Core: a module-level variable is shared by all harts and not atomic. The file says what guards it, in its head or in a
// comment above the variables: `@lock <name>`, or `@lock per boot` for what is written before the other harts run.
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule } from "../rule.ts";

const GUARD = /@lock \S+|per boot/;

export const sharedState = defineRule({
  description: "shared state names its lock",
  messages: {
    unguarded:
      "`{{name}}` is shared by all harts: say above it or in the file's head which lock guards it (`@lock <name>` or `@lock per boot`).",
  },
  create(context) {
    const { sourceCode } = context;
    const comments = sourceCode.getAllComments();

    /** `memory.data(size)` reserves bytes that can only be there to be written; `memory.data([...])` is a table. */
    const isReserved = (init: TSESTree.Expression | null): boolean =>
      init !== null && /^memory\.data\((?!\s*\[)/.test(sourceCode.getText(init));

    return {
      "Program > VariableDeclaration, Program > ExportNamedDeclaration > VariableDeclaration"(
        node: TSESTree.VariableDeclaration,
      ) {
        if (comments.some((comment) => comment.range[1] <= node.range[0] && GUARD.test(comment.value))) return;
        for (const { id, init } of node.declarations) {
          if (node.kind === "const" && !isReserved(init)) continue;
          context.report({ node, messageId: "unguarded", data: { name: sourceCode.getText(id) } });
        }
      },
    };
  },
});
