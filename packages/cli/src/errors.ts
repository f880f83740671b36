// SPDX-License-Identifier: Apache-2.0
// The failures that a person or a script can act on: what is wrong, the fix, and the exit code. Everything else that is
// thrown is a defect of ours. `asCliError` knows the errors of the packages below the CLI by their shape.
import { StepError } from "@typeone/host";
import { EXIT, type ExitCode } from "./exit-codes.ts";

export class CliError extends Error {
  readonly exit: ExitCode;
  readonly fix: string | undefined;

  constructor(exit: ExitCode, message: string, fix?: string) {
    super(message);
    this.name = "CliError";
    this.exit = exit;
    this.fix = fix;
  }
}

/** The command line itself is wrong. */
export const usageError = (message: string, fix?: string): CliError => new CliError(EXIT.usage, message, fix);

export const notFound = (message: string, fix?: string): CliError => new CliError(EXIT.notFound, message, fix);

const EXPECTED = new Set(["CLIError", "RangeError", "ConsoleError"]);

/** The daemon's codes; those that are not here mean that it failed. */
const API_CODES: Readonly<Record<string, ExitCode>> = {
  "not-found": EXIT.notFound,
  exists: EXIT.state,
  state: EXIT.state,
  busy: EXIT.state,
  limit: EXIT.state,
  "no-memory": EXIT.state,
  "no-host": EXIT.noHost,
  unavailable: EXIT.noHost,
  unsafe: EXIT.noHost,
};

interface Shape {
  readonly code?: unknown;
  readonly fix?: unknown;
  readonly syscall?: unknown;
}

/** What was thrown as a failure with its exit code, or undefined for a defect. */
export function asCliError(error: unknown): CliError | undefined {
  if (error instanceof CliError) return error;
  if (!(error instanceof Error)) return undefined;
  if (error instanceof StepError) return new CliError(EXIT.failed, `${error.step}\n${error.why}`, error.fix);
  const { code, fix, syscall } = error as Shape;
  const advice = typeof fix === "string" ? fix : undefined;
  if (error.name === "ApiError") return new CliError(API_CODES[String(code)] ?? EXIT.failed, error.message, advice);
  // What the system refused: files, sockets.
  if (typeof code === "string" && typeof syscall === "string")
    return new CliError(code === "ENOENT" ? EXIT.notFound : EXIT.failed, error.message, advice);
  if (EXPECTED.has(error.name)) return new CliError(EXIT.failed, error.message, advice);
  return undefined;
}
