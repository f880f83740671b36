// SPDX-License-Identifier: Apache-2.0
// What a verb is: its arguments (in citty's form), examples, and what it does with a Context. The table of verbs is
// verbs/index.ts; help, completion, the menu and dispatch all come from these two.
import type { ArgsDef, ParsedArgs } from "citty";
import type { Context } from "./context.ts";
import type { ExitCode } from "./exit-codes.ts";

/** What completion offers for an argument. */
export type Completes = "guest" | "host" | "file" | "disk" | "network";

export interface VerbDefinition<T extends ArgsDef> {
  readonly args: T;
  /** Command lines without `typeone`, and what they do. */
  readonly examples: readonly (readonly [string, string])[];
  /** More to say than the summary. */
  readonly about?: string;
  /** By argument name. */
  readonly completes?: Readonly<Partial<Record<keyof T & string, Completes>>>;
  /** The last positional takes all that follow. */
  readonly rest?: "yes";
  /** Output forms: "data" verbs know `-o json`; `-o` of a "file" verb names a file, its JSON switch is `--json`. */
  readonly output?: "data" | "file" | "none";
  /** How long after Ctrl-C it may still clean up; 1.5 s when absent. */
  readonly graceMs?: number;
  run(args: ParsedArgs<T>, context: Context): Promise<ExitCode | undefined> | Promise<void>;
}

/** The same without its types of arguments, as the table holds it. */
export interface LoadedVerb extends Omit<VerbDefinition<ArgsDef>, "run" | "completes"> {
  readonly completes: Readonly<Record<string, Completes | undefined>>;
  run(args: ParsedArgs, context: Context): Promise<ExitCode | undefined> | Promise<void>;
}

export function defineVerb<const T extends ArgsDef>(definition: VerbDefinition<T>): LoadedVerb {
  // Dispatch parses with these very definitions, so what `run` is given has their types.
  return { completes: {}, ...definition } as unknown as LoadedVerb;
}

export const GROUPS = ["Hosts", "Guests", "Looking inside", "Files", "TypeOne"] as const;

export interface VerbEntry {
  readonly summary: string;
  readonly group: (typeof GROUPS)[number];
  /** Other names, xl's among them. */
  readonly aliases?: readonly string[];
  readonly hidden?: "yes";
  /** Exactly one of the two. */
  readonly load?: () => Promise<LoadedVerb>;
  readonly verbs?: VerbTable;
}

export type VerbTable = Readonly<Record<string, VerbEntry>>;

export interface FoundVerb {
  /** As the table names it: ["vcpu", "ls"]. */
  readonly path: readonly string[];
  readonly entry: VerbEntry;
}

/** The entry that a name or alias means. */
export function lookUp(verbs: VerbTable, word: string): { name: string; entry: VerbEntry } | undefined {
  const direct = Object.hasOwn(verbs, word) ? verbs[word] : undefined;
  if (direct) return { name: word, entry: direct };
  for (const [name, entry] of Object.entries(verbs)) if (entry.aliases?.includes(word)) return { name, entry };
  return undefined;
}

/** All names and aliases that are shown. */
export function namesOf(verbs: VerbTable): string[] {
  return Object.entries(verbs).flatMap(([name, { aliases = [], hidden }]) => (hidden ? [] : [name, ...aliases]));
}
