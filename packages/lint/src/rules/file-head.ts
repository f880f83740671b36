// SPDX-License-Identifier: Apache-2.0
// Everywhere: the first line is the licence, the next lines say what the file is. A test needs the licence only, and so
// does a file that does nothing but pass on exports.
import { defineRule, repositoryPath } from "../rule.ts";

export const LICENSE_LINE = "// SPDX-License-Identifier: Apache-2.0";

export const fileHead = defineRule({
  description: "files start with the licence line and say what they are",
  messages: {
    license: `The first line must be: ${LICENSE_LINE}`,
    head: "After the licence line, say what this file is, who calls it in which context, and what it never does.",
  },
  create(context) {
    return {
      Program(node) {
        const [first = "", second = ""] = context.sourceCode.lines;
        const start = { line: 1, column: 0 };
        if (first !== LICENSE_LINE) return context.report({ loc: start, messageId: "license" });
        const onlyPassesOn = node.body.every((statement) => "source" in statement && statement.source !== null);
        if (onlyPassesOn || /\.test\.ts$/.test(repositoryPath(context))) return;
        if (!/^(\/\/ \S|\/\*)/.test(second)) context.report({ loc: start, messageId: "head" });
      },
    };
  },
});
