// SPDX-License-Identifier: Apache-2.0
// Completion for zsh: a function for each verb with _arguments, and one that finds the verb.
import { type OptionModel, type VerbModel, NAME_COMMANDS, groups, lastWord, leaves } from "./model.ts";

/** Inside single quotes and an _arguments specification. */
const text = (about: string): string => about.replaceAll(/[[\]:\\]/g, "\\$&").replaceAll("'", "'\\''");
const functionOf = (path: string): string => `_typeone_${path.replaceAll(/[^a-z]/g, "_")}`;

const action = (completes: OptionModel["completes"], values: readonly string[]): string => {
  if (values.length > 0) return `(${values.join(" ")})`;
  if (completes === "file") return "_files";
  return completes === undefined ? " " : `_typeone_${completes}s`;
};

function optionSpec(option: OptionModel): string[] {
  const exclusive = `(${option.names.join(" ")})`;
  const value = option.takesValue ? `:value:${action(option.completes, option.values)}` : "";
  return option.names.map((name) => `'${exclusive}${name}[${text(option.about)}]${value}'`);
}

function verbFunction(verb: VerbModel): string {
  const positionals = verb.positionals.map(({ completes, values }, i) => {
    const which = verb.rest && i === verb.positionals.length - 1 ? "*" : String(i + 1);
    return `'${which}:argument:${action(completes, values)}'`;
  });
  const specs = [...verb.options.flatMap(optionSpec), ...positionals];
  return `${functionOf(verb.path)}() {\n  _arguments \\\n    ${specs.join(" \\\n    ")}\n}`;
}

const describe = (verbs: readonly VerbModel[]): string =>
  verbs
    .flatMap(({ path, aliases, about }) => [lastWord(path), ...aliases].map((name) => `    '${name}:${text(about)}'`))
    .join("\n");

function chooser(name: string, verbs: readonly VerbModel[]): string {
  const cases = verbs.map(
    ({ path, aliases }) => `      ${[lastWord(path), ...aliases].join("|")}) ${functionOf(path)} ;;`,
  );
  return `${name}() {
  local context state line
  local -a verbs
  verbs=(
${describe(verbs)}
  )
  _arguments -C '(-H --host)'{-H,--host}'[which host]:host:_typeone_hosts' '1:verb:->verb' '*::argument:->rest'
  case $state in
    verb) _describe verb verbs ;;
    rest) case $line[1] in
${cases.join("\n")}
    esac ;;
  esac
}`;
}

export function zshScript(verbs: readonly VerbModel[]): string {
  return `#compdef typeone
# zsh completion for typeone; made by: typeone completion zsh
_typeone_guests() { local -a names; names=(\${(f)"$(${NAME_COMMANDS.guest} 2>/dev/null)"}); compadd -a names }
_typeone_hosts() { local -a names; names=(\${(f)"$(${NAME_COMMANDS.host} 2>/dev/null)"}); compadd -a names }
_typeone_disks() { local -a names; names=(\${(f)"$(${NAME_COMMANDS.disk} 2>/dev/null)"}); compadd -a names }
_typeone_networks() { local -a names; names=(\${(f)"$(${NAME_COMMANDS.network} 2>/dev/null)"}); compadd -a names }
${leaves(verbs).map(verbFunction).join("\n")}
${groups(verbs)
  .map((group) => chooser(functionOf(group.path), group.verbs))
  .join("\n")}
${chooser("_typeone", verbs)}
if [ "$funcstack[1]" = "_typeone" ]; then _typeone "$@"; else compdef _typeone typeone; fi
`;
}
