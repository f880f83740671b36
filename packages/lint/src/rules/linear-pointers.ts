// SPDX-License-Identifier: Apache-2.0
// Core: `load`, `store`, `changetype` and `memory.*` take linear pointers only. An address of another kind (gva, gpa,
// hpa, hva, told by its name) must go through an import of hw.ts or a function that is named for the conversion.
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule } from "../rule.ts";

/** Which arguments of each builtin are addresses. */
const ADDRESSES: Readonly<Record<string, readonly number[]>> = {
  load: [0],
  store: [0],
  changetype: [0],
  "memory.copy": [0, 1],
  "memory.fill": [0],
  "memory.compare": [0, 1],
};
const KIND = /^(gva|gpa|hpa|hva)$/;
/** Words that may follow the kind without changing what the name means: `hpaStart`, `gpaEnd`. */
const PLACE = /^(base|start|end|next|first|last|low|high|\d+)$/;

/** Whether a name such as `tableHpa` or `gpaStart` says that it holds an address that is not linear. */
export function namesForeignAddress(name: string): boolean {
  const words = name.split(/(?<=[a-z])(?=[A-Z])|_|(?<=\D)(?=\d)/).map((word) => word.toLowerCase());
  const last = words.at(-1) ?? "";
  return KIND.test(last) || (PLACE.test(last) && KIND.test(words.at(-2) ?? ""));
}

/** First foreign name in an address expression; a call in between is the conversion that we ask for. */
function foreignName(node: TSESTree.Node): string | undefined {
  switch (node.type) {
    case "Identifier":
      return namesForeignAddress(node.name) ? node.name : undefined;
    case "MemberExpression":
      return node.property.type === "Identifier" ? foreignName(node.property) : undefined;
    case "BinaryExpression":
      return foreignInSum(node);
    case "TSTypeAssertion":
    case "TSAsExpression":
    case "TSNonNullExpression":
      return foreignName(node.expression);
    case "ConditionalExpression":
      return foreignName(node.consequent) ?? foreignName(node.alternate);
    default:
      return undefined;
  }
}

/** A sum with a foreign address is one; the difference of two is an offset, and a shifted one is a page number. */
function foreignInSum({ left, operator, right }: TSESTree.BinaryExpression): string | undefined {
  if (!/^[-+&|]$/.test(operator)) return undefined;
  const [first, second] = [foreignName(left), foreignName(right)];
  return operator === "-" && first !== undefined && second !== undefined ? undefined : (first ?? second);
}

function builtinName(callee: TSESTree.Expression): string | undefined {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return undefined;
  return callee.object.type === "Identifier" ? `${callee.object.name}.${callee.property.name}` : undefined;
}

export const linearPointers = defineRule({
  description: "plain memory access takes linear pointers only",
  messages: {
    foreign: "`{{name}}` is not a linear pointer: go through hw.ts, or convert in a function that is named for it.",
  },
  create(context) {
    return {
      CallExpression(node) {
        for (const index of ADDRESSES[builtinName(node.callee) ?? ""] ?? []) {
          const argument = node.arguments[index];
          const name = argument && foreignName(argument);
          if (name !== undefined) context.report({ node, messageId: "foreign", data: { name } });
        }
      },
    };
  },
});
