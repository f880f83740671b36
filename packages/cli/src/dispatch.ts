// SPDX-License-Identifier: Apache-2.0
// From the words of a command line to a verb, its arguments, and an exit code. Failures become messages with a fix on
// standard error (and `{"error": …}` there with JSON); a stack trace is shown only for a defect of ours, or with TYPEONE_DEBUG=1.
import type { ParsedArgs } from "citty";
import { type Globals, readArgs, splitGlobals } from "./args.ts";
import type { Context } from "./context.ts";
import { type CliError, asCliError, usageError } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { groupHelp, overview, verbHelp } from "./help.ts";
import { didYouMean } from "./suggest.ts";
import { type FoundVerb, type LoadedVerb, type VerbTable, lookUp, namesOf } from "./verb.ts";

const HELP_WORDS = new Set(["--help", "-h"]);

interface Found {
  readonly found?: FoundVerb;
  readonly words: readonly string[];
  /** A word that no verb is called. */
  readonly unknown?: { readonly word: string; readonly where: VerbTable; readonly path: readonly string[] };
}

/** Walks down the table as far as the words name verbs. */
export function findVerb(verbs: VerbTable, words: readonly string[]): Found {
  let here = verbs;
  let found: FoundVerb | undefined;
  let rest = words;
  for (;;) {
    const [word] = rest;
    if (word === undefined || word.startsWith("-")) return { ...(found ? { found } : {}), words: rest };
    const next = lookUp(here, word);
    const path = found?.path ?? [];
    if (!next) return { ...(found ? { found } : {}), words: rest, unknown: { word, where: here, path } };
    found = { path: [...path, next.name], entry: next.entry };
    rest = rest.slice(1);
    if (!next.entry.verbs) return { found, words: rest };
    here = next.entry.verbs;
  }
}

function unknownVerb({ word, where, path }: NonNullable<Found["unknown"]>): CliError {
  const name = ["typeone", ...path].join(" ");
  const near = didYouMean(word, namesOf(where));
  return usageError(`${name} has no verb ${JSON.stringify(word)}`, near ?? `${name} --help shows all verbs`);
}

function withGlobals(context: Context, globals: Globals): Context {
  const hostName = globals.host ?? context.hostName;
  const format = globals.json ? "json" : context.format;
  return { ...context, hostName, format, connect: () => context.hosts.connect(hostName) };
}

async function runVerb(verb: LoadedVerb, args: ParsedArgs, context: Context): Promise<ExitCode> {
  const interrupted = new Promise<"interrupted">((resolve) => {
    const end = () => void setTimeout(() => resolve("interrupted"), verb.graceMs ?? INTERRUPT_GRACE_MS).unref();
    if (context.signal.aborted) end();
    else context.signal.addEventListener("abort", end, { once: true });
  });
  const result = await Promise.race([verb.run(args, context), interrupted]);
  if (result === "interrupted") return EXIT.interrupted;
  // A verb for which Ctrl-C is a good end says so by an exit code of its own.
  return result ?? (context.signal.aborted ? EXIT.interrupted : EXIT.ok);
}

/** For a verb to put the terminal back and let go after Ctrl-C. */
const INTERRUPT_GRACE_MS = 1500;

async function dispatch(verbs: VerbTable, words: readonly string[], context: Context): Promise<ExitCode> {
  const { front, rest } = splitGlobals(words);
  const { found, words: args, unknown } = findVerb(verbs, rest);
  const help = args.some((word) => HELP_WORDS.has(word));
  if (unknown && !help) throw unknownVerb(unknown);
  if (!found) {
    if (args.length > 0 && !help && args[0] !== "--version")
      throw usageError(`there is no option ${args[0] as string} here`);
    if (args[0] === "--version") return dispatch(verbs, [...front, "version"], context);
    context.stdout.write(`${overview(verbs, context.style)}\n`);
    return EXIT.ok;
  }
  if (!found.entry.load) {
    (help ? context.stdout : context.stderr).write(`${groupHelp(found, help ? context.style : context.errorStyle)}\n`);
    return help ? EXIT.ok : EXIT.usage;
  }
  const verb = await found.entry.load();
  const { args: parsed, globals } = readVerbArgs(found, verb, [...front, ...args]);
  if (globals.help) {
    context.stdout.write(`${verbHelp(found, verb, context.style)}\n`);
    return EXIT.ok;
  }
  return runVerb(verb, parsed, withGlobals(context, globals));
}

/** A usage error tells where help is. */
function readVerbArgs(found: FoundVerb, verb: LoadedVerb, words: readonly string[]) {
  try {
    return readArgs(verb, words);
  } catch (error) {
    const known = asCliError(error);
    if (known?.exit !== EXIT.usage) throw error;
    const name = `typeone ${found.path.join(" ")}`;
    throw usageError(`${name}: ${known.message}`, known.fix ?? `${name} --help shows its arguments`);
  }
}

const indent = (text: string): string => text.replaceAll("\n", "\n  ");

/** Tells what failed and how to go on; answers the exit code. */
export function report(error: unknown, context: Pick<Context, "stderr" | "errorStyle" | "env">): ExitCode {
  const { stderr, errorStyle: style, env } = context;
  const known = asCliError(error);
  const debug = env["TYPEONE_DEBUG"] !== undefined && env["TYPEONE_DEBUG"] !== "0";
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (!known) {
    stderr.write(`${style.red("error")} (a defect of TypeOne's tools): ${stack}\n`);
    return EXIT.failed;
  }
  stderr.write(`${style.red("error")}: ${indent(known.message)}\n`);
  if (known.fix) stderr.write(`${style.bold("fix")}: ${indent(known.fix)}\n`);
  if (debug) stderr.write(`${stack}\n`);
  return known.exit;
}

/** Runs a command line to its exit code. Never throws. */
export async function runCli(verbs: VerbTable, words: readonly string[], context: Context): Promise<ExitCode> {
  try {
    return await dispatch(verbs, words, context);
  } catch (error) {
    if (context.signal.aborted) return EXIT.interrupted;
    return report(error, context);
  }
}
