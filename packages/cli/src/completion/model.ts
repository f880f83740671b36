// SPDX-License-Identifier: Apache-2.0
// What shells complete, from the table of verbs: for every path of words the verbs that may follow, the options, and
// what the arguments are.
import { allArgs } from "../args.ts";
import type { Completes, VerbEntry, VerbTable } from "../verb.ts";

export interface OptionModel {
  /** With its dashes. */
  readonly names: readonly string[];
  readonly about: string;
  readonly takesValue: boolean;
  readonly values: readonly string[];
  readonly completes: Completes | undefined;
}

export interface VerbModel {
  /** As typed, aliases apart: "vcpu pin". */
  readonly path: string;
  readonly aliases: readonly string[];
  readonly about: string;
  /** Verbs below it. */
  readonly verbs: readonly VerbModel[];
  readonly options: readonly OptionModel[];
  /** What positional arguments are, in their order; the last goes on if `rest`. */
  readonly positionals: readonly { readonly completes: Completes | undefined; readonly values: readonly string[] }[];
  readonly rest: boolean;
}

const dash = (name: string): string => (name.length === 1 ? `-${name}` : `--${name}`);

async function modelOf(path: readonly string[], entry: VerbEntry): Promise<VerbModel> {
  const base = { path: path.join(" "), aliases: entry.aliases ?? [], about: entry.summary };
  if (!entry.load) {
    return { ...base, verbs: await modelsOf(entry.verbs ?? {}, path), options: [], positionals: [], rest: false };
  }
  const verb = await entry.load();
  const options: OptionModel[] = [];
  const positionals: VerbModel["positionals"][number][] = [];
  for (const [name, definition] of Object.entries(allArgs(verb))) {
    const completes = verb.completes[name] ?? (name === "host" ? "host" : undefined);
    const values = "options" in definition ? (definition.options ?? []) : [];
    if (definition.type === "positional") {
      positionals.push({ completes, values: shellValues(base.path, name) });
      continue;
    }
    const aliases = "alias" in definition ? [definition.alias ?? []].flat() : [];
    const shown = definition.type === "boolean" && definition.default === true ? `no-${name}` : name;
    options.push({
      names: [shown, ...aliases].map(dash),
      about: definition.description ?? "",
      takesValue: definition.type !== "boolean",
      values,
      completes,
    });
  }
  return { ...base, verbs: [], options, positionals, rest: verb.rest === "yes" };
}

/** The one positional argument that is a choice of words. */
const shellValues = (path: string, name: string): readonly string[] =>
  path === "completion" && name === "shell" ? ["bash", "zsh", "fish"] : [];

async function modelsOf(verbs: VerbTable, path: readonly string[]): Promise<VerbModel[]> {
  const shown = Object.entries(verbs).filter(([, entry]) => !entry.hidden);
  return Promise.all(shown.map(([name, entry]) => modelOf([...path, name], entry)));
}

export async function completionModel(verbs: VerbTable): Promise<readonly VerbModel[]> {
  return modelsOf(verbs, []);
}

/** Commands that print names, one a line, for what cannot be known beforehand. */
export const NAME_COMMANDS: Readonly<Record<Exclude<Completes, "file">, string>> = {
  guest: "typeone ls -q",
  host: "typeone hosts -q",
  disk: "typeone disk ls -q",
  network: "typeone net ls -q",
};

export const lastWord = (path: string): string => path.split(" ").at(-1) as string;

/** All verbs that are no groups. */
export const leaves = (verbs: readonly VerbModel[]): VerbModel[] =>
  verbs.flatMap((verb) => (verb.verbs.length > 0 ? leaves(verb.verbs) : [verb]));

export const groups = (verbs: readonly VerbModel[]): VerbModel[] => verbs.filter((verb) => verb.verbs.length > 0);
