// SPDX-License-Identifier: Apache-2.0
// Core: a class is a plain struct. asc 0.28.20 compiles an overridden method of an unmanaged class without a word and
// then dispatches on a class id that is not there; every other decorator breaks tsc, ESLint and editors.
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule } from "../rule.ts";

const decoratorName = (decorator: TSESTree.Decorator): string | undefined =>
  decorator.expression.type === "Identifier" ? decorator.expression.name : undefined;

export const unmanagedClass = defineRule({
  description: "classes are @unmanaged structs that override nothing",
  messages: {
    managed: "A class of the core must be @unmanaged: nothing collects garbage here.",
    decorator: "@unmanaged on a class is the only decorator that every tool reads.",
    override: "A class that extends another has no methods: asc would dispatch an override through a missing class id.",
    staticField: "A static field is shared state in disguise: use a module-level variable under a named lock.",
    interface: "asc refuses classes that implement an interface: use a kind and a switch.",
  },
  create(context) {
    function checkClass(node: TSESTree.ClassDeclaration | TSESTree.ClassExpression): void {
      if (!node.decorators.some((decorator) => decoratorName(decorator) === "unmanaged")) {
        context.report({ node, messageId: "managed" });
      }
      if (node.implements.length > 0) context.report({ node, messageId: "interface" });
      for (const member of node.body.body) {
        if (member.type === "PropertyDefinition" && member.static) {
          context.report({ node: member, messageId: "staticField" });
        }
        if (member.type === "MethodDefinition" && !member.static && node.superClass) {
          context.report({ node: member, messageId: "override" });
        }
      }
    }
    return {
      ClassDeclaration: checkClass,
      ClassExpression: checkClass,
      Decorator(node) {
        const onClass = node.parent.type === "ClassDeclaration" || node.parent.type === "ClassExpression";
        if (!onClass || decoratorName(node) !== "unmanaged") context.report({ node, messageId: "decorator" });
      },
    };
  },
});
