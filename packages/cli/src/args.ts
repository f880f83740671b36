// SPDX-License-Identifier: Apache-2.0
// The command line of one verb: strict about what citty is lenient about (unknown options, missing and superfluous
// values, superfluous words), and the options that every verb has. Also the readers of numbers that verbs share.
import { parseArgs as scan } from "node:util";
import { type ArgsDef, type ParsedArgs, parseArgs } from "citty";
import { usageError } from "./errors.ts";
import { didYouMean } from "./suggest.ts";
import type { LoadedVerb } from "./verb.ts";

/** Before the verb or behind it. */
export const GLOBAL_ARGS = {
  host: { type: "string", alias: "H", valueHint: "NAME", description: "which host, if several run" },
  json: { type: "boolean", description: "JSON on standard output" },
  help: { type: "boolean", alias: "h", description: "this text" },
} as const satisfies ArgsDef;

const OUTPUT_ARG = {
  output: { type: "enum", alias: "o", options: ["table", "json"], valueHint: "FORM", description: "table or json" },
} as const satisfies ArgsDef;

export interface Globals {
  readonly host?: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
}

/** The options of a verb with those that every verb has. */
export function allArgs(verb: Pick<LoadedVerb, "args" | "output">): ArgsDef {
  const global: ArgsDef = { ...GLOBAL_ARGS, ...((verb.output ?? "data") === "data" ? OUTPUT_ARG : {}) };
  return { ...verb.args, ...Object.fromEntries(Object.entries(global).filter(([name]) => !(name in verb.args))) };
}

interface Option {
  readonly name: string;
  readonly kind: "boolean" | "string";
}

function optionsOf(args: ArgsDef): Map<string, Option> {
  const options = new Map<string, Option>();
  for (const [name, definition] of Object.entries(args)) {
    if (definition.type === "positional") continue;
    const kind = definition.type === "boolean" ? "boolean" : "string";
    const aliases = "alias" in definition ? [definition.alias ?? []].flat() : [];
    for (const word of [name, ...aliases]) options.set(word, { name, kind });
    if (kind === "boolean") options.set(`no-${name}`, { name, kind });
  }
  return options;
}

const dashed = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

function scanOptions(options: Map<string, Option>): Record<string, { type: "boolean" | "string"; short?: string }> {
  const scanned: Record<string, { type: "boolean" | "string"; short?: string }> = {};
  for (const [word, { name, kind }] of options) {
    if (word.length > 1) scanned[word] = { ...scanned[word], type: kind };
    else scanned[name] = { ...scanned[name], type: kind, short: word };
  }
  return scanned;
}

/** Throws a usage error for what the verb does not understand. */
function checkWords(words: readonly string[], verb: LoadedVerb, args: ArgsDef): void {
  const options = optionsOf(args);
  const { tokens } = scan({
    args: [...words],
    options: scanOptions(options),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const most = Object.values(args).filter((definition) => definition.type === "positional").length;
  let positionals = 0;
  for (const token of tokens) {
    if (token.kind === "positional") {
      positionals++;
      if (positionals > most && verb.rest !== "yes")
        throw usageError(`${JSON.stringify(token.value)} is one word too many`);
    }
    if (token.kind !== "option") continue;
    const option = options.get(token.name);
    if (!option) {
      const names = [...options.keys()].filter((name) => name.length > 1).map((name) => `--${name}`);
      throw usageError(`there is no option ${token.rawName}`, didYouMean(token.rawName, names));
    }
    const { value } = token;
    const given = value !== undefined && (token.inlineValue || !/^-[A-Za-z-]/.test(value));
    if (option.kind === "string" && !given) throw usageError(`${token.rawName} needs a value`);
    if (option.kind === "boolean" && value !== undefined) throw usageError(`${token.rawName} takes no value`);
  }
}

/** The arguments of a verb as it defined them, and the global ones. */
export function readArgs(verb: LoadedVerb, words: readonly string[]): { args: ParsedArgs; globals: Globals } {
  const all = allArgs(verb);
  // Help is asked for before anything is complained about.
  const beforeDashes = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  if (beforeDashes.includes("--help") || beforeDashes.includes("-h"))
    return { args: { _: [] } as unknown as ParsedArgs, globals: { json: false, help: true } };
  checkWords(words, verb, all);
  const args = readWithCitty(words, all);
  const form = (verb.output ?? "data") === "data" ? args["output"] : undefined;
  const json = args["json"] === true || form === "json";
  const host = "host" in verb.args ? undefined : args["host"];
  return { args, globals: { host: typeof host === "string" ? host : undefined, json, help: false } };
}

const plainName = (text: string): string => text.replace(/\u001b\[\d+m/g, "");

function readWithCitty(words: readonly string[], all: ArgsDef): ParsedArgs {
  try {
    return parseArgs([...words], all);
  } catch (error) {
    const message = error instanceof Error ? plainName(error.message) : String(error);
    const missing = /^Missing required (?:positional )?argument: (\S+)/.exec(message)?.[1];
    if (missing) throw usageError(`${missing} is missing`);
    const bad = /^Invalid value for argument: (\S+) \((.*)\)\. Expected one of: (.*)\.$/.exec(message);
    if (bad)
      throw usageError(
        `${bad[1] ?? ""} must be one of ${(bad[3] ?? "").replaceAll('"', "")}, not ${JSON.stringify(bad[2])}`,
      );
    throw error;
  }
}

/** Takes the global options that stand before the verb off the front. */
export function splitGlobals(words: readonly string[]): { front: string[]; rest: string[] } {
  let at = 0;
  while (at < words.length) {
    const word = words[at] as string;
    if (word === "-H" || word === "--host" || word === "-o" || word === "--output") at += 2;
    else if (/^(-H.+|--host=.*|-o.+|--output=.*|--json)$/.test(word)) at += 1;
    else break;
  }
  return { front: words.slice(0, at), rest: words.slice(at) };
}

/** A whole number in a range, or a usage error that names the argument. */
export function wholeNumber(name: string, text: string, range: readonly [number, number]): number {
  const value = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value) && value >= range[0] && value <= range[1]) return value;
  throw usageError(`${name} must be a whole number from ${range[0]} to ${range[1]}, not ${JSON.stringify(text)}`);
}

/** Seconds, fractions allowed. */
export function seconds(name: string, text: string, least = 0): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= 1e9) return value;
  throw usageError(`${name} must be a number of seconds, ${least} or more, not ${JSON.stringify(text)}`);
}

/** A 64-bit address: hexadecimal with 0x, or decimal. */
export function address(name: string, text: string): bigint {
  if (/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text)) {
    const value = BigInt(text);
    if (value < 1n << 64n) return value;
  }
  throw usageError(`${name} must be an address like 0x80000000, not ${JSON.stringify(text)}`);
}

export { dashed };
