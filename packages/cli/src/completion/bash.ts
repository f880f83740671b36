// SPDX-License-Identifier: Apache-2.0
// Completion for bash: one function that finds the verb among the words and then offers verbs, options, values, names or
// files. Needs nothing but bash itself (4 or newer).
import { type OptionModel, type VerbModel, NAME_COMMANDS, groups, lastWord, leaves } from "./model.ts";

const words = (list: readonly string[]): string => `"${list.join(" ")}"`;
const pattern = (path: string, aliases: readonly string[]): string => {
  const parent = path.split(" ").slice(0, -1).join(" ");
  const others = aliases.map((alias) => (parent === "" ? alias : `${parent} ${alias}`));
  return [path, ...others].map((name) => `"${name}"`).join("|");
};
const names = (verbs: readonly VerbModel[]): string[] =>
  verbs.flatMap(({ path, aliases }) => [lastWord(path), ...aliases]);

const offer = (completes: OptionModel["completes"], values: readonly string[]): string | undefined => {
  if (values.length > 0) return `_typeone_words ${words(values)}`;
  if (completes === "file") return "_typeone_files";
  return completes && `_typeone_words "$(${NAME_COMMANDS[completes]} 2>/dev/null)"`;
};

function valueCases(verb: VerbModel): string[] {
  return verb.options
    .filter((option) => option.takesValue)
    .map((option) => `        ${option.names.join("|")}) ${offer(option.completes, option.values) ?? ":"}; return ;;`);
}

function positionalCases({ positionals, rest }: VerbModel): string[] {
  return positionals.flatMap(({ completes, values }, i) => {
    const how = offer(completes, values);
    const which = rest && i === positionals.length - 1 ? "*" : String(i);
    return how ? [`        ${which}) ${how} ;;`] : [];
  });
}

function verbCase(verb: VerbModel): string {
  const values = valueCases(verb);
  const positionals = positionalCases(verb);
  return [
    `    ${pattern(verb.path, verb.aliases)})`,
    ...(values.length > 0 ? ['      case "$prev" in', ...values, "      esac"] : []),
    `      if [[ $cur == -* ]]; then _typeone_words ${words(verb.options.flatMap((option) => option.names))}; return; fi`,
    ...(positionals.length > 0 ? ['      case "$count" in', ...positionals, "      esac"] : []),
    "      ;;",
  ].join("\n");
}

function groupCase(verb: VerbModel): string {
  return `    ${pattern(verb.path, verb.aliases)}) _typeone_words ${words(names(verb.verbs))} ;;`;
}

export function bashScript(verbs: readonly VerbModel[]): string {
  const groupNames = groups(verbs).flatMap(({ path, aliases }) => [path, ...aliases]);
  const valued = [
    ...new Set(leaves(verbs).flatMap((verb) => verb.options.filter((o) => o.takesValue).flatMap((o) => o.names))),
  ];
  return `# bash completion for typeone; made by: typeone completion bash
_typeone_words() { COMPREPLY+=($(compgen -W "$1" -- "$cur")); }
_typeone_files() { local IFS=$'\\n'; COMPREPLY+=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null; }
_typeone() {
  local cur prev word verb="" count=0 skip="" i
  cur="\${COMP_WORDS[COMP_CWORD]}"
  prev="\${COMP_WORDS[COMP_CWORD-1]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$word" in
      ${valued.join("|")}) skip=1 ;;
      -*) ;;
      *)
        case "$verb" in
          "") verb="$word" ;;
          ${groupNames.join("|")}) verb="$verb $word" ;;
          *) count=$((count + 1)) ;;
        esac ;;
    esac
  done
  case "$verb" in
    "")
      case "$prev" in
        -H|--host) _typeone_words "$(${NAME_COMMANDS.host} 2>/dev/null)"; return ;;
      esac
      if [[ $cur == -* ]]; then _typeone_words "-H --host --help --version"; return; fi
      _typeone_words ${words(names(verbs))} ;;
${groups(verbs).map(groupCase).join("\n")}
${leaves(verbs).map(verbCase).join("\n")}
  esac
}
complete -F _typeone typeone
`;
}
