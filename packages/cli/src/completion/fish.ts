// SPDX-License-Identifier: Apache-2.0
// Completion for fish: a line for each verb and each option, with a small function that tells which verb was typed.
import { type OptionModel, type VerbModel, NAME_COMMANDS, groups, lastWord, leaves } from "./model.ts";

const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** The words of a verb, any of its aliases last. */
function condition({ path, aliases }: VerbModel): string {
  const parts = path.split(" ");
  const last = [parts.at(-1) as string, ...aliases].join(" ");
  return parts.length === 1 ? `__typeone_verb ${last}` : `__typeone_below ${parts[0] as string} ${last}`;
}

const values = (completes: OptionModel["completes"], list: readonly string[]): string => {
  if (list.length > 0) return ` -xa ${quote(list.join(" "))}`;
  if (completes === "file") return " -rF";
  return completes === undefined ? " -x" : ` -xa ${quote(`(${NAME_COMMANDS[completes]} 2>/dev/null)`)}`;
};

function optionLine(verb: VerbModel, option: OptionModel): string {
  const names = option.names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
  const value = option.takesValue ? values(option.completes, option.values) : "";
  return `complete -c typeone -n ${quote(condition(verb))} ${names.join(" ")}${value} -d ${quote(option.about)}`;
}

function positionalLines(verb: VerbModel): string[] {
  const seen = new Set<string>();
  return verb.positionals.flatMap(({ completes, values: list }) => {
    const how = list.length > 0 || completes ? values(completes, list) : "";
    if (how === "" || seen.has(how)) return [];
    seen.add(how);
    const files = completes === "file" ? " -F" : how.replace(" -xa", " -fa");
    return [`complete -c typeone -n ${quote(condition(verb))}${files}`];
  });
}

const verbLine = (verb: VerbModel, when: string): string[] =>
  [lastWord(verb.path), ...verb.aliases].map(
    (name) => `complete -c typeone -n ${quote(when)} -fa ${name} -d ${quote(verb.about)}`,
  );

export function fishScript(verbs: readonly VerbModel[]): string {
  const lines = [
    "# fish completion for typeone; made by: typeone completion fish",
    "function __typeone_words",
    "    set -l skip 0",
    "    for word in (commandline -opc)[2..-1]",
    "        if test $skip = 1; set skip 0; continue; end",
    "        switch $word",
    "            case -H --host; set skip 1",
    "            case '-*'",
    "            case '*'; echo $word",
    "        end",
    "    end",
    "end",
    "function __typeone_none; test (count (__typeone_words)) -eq 0; end",
    "function __typeone_verb; set -l words (__typeone_words); test (count $words) -ge 1; and contains -- $words[1] $argv; end",
    "function __typeone_group; set -l words (__typeone_words); test (count $words) -eq 1; and contains -- $words[1] $argv; end",
    "function __typeone_below; set -l words (__typeone_words); test (count $words) -ge 2; and test $words[1] = $argv[1]; and contains -- $words[2] $argv[2..-1]; end",
    "complete -c typeone -f",
    "complete -c typeone -n __typeone_none -s H -l host -xa '(typeone hosts -q 2>/dev/null)' -d 'which host'",
    ...verbs.flatMap((verb) => verbLine(verb, "__typeone_none")),
    ...groups(verbs).flatMap((group) =>
      group.verbs.flatMap((verb) => verbLine(verb, `__typeone_group ${[group.path, ...group.aliases].join(" ")}`)),
    ),
    ...leaves(verbs).flatMap((verb) => [
      ...positionalLines(verb),
      ...verb.options.map((option) => optionLine(verb, option)),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}
