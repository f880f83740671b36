// SPDX-License-Identifier: Apache-2.0
// Core: no floating point and no vectors. One such instruction in the hypervisor corrupts the registers of the guest
// that runs on the hart; `number` is f64.
import { defineRule } from "../rule.ts";

const NAMES = new Set([
  "f32",
  "f64",
  "v128",
  "Math",
  "Mathf",
  "NativeMath",
  "NativeMathf",
  "parseFloat",
  "NaN",
  "Infinity",
]);

export const noFloat = defineRule({
  description: "no floating point in the core",
  messages: {
    number: "`number` is f64: name an integer type.",
    name: "`{{name}}` computes in floating point or vectors, which belong to the guest.",
    literal: "`{{text}}` is a floating-point literal.",
  },
  create(context) {
    return {
      TSNumberKeyword: (node) => context.report({ node, messageId: "number" }),
      Identifier(node) {
        if (!NAMES.has(node.name)) return;
        const { parent } = node;
        if (parent.type === "MemberExpression" && parent.property === node && !parent.computed) return;
        context.report({ node, messageId: "name", data: { name: node.name } });
      },
      Literal(node) {
        if (typeof node.value !== "number" || /^0[xob]/i.test(node.raw)) return;
        if (/[.e]/i.test(node.raw)) context.report({ node, messageId: "literal", data: { text: node.raw } });
      },
    };
  },
});
