// SPDX-License-Identifier: Apache-2.0
// Core: the hardware is what core/hw.ts declares and nothing else. The list is reviewed and counted, so a second file
// with imports, or an intrinsic that does what an import is for, would go around the review.
import { defineRule, repositoryPath } from "../rule.ts";

export const hardwareImports = defineRule({
  description: "hardware only through core/hw.ts",
  messages: {
    declared: "An import of the module belongs in core/hw.ts, where it is reviewed and counted.",
    atomic: "`atomic.*` fails validation or gets merged: use the atomics of core/hw.ts.",
    grow: "The linear memory is laid out at boot and never grows.",
  },
  create(context) {
    const isHardware = repositoryPath(context) === "core/hw.ts";
    return {
      TSDeclareFunction(node) {
        if (!isHardware) context.report({ node, messageId: "declared" });
      },
      "VariableDeclaration[declare=true]": (node) => context.report({ node, messageId: "declared" }),
      "MemberExpression[object.name='atomic']": (node) => context.report({ node, messageId: "atomic" }),
      "MemberExpression[object.name='memory'][property.name='grow']": (node) =>
        context.report({ node, messageId: "grow" }),
    };
  },
});
