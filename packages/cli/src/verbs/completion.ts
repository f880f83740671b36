// SPDX-License-Identifier: Apache-2.0
// `typeone completion SHELL`: a script for the shell, made from the table of verbs.
import { completionModel } from "../completion/model.ts";
import { bashScript } from "../completion/bash.ts";
import { fishScript } from "../completion/fish.ts";
import { zshScript } from "../completion/zsh.ts";
import { printLine } from "../output/print.ts";
import { defineVerb } from "../verb.ts";
import { VERBS } from "./index.ts";

export const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;

export default defineVerb({
  args: { shell: { type: "positional", required: true, description: "bash, zsh or fish" } },
  output: "none",
  about: "Verbs, options and files complete from the script itself; names of guests and hosts are asked for.",
  examples: [
    ["completion bash > ~/.local/share/bash-completion/completions/typeone", "for all shells from now on"],
    ["completion zsh > ~/.zfunc/_typeone", "with ~/.zfunc in fpath before compinit"],
    ["completion fish > ~/.config/fish/completions/typeone.fish", "for fish"],
  ],
  async run({ shell }, context) {
    const { usageError } = await import("../errors.ts");
    const script = Object.hasOwn(SHELLS, shell) ? SHELLS[shell as keyof typeof SHELLS] : undefined;
    if (!script)
      throw usageError(`SHELL must be one of ${Object.keys(SHELLS).join(", ")}, not ${JSON.stringify(shell)}`);
    printLine(context, script(await completionModel(VERBS)).trimEnd());
  },
});
