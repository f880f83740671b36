// SPDX-License-Identifier: Apache-2.0
// One finding about a configuration: how bad, where, what, and what to do. Everything in this package reports through
// it, all findings at once; nothing is thrown at a user. The CLI prints them with formatProblem.
import pico from "picocolors";

export type Severity = "error" | "warning" | "note";

export interface Problem {
  readonly severity: Severity;
  /** The file as it was named. */
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly column?: number;
  /** Which setting: `guests[1].memory`; "" for the file as a whole. */
  readonly path: string;
  readonly message: string;
  /** What to type or change. */
  readonly fix?: string;
}

export interface Place {
  readonly line: number;
  readonly column?: number;
}

/** A setting by its place in the data: ["guests", 1, "memory"]. */
export type Path = readonly PropertyKey[];

/** A setting as text: `guests[1].memory`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`;
    const name = String(part);
    if (!/^[A-Za-z_$][\w$]*$/.test(name)) return `${text}[${JSON.stringify(name)}]`;
    return text === "" ? name : `${text}.${name}`;
  }, "");
}

export const hasErrors = (problems: readonly Problem[]): boolean =>
  problems.some(({ severity }) => severity === "error");

export interface FormatOptions {
  readonly color?: "auto" | "always" | "never";
}

/** `file:line:column: error: setting: message`, and the fix on a line of its own. */
export function formatProblem(problem: Problem, options: FormatOptions = {}): string {
  const paint = colors(options.color ?? "auto");
  const { file, line, column, severity, path, message, fix } = problem;
  const where = [file, line, line === undefined ? undefined : column].filter((part) => part !== undefined).join(":");
  const mark = { error: paint.red, warning: paint.yellow, note: paint.cyan }[severity];
  const subject = path === "" ? "" : `${paint.bold(path)}: `;
  const advice = fix === undefined ? "" : `\n  ${paint.green("fix:")} ${fix.replaceAll("\n", "\n       ")}`;
  return `${where}: ${mark(`${severity}:`)} ${subject}${message}${advice}`;
}

/** All of them, errors first, and in the order of the file. */
export function formatProblems(problems: readonly Problem[], options: FormatOptions = {}): string {
  return sortProblems(problems)
    .map((problem) => formatProblem(problem, options))
    .join("\n");
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

export function sortProblems(problems: readonly Problem[]): Problem[] {
  const key = ({ severity, line }: Problem): number => RANK[severity] * 1e9 + (line ?? 1e8);
  return [...problems].sort((a, b) => key(a) - key(b));
}

function colors(when: "auto" | "always" | "never"): ReturnType<typeof pico.createColors> {
  return when === "auto" ? pico : pico.createColors(when === "always");
}
