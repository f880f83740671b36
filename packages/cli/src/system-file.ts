// SPDX-License-Identifier: Apache-2.0
// Reading configuration files for verbs: problems to standard error in the words of packages/config, errors as a failure.
import { access } from "node:fs/promises";
import path from "node:path";
import type { Guest, LoadOptions, Problem, System } from "@typeone/config";
import type { Context } from "./context.ts";
import { CliError } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";

/** Prints what was found; throws if something keeps it from being used. */
export async function tellProblems(
  context: Context,
  problems: readonly Problem[],
  what: string,
  code: ExitCode = EXIT.failed,
): Promise<void> {
  const { formatProblem } = await import("@typeone/config");
  const color = context.errorStyle.isColorSupported ? "always" : "never";
  for (const problem of problems) context.stderr.write(`${formatProblem(problem, { color })}\n`);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length === 0) return;
  const missing = errors.some(({ path, message }) => path === "" && message === "there is no such file");
  const count = errors.length === 1 ? "an error" : `${errors.length} errors`;
  throw new CliError(missing ? EXIT.notFound : code, `${what} has ${count}; nothing was done`);
}

/** The file that was named, or the one that is found here under its usual name. */
export async function systemFile(context: Context, named: string | undefined): Promise<string> {
  if (named !== undefined) return named;
  const { DEFAULT_FILES } = await import("@typeone/config");
  for (const file of DEFAULT_FILES) {
    const found = await access(path.resolve(context.cwd, file)).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  throw new CliError(EXIT.usage, "say which configuration file", `or make one of ${DEFAULT_FILES.join(", ")} here`);
}

/** Problems with the file called as the person called it. */
const named = (problems: readonly Problem[], full: string, file: string): Problem[] =>
  problems.map((problem) => (problem.file === full ? { ...problem, file } : problem));

export async function readSystem(context: Context, file: string): Promise<System> {
  const { loadSystem } = await import("@typeone/config");
  const full = path.resolve(context.cwd, file);
  const { system, problems } = await loadSystem(full);
  await tellProblems(context, named(problems, full, file), file);
  return system as System;
}

/** What a guest that comes to a host that runs is checked against. */
export type RunningHost = NonNullable<LoadOptions["running"]>;

export async function readGuest(
  context: Context,
  wanted: { readonly file: string; readonly name: string | undefined },
  running?: RunningHost,
): Promise<Guest> {
  const { loadGuest } = await import("@typeone/config");
  const { file, name } = wanted;
  const full = path.resolve(context.cwd, file);
  const { guest, problems } = await loadGuest(full, name, running ? { running } : {});
  // In words of the command line, which is where it is to be said.
  const shown = named(problems, full, file).map((problem) =>
    problem.fix === "say which" ? { ...problem, fix: "name one of them behind the file" } : problem,
  );
  await tellProblems(context, shown, file);
  return guest as Guest;
}
