// SPDX-License-Identifier: Apache-2.0
// The one error class for things that a person can act on: which step failed, why, and what to do about it.
// Thrown by provisioning and by the QEMU driver, printed by the CLI without a stack trace.
// It is never used for a defect of our own code: those stay plain errors and keep their trace.

export interface StepFailure {
  /** The step as the person saw it in the progress output, e.g. "download the Debian kernel". */
  readonly step: string;
  /** What went wrong, one or a few lines. */
  readonly why: string;
  /** What to type or change; several lines are allowed. */
  readonly fix?: string;
}

export class StepError extends Error {
  readonly step: string;
  readonly why: string;
  readonly fix: string | undefined;

  constructor(failure: StepFailure) {
    super(`${failure.step}: ${failure.why}`);
    this.name = "StepError";
    this.step = failure.step;
    this.why = failure.why;
    this.fix = failure.fix;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The last `count` lines that hold text, for errors that show where a tool or a guest stood. */
export function lastLines(text: string, count: number): string {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  return lines.slice(-count).join("\n");
}
