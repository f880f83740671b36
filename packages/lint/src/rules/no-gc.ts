// SPDX-License-Identifier: Apache-2.0
// Core: nothing that allocates behind the reader's back and nothing that throws. The runtime is asc's `stub`: what is
// allocated is never freed, so a guest that makes a trap path allocate would eat the hypervisor's memory.
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule, referenceName } from "../rule.ts";

const TYPES = new Set([
  "Array",
  "ArrayBuffer",
  "DataView",
  "Date",
  "Error",
  "Map",
  "Set",
  "String",
  "Int8Array",
  "Int16Array",
  "Int32Array",
  "Int64Array",
  "Uint8Array",
  "Uint16Array",
  "Uint32Array",
  "Uint64Array",
]);
const CALLS = new Set(["__alloc", "__new", "__realloc", "__renew"]);
const METHODS = new Set([
  "concat",
  "fromCharCode",
  "join",
  "map",
  "padEnd",
  "padStart",
  "push",
  "repeat",
  "replace",
  "slice",
  "split",
  "substring",
  "toString",
]);

const isText = (node: TSESTree.Node): boolean =>
  (node.type === "Literal" && typeof node.value === "string") || node.type === "TemplateLiteral";

/** `memory.data<u8>([...])` and a module-level `StaticArray` literal are static data, not allocations. */
function isStaticData(node: TSESTree.ArrayExpression): boolean {
  const { parent } = node;
  if (parent.type === "CallExpression" && parent.callee.type === "MemberExpression") {
    const { object, property } = parent.callee;
    return object.type === "Identifier" && object.name === "memory" && "name" in property && property.name === "data";
  }
  if (parent.type !== "VariableDeclarator" || parent.id.type !== "Identifier") return false;
  const type = parent.id.typeAnnotation?.typeAnnotation;
  const scope = parent.parent.parent;
  const atTop = scope.type === "Program" || scope.type === "ExportNamedDeclaration";
  return atTop && type !== undefined && referenceName(type) === "StaticArray";
}

export const noGc = defineRule({
  description: "no hidden allocation and no exceptions in the core",
  messages: {
    exception: "No exceptions: answer a Status; asc turns a throw into an abort of the whole module.",
    allocation: "`new` allocates for ever: take the struct from a pool or the arena (core/mem).",
    literal: "This literal is allocated on each evaluation: use `memory.data` or a struct.",
    text: "No strings built at run time: pass the pieces to the print helpers.",
    closure: "No closures: pass a top-level function, or a kind and a switch.",
    type: "`{{name}}` lives on the garbage-collected heap that the core does not have.",
    call: "`{{name}}` allocates.",
  },
  create(context) {
    function checkText(node: TSESTree.BinaryExpression | TSESTree.AssignmentExpression): void {
      if (!node.operator.startsWith("+")) return;
      if (isText(node.left) || isText(node.right)) context.report({ node, messageId: "text" });
    }
    function checkClosure(node: TSESTree.Node): void {
      if (node.parent?.type !== "MethodDefinition") context.report({ node, messageId: "closure" });
    }
    return {
      TryStatement: (node) => context.report({ node, messageId: "exception" }),
      ThrowStatement: (node) => context.report({ node, messageId: "exception" }),
      NewExpression: (node) => context.report({ node, messageId: "allocation" }),
      ObjectExpression: (node) => context.report({ node, messageId: "literal" }),
      ArrayExpression(node) {
        if (!isStaticData(node)) context.report({ node, messageId: "literal" });
      },
      TemplateLiteral(node) {
        if (node.expressions.length > 0) context.report({ node, messageId: "text" });
      },
      BinaryExpression: checkText,
      AssignmentExpression: checkText,
      ArrowFunctionExpression: checkClosure,
      FunctionExpression: checkClosure,
      "FunctionDeclaration FunctionDeclaration": checkClosure,
      TSArrayType: (node) => context.report({ node, messageId: "type", data: { name: "an array" } }),
      TSTypeReference(node) {
        const name = referenceName(node);
        if (name !== undefined && TYPES.has(name)) context.report({ node, messageId: "type", data: { name } });
      },
      CallExpression(node) {
        const { callee } = node;
        if (callee.type === "Identifier" && CALLS.has(callee.name)) {
          context.report({ node, messageId: "call", data: { name: callee.name } });
        }
        if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return;
        const { name } = callee.property;
        const onHeap = callee.object.type === "Identifier" && callee.object.name === "heap";
        if (onHeap || METHODS.has(name)) context.report({ node, messageId: "call", data: { name } });
      },
    };
  },
});
