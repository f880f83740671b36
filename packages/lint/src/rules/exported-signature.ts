// SPDX-License-Identifier: Apache-2.0
// Everywhere: an exported function can be read at its call. At most four parameters, and no boolean among them,
// because `start(guest, true)` says nothing. core/hw.ts is exempt in the configuration: its signatures are instructions.
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule, referenceName } from "../rule.ts";

export const MAX_PARAMETERS = 4;

function isBoolean(parameter: TSESTree.Parameter): boolean {
  if (parameter.type === "AssignmentPattern") {
    const { left, right } = parameter;
    return (right.type === "Literal" && typeof right.value === "boolean") || isBoolean(left);
  }
  const type = "typeAnnotation" in parameter ? parameter.typeAnnotation?.typeAnnotation : undefined;
  return type !== undefined && (type.type === "TSBooleanKeyword" || referenceName(type) === "bool");
}

export const exportedSignature = defineRule({
  description: "exported functions have few parameters and no boolean ones",
  messages: {
    many: "`{{name}}` takes {{count}} parameters; an exported function takes at most four.",
    boolean: "`{{name}}` takes a boolean: a call would not say what it means. Make two functions or name the choice.",
  },
  create(context) {
    return {
      "ExportNamedDeclaration > FunctionDeclaration, ExportDefaultDeclaration > FunctionDeclaration"(
        node: TSESTree.FunctionDeclaration,
      ) {
        const name = node.id?.name ?? "default";
        const count = node.params.length;
        if (count > MAX_PARAMETERS) context.report({ node, messageId: "many", data: { name, count } });
        for (const parameter of node.params) {
          if (isBoolean(parameter)) context.report({ node: parameter, messageId: "boolean", data: { name } });
        }
      },
    };
  },
});
