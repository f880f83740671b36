// SPDX-License-Identifier: Apache-2.0
// Core: the fields of a struct have a stated width and lie where they seem to lie. `usize` is a linear pointer, and so
// is a field of class type; both take four bytes. Padding is written out, so that the layout can be read off the file.
import type { TSESTree } from "@typescript-eslint/utils";
import { defineRule, referenceName } from "../rule.ts";

const WIDTHS: Readonly<Record<string, number>> = {
  u8: 1,
  i8: 1,
  bool: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  usize: 4,
  u64: 8,
  i64: 8,
};
/** Width of a pointer to another struct, which is what a field of class type is. */
const POINTER = 4;
const REFUSED = new Set(["isize", "f32", "f64", "v128", "Array", "StaticArray", "Map", "Set", "String"]);

/** Bytes of a field; undefined when the type has no stated width. */
function widthOf(type: TSESTree.TypeNode | undefined): number | undefined {
  if (type === undefined) return undefined;
  const name = referenceName(type);
  if (name === undefined || REFUSED.has(name)) return undefined;
  // An alias of an address kind (`type Gpa = u64`) ends in its kind.
  if (/^(Gva|Gpa|Hpa|Hva)$/.test(name)) return 8;
  return WIDTHS[name] ?? POINTER;
}

export const fixedWidthFields = defineRule({
  description: "struct fields have fixed width and explicit padding",
  messages: {
    width:
      "Field `{{name}}` needs a type of fixed width: u8 to u64, i8 to i64, bool, usize (linear pointer) or a struct.",
    padding:
      "Field `{{name}}` would start at byte {{at}}, which its width of {{width}} does not divide: add a padding field.",
    tail: "The struct ends at byte {{at}}, which its widest field ({{width}}) does not divide: add a padding field.",
  },
  create(context) {
    function checkLayout(node: TSESTree.ClassBody): void {
      let at = 0;
      let widest = 1;
      for (const member of node.body) {
        if (member.type !== "PropertyDefinition" || member.static) continue;
        const name = context.sourceCode.getText(member.key);
        const width = widthOf(member.typeAnnotation?.typeAnnotation);
        if (width === undefined) {
          context.report({ node: member, messageId: "width", data: { name } });
          return;
        }
        if (at % width !== 0) {
          context.report({ node: member, messageId: "padding", data: { name, at, width } });
          at = Math.ceil(at / width) * width;
        }
        at += width;
        widest = Math.max(widest, width);
      }
      if (at % widest !== 0) context.report({ node, messageId: "tail", data: { at, width: widest } });
    }
    return { ClassBody: checkLayout };
  },
});
