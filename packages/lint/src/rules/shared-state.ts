// SPDX-License-Identifier: Apache-2.0
// Core: a module-level variable is shared by all harts and not atomic. The file's head must say what guards it:
// `@lock <name>`, or "per boot" for what is written once before the other harts run.
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule } from "../rule.ts";

export const sharedState = defineRule({
  description: "shared state names its lock",
  messages: {
    unguarded:
      "`{{name}}` is shared by all harts: say in the file's head which lock guards it (`@lock <name>` or `@lock per boot`).",
  },
  create(context) {
    const { ast, text } = context.sourceCode;
    const head = text.slice(0, ast.body[0]?.range[0] ?? 0);
    if (/@lock \S+|per boot/.test(head)) return {};
    return {
      "Program > VariableDeclaration, Program > ExportNamedDeclaration > VariableDeclaration"(
        node: TSESTree.VariableDeclaration,
      ) {
        for (const { id, init } of node.declarations) {
          // `memory.data(size)` reserves bytes that can only be there to be written; `memory.data([...])` is a table.
          const reserved = init && /^memory\.data\((?!\s*\[)/.test(context.sourceCode.getText(init));
          if (node.kind !== "const" || reserved) {
            context.report({ node, messageId: "unguarded", data: { name: context.sourceCode.getText(id) } });
          }
        }
      },
    };
  },
});
