// SPDX-License-Identifier: Apache-2.0
// `typeone help [VERB…|TOPIC]`.
import { usageError } from "../errors.ts";
import { TOPICS, groupHelp, overview, verbHelp } from "../help.ts";
import { printJson, printLine } from "../output/print.ts";
import { didYouMean } from "../suggest.ts";
import { EXIT_MEANINGS } from "../exit-codes.ts";
import { defineVerb, namesOf } from "../verb.ts";
import { findVerb } from "../dispatch.ts";
import { VERBS } from "./index.ts";

export default defineVerb({
  args: { what: { type: "positional", required: false, description: "a verb, or exit-codes, environment" } },
  rest: "yes",
  examples: [
    ["help vcpu pin", "one verb"],
    ["help exit-codes", "what scripts want to know"],
  ],
  async run({ _: words }, context) {
    const { style } = context;
    const [first] = words;
    if (first === undefined) return printLine(context, overview(VERBS, style));
    const topic = TOPICS[first];
    if (topic && context.format === "json" && first === "exit-codes")
      return printJson(
        context,
        EXIT_MEANINGS.map(([code, meaning]) => ({ code, meaning })),
      );
    if (topic) return printLine(context, topic(style));
    const { found, unknown } = findVerb(VERBS, words);
    if (unknown || !found) {
      const names = [...namesOf(VERBS), ...Object.keys(TOPICS)];
      throw usageError(
        `there is no help on ${JSON.stringify(words.join(" "))}`,
        didYouMean(unknown?.word ?? first, names),
      );
    }
    if (!found.entry.load) return printLine(context, groupHelp(found, style));
    return printLine(context, verbHelp(found, await found.entry.load(), style));
  },
});
