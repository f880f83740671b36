// SPDX-License-Identifier: Apache-2.0
// Help at every level: all verbs, a group of verbs, one verb with its arguments, options and examples, and topics. Made
// from the table of verbs. Pure.
import type { ArgDef, ArgsDef } from "citty";
import { GLOBAL_ARGS, allArgs, dashed } from "./args.ts";
import { EXIT_MEANINGS } from "./exit-codes.ts";
import type { Style } from "./output/style.ts";
import { type FoundVerb, GROUPS, type LoadedVerb, type VerbTable } from "./verb.ts";

type Line = readonly [string, string];

/** Two columns, indented; long left sides get a line of their own. */
function columns(lines: readonly Line[], style: Style): string[] {
  const width = Math.min(30, Math.max(0, ...lines.map(([left]) => left.length)));
  return lines.flatMap(([left, right]) => {
    const head = style.cyan(left.padEnd(width));
    return left.length > width ? [`  ${head}`, `  ${" ".repeat(width)}  ${right}`] : [`  ${head}  ${right}`.trimEnd()];
  });
}

const verbLines = (verbs: VerbTable): Line[] =>
  Object.entries(verbs)
    .filter(([, entry]) => !entry.hidden)
    .map(([name, { summary, aliases = [], verbs: inner }]) => {
      const also = aliases.length > 0 ? `  (also: ${aliases.join(", ")})` : "";
      const words = inner ? `${name} ${Object.keys(inner).join("|")}` : name;
      return [words.length > 30 ? `${name} …` : words, summary + also];
    });

/** `typeone --help`. */
export function overview(verbs: VerbTable, style: Style): string {
  const lines = [
    `${style.bold("typeone")}: hosts, guests and consoles of TypeOne, a type-1 hypervisor written in TypeScript`,
    "",
    `${style.bold("Usage:")} typeone [-H HOST] VERB [arguments]`,
  ];
  for (const group of GROUPS) {
    const members = Object.fromEntries(Object.entries(verbs).filter(([, entry]) => entry.group === group));
    const shown = verbLines(members);
    if (shown.length > 0) lines.push("", style.bold(group), ...columns(shown, style));
  }
  lines.push(
    "",
    `${style.bold("Every verb has")} --help with examples, and -o json where it prints data.`,
    "typeone help exit-codes, typeone help environment: what scripts want to know.",
  );
  return lines.join("\n");
}

/** `typeone vcpu --help`. */
export function groupHelp({ path, entry }: FoundVerb, style: Style): string {
  const name = `typeone ${path.join(" ")}`;
  return [
    `${style.bold(name)}: ${entry.summary}`,
    "",
    `${style.bold("Usage:")} ${name} VERB [arguments]`,
    "",
    ...columns(verbLines(entry.verbs ?? {}), style),
    "",
    `${name} VERB --help shows more.`,
  ].join("\n");
}

const optionName = (name: string, definition: ArgDef): string => {
  const aliases = "alias" in definition ? [definition.alias ?? []].flat() : [];
  const shown = definition.type === "boolean" && definition.default === true ? `no-${name}` : name;
  const words = [...aliases, shown].map(dashed).sort((a, b) => a.length - b.length);
  return words.join(", ") + (definition.type === "boolean" ? "" : ` ${definition.valueHint ?? name.toUpperCase()}`);
};

function optionLine([name, definition]: [string, ArgDef]): Line {
  const fallback =
    definition.default === undefined || definition.default === "" || typeof definition.default === "boolean"
      ? ""
      : ` (default: ${String(definition.default)})`;
  const negative = "negativeDescription" in definition ? definition.negativeDescription : undefined;
  const about = definition.default === true && negative ? negative : (definition.description ?? "");
  return [optionName(name, definition), about + fallback];
}

const isRequired = (definition: ArgDef): boolean => definition.required !== false && definition.default === undefined;

/** `typeone run [options] FILE`. */
export function usageLine(path: readonly string[], verb: LoadedVerb): string {
  const positionals = Object.entries(verb.args).filter(([, definition]) => definition.type === "positional");
  const words = positionals.map(([name, definition], i) => {
    const more = verb.rest === "yes" && i === positionals.length - 1 ? "…" : "";
    const word = (definition.valueHint ?? name.toUpperCase()) + more;
    return isRequired(definition) ? word : `[${word}]`;
  });
  return ["typeone", ...path, "[options]", ...words].join(" ");
}

function section(title: string, lines: readonly Line[], style: Style): string[] {
  return lines.length === 0 ? [] : ["", style.bold(title), ...columns(lines, style)];
}

/** `typeone run --help`. */
export function verbHelp({ path, entry }: FoundVerb, verb: LoadedVerb, style: Style): string {
  const all = Object.entries(allArgs(verb) satisfies ArgsDef);
  const positionals = all.filter(([, definition]) => definition.type === "positional");
  const own = all.filter(([name, definition]) => definition.type !== "positional" && name in verb.args);
  const global = all.filter(([name]) => !(name in verb.args) && (name in GLOBAL_ARGS || name === "output"));
  const parent = path.slice(0, -1);
  const aliases = entry.aliases?.map((alias) => [...parent, alias].join(" ")) ?? [];
  return [
    `${style.bold(`typeone ${path.join(" ")}`)}: ${entry.summary}`,
    ...(aliases.length > 0 ? [`Also: ${aliases.join(", ")}`] : []),
    "",
    `${style.bold("Usage:")} ${usageLine(path, verb)}`,
    ...(verb.about ? ["", verb.about] : []),
    ...section(
      "Arguments",
      positionals.map(([name, definition]) => [
        definition.valueHint ?? name.toUpperCase(),
        definition.description ?? "",
      ]),
      style,
    ),
    ...section("Options", own.map(optionLine), style),
    ...section("Options of every verb", global.map(optionLine), style),
    ...section(
      "Examples",
      verb.examples.map(([line, about]) => [`typeone ${line}`, about]),
      style,
    ),
  ].join("\n");
}

const ENVIRONMENT: readonly Line[] = [
  ["TYPEONE_HOST", "name of the host, as --host"],
  ["TYPEONE_QEMU", "program to run hosts with, instead of qemu-system-riscv64"],
  ["TYPEONE_DEBUG", "1: failures show where in the code they come from"],
  ["XDG_RUNTIME_DIR", "where the sockets of running hosts are"],
  ["NO_COLOR", "anything: no colours"],
  ["FORCE_COLOR", "1: colours also when the output is no terminal"],
];

export const TOPICS: Readonly<Record<string, (style: Style) => string>> = {
  "exit-codes": (style) =>
    [
      style.bold("Exit codes of typeone"),
      ...columns(
        EXIT_MEANINGS.map(([code, text]) => [String(code), text]),
        style,
      ),
    ].join("\n"),
  environment: (style) => [style.bold("Environment variables"), ...columns(ENVIRONMENT, style)].join("\n"),
};
